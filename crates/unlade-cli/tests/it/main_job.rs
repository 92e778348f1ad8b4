//! The main job: from a reference to a verified file.

mod archives;
mod choosing;
mod connections;
mod credentials;
mod documents;
pub(crate) mod folders;
mod listing;
mod options;
mod places;
mod references;
mod requests;
mod resuming;
mod serving;
mod stopping;
mod streams;
mod trees;
