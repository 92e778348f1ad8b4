//! One HTTP exchange: no retries, no redirects followed, no credentials chosen, nothing of OCI.
//!
//! A [`Transport`] makes one [`Exchange`] by the [`Profile`] in it and gives an
//! [`Answer`] or says how it failed. What decides about addresses and URLs that
//! servers name is pure: [`address`], [`guard`], [`redirect`].

pub mod address;
mod byte_queue;
mod cipher;
mod conduit;
mod connect;
mod connection;
mod detour;
mod exchange;
mod failure;
pub mod guard;
mod inbox;
mod origin;
mod payload;
mod pool;
mod profile;
mod proxy_failure;
pub mod redirect;
mod resolver;
mod shelf;
mod socks;
mod stream;
mod tcp;
mod tls;
mod tls_stream;
mod tunnel;
pub mod watch;

#[cfg(test)]
mod tests;

use std::fmt::Debug;

use async_trait::async_trait;

pub use exchange::{Answer, Chunks, Exchange};
pub use failure::{Failure, FailureKind, TlsFault};
pub use pool::Pool;
pub use profile::{Authorities, Identity, Profile, RootLoader, TlsMinimum, Verification};
pub use proxy_failure::{ProxyFailure, ProxyFault};

/// Who asks, in every request: name and version, nothing about the machine.
const AGENT: &str = concat!("unlade/", env!("CARGO_PKG_VERSION"));

/// Makes HTTP exchanges.
#[async_trait]
pub trait Transport: Debug + Send + Sync + 'static {
    /// Sends a request and returns the answer as soon as its headers are there.
    ///
    /// The addresses that the profile's guard forbids are not connected to. Dropping
    /// the future or the answer closes the connection.
    ///
    /// # Errors
    ///
    /// A [`Failure`] if no answer came; any status is an answer.
    async fn call(&self, exchange: Exchange) -> Result<Answer, Failure>;
}
