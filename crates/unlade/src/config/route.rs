//! Where a repository's requests go: the site's files, weighed. Pure.

use super::endpoint::{Endpoint, Scheme, Standing};
use super::host_table;
use super::origin::{Fault, Origin};
use super::rule::{self, Rule};
use super::sites::{Setting, Sites};
use super::{TlsVerification, daemon::Daemon};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::reference::Repository;

/// Where a repository's requests go, in the order in which places are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The places; what the last registry among them does not have does not exist.
    pub endpoints: Vec<Endpoint>,
    /// Where it is said that nothing may be pulled.
    pub blocked: Option<Origin>,
    /// What the files say of it, and where.
    pub settings: Vec<Setting>,
    /// What is wrong with files that decide nothing.
    pub warnings: Vec<String>,
}

impl Route {
    /// Returns the registry itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Untrusted`] where it is blocked.
    pub fn upstream(&self) -> Result<&Endpoint> {
        if let Some(origin) = &self.blocked {
            return Err(Error::new(ErrorKind::Untrusted, format!("the registry is blocked by {origin}")));
        }
        let upstream = self.endpoints.iter().rfind(|endpoint| endpoint.standing == Standing::Registry);
        upstream.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "the site's files leave no registry to ask"))
    }
}

/// Weighs what the files say of a repository.
pub(super) fn of(sites: &Sites, repository: &Repository) -> Result<Route> {
    let conf = sites.registries.as_ref().map_err(Error::from)?;
    let own = sites.own.as_ref().map_err(Error::from)?;
    let name = format!("{}/{}", repository.registry(), repository.name());
    let mut route = Route { endpoints: Vec::new(), blocked: None, settings: Vec::new(), warnings: Vec::new() };
    for settings in own.iter().filter(|settings| settings.host == *repository.registry()) {
        route.endpoints.extend(settings.mirrors.iter().map(|mirror| mirror.mirror_of(repository)));
    }
    let rule = rule::of(&conf.rules, &name);
    let table = host_table::of(&sites.hosts, &repository.registry().to_string());
    match (rule, table) {
        (Some(rule), table) => {
            route.block(rule);
            for mirror in rule.mirrors(&name) {
                route.endpoints.push(mirror?);
            }
            route.endpoints.push(rule.upstream(&name)?);
            route.warnings.extend(table.and_then(|table| table.entries.as_ref().err()).map(ToString::to_string));
            route.warn(&sites.daemon);
        }
        (None, Some(table)) => {
            let entries = table.entries.as_ref().map_err(Error::from)?;
            route.endpoints.extend(entries.iter().map(|entry| entry.endpoint(repository)));
            route.warn(&sites.daemon);
        }
        (None, None) => {
            let daemon = sites.daemon.as_ref().map_err(Error::from)?;
            route.endpoints.extend(daemon.mirrors(repository));
            route.endpoints.push(Endpoint::new(repository.registry().clone(), repository.name()));
            route.endpoints.iter_mut().for_each(|endpoint| daemon.apply(endpoint));
        }
    }
    route.finish(sites, &conf.rules)?;
    Ok(route)
}

/// Adds to a place what is said of its host.
pub(super) fn complete(sites: &Sites, endpoint: &Endpoint) -> Result<Endpoint> {
    let conf = sites.registries.as_ref().map_err(Error::from)?;
    let mut route =
        Route { endpoints: vec![endpoint.clone()], blocked: None, settings: Vec::new(), warnings: Vec::new() };
    route.finish(sites, &conf.rules)?;
    let place = || format!("{}/{}", endpoint.registry, endpoint.repository);
    let blocked = || Error::new(ErrorKind::Untrusted, format!("{} is blocked by registries.conf", place()));
    route.endpoints.pop().ok_or_else(blocked)
}

impl Route {
    fn block(&mut self, rule: &Rule) {
        if self.blocked.is_none() {
            self.blocked = rule.blocks().cloned();
        }
    }

    fn warn(&mut self, daemon: &Result<Daemon, Fault>) {
        self.warnings.extend(daemon.as_ref().err().map(ToString::to_string));
    }

    /// Adds what is said of each place by its own name.
    fn finish(&mut self, sites: &Sites, rules: &[Rule]) -> Result<()> {
        let mut endpoints = std::mem::take(&mut self.endpoints);
        let mut mirrors = 0;
        for endpoint in &mut endpoints {
            let name = match endpoint.standing {
                Standing::Mirror => {
                    mirrors += 1;
                    format!("mirror.{mirrors}")
                }
                Standing::Registry => "registry".to_owned(),
            };
            self.tell(&name, endpoint);
            let place = format!("{}/{}", endpoint.registry, endpoint.repository);
            if let Some(rule) = rule::of(rules, &place) {
                if endpoint.standing == Standing::Registry {
                    self.block(rule);
                }
                if let Some(insecure) = rule.insecure.as_ref().filter(|insecure| insecure.value) {
                    endpoint.scheme = Scheme::Insecure;
                    self.note(&name, "insecure", "true", &insecure.origin);
                }
            }
            self.certify(sites, endpoint, &name)?;
            self.settle(sites, endpoint, &name);
        }
        // A place that must not be asked is passed over where there are others.
        endpoints.retain(|endpoint| {
            let blocks = |rule: &Rule| rule.blocks().is_some();
            let place = format!("{}/{}", endpoint.registry, endpoint.repository);
            endpoint.standing == Standing::Registry || !rule::of(rules, &place).is_some_and(blocks)
        });
        self.endpoints = endpoints;
        Ok(())
    }

    /// Adds the certificates of `certs.d`.
    fn certify(&mut self, sites: &Sites, endpoint: &mut Endpoint, name: &str) -> Result<()> {
        let Some(folder) = sites.certificates_of(&endpoint.registry) else {
            return Ok(());
        };
        let certificates = folder.content.as_ref().map_err(Error::from)?;
        self.warnings.extend(certificates.warnings.iter().cloned());
        endpoint.authorities.extend(certificates.authorities.iter().cloned());
        for authority in &certificates.authorities {
            self.note(name, "authority", &authority.name, &Origin::file(&folder.folder));
        }
        if let Some(identity) = &certificates.identity
            && endpoint.identity.is_none()
        {
            endpoint.identity = Some(identity.clone());
            self.note(name, "certificate", &identity.certificate.name, &Origin::file(&folder.folder));
        }
        if endpoint.scheme == Scheme::Presumed {
            endpoint.scheme = Scheme::Https;
            self.note(name, "scheme", "https", &Origin::file(&folder.folder));
        }
        Ok(())
    }

    /// Adds what unlade's own file says, which counts more than the others.
    fn settle(&mut self, sites: &Sites, endpoint: &mut Endpoint, name: &str) {
        let Some(settings) = sites.settings_of(&endpoint.registry) else {
            return;
        };
        if let Some(scheme) = &settings.scheme {
            endpoint.scheme = scheme.value;
            self.note(name, "scheme", word(scheme.value), &scheme.origin);
        }
        if let Some(verification) = &settings.verification {
            endpoint.verification = Some(verification.value);
            let value = if verification.value == TlsVerification::Skip { "skipped" } else { "full" };
            self.note(name, "verification", value, &verification.origin);
        }
        endpoint.authorities.extend(settings.authorities.iter().cloned());
        for authority in &settings.authorities {
            self.note(name, "authority", &authority.name, &settings.origin);
        }
        if let Some(identity) = &settings.identity {
            endpoint.identity = Some(identity.clone());
            self.note(name, "certificate", &identity.certificate.name, &settings.origin);
        }
        for realm in &settings.realms {
            self.note(name, "trust-realm", realm, &settings.origin);
        }
        let speaks_of_tls = !settings.authorities.is_empty() || settings.identity.is_some();
        if speaks_of_tls && endpoint.scheme == Scheme::Presumed {
            endpoint.scheme = Scheme::Https;
        }
    }

    fn note(&mut self, name: &str, key: &str, value: &str, origin: &Origin) {
        self.settings.push(Setting::new(format!("{name}.{key}"), value, Some(origin.clone())));
    }

    /// Tells what the file that named a place says of it.
    fn tell(&mut self, name: &str, endpoint: &Endpoint) {
        let origin = endpoint.origin.clone();
        let place = format!("{}{}/{}", endpoint.registry, endpoint.prefix, endpoint.repository);
        self.settings.push(Setting::new(name, place, origin.clone()));
        let mut add = |key: &str, value: String| {
            self.settings.push(Setting::new(format!("{name}.{key}"), value, origin.clone()));
        };
        if endpoint.scheme != Scheme::Presumed {
            add("scheme", word(endpoint.scheme).to_owned());
        }
        if endpoint.verification == Some(TlsVerification::Skip) {
            add("verification", "skipped".to_owned());
        }
        for authority in &endpoint.authorities {
            add("authority", authority.name.clone());
        }
        if let Some(identity) = &endpoint.identity {
            add("certificate", identity.certificate.name.clone());
        }
        for header in &endpoint.headers {
            add("header", format!("{}: ***", header.name));
        }
        if let Some(namespace) = &endpoint.namespace {
            add("ns", namespace.clone());
        }
    }
}

/// Returns a scheme in words.
fn word(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
        Scheme::Insecure => "https unverified, else http",
        Scheme::Presumed => "https, but for loopback",
    }
}

#[cfg(test)]
mod tests;
