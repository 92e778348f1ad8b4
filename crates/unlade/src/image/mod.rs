//! Which image: the choice among what a reference offers.

pub mod pick;

pub use pick::{Selection, layer, manifest};
