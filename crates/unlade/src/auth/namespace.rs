//! What a login is for: a registry, or a part of one.

use std::fmt;
use std::str::FromStr;

use super::docker_config::specificity;
use super::search::servers;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::reference::{Registry, Repository};
use crate::spec::text::sanitise;

/// A registry, or what lies below a path of it: `HOST[:PORT][/PATH]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace(Repository);

impl Namespace {
    /// Returns the registry.
    pub fn registry(&self) -> &Registry {
        self.0.registry()
    }

    /// Returns the path; it is empty for the whole registry.
    pub fn path(&self) -> &str {
        self.0.name()
    }

    /// Returns how many components the path has.
    fn depth(&self) -> usize {
        self.path().split('/').filter(|part| !part.is_empty()).count()
    }

    /// Returns the name under which a helper keeps the login of the registry.
    pub fn server(&self) -> String {
        servers(self.registry()).swap_remove(0)
    }

    /// Says whether a key of an auth file, or a server of a helper, means just this.
    pub fn is_meant_by(&self, key: &str) -> bool {
        specificity(key, &self.0) == Some(self.depth())
    }

    /// Returns it as if it were a repository, of a name that may be empty: what keys are compared with.
    pub fn as_repository(&self) -> &Repository {
        &self.0
    }

    /// Returns the key under which docker, podman and the others look for it in an auth file.
    pub(super) fn key(&self) -> String {
        match (self.registry().is_docker_hub(), self.path()) {
            (true, "") => "https://index.docker.io/v1/".to_owned(),
            (true, path) => format!("docker.io/{path}"),
            (false, "") => self.registry().authority(),
            (false, path) => format!("{}/{path}", self.registry().authority()),
        }
    }
}

impl FromStr for Namespace {
    type Err = Error;

    /// Reads what people give to `login`: also as docker's keys are, with `https://` and `/v1/`.
    fn from_str(text: &str) -> Result<Self> {
        let refused = || {
            let text = format!("{:?} is no registry: expected HOST[:PORT][/PATH]", sanitise(text));
            Error::new(ErrorKind::InvalidInput, text)
        };
        let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let (host, path) = bare.unwrap_or(text).split_once('/').unwrap_or((bare.unwrap_or(text), ""));
        let path = path.trim_end_matches('/');
        let path = if bare.is_some() && ["v1", "v2"].contains(&path) { "" } else { path };
        // One component more: a single one at Docker Hub would be read as an image of its library.
        let slash = if path.is_empty() { "" } else { "/" };
        let repository: Repository =
            format!("{host}/{path}{slash}x/x").parse().map_err(|error| refused().caused_by(error))?;
        let named = repository.registry();
        // A first component without a dot or a port is no host in a reference.
        if named.is_docker_hub() && !host.to_ascii_lowercase().ends_with("docker.io") {
            return Err(refused());
        }
        Ok(Self(Repository::below(named.clone(), path)))
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.registry())?;
        if self.path().is_empty() { Ok(()) } else { write!(f, "/{}", self.path()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_names() {
        for (text, expected) in [
            ("r.example", "r.example r.example"),
            ("https://r.example/", "r.example r.example"),
            ("https://r.example/v2/", "r.example r.example"),
            ("r.example:5000/acme/disks/", "r.example:5000/acme/disks r.example:5000/acme/disks"),
            ("localhost", "localhost localhost"),
            ("[::1]:5000", "[::1]:5000 [::1]:5000"),
            ("docker.io", "docker.io https://index.docker.io/v1/"),
            ("https://index.docker.io/v1/", "docker.io https://index.docker.io/v1/"),
            ("docker.io/acme", "docker.io/acme docker.io/acme"),
            ("myregistry", "refused"),
            ("", "refused"),
            ("r.example/UPPER", "refused"),
            ("r.example/a:tag", "refused"),
            ("user@r.example", "refused"),
        ] {
            let found = text.parse::<Namespace>();
            let found = found.map_or("refused".to_owned(), |found| format!("{found} {}", found.key()));
            assert_eq!(found, expected, "{text}");
        }
    }
}
