//! From a source to a target.
//!
//! [`fetch`] keeps bytes coming and is the one place that resumes; [`pipeline`]
//! overlaps network, hash and disk; [`several`] runs downloads beside each other;
//! [`plan`] holds the decisions, without I/O.

mod buffer;
pub mod copy;
mod crew;
mod disk;
pub mod fetch;
mod hash;
pub mod pipeline;
pub mod plan;
pub mod progress;
pub mod several;
pub mod survey;
mod transform;

pub use buffer::Buffers;
pub use crew::Crew;
pub use pipeline::{Delivery, Download};
pub use progress::Progress;
