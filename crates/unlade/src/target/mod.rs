//! Where bytes go, invisible until they are proven.
//!
//! A [`Stage`] is a target being filled. It hands out a ticket, and only the proof
//! made with that ticket publishes it; everything else suspends it. All of it is
//! synchronous: the threads of a download call it, and outlive a future that was
//! dropped.

mod arrange;
mod case;
mod directory;
pub mod file;
pub mod folder;
mod journal;
mod lock;
mod made;
mod names;
mod orphans;
mod own;
mod pages;
mod partial;
mod place;
mod publish;
mod room;
mod root;
pub mod spool;
mod stage;
mod title;
pub mod tree;
mod writeback;
pub mod writer;

pub(crate) use directory::sync;
pub(crate) use lock::lock_file;
pub(crate) use place::refuse_among_devices;
pub use stage::{
    Fate, GRANULE, Job, Kept, Ledger, Output, Pages, Positioned, Receipt, Resume, Room, Sequential, Stage, Status,
    Target, Transform,
};
