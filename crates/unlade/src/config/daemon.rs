//! What docker's `daemon.json` says of registries.
//!
//! <https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file>

use std::net::IpAddr;

use ipnet::IpNet;

use super::endpoint::{Endpoint, Scheme};
use super::host_table::Server;
use super::origin::Sourced;
use crate::spec::reference::{Registry, Repository};

/// The registries of a `daemon.json`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Daemon {
    /// Mirrors of Docker Hub, in their order.
    pub mirrors: Vec<Sourced<Server>>,
    /// What may speak TLS without proof, or none.
    pub insecure: Vec<Sourced<Insecure>>,
}

/// Registries that may speak TLS without proof, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Insecure {
    /// Those whose name is an address in a network.
    Net(IpNet),
    /// One by its name.
    Registry(Registry),
}

impl Daemon {
    /// Returns the mirrors of a repository.
    pub(super) fn mirrors(&self, repository: &Repository) -> Vec<Endpoint> {
        if !repository.registry().is_docker_hub() {
            return Vec::new();
        }
        self.mirrors.iter().map(|mirror| mirror.mirror_of(repository)).collect()
    }

    /// Makes an endpoint insecure, if the file says so of it.
    pub(super) fn apply(&self, endpoint: &mut Endpoint) {
        let Some(found) = self.insecure.iter().find(|insecure| insecure.value.names(&endpoint.registry)) else {
            return;
        };
        if matches!(endpoint.scheme, Scheme::Https | Scheme::Presumed) {
            endpoint.scheme = Scheme::Insecure;
            endpoint.origin.get_or_insert_with(|| found.origin.clone());
        }
    }
}

impl Insecure {
    fn names(&self, registry: &Registry) -> bool {
        match self {
            Self::Net(net) => {
                let bare = registry.host().trim_start_matches('[').trim_end_matches(']');
                bare.parse::<IpAddr>().is_ok_and(|address| net.contains(&address))
            }
            Self::Registry(named) => named == registry,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;

    #[test]
    fn insecure_registries_are_hosts_or_networks() {
        let sourced = |value| Sourced::new(value, Origin::line("daemon.json", 2));
        let insecure = vec![
            sourced(Insecure::Registry("r.example:5000".parse().unwrap())),
            sourced(Insecure::Net("10.0.0.0/8".parse().unwrap())),
            sourced(Insecure::Net("fd00::/8".parse().unwrap())),
        ];
        let daemon = Daemon { mirrors: vec![], insecure };
        for (registry, expected) in [
            ("r.example:5000", Scheme::Insecure),
            ("r.example", Scheme::Presumed),
            ("10.1.2.3:5000", Scheme::Insecure),
            ("11.1.2.3:5000", Scheme::Presumed),
            ("[fd00::1]:5000", Scheme::Insecure),
        ] {
            let mut endpoint = Endpoint::new(registry.parse().unwrap(), "x");
            daemon.apply(&mut endpoint);
            assert_eq!(endpoint.scheme, expected, "{registry}");
        }
    }

    #[test]
    fn mirrors_are_docker_hubs_alone() {
        let server = Server::new(Scheme::Https, "m.example".parse().unwrap(), "/v2");
        let daemon =
            Daemon { mirrors: vec![Sourced::new(server, Origin::line("daemon.json", 1))], insecure: Vec::new() };
        let mirrors = daemon.mirrors(&"alpine".parse().unwrap());
        assert_eq!((mirrors.len(), mirrors[0].repository.as_str()), (1, "library/alpine"));
        assert!(daemon.mirrors(&"r.example/x".parse().unwrap()).is_empty());
    }
}
