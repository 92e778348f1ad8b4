//! Names of repositories.

use std::fmt;
use std::str::FromStr;

use unlade::spec::reference::{ReferenceError, Repository};

/// The name of a repository on a shelf.
///
/// Its grammar (lower-case letters, digits and single separators between them, in components between slashes)
/// makes it safe as a path: no component is empty, `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(Repository);

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        self.0.name()
    }

    pub(crate) fn components(&self) -> impl Iterator<Item = &str> {
        self.as_str().split('/')
    }
}

impl FromStr for Name {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        // The grammar is that of a repository of any registry; `oci://` says that a host comes first.
        format!("oci://localhost/{text}").parse().map(Self)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_names_of_repositories_are_names() {
        for good in ["disk", "a/b/c", "my-disk_1.0", "a__b/c--d"] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        for bad in
            ["", "/", "a/", "/a", "a//b", "..", "a/../b", ".", "a/.", ".git", "Disk", "a:b", "a@b", "a b", "a\0", "ä"]
        {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_safe_as_a_path(text in "[a-z./:@%_ -]{0,12}") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert_eq!(name.as_str(), text);
                prop_assert!(name.components().all(|part| !part.is_empty() && !part.starts_with('.')));
            }
        }
    }
}
