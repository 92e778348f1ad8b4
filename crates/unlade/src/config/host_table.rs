//! What containerd's `hosts.toml` says of a registry.
//!
//! <https://github.com/containerd/containerd/blob/main/docs/hosts.md>

use super::endpoint::{Capabilities, Endpoint, Header, Scheme, Standing};
use super::origin::{Fault, Origin, Sourced};
use super::{Identity, Pem, TlsVerification};
use crate::spec::reference::{Registry, Repository};

/// The name of the folder for hosts that have none.
pub const DEFAULT_HOST: &str = "_default";

/// A folder below containerd's `certs.d`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostTable {
    /// `HOST[:PORT]`, or [`DEFAULT_HOST`].
    pub host: String,
    /// The hosts to ask, in order, the upstream last; or what is wrong with the file.
    pub entries: Result<Vec<HostEntry>, Fault>,
}

/// One host of a `hosts.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostEntry {
    /// What it is to the registry.
    pub standing: Standing,
    /// Where it is; nothing for the registry itself.
    pub server: Option<Server>,
    /// What it may be asked for.
    pub capabilities: Capabilities,
    /// Certificates to trust there.
    pub authorities: Vec<Pem>,
    /// The client's certificate and key for it.
    pub identity: Option<Identity>,
    /// Whether it must prove who it is, where that is said.
    pub verification: Option<TlsVerification>,
    /// What each request carries besides.
    pub headers: Vec<Header>,
    /// Where it was found.
    pub origin: Origin,
}

/// Where a host of a `hosts.toml` is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    /// Whether TLS is spoken.
    pub scheme: Scheme,
    /// Host and port.
    pub registry: Registry,
    /// The path before the repository's name.
    pub prefix: String,
}

impl Sourced<Server> {
    /// Describes it as a mirror of a repository, which has the same name there.
    pub(super) fn mirror_of(&self, repository: &Repository) -> Endpoint {
        let mut endpoint = Endpoint::new(self.value.registry.clone(), repository.name());
        endpoint.standing = Standing::Mirror;
        endpoint.scheme = self.value.scheme;
        endpoint.prefix.clone_from(&self.value.prefix);
        endpoint.origin = Some(self.origin.clone());
        endpoint
    }
}

impl HostTable {
    /// Names a host and what its file says.
    pub fn new(host: impl Into<String>, entries: Result<Vec<HostEntry>, Fault>) -> Self {
        Self { host: host.into(), entries }
    }
}

impl Server {
    /// Puts its parts together.
    pub fn new(scheme: Scheme, registry: Registry, prefix: impl Into<String>) -> Self {
        Self { scheme, registry, prefix: prefix.into() }
    }
}

impl HostEntry {
    /// Begins with a host that may be asked for anything, and of which nothing else is said.
    pub fn new(standing: Standing, server: Option<Server>, origin: Origin) -> Self {
        Self {
            standing,
            server,
            capabilities: Capabilities::ALL,
            authorities: Vec::new(),
            identity: None,
            verification: None,
            headers: Vec::new(),
            origin,
        }
    }

    /// Returns the endpoint that it is for a repository.
    pub(super) fn endpoint(&self, repository: &Repository) -> Endpoint {
        let mut endpoint = Endpoint::new(repository.registry().clone(), repository.name());
        if let Some(server) = &self.server {
            endpoint.scheme = server.scheme;
            endpoint.prefix.clone_from(&server.prefix);
            if server.registry != endpoint.registry {
                // A proxy for many registries tells them apart by that.
                endpoint.namespace = Some(endpoint.registry.to_string());
                endpoint.registry = server.registry.clone();
            }
        }
        endpoint.standing = self.standing;
        endpoint.capabilities = self.capabilities;
        endpoint.authorities.clone_from(&self.authorities);
        endpoint.identity.clone_from(&self.identity);
        endpoint.verification = self.verification;
        endpoint.headers.clone_from(&self.headers);
        endpoint.origin = Some(self.origin.clone());
        endpoint
    }
}

/// Returns what containerd's folders say of a host.
pub(super) fn of<'t>(tables: &'t [HostTable], host: &str) -> Option<&'t HostTable> {
    let named = |name: &str| tables.iter().find(|table| table.host == name);
    named(host).or_else(|| named(DEFAULT_HOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(server: Option<(&str, &str)>) -> HostEntry {
        let server = server.map(|(registry, prefix)| Server::new(Scheme::Https, registry.parse().unwrap(), prefix));
        HostEntry::new(Standing::Mirror, server, Origin::line("hosts.toml", 2))
    }

    #[test]
    fn a_host_that_stands_for_another_is_told_for_which() {
        for (repository, server, registry, prefix, namespace) in [
            ("r.example:5000/x", None, "r.example:5000", "/v2", None),
            ("r.example/x", Some(("m.example", "/v2/cache")), "m.example", "/v2/cache", Some("r.example")),
            ("r.example/x", Some(("r.example", "/v2")), "r.example", "/v2", None),
            ("alpine", Some(("registry-1.docker.io", "/v2")), "docker.io", "/v2", None),
            ("alpine", Some(("m.example", "")), "m.example", "", Some("docker.io")),
        ] {
            let endpoint = entry(server).endpoint(&repository.parse().unwrap());
            assert_eq!(endpoint.registry.to_string(), registry, "{repository}");
            assert_eq!((endpoint.prefix.as_str(), endpoint.namespace.as_deref()), (prefix, namespace), "{repository}");
        }
    }

    #[test]
    fn hosts_without_a_folder_have_the_default() {
        let table = |host: &str| HostTable::new(host, Ok(vec![]));
        let tables = [table(DEFAULT_HOST), table("r.example:5000")];
        assert_eq!(of(&tables, "r.example:5000").unwrap().host, "r.example:5000");
        assert_eq!(of(&tables, "r.example").unwrap().host, DEFAULT_HOST);
        assert_eq!(of(&tables[1..], "r.example"), None);
    }
}
