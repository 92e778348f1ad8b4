//! Where the files of a site are, and what they say.

use std::io;
use std::path::{Path, PathBuf};

use super::{Environment, certs_d, daemon_json, files, hosts_toml, own_toml, policy_json, registries_conf};
use crate::config::{CertificateFolder, Daemon, Fault, HostSettings, HostTable, Policy, RegistriesConf, Sites};
use crate::error::{Error, ErrorKind, Result};

/// Files and folders that stand in for those in the usual places. What is named must exist and be well-formed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SiteOptions {
    /// Instead of all `registries.conf`; `FILE.d/*.conf` are its drop-ins.
    pub registries_conf: Option<PathBuf>,
    /// Instead of docker's and containers' `certs.d`.
    pub certs_dir: Option<PathBuf>,
    /// Instead of containerd's `certs.d`.
    pub hosts_dir: Option<PathBuf>,
    /// Which policy counts.
    pub policy: PolicyChoice,
    /// Instead of unlade's own file.
    pub config: Option<PathBuf>,
}

/// Which `policy.json` counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyChoice {
    /// The user's, else the system's.
    #[default]
    Found,
    /// This one.
    Named(PathBuf),
    /// None.
    None,
}

impl Environment {
    /// Reads the files of the site.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a file that an option or a variable names and that is missing or malformed. What
    /// is wrong with others is kept, and an error once it would decide.
    pub fn sites(&self, options: &SiteOptions) -> Result<Sites> {
        self.sites_below(Path::new("/"), options)
    }

    fn sites_below(&self, root: &Path, options: &SiteOptions) -> Result<Sites> {
        let places = Places { root, config_home: self.config_home() };
        let variable = self.variable("CONTAINERS_REGISTRIES_CONF").map(PathBuf::from);
        let mut sites = Sites::default();
        sites.own = match &options.config {
            Some(path) => Ok(own_toml::parse(path, &named(path)?)?),
            None => places.own(),
        };
        sites.registries = match (&options.registries_conf, variable) {
            (Some(path), _) => {
                named(path)?;
                Ok(registries(std::slice::from_ref(path), &[drop_ins(path)])?)
            }
            (None, Some(path)) => {
                named(&path)?;
                Ok(registries(&[path], &places.registries_folders())?)
            }
            (None, None) => registries(&places.registries_file(), &places.registries_folders()),
        };
        sites.certificates = match &options.certs_dir {
            Some(folder) => certs_d::read(folder_named(folder)?).map_err(|error| unreadable(folder, error))?,
            None => places.certificates(),
        };
        sites.hosts = match &options.hosts_dir {
            Some(folder) => {
                hosts(folder_named(folder)?, &mut sites.certificates).map_err(|error| unreadable(folder, error))?
            }
            // One that may not be read is for others.
            None => hosts(&places.system("containerd/certs.d"), &mut sites.certificates).unwrap_or_default(),
        };
        sites.daemon = places.daemon();
        sites.policy = match &options.policy {
            PolicyChoice::None => None,
            PolicyChoice::Named(path) => Some(Ok(policy_json::parse(&path.display().to_string(), &named(path)?)?)),
            PolicyChoice::Found => places.policy(),
        };
        Ok(sites)
    }
}

/// The usual places.
struct Places<'a> {
    root: &'a Path,
    config_home: Option<PathBuf>,
}

impl Places<'_> {
    fn system(&self, path: &str) -> PathBuf {
        self.root.join("etc").join(path)
    }

    fn user(&self, path: &str) -> Option<PathBuf> {
        self.config_home.as_ref().map(|folder| folder.join(path))
    }

    /// Returns the user's file where there is one, else the system's.
    fn users_or_systems(&self, path: &str) -> PathBuf {
        self.user(path).filter(|path| path.exists()).unwrap_or_else(|| self.system(path))
    }

    fn own(&self) -> Result<Vec<HostSettings>, Fault> {
        let path = self.users_or_systems("unlade/config.toml");
        text(&path)?.map_or(Ok(Vec::new()), |text| own_toml::parse(&path, &text))
    }

    fn registries_file(&self) -> Vec<PathBuf> {
        vec![self.users_or_systems("containers/registries.conf")]
    }

    fn registries_folders(&self) -> Vec<PathBuf> {
        let path = "containers/registries.conf.d";
        std::iter::once(self.system(path)).chain(self.user(path)).collect()
    }

    /// The user's folders stand before the system's: the first of a host counts.
    fn certificates(&self) -> Vec<CertificateFolder> {
        let containers = "containers/certs.d";
        let docker = "docker/certs.d";
        let users = [self.user(containers), self.user(docker)].into_iter().flatten();
        let folders = users.chain([self.system(containers), self.system(docker)]);
        // One that may not be listed is for others.
        folders.flat_map(|folder| certs_d::read(&folder).unwrap_or_default()).collect()
    }

    fn daemon(&self) -> Result<Daemon, Fault> {
        let path = self.users_or_systems("docker/daemon.json");
        text(&path)?.map_or(Ok(Daemon::default()), |text| daemon_json::parse(&path.display().to_string(), &text))
    }

    fn policy(&self) -> Option<Result<Policy, Fault>> {
        let path = self.users_or_systems("containers/policy.json");
        match text(&path) {
            Ok(None) => None,
            Ok(Some(text)) => Some(policy_json::parse(&path.display().to_string(), &text)),
            Err(fault) => Some(Err(fault)),
        }
    }
}

/// Reads the files, then the drop-ins of the folders by their names.
fn registries(paths: &[PathBuf], folders: &[PathBuf]) -> Result<RegistriesConf, Fault> {
    let mut conf = RegistriesConf::default();
    let mut paths = paths.to_vec();
    for folder in folders {
        let entries = files::entries(folder).map_err(|error| fault(folder, &error))?;
        paths.extend(entries.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "conf")));
    }
    for path in paths {
        if let Some(text) = text(&path)? {
            registries_conf::add(&mut conf, &path.display().to_string(), &text)?;
        }
    }
    Ok(conf)
}

fn drop_ins(path: &Path) -> PathBuf {
    let mut folder = path.as_os_str().to_owned();
    folder.push(".d");
    folder.into()
}

/// Reads containerd's folders. One without a `hosts.toml` holds certificates as docker's do.
fn hosts(root: &Path, certificates: &mut Vec<CertificateFolder>) -> io::Result<Vec<HostTable>> {
    let mut tables = Vec::new();
    for folder in files::entries(root)?.into_iter().filter(|folder| folder.is_dir()) {
        let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { continue };
        let host = host_of(name);
        let path = folder.join("hosts.toml");
        match text(&path) {
            Ok(Some(text)) if !text.is_empty() => tables.push(HostTable::new(host, hosts_toml::parse(&path, &text))),
            Ok(_) => {
                let content = certs_d::read_host(&folder);
                certificates.push(CertificateFolder::new(host, folder.display().to_string(), content));
            }
            Err(fault) => tables.push(HostTable::new(host, Err(fault))),
        }
    }
    Ok(tables)
}

/// Returns the host of a folder: containerd writes `HOST_PORT_` for `HOST:PORT` where a colon cannot stand.
fn host_of(folder: &str) -> String {
    let port = folder.strip_suffix('_').and_then(|rest| rest.rsplit_once('_'));
    match port {
        Some((host, port)) if !host.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{host}:{port}")
        }
        _ => folder.to_owned(),
    }
}

/// Reads a file that may be missing.
fn text(path: &Path) -> Result<Option<String>, Fault> {
    match files::text(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(path, &error)),
    }
}

fn fault(path: &Path, error: &io::Error) -> Fault {
    Fault::new(format!("cannot read {}: {error}", path.display()))
}

/// Reads a file that must exist.
fn named(path: &Path) -> Result<String> {
    files::text(path).map_err(|error| unreadable(path, error))
}

fn folder_named(path: &Path) -> Result<&Path> {
    std::fs::read_dir(path).map_err(|error| unreadable(path, error))?;
    Ok(path)
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("cannot read {}", path.display())).caused_by(error)
}

#[cfg(test)]
mod tests;
