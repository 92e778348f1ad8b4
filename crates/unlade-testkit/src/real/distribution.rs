//! The registry of the distribution project, version 3.

use std::fs;
use std::net::SocketAddr;

use super::docker_registry::{configuration, tag_often};
use super::{Daemon, Missing, bare, built, htpasswd};
use crate::client::Client;

/// A running distribution v3 with an empty store.
///
/// It has no referrers API either: clients keep referrers under tags.
pub struct DistributionV3 {
    daemon: Daemon,
}

impl DistributionV3 {
    /// Starts a registry that everybody may read and write.
    ///
    /// # Errors
    ///
    /// [`Missing`] where the program was not built.
    #[track_caller]
    pub fn plain() -> Result<Self, Missing> {
        Self::start("", None)
    }

    /// Starts a registry that asks for user and password with each request.
    ///
    /// # Errors
    ///
    /// [`Missing`] where the program was not built, or `htpasswd` is not installed.
    #[track_caller]
    pub fn htpasswd(user: &str, password: &str) -> Result<Self, Missing> {
        let file = htpasswd(user, password)?;
        Self::start("auth:\n  htpasswd:\n    realm: testkit\n    path: FOLDER/secret\n", Some(&file))
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

    /// Gives what has a tag this many tags more: see [`DockerRegistry::tag_often`](super::DockerRegistry::tag_often).
    #[track_caller]
    pub fn tag_often(&self, repository: &str, tag: &str, count: usize) {
        tag_often(self.daemon.folder.path(), repository, tag, count);
    }

    #[track_caller]
    fn start(section: &str, secret: Option<&[u8]>) -> Result<Self, Missing> {
        let binary = built("distribution")?;
        let daemon = Daemon::start("distribution", |folder, address| {
            if let Some(secret) = secret {
                fs::write(folder.join("secret"), secret).expect("write the secret of a registry");
            }
            let config = folder.join("config.yml");
            fs::write(&config, configuration(folder, address, section)).expect("write the configuration of a registry");
            let mut command = bare(&binary);
            // Otherwise it sends traces to a collector, on a port where another program may listen.
            command.env("OTEL_TRACES_EXPORTER", "none").arg("serve").arg(config);
            command
        });
        Ok(Self { daemon })
    }
}
