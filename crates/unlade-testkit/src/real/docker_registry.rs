//! The registry of the distribution project, as Debian ships it.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Daemon, Missing, TokenServer, bare, program};
use crate::client::Client;

/// A running `docker-registry` with an empty store.
pub struct DockerRegistry {
    daemon: Daemon,
}

impl DockerRegistry {
    /// Starts a registry that everybody may read and write.
    ///
    /// # Errors
    ///
    /// [`Missing`] where the program is not installed.
    pub fn plain() -> Result<Self, Missing> {
        Self::start("", None)
    }

    /// Starts a registry that asks for user and password with each request.
    ///
    /// # Errors
    ///
    /// [`Missing`] where the registry or `htpasswd` is not installed.
    pub fn htpasswd(user: &str, password: &str) -> Result<Self, Missing> {
        let file = htpasswd(user, password)?;
        let auth = "auth:\n  htpasswd:\n    realm: testkit\n    path: FOLDER/secret\n";
        Self::start(auth, Some(&file))
    }

    /// Starts a registry that takes the tokens of a server.
    ///
    /// # Errors
    ///
    /// [`Missing`] where the program is not installed.
    pub fn token(server: &TokenServer) -> Result<Self, Missing> {
        Self::token_at(server, &server.realm())
    }

    /// Starts a registry that takes the tokens of a server, and sends clients for them to another URL: that of a proxy
    /// before the server.
    ///
    /// # Errors
    ///
    /// [`Missing`] where the program is not installed.
    pub fn token_at(server: &TokenServer, realm: &str) -> Result<Self, Missing> {
        let auth = format!(
            "auth:\n  token:\n    realm: {realm}\n    service: {}\n    issuer: {}\n    rootcertbundle: FOLDER/secret\n",
            TokenServer::SERVICE,
            TokenServer::ISSUER,
        );
        Self::start(&auth, Some(server.certificate_pem().as_bytes()))
    }

    /// Starts a registry that fetches from another one, by its URL, what it is asked for: a pull-through cache.
    ///
    /// # Errors
    ///
    /// [`Missing`] where the program is not installed.
    pub fn cache_of(url: &str) -> Result<Self, Missing> {
        Self::start(&format!("proxy:\n  remoteurl: {url}\n"), None)
    }

    /// Starts a registry that takes and gives manifests of Docker's schema 1 too.
    ///
    /// # Errors
    ///
    /// [`Missing`] where the program is not installed.
    pub fn with_schema1() -> Result<Self, Missing> {
        Self::start("compatibility:\n  schema1:\n    enabled: true\n", None)
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

    /// Gives the folder in which the registry keeps its blobs, as `ALGORITHM/HE/HEX/data`.
    pub fn blob_folder(&self) -> PathBuf {
        self.daemon.folder.path().join("data/docker/registry/v2/blobs")
    }

    /// Gives what has a tag this many tags more, `build-0` and so on, in the registry's store: by HTTP, thousands take
    /// long.
    #[track_caller]
    pub fn tag_often(&self, repository: &str, tag: &str, count: usize) {
        tag_often(self.daemon.folder.path(), repository, tag, count);
    }

    fn start(section: &str, secret: Option<&[u8]>) -> Result<Self, Missing> {
        let binary = program("docker-registry", "docker-registry")?;
        let daemon = Daemon::start("docker-registry", |folder, address| {
            if let Some(secret) = secret {
                fs::write(folder.join("secret"), secret).expect("write the secret of a registry");
            }
            let config = folder.join("config.yml");
            fs::write(&config, configuration(folder, address, section)).expect("write the configuration of a registry");
            let mut command = bare(&binary);
            command.arg("serve").arg(config);
            command
        });
        Ok(Self { daemon })
    }
}

/// Makes the line of a password file, as registries and web servers read it.
///
/// # Errors
///
/// [`Missing`] where `htpasswd` is not installed.
#[track_caller]
pub fn htpasswd(user: &str, password: &str) -> Result<Vec<u8>, Missing> {
    let mut command = Command::new(program("htpasswd", "apache2-utils")?);
    let output = command.args(["-Bbn", user, password]).output().expect("run htpasswd");
    assert!(output.status.success(), "htpasswd: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

/// Writes tags into the store of a distribution of any version, which is in a folder.
///
/// A tag is a folder there, and a link to one is as good: it takes no room on the disk, so that thousands are gone again
/// at once.
#[track_caller]
pub(super) fn tag_often(folder: &Path, repository: &str, tag: &str, count: usize) {
    let tags = folder.join("data/docker/registry/v2/repositories").join(repository).join("_manifests/tags");
    for number in 0..count {
        let link = tags.join(format!("build-{number}"));
        symlink(tag, &link).unwrap_or_else(|error| panic!("link {}: {error}", link.display()));
    }
}

/// Configures a distribution of any version, with sections of its own; `FOLDER` in them stands for the folder.
pub(super) fn configuration(folder: &Path, address: SocketAddr, section: &str) -> String {
    let folder = folder.display().to_string();
    let section = section.replace("FOLDER", &folder);
    // Without a secret of its own the registry warns at each start; relative URLs keep uploads on the port that a
    // proxy in front shows.
    format!(
        "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: {folder}/data\n\
         http:\n  addr: {address}\n  secret: testkit\n  relativeurls: true\n{section}"
    )
}
