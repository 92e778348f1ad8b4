//! Where bytes go, invisible until they are proven.
//!
//! A [`Stage`] is a target being filled. It hands out a ticket, and only the proof
//! made with that ticket publishes it; everything else suspends it. All of it is
//! synchronous: the threads of a download call it, and outlive a future that was
//! dropped.

pub mod file;
mod partial;
mod publish;
mod stage;
pub mod writer;

pub use stage::{
    Fate, Job, Kept, Ledger, Pages, Positioned, Receipt, Room, Sequential, Stage, Status, Target, Transform,
};
