//! Which image: the choice among what a reference offers.

pub mod explain;
pub mod pick;

pub use explain::weigh;
pub use pick::{Selection, layer, manifest};
