//! Registries over HTTP.
//!
//! [`Registries`] is what all repositories of a client share; a [`Remote`] is one
//! repository, and a [`Source`](crate::source::Source). Every request goes through the one loop in `api`,
//! which obeys the pure functions in `journey` and [`retry`](crate::retry).

mod api;
mod blob;
mod host;
mod journey;
mod listing;
mod login;
mod manifest;
mod pause;
mod refusal;
mod remote;
mod request;
mod shared;
mod token;
mod travel;

pub use remote::Remote;
pub use shared::Registries;
