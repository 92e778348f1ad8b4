//! From a source to a target.
//!
//! [`fetch`] keeps bytes coming and is the one place that resumes; [`pipeline`]
//! overlaps network, hash and disk; [`plan`] holds the decisions, without I/O.

mod buffer;
mod disk;
pub mod fetch;
mod hash;
pub mod pipeline;
pub mod plan;
pub mod progress;
mod transform;

pub use pipeline::{Delivery, Download};
pub use progress::Progress;
