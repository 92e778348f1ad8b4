//! Takes disk images and other artifacts out of OCI registries.

pub mod auth;
pub mod cancel;
pub mod config;
pub mod error;
pub mod observe;
pub mod retry;
pub mod source;
pub mod spec;
pub mod transport;
pub mod verify;

pub use error::{Error, ErrorKind, Result};
