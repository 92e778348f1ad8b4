//! What a client is told, as plain values: no file is read here and no environment.

mod certificates;
mod daemon;
mod endpoint;
mod host_settings;
mod host_table;
mod origin;
mod policy;
mod proxy;
mod route;
mod rule;
mod short_names;
mod sites;

use std::fmt;
use std::num::NonZeroUsize;
use std::time::Duration;

use ipnet::IpNet;

pub use self::certificates::{CertificateFolder, Certificates};
pub use self::daemon::{Daemon, Insecure};
pub use self::endpoint::{Capabilities, Endpoint, Header, Pull, Resolve, Scheme, Standing};
pub use self::host_settings::HostSettings;
pub use self::host_table::{DEFAULT_HOST, HostEntry, HostTable, Server};
pub use self::origin::{Fault, Origin, Sourced};
pub use self::policy::{Policy, Requirement};
pub(crate) use self::proxy::ProxyLogin;
pub use self::proxy::{Bypass, Proxies, Proxy, ProxyError, ProxyProtocol};
pub use self::route::Route;
pub use self::rule::{MirrorRule, Rule};
pub use self::short_names::ShortNames;
pub use self::sites::{RegistriesConf, Setting, Sites};

/// The connections to one host unless more or fewer are asked for: beyond it, servers see a burden and clients no gain.
const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not zero");

/// How a client behaves; every value has a default that suits most sites.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Networks that servers may name although they are private.
    pub allow_nets: Vec<IpNet>,
    /// Certificates to trust beside the system's, and servers' own certificates.
    pub authorities: Vec<Pem>,
    /// How many connections may bring blobs from one host at the same time; 8.
    pub connections: NonZeroUsize,
    /// How long to wait for a connection, TLS included; 30 s.
    pub connect_timeout: Duration,
    /// The client's own certificate chain and key.
    pub identity: Option<Identity>,
    /// How long to wait for another process that fills the same target; 10 minutes.
    pub lock_timeout: Duration,
    /// The largest manifest, in bytes; 4 MiB, which registries allow as well.
    pub manifest_limit: u64,
    /// Where blobs and manifests of any registry are asked for first, in this order.
    pub mirrors: Vec<Mirror>,
    /// The lowest rate of a body in bytes a second, measured over the stall timeout; 1 KiB. 0 allows any.
    pub min_rate: u64,
    /// Which hosts are spoken to in plain http.
    pub plain_http: PlainHttp,
    /// Through which proxies servers are asked; none unless told.
    pub proxies: Proxies,
    /// Who besides the registry's own host may be given a login.
    pub realms: Realms,
    /// How long to wait for the head of an answer; 60 s.
    pub response_timeout: Duration,
    /// How many tries without progress follow the first one; 5.
    pub retries: u32,
    /// What the files of the site say of registries.
    pub sites: Sites,
    /// How long a body may stand still; 30 s.
    pub stall_timeout: Duration,
    /// The lowest version of TLS.
    pub tls_minimum: TlsVersion,
    /// Whether servers must prove who they are.
    pub tls_verification: TlsVerification,
    /// Hosts that may be sent the registry's credential after a redirect, by exact name, over https.
    pub trusted_hosts: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allow_nets: Vec::new(),
            authorities: Vec::new(),
            connections: CONNECTIONS,
            connect_timeout: Duration::from_secs(30),
            identity: None,
            lock_timeout: Duration::from_mins(10),
            manifest_limit: 4 << 20,
            mirrors: Vec::new(),
            min_rate: 1 << 10,
            plain_http: PlainHttp::Loopback,
            proxies: Proxies::default(),
            realms: Realms::default(),
            response_timeout: Duration::from_mins(1),
            retries: 5,
            sites: Sites::default(),
            stall_timeout: Duration::from_secs(30),
            tls_minimum: TlsVersion::Tls12,
            tls_verification: TlsVerification::Full,
            trusted_hosts: Vec::new(),
        }
    }
}

/// A PEM file and the name it goes by in messages.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pem {
    /// Where it came from.
    pub name: String,
    /// Its text.
    pub text: Vec<u8>,
}

impl Pem {
    /// Names the text of a PEM file.
    pub fn new(name: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text may hold a private key.
        f.debug_struct("Pem").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A client certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The certificate, and those that lead to its authority.
    pub certificate: Pem,
    /// The private key.
    pub key: Pem,
}

impl Identity {
    /// Puts a certificate and its key together; whether they fit is found out by the client's builder.
    pub fn new(certificate: Pem, key: Pem) -> Self {
        Self { certificate, key }
    }
}

/// A place that has what registries have.
///
/// It is asked as containerd asks its mirrors: with `ns=HOST`, which tells it whose repository is meant, and without the
/// registry's login. It may have a login of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mirror {
    /// The host, and the port if it is not the usual one.
    pub authority: String,
    /// What stands before the names of repositories, without a slash at either end; often nothing.
    pub prefix: String,
    /// Whether it is spoken to in plain http, where that is not left to [`Config::plain_http`].
    pub plain_http: Option<PlainHttp>,
}

impl Mirror {
    /// Describes a mirror whose repositories have the names that they have in their registries.
    pub fn new(authority: impl Into<String>) -> Self {
        Self { authority: authority.into(), prefix: String::new(), plain_http: None }
    }
}

/// Which hosts are spoken to in plain http.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlainHttp {
    /// All hosts that the user names.
    Always,
    /// Those on loopback, unless the configuration speaks of TLS.
    Loopback,
    /// None.
    Never,
}

/// Who besides the registry's own host may be given a login.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Realms {
    /// Whether other hosts get one at all.
    pub rule: RealmRule,
    /// Hosts that get one without a warning, identity tokens included.
    pub trusted: Vec<String>,
}

/// Whether a token realm on another host than the registry's gets user and password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RealmRule {
    /// Never, unless it is trusted by name.
    Strict,
    /// Over verified https, with a warning.
    #[default]
    Warn,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// Whether servers must prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsVerification {
    /// By a certificate that leads to an authority and has their name.
    Full,
    /// Not at all: whoever answers is believed.
    Skip,
}
