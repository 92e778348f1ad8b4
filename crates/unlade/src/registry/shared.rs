//! What all repositories of a client share.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ipnet::IpNet;
use url::Url;

use super::host::Host;
use super::shown::Shown;
use crate::auth::{Found, Keychain, TokenCache};
use crate::config::{Config, PlainHttp, TlsVerification, TlsVersion};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::{Event, Observer};
use crate::retry::Policy;
use crate::spec::reference::{Registry, Repository};
use crate::transport::watch::Pace;
use crate::transport::{
    Answer, Authorities, Exchange, Failure, Identity, Profile, RootLoader, TlsMinimum, Transport, Verification,
};

/// More hosts and warnings than this are not remembered: a hostile registry could make up any number.
const MAX_KNOWN: usize = 1024;

/// Connections, tokens, credentials and settings, shared by the repositories of a client.
pub struct Registries {
    pub(super) config: Arc<Config>,
    pub(super) policy: Policy,
    pub(super) keychain: Keychain,
    transport: Arc<dyn Transport>,
    pub(super) tokens: TokenCache,
    pub(super) shown: Shown,
    pub(super) allow_nets: Arc<[IpNet]>,
    profile: Profile,
    identity: Option<Identity>,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
    warned: Mutex<HashSet<String>>,
}

impl Registries {
    /// Puts the settings together.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for certificates that cannot be read and keys that do not fit.
    pub fn new(
        config: Arc<Config>,
        policy: Policy,
        keychain: Keychain,
        transport: Arc<dyn Transport>,
        roots: Arc<dyn RootLoader>,
    ) -> Result<Self> {
        let files = config.authorities.iter().map(|pem| (pem.name.as_str(), pem.text.as_slice()));
        let minimum = match config.tls_minimum {
            TlsVersion::Tls12 => TlsMinimum::Tls12,
            TlsVersion::Tls13 => TlsMinimum::Tls13,
        };
        let verification = match config.tls_verification {
            TlsVerification::Full => Verification::Full,
            TlsVerification::Skip => Verification::None,
        };
        let profile = Profile::new(Authorities::new(roots, files)?).minimum(minimum).verification(verification);
        let identity = config.identity.as_ref().map(|identity| {
            let (certificate, key) = (&identity.certificate, &identity.key);
            Identity::from_pem((&certificate.name, &certificate.text), (&key.name, &key.text))
        });
        Ok(Self {
            identity: identity.transpose()?,
            allow_nets: config.allow_nets.clone().into(),
            config,
            policy,
            keychain,
            transport,
            tokens: TokenCache::new(),
            shown: Shown::default(),
            profile,
            hosts: Mutex::default(),
            warned: Mutex::default(),
        })
    }

    /// Makes an exchange, through the proxy that is set for its URL.
    pub(super) async fn call(&self, mut exchange: Exchange) -> Result<Answer, Failure> {
        let proxy = self.config.proxies.choose(&exchange.url).cloned();
        if let Some(proxy) = &proxy {
            tracing::debug!(%proxy, by = proxy.origin(), "through a proxy");
        }
        exchange.profile = exchange.profile.through(proxy);
        self.transport.call(exchange).await
    }

    /// Returns the profile without a client certificate.
    pub(super) fn profile(&self) -> Profile {
        self.profile.clone()
    }

    /// Returns the profile for the registry's own host.
    pub(super) fn home_profile(&self) -> Profile {
        self.profile.clone().identified(self.identity.clone())
    }

    pub(super) fn pace(&self) -> Pace {
        Pace::new(self.config.stall_timeout, self.config.min_rate)
    }

    /// Returns what is known of the host of a URL.
    pub(super) fn host(&self, url: &Url) -> Arc<Host> {
        let name =
            format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MAX_KNOWN && !hosts.contains_key(&name) {
            // Those in use are held by whoever uses them.
            hosts.clear();
        }
        Arc::clone(hosts.entry(name).or_insert_with(|| Arc::new(Host::new(self.config.connections))))
    }

    /// Finds the credential of a repository; what is wrong with files that do not decide is a warning.
    pub(super) fn credential(&self, repository: &Repository, observer: &dyn Observer) -> Result<Found> {
        let found = self.keychain.find(repository)?;
        for warning in &found.warnings {
            self.warn(warning.clone(), observer);
        }
        Ok(found)
    }

    /// Tells the observer what the user should know, once.
    pub(super) fn warn(&self, text: String, observer: &dyn Observer) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() >= MAX_KNOWN {
            warned.clear();
        }
        if warned.insert(text.clone()) {
            drop(warned);
            observer.notice(&Event::Warning { text });
        }
    }

    /// Returns the URL that a repository's requests begin with.
    pub(super) fn base(&self, repository: &Repository, plain_http: Option<PlainHttp>) -> Result<Url> {
        let registry = repository.registry();
        let plainly = match plain_http {
            Some(PlainHttp::Always) => true,
            Some(PlainHttp::Never) => false,
            Some(PlainHttp::Loopback) | None => self.speaks_plainly(registry),
        };
        let scheme = if plainly { "http" } else { "https" };
        let text = format!("{scheme}://{}/v2/{}/", registry.api_authority(), repository.name());
        Url::parse(&text).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, format!("{registry} is no name of a host")).caused_by(error)
        })
    }

    /// Says whether a registry is spoken to in plain http: where that was asked for, and on loopback.
    fn speaks_plainly(&self, registry: &Registry) -> bool {
        self.config.plain_http == PlainHttp::Always || self.presumes_plain_http(registry)
    }

    /// Says whether plain http is our own choice: for a name of this machine, unless the settings speak of TLS.
    pub(super) fn presumes_plain_http(&self, registry: &Registry) -> bool {
        let speaks_of_tls = !self.config.authorities.is_empty()
            || self.identity.is_some()
            || self.config.tls_verification == TlsVerification::Skip;
        self.config.plain_http == PlainHttp::Loopback && registry.is_loopback() && !speaks_of_tls
    }
}

impl fmt::Debug for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registries").field("config", &self.config).finish_non_exhaustive()
    }
}
