//! What stands for a name without a registry.

use std::collections::BTreeMap;

use super::origin::{Origin, Sourced};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::reference::{Repository, short_name};

/// What `registries.conf` says of names without a registry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ShortNames {
    /// The full names of some of them.
    pub aliases: BTreeMap<String, Sourced<String>>,
    /// The registries that podman would look in.
    pub search: Option<Sourced<Vec<String>>>,
}

impl ShortNames {
    /// Returns the full form of a reference whose name has an alias; `None` where it is read as it is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a name that podman would look for in other registries than Docker Hub.
    pub(super) fn expand(&self, text: &str) -> Result<Option<(String, Origin)>> {
        let Some((name, rest)) = short_name(text) else {
            return Ok(None);
        };
        if let Some(alias) = self.aliases.get(name) {
            return Ok(Some((format!("{}{rest}", alias.value), alias.origin.clone())));
        }
        let Some(search) = &self.search else {
            return Ok(None);
        };
        if search.value.iter().all(|registry| registry == "docker.io") {
            return Ok(None);
        }
        let full = |registry: &String| {
            let name = format!("oci://{registry}/{name}").parse::<Repository>();
            name.map_or_else(|_| registry.clone(), |name| format!("{name}{rest}"))
        };
        let names: Vec<String> = search.value.iter().map(full).collect();
        let text = format!(
            "the name {text} has no registry, and {} lists several places or others than Docker Hub: say one of {}",
            search.origin,
            names.join(", ")
        );
        Err(Error::new(ErrorKind::InvalidInput, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(aliases: &[(&str, &str)], search: Option<&[&str]>) -> ShortNames {
        let origin = || Origin::line("f", 1);
        let alias = |(name, value): &(&str, &str)| ((*name).to_owned(), Sourced::new((*value).to_owned(), origin()));
        let list = |search: &[&str]| Sourced::new(search.iter().map(|name| (*name).to_owned()).collect(), origin());
        ShortNames { aliases: aliases.iter().map(alias).collect(), search: search.map(list) }
    }

    #[test]
    fn aliases_stand_for_names_without_a_registry() {
        let names = names(&[("disk", "quay.io/acme/disk"), ("ns/disk", "b.example/disk")], Some(&["quay.io"]));
        let digest = format!("disk@sha256:{}", "0".repeat(64));
        for (text, expected) in [
            ("disk", Some("quay.io/acme/disk".to_owned())),
            ("disk:v1", Some("quay.io/acme/disk:v1".to_owned())),
            (digest.as_str(), Some(format!("quay.io/acme/{digest}"))),
            ("ns/disk:v1", Some("b.example/disk:v1".to_owned())),
            ("a.example/disk", None),
            ("localhost/disk", None),
            ("oci://a.example/disk", None),
            ("docker://disk", None),
            ("ocidir://disk", None),
        ] {
            let expanded = names.expand(text).unwrap();
            assert_eq!(expanded.map(|(text, _)| text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_that_could_be_elsewhere_is_refused_with_the_full_names() {
        let error = names(&[], Some(&["quay.io", "docker.io"])).expand("disk:v1").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            "the name disk:v1 has no registry, and f:1 lists several places or others than Docker Hub: say one of \
             quay.io/disk:v1, docker.io/library/disk:v1"
        );
        for search in [None, Some(["docker.io"].as_slice()), Some([].as_slice())] {
            assert_eq!(names(&[], search).expand("disk:v1").unwrap(), None, "{search:?}");
        }
    }
}
