//! What `policy.json` allows to be pulled.
//!
//! <https://github.com/containers/image/blob/main/docs/containers-policy.json.5.md>

use std::collections::BTreeMap;

use super::origin::{Origin, Sourced};
use crate::spec::reference::{Repository, Selector};

/// The rules for what comes out of registries.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// What holds where nothing else does.
    pub default: Sourced<Requirement>,
    /// What holds for a scope: a reference, a repository, what is below a path, a host, `*.DOMAIN`, or, for all
    /// registries, an empty text.
    pub scopes: BTreeMap<String, Sourced<Requirement>>,
}

/// What is required before something is pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Requirement {
    /// Nothing.
    Nothing,
    /// It is not pulled.
    Reject,
    /// A signature of this type.
    Signature(String),
}

/// What a policy says of one reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ruling<'p> {
    pub(super) requirement: &'p Requirement,
    pub(super) origin: &'p Origin,
    /// The scope that decided; nothing for the default.
    pub(super) scope: Option<&'p str>,
}

impl Policy {
    /// Begins with what holds where nothing else does.
    pub fn new(default: Sourced<Requirement>) -> Self {
        Self { default, scopes: BTreeMap::new() }
    }

    /// Returns what holds for a reference: the narrowest scope decides.
    pub(super) fn ruling(&self, repository: &Repository, selector: &Selector) -> Ruling<'_> {
        let found = scopes(repository, selector).into_iter().find_map(|scope| self.scopes.get_key_value(&scope));
        match found {
            Some((scope, Sourced { value, origin })) => Ruling { requirement: value, origin, scope: Some(scope) },
            None => Ruling { requirement: &self.default.value, origin: &self.default.origin, scope: None },
        }
    }
}

/// Returns the scopes that a reference is in, the narrowest first.
fn scopes(repository: &Repository, selector: &Selector) -> Vec<String> {
    let registry = repository.registry();
    let name = format!("{registry}/{}", repository.name());
    let joint = if matches!(selector, Selector::Digest(_)) { '@' } else { ':' };
    let mut scopes = vec![format!("{name}{joint}{selector}"), name.clone()];
    let mut rest = name.as_str();
    while let Some((parent, _)) = rest.rsplit_once('/') {
        scopes.push(parent.to_owned());
        rest = parent;
    }
    let mut domain = registry.host();
    while let Some((_, parent)) = domain.split_once('.') {
        scopes.push(format!("*.{parent}"));
        domain = parent;
    }
    scopes.push(String::new());
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::reference::{Place, Reference};

    fn parts(text: &str) -> (Repository, Selector) {
        let reference: Reference = text.parse().unwrap();
        let Place::Registry(repository) = reference.place().clone() else { panic!("{text} is in no registry") };
        (repository, reference.selector())
    }

    #[test]
    fn the_scopes_of_a_reference() {
        let (repository, selector) = parts("a.b.example:5000/x/y:v1");
        assert_eq!(
            scopes(&repository, &selector),
            [
                "a.b.example:5000/x/y:v1",
                "a.b.example:5000/x/y",
                "a.b.example:5000/x",
                "a.b.example:5000",
                "*.b.example",
                "*.example",
                ""
            ]
        );
        let (repository, selector) = parts("alpine");
        assert_eq!(scopes(&repository, &selector)[0], "docker.io/library/alpine:latest");
        let pinned = format!("r.example/x:v1@sha256:{}", "0".repeat(64));
        let (repository, selector) = parts(&pinned);
        assert_eq!(scopes(&repository, &selector)[0], pinned.replace(":v1", ""));
    }

    #[test]
    fn the_narrowest_scope_decides() {
        let at = |line| Origin::line("policy.json", line);
        let mut policy = Policy::new(Sourced::new(Requirement::Reject, at(1)));
        for (line, scope, requirement) in [
            (2, "r.example", Requirement::Signature("signedBy".to_owned())),
            (3, "r.example/x", Requirement::Nothing),
            (4, "*.org", Requirement::Nothing),
        ] {
            policy.scopes.insert(scope.to_owned(), Sourced::new(requirement, at(line)));
        }
        for (reference, scope, line) in [
            ("r.example/x/y:v1", Some("r.example/x"), 3),
            ("r.example/z", Some("r.example"), 2),
            ("a.b.org/z", Some("*.org"), 4),
            ("r.example:5000/x", None, 1),
        ] {
            let (repository, selector) = parts(reference);
            let ruling = policy.ruling(&repository, &selector);
            assert_eq!((ruling.scope, ruling.origin.line), (scope, Some(line)), "{reference}");
        }
    }
}
