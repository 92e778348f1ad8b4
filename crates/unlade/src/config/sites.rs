//! What the files of a site say, all together.

use super::certificates::CertificateFolder;
use super::daemon::Daemon;
use super::endpoint::Endpoint;
use super::host_settings::HostSettings;
use super::host_table::HostTable;
use super::origin::{Fault, Origin, Sourced};
use super::policy::{Policy, Requirement};
use super::route::{self, Route};
use super::rule::Rule;
use super::short_names::ShortNames;
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::spec::reference::{Place, Reference, Registry, Repository};

/// What the files of a site say. A file that is malformed spoils only what it would have decided.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sites {
    /// unlade's own file.
    pub own: Result<Vec<HostSettings>, Fault>,
    /// containers' `registries.conf` and its drop-ins.
    pub registries: Result<RegistriesConf, Fault>,
    /// The folders of docker's and containers' `certs.d`; of those of one host, the first counts.
    pub certificates: Vec<CertificateFolder>,
    /// The folders of containerd's `certs.d`.
    pub hosts: Vec<HostTable>,
    /// docker's `daemon.json`.
    pub daemon: Result<Daemon, Fault>,
    /// containers' `policy.json`, where there is one.
    pub policy: Option<Result<Policy, Fault>>,
}

/// What `registries.conf` and its drop-ins say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RegistriesConf {
    /// The rules, one a prefix.
    pub rules: Vec<Rule>,
    /// What stands for names without a registry.
    pub short_names: ShortNames,
}

impl Default for Sites {
    fn default() -> Self {
        Self {
            own: Ok(Vec::new()),
            registries: Ok(RegistriesConf::default()),
            certificates: Vec::new(),
            hosts: Vec::new(),
            daemon: Ok(Daemon::default()),
            policy: None,
        }
    }
}

impl Sites {
    /// Says where a repository's requests go, and how they are made there.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if a malformed file would have decided, or a rule makes a name of no repository.
    pub fn route(&self, repository: &Repository) -> Result<Route> {
        route::of(self, repository)
    }

    /// Adds to a place that no file names what the files say of its host.
    ///
    /// # Errors
    ///
    /// As [`route`](Self::route).
    pub fn complete(&self, endpoint: &Endpoint) -> Result<Endpoint> {
        route::complete(self, endpoint)
    }

    /// Reads a reference as the site does: a name without a registry may have an alias.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a name that podman would look for in other registries than Docker Hub.
    pub fn full_name(&self, text: &str) -> Result<Option<Sourced<String>>> {
        if crate::spec::reference::short_name(text).is_none() {
            return Ok(None);
        }
        let expanded = self.registries.as_ref().map_err(Error::from)?.short_names.expand(text)?;
        Ok(expanded.map(|(name, origin)| Sourced::new(name, origin)))
    }

    /// Checks that the policy lets a reference be pulled.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Untrusted`] for what is rejected, and for what wants a signature: none is verified here.
    pub fn permit(&self, reference: &Reference) -> Result<()> {
        let (Place::Registry(repository), Some(policy)) = (reference.place(), &self.policy) else {
            return Ok(());
        };
        let policy = policy.as_ref().map_err(|fault| Error::from(fault).advise(Advice::IgnorePolicy))?;
        let ruling = policy.ruling(repository, &reference.selector());
        let scope = match ruling.scope {
            None => "by default".to_owned(),
            Some("") => "for all registries".to_owned(),
            Some(scope) => format!("for {scope}"),
        };
        let origin = ruling.origin;
        let text = match ruling.requirement {
            Requirement::Nothing => return Ok(()),
            Requirement::Reject => format!("{reference} is rejected by {origin}, {scope}"),
            Requirement::Signature(kind) => format!(
                "{reference} needs a signature ({kind}) by {origin}, {scope}, and signatures are not verified yet"
            ),
        };
        Err(Error::new(ErrorKind::Untrusted, text).advise(Advice::IgnorePolicy))
    }

    /// Returns the hosts that may be given a registry's login as token servers.
    pub fn trusted_realms(&self, registry: &Registry) -> &[String] {
        self.settings_of(registry).map_or(&[], |settings| &settings.realms)
    }

    /// Returns what unlade's own file says of a registry.
    pub(super) fn settings_of(&self, registry: &Registry) -> Option<&HostSettings> {
        // A malformed file has been told of by the route.
        self.own.as_ref().ok()?.iter().find(|settings| settings.host == *registry)
    }

    /// Returns the folder of certificates for a registry: of several, the first.
    pub(super) fn certificates_of(&self, registry: &Registry) -> Option<&CertificateFolder> {
        let host = registry.to_string();
        self.certificates.iter().find(|folder| folder.host == host)
    }
}

/// A value, as it is shown to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// What it is, such as `registry.insecure`.
    pub name: String,
    /// The value, without secrets.
    pub value: String,
    /// Where it was found; missing for what the reference itself says.
    pub origin: Option<Origin>,
}

impl Setting {
    /// Puts a value that is fit to be shown together.
    pub(super) fn new(name: impl Into<String>, value: impl Into<String>, origin: Option<Origin>) -> Self {
        Self { name: name.into(), value: value.into(), origin }
    }
}
