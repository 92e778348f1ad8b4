//! What `registries.conf` says of the repositories below a prefix.
//!
//! <https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md>

use super::endpoint::{Capabilities, Endpoint, Scheme, Standing};
use super::origin::{Origin, Sourced};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::reference::Repository;

/// A table `[[registry]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// Which names it is about: `HOST[/PATH]`, or `*.DOMAIN`.
    pub prefix: String,
    /// What stands for the prefix; nothing where it stays.
    pub location: Option<String>,
    /// TLS is unverified, and may be missing.
    pub insecure: Option<Sourced<bool>>,
    /// Nothing may be pulled.
    pub blocked: Option<Sourced<bool>>,
    /// What is asked before, in this order.
    pub mirrors: Vec<MirrorRule>,
    /// Where it was found.
    pub origin: Origin,
}

/// A table `[[registry.mirror]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MirrorRule {
    /// What stands for the prefix.
    pub location: String,
    /// TLS is unverified, and may be missing.
    pub insecure: bool,
    /// What it may be asked for.
    pub capabilities: Capabilities,
    /// Where it was found.
    pub origin: Origin,
}

impl MirrorRule {
    /// Puts its parts together.
    pub fn new(location: impl Into<String>, insecure: bool, capabilities: Capabilities, origin: Origin) -> Self {
        Self { location: location.into(), insecure, capabilities, origin }
    }
}

impl Rule {
    /// Begins with a prefix that is not rewritten.
    pub fn new(prefix: impl Into<String>, origin: Origin) -> Self {
        Self { prefix: prefix.into(), location: None, insecure: None, blocked: None, mirrors: Vec::new(), origin }
    }

    /// Returns the place where it blocks what it is about.
    pub fn blocks(&self) -> Option<&Origin> {
        self.blocked.as_ref().filter(|blocked| blocked.value).map(|blocked| &blocked.origin)
    }

    /// Says whether it makes what it is about insecure.
    pub fn is_insecure(&self) -> bool {
        self.insecure.as_ref().is_some_and(|insecure| insecure.value)
    }

    /// Returns the endpoint that stands for a name, without what is said of its own name.
    pub(super) fn upstream(&self, name: &str) -> Result<Endpoint> {
        let mut endpoint = self.rewritten(self.location.as_deref(), name, &self.origin)?;
        if self.is_insecure() {
            endpoint.scheme = Scheme::Insecure;
        }
        Ok(endpoint)
    }

    /// Returns the endpoints that are asked before, in their order.
    pub(super) fn mirrors(&self, name: &str) -> impl Iterator<Item = Result<Endpoint>> {
        self.mirrors.iter().map(|mirror| {
            let mut endpoint = self.rewritten(Some(&mirror.location), name, &mirror.origin)?;
            endpoint.standing = Standing::Mirror;
            endpoint.capabilities = mirror.capabilities;
            if mirror.insecure {
                endpoint.scheme = Scheme::Insecure;
            }
            Ok(endpoint)
        })
    }

    fn rewritten(&self, location: Option<&str>, name: &str, origin: &Origin) -> Result<Endpoint> {
        let length = matched(&self.prefix, name).unwrap_or_default();
        let target = location.map_or_else(|| name.to_owned(), |location| format!("{location}{}", &name[length..]));
        let repository: Repository = format!("oci://{target}").parse().map_err(|error| {
            let text = format!("{origin} makes {target} of {name}, which is no name of a repository");
            Error::new(ErrorKind::InvalidInput, text).caused_by(error)
        })?;
        let mut endpoint = Endpoint::new(repository.registry().clone(), repository.name());
        endpoint.origin = Some(origin.clone());
        Ok(endpoint)
    }
}

/// Returns how many bytes of a name a prefix is about.
///
/// A prefix ends where a component, a port, a tag or a digest begins: podman takes a host without a port for all its
/// ports, and what blocks there must block here.
pub(super) fn matched(prefix: &str, name: &str) -> Option<usize> {
    let end = if let Some(domain) = prefix.strip_prefix('*') {
        let at = name.find(domain)?;
        if name[..at].contains('/') {
            return None;
        }
        at + domain.len()
    } else {
        name.starts_with(prefix).then_some(prefix.len())?
    };
    name[end..].chars().next().is_none_or(|next| matches!(next, '/' | ':' | '@')).then_some(end)
}

/// Returns the rule that a name has: the one that is about most of it.
pub(super) fn of<'r>(rules: &'r [Rule], name: &str) -> Option<&'r Rule> {
    // The first of equals, as in podman.
    let matches = rules.iter().filter_map(|rule| Some((matched(&rule.prefix, name)?, rule)));
    matches.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, rule)| rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_prefixes() {
        for (prefix, name, length) in [
            ("a.example", "a.example/x", Some(9)),
            ("a.example", "a.example:5000/x", Some(9)),
            ("a.example:5000", "a.example:5000/x", Some(14)),
            ("a.example:5000", "a.example/x", None),
            ("a.example/x", "a.example/x", Some(11)),
            ("a.example/x", "a.example/xy", None),
            ("a.example/x", "a.example/x/y", Some(11)),
            ("a.example/x/y", "a.example/x", None),
            ("*.example", "a.example/x", Some(9)),
            ("*.example", "a.b.example:5000/x", Some(11)),
            ("*.example", "example/x", None),
            ("*.example", "a.example.org/x", None),
            ("*.example", "a.other/b.example", None),
            ("*.b.example", "a.example/x", None),
        ] {
            assert_eq!(matched(prefix, name), length, "{prefix} of {name}");
        }
    }

    #[test]
    fn the_longest_prefix_decides() {
        let rule = |prefix: &str| Rule::new(prefix, Origin::file("f"));
        let rules = [rule("*.example"), rule("a.example"), rule("a.example/x/y"), rule("a.example/x")];
        for (name, prefix) in [
            ("a.example/x/y", "a.example/x/y"),
            ("a.example/x/z", "a.example/x"),
            ("a.example/z", "*.example"),
            ("b.example/x", "*.example"),
        ] {
            assert_eq!(of(&rules, name).unwrap().prefix, prefix, "{name}");
        }
        assert_eq!(of(&rules, "b.other/x"), None);
    }

    #[test]
    fn a_location_stands_for_the_prefix() {
        for (prefix, location, name, registry, repository) in [
            ("a.example", Some("b.example:5000/cache"), "a.example/x/y", "b.example:5000", "cache/x/y"),
            ("a.example/x", Some("b.example/z"), "a.example/x", "b.example", "z"),
            ("*.example", Some("b.other"), "a.example/x", "b.other", "x"),
            ("*.example", None, "a.example/x", "a.example", "x"),
            ("docker.io", Some("b.example/hub"), "docker.io/library/alpine", "b.example", "hub/library/alpine"),
        ] {
            let mut rule = Rule::new(prefix, Origin::line("f", 3));
            rule.location = location.map(str::to_owned);
            let endpoint = rule.upstream(name).unwrap();
            assert_eq!((endpoint.registry.to_string().as_str(), endpoint.repository.as_str()), (registry, repository));
        }
        let mut rule = Rule::new("a.example/x", Origin::line("f", 3));
        rule.location = Some("b.example".to_owned());
        let error = rule.upstream("a.example/x").unwrap_err();
        assert_eq!(error.to_string(), "f:3 makes b.example of a.example/x, which is no name of a repository");
    }
}
