//! From a source to a target.
//!
//! [`fetch`] keeps the bytes of one range coming and is the one place that resumes after a break; the fleet has several
//! of them at work on one blob; [`pipeline`] overlaps network, hash and disk; [`several`] runs downloads beside each
//! other. What decides is pure: [`plan`], the pieces of a blob, and its spans.

mod buffer;
mod carrier;
pub mod copy;
mod courtesy;
mod crew;
mod disk;
mod early;
pub mod fetch;
mod fleet;
mod front;
mod granule;
mod hash;
mod pieces;
pub mod pipeline;
pub mod plan;
pub mod progress;
mod recall;
pub mod several;
mod spans;
pub mod survey;
mod tide;
mod transform;
mod width;

pub use buffer::Buffers;
pub use crew::Crew;
pub use pipeline::{Delivery, Download};
pub use progress::Progress;
