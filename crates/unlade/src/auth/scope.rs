//! What a token is for. Pure.
//!
//! <https://distribution.github.io/distribution/spec/auth/scope/>

use std::fmt;

/// Reading one repository: the only thing that is ever asked for here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    repository: String,
}

impl Scope {
    /// Asks to pull from a repository.
    pub fn pull(repository: impl Into<String>) -> Self {
        Self { repository: repository.into() }
    }

    /// Says in what way a server's idea of the scope goes beyond this one, if it does.
    ///
    /// Servers may ask for less or for the same. Another repository or further actions are never asked for.
    pub fn exceeded_by(&self, asked: &str) -> Option<String> {
        asked
            .split_ascii_whitespace()
            .find(|part| self.exceeds(part))
            .map(|part| format!("{part:?} instead of \"{self}\""))
    }

    fn exceeds(&self, part: &str) -> bool {
        let Some((resource, actions)) = part.rsplit_once(':') else {
            return true;
        };
        let Some((kind, name)) = resource.split_once(':') else {
            return true;
        };
        // `repository(plugin):…` names a class of the same repository.
        let kind = kind.split('(').next().unwrap_or(kind);
        kind != "repository" || name != self.repository || actions.split(',').any(|action| action != "pull")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "repository:{}:pull", self.repository)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_but_pulling_from_the_same_repository_is_within_it(
            parts in proptest::collection::vec(r"(repository|registry)?:?(a/b|a|a/b/c|\*)?:?(pull|push|\*)?(,pull|,delete)?", 0..3)
        ) {
            let asked = parts.join(" ");
            let sound = asked.split_ascii_whitespace().all(|part| ["repository:a/b:pull", "repository:a/b:pull,pull"].contains(&part));
            prop_assert_eq!(Scope::pull("a/b").exceeded_by(&asked).is_none(), sound, "{}", asked);
        }
    }

    #[test]
    fn the_table_of_scopes() {
        let scope = Scope::pull("acme/disk");
        for (asked, exceeds) in [
            ("repository:acme/disk:pull", false),
            ("", false),
            ("repository:acme/disk:pull repository:acme/disk:pull", false),
            ("repository(plugin):acme/disk:pull", false),
            ("repository:acme/disk:pull,push", true),
            ("repository:acme/disk:*", true),
            ("repository:other/secret:pull", true),
            ("repository:acme/disk:pull repository:other/secret:pull", true),
            ("registry:catalog:*", true),
            ("aws", true),
        ] {
            assert_eq!(scope.exceeded_by(asked).is_some(), exceeds, "{asked}");
        }
    }
}
