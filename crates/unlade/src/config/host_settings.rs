//! What unlade's own file says of one host.

use super::endpoint::Scheme;
use super::host_table::Server;
use super::origin::{Origin, Sourced};
use super::{Identity, Pem, TlsVerification};
use crate::spec::reference::Registry;

/// A table `[host."HOST[:PORT]"]` of unlade's own file: it is asked before all other files.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostSettings {
    /// Host and port.
    pub host: Registry,
    /// Whether TLS is spoken.
    pub scheme: Option<Sourced<Scheme>>,
    /// Whether it must prove who it is.
    pub verification: Option<Sourced<TlsVerification>>,
    /// Certificates to trust there.
    pub authorities: Vec<Pem>,
    /// The client's certificate and key for it.
    pub identity: Option<Identity>,
    /// Hosts that may be given its login as token servers.
    pub realms: Vec<String>,
    /// What is asked before it, in this order.
    pub mirrors: Vec<Sourced<Server>>,
    /// Where the table begins.
    pub origin: Origin,
}

impl HostSettings {
    /// Begins with a host of which nothing is said.
    pub fn new(host: Registry, origin: Origin) -> Self {
        Self {
            host,
            scheme: None,
            verification: None,
            authorities: Vec::new(),
            identity: None,
            realms: Vec::new(),
            mirrors: Vec::new(),
            origin,
        }
    }
}
