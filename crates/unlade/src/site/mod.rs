//! What sites already have: files and variables, turned into plain values.
//!
//! Only this module and the command read the environment.

mod auth_files;
mod certs_d;
mod daemon_json;
mod files;
mod hosts_toml;
mod json_text;
mod own_toml;
mod places;
mod policy_json;
mod proxies;
mod registries_conf;
mod roots;
mod site_url;
mod toml_text;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

pub use places::{PolicyChoice, SiteOptions};
pub use roots::SystemRoots;

/// The variables of a process, as far as a site's configuration depends on them.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Takes the variables of this process.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// Returns a variable that is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    fn folder(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    fn home(&self) -> Option<PathBuf> {
        self.folder("HOME")
    }

    /// Returns the folder that a user's configuration is in (XDG Base Directory Specification).
    fn config_home(&self) -> Option<PathBuf> {
        self.folder("XDG_CONFIG_HOME").or_else(|| self.home().map(|home| home.join(Path::new(".config"))))
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be secrets.
        f.debug_tuple("Environment").field(&self.0.len()).finish()
    }
}
