//! A registry that answers the referrers API: go-containerregistry's, in a small program of ours.

use std::net::SocketAddr;

use super::{Daemon, Missing, bare, built};
use crate::client::Client;

/// A running registry with the referrers API, which keeps everything in memory.
///
/// It answers 416 to every range that is not closed and within the blob.
pub struct ReferrersRegistry {
    daemon: Daemon,
}

impl ReferrersRegistry {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// [`Missing`] where the program was not built.
    #[track_caller]
    pub fn start() -> Result<Self, Missing> {
        let binary = built("referrers-registry")?;
        let daemon = Daemon::start("referrers-registry", |_, address| {
            let mut command = bare(&binary);
            command.arg("-listen").arg(address.to_string());
            command
        });
        Ok(Self { daemon })
    }

    /// Gives host and port, as references name them.
    pub fn host(&self) -> String {
        self.address().to_string()
    }

    /// Gives the address.
    pub fn address(&self) -> SocketAddr {
        self.daemon.address
    }

    /// Makes a simple client of this registry.
    pub fn client(&self) -> Client {
        Client::new(self.address())
    }
}
