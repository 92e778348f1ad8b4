//! Registries over HTTP.
//!
//! [`Registries`] is what all repositories of a client share; a [`Remote`] is one
//! repository, and a [`Catalog`](crate::source::Catalog). Every request goes through the one loop in `api`,
//! which obeys the pure functions in `journey` and [`retry`](crate::retry).

mod api;
mod blob;
mod bounds;
mod endpoints;
mod held;
mod host;
mod journey;
mod link;
mod listing;
mod login;
mod manifest;
mod near;
mod opening;
mod page;
mod pause;
mod permits;
mod proxied;
mod referrers;
mod refusal;
mod remote;
mod request;
mod rest;
mod shared;
mod shown;
mod tags;
mod targets;
mod token;
mod trail;
mod travel;

pub use remote::Remote;
pub use shared::Registries;
