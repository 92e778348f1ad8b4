//! One place that a repository's requests can go to.

use std::fmt;

use super::origin::Origin;
use super::{Identity, Pem, TlsVerification};
use crate::spec::reference::Registry;

/// A place that a repository's requests can go to, and how it is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// What it is to the repository.
    pub standing: Standing,
    /// Whether TLS is spoken.
    pub scheme: Scheme,
    /// Host and port.
    pub registry: Registry,
    /// The path before the repository's name: `/v2`, unless a file says otherwise.
    pub prefix: String,
    /// The repository's name there.
    pub repository: String,
    /// What it may be asked for.
    pub capabilities: Capabilities,
    /// The registry that it stands in for, which it is told of with each request.
    pub namespace: Option<String>,
    /// Certificates to trust there, beside all others.
    pub authorities: Vec<Pem>,
    /// The client's certificate and key for this place.
    pub identity: Option<Identity>,
    /// Whether it must prove who it is, where a file says so.
    pub verification: Option<TlsVerification>,
    /// What each request carries besides.
    pub headers: Vec<Header>,
    /// Where it was found; the reference itself has no place in a file.
    pub origin: Option<Origin>,
}

/// What an endpoint is to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// It may have a part of what the registry has, and gets no login but its own.
    Mirror,
    /// What it does not have does not exist.
    Registry,
}

/// Whether TLS is spoken to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// No.
    Http,
    /// Yes.
    Https,
    /// Yes, unverified; no, if the server speaks none.
    Insecure,
    /// Nothing is said: yes, but for the hosts of [`PlainHttp`](super::PlainHttp).
    Presumed,
}

/// What an endpoint may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Content by its digest.
    pub pull: Pull,
    /// Manifests by tag.
    pub resolve: Resolve,
}

impl Capabilities {
    /// All that there is to ask for.
    pub const ALL: Self = Self { pull: Pull::Any, resolve: Resolve::Yes };

    /// Content by its digest alone.
    pub const DIGESTS: Self = Self { pull: Pull::Any, resolve: Resolve::No };

    /// Manifests by tag, and what belongs to them.
    pub const TAGS: Self = Self { pull: Pull::Resolved, resolve: Resolve::Yes };
}

/// Which content an endpoint may be asked for by digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pull {
    /// Any.
    Any,
    /// None.
    Never,
    /// What belongs to a manifest that was named by a tag.
    Resolved,
}

/// Whether an endpoint may be asked for manifests by tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolve {
    /// It may not.
    No,
    /// It may.
    Yes,
}

/// A header that requests carry; its value may be a secret.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Header {
    /// Puts name and value together.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Header").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Begins with a registry as a reference names it, of which no file says anything.
    pub fn new(registry: Registry, repository: impl Into<String>) -> Self {
        Self {
            standing: Standing::Registry,
            scheme: Scheme::Presumed,
            registry,
            prefix: "/v2".to_owned(),
            repository: repository.into(),
            capabilities: Capabilities::ALL,
            namespace: None,
            authorities: Vec::new(),
            identity: None,
            verification: None,
            headers: Vec::new(),
            origin: None,
        }
    }
}
