//! Which image: the choice among what a reference offers.

pub mod explain;
pub mod layers;
pub mod pick;

pub use explain::weigh;
pub use layers::{Layers, layer, layers};
pub use pick::{Selection, manifest};
