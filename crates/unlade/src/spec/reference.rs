//! References: how people name an artifact in a registry or a layout.

mod parse;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use unicode_width::UnicodeWidthStr as _;

use super::digest::Digest;
pub use super::grammar::Reason;
use super::grammar::{self, Fault};
use super::text::sanitise;

/// The tag that a registry's reference has where none is given.
const DEFAULT_TAG: &str = "latest";

/// The name that Docker Hub goes by.
const DOCKER_HUB: &str = "docker.io";

/// Where an artifact is, and which one: `HOST/REPOSITORY[:TAG][@DIGEST]`, or `ocidir://PATH[:TAG][@DIGEST]`.
///
/// `Display` writes the full form, which reads back as the same reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    place: Place,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

/// The place that a reference names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// A layout in a tar.
    Archive(PathBuf),
    /// A layout in a folder.
    Layout(PathBuf),
    /// A repository of a registry.
    Registry(Repository),
}

/// A repository of a registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Repository {
    registry: Registry,
    name: String,
}

/// A registry: host and port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Registry {
    host: String,
    port: Option<u16>,
}

/// A tag of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

/// Which manifest of a place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Selector {
    /// The one with this digest.
    Digest(Digest),
    /// The one that a layout has, else the one with the default tag.
    Only,
    /// The one with this tag.
    Tag(Tag),
}

/// Why a text is no reference, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceError {
    reason: Reason,
    input: String,
    column: usize,
}

impl Reference {
    /// Returns the place.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Returns the tag, if one was given.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// Returns the digest, if one was given.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Returns which manifest is meant: the digest decides, then the tag.
    pub fn selector(&self) -> Selector {
        match (&self.digest, &self.tag, &self.place) {
            (Some(digest), _, _) => Selector::Digest(digest.clone()),
            (None, Some(tag), _) => Selector::Tag(tag.clone()),
            (None, None, Place::Registry(_)) => Selector::Tag(Tag(DEFAULT_TAG.to_owned())),
            (None, None, _) => Selector::Only,
        }
    }

    /// Writes the reference with a digest instead of a tag.
    pub fn pinned(&self, digest: &Digest) -> String {
        let pinned = Self { place: self.place.clone(), tag: None, digest: Some(digest.clone()) };
        pinned.to_string()
    }
}

impl Place {
    fn ends_in_a_colon_part(&self) -> bool {
        let (Self::Archive(path) | Self::Layout(path)) = self else {
            return false;
        };
        path.to_string_lossy().rsplit('/').next().is_some_and(|last| last.contains(':'))
    }
}

impl Repository {
    /// Returns the registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Returns the name, such as `library/alpine`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Registry {
    /// Returns the host in lower case, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, if one was given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Returns host and port as they were given.
    pub fn authority(&self) -> String {
        self.to_string()
    }

    /// Says whether this is Docker Hub, by any of its names.
    pub fn is_docker_hub(&self) -> bool {
        self.port.is_none() && [DOCKER_HUB, "index.docker.io", "registry-1.docker.io"].contains(&self.host.as_str())
    }

    /// Returns host and port that requests go to: Docker Hub's are not those of its name.
    pub fn api_authority(&self) -> String {
        if self.is_docker_hub() { "registry-1.docker.io".to_owned() } else { self.authority() }
    }

    /// Says whether the host is on this machine by its name.
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => address.is_loopback(),
            Ok(IpAddr::V6(address)) => address == Ipv6Addr::LOCALHOST,
            Err(_) => self.host == "localhost" || self.host.ends_with(".localhost"),
        }
    }
}

impl Tag {
    /// Returns the tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ReferenceError {
    /// Returns what is wrong.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// Shows the place: the reference, and below it a caret. A login in it is left out.
    pub fn caret(&self) -> String {
        format!("  {}\n  {}^", self.input, " ".repeat(self.column))
    }

    fn new(text: &str, (reason, offset): Fault) -> Self {
        let (input, column) = echo(text, offset);
        Self { reason, input, column }
    }
}

/// Makes a reference fit to be shown, and counts the columns before an offset in it.
fn echo(text: &str, offset: usize) -> (String, usize) {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find('/').map_or(text.len(), |at| start + at);
    // A password may hold slashes: what has a repository behind it was a login.
    let is_login = |at: &usize| !is_digest_like(&text[at + 1..]) && (*at < end || text[at + 1..].contains('/'));
    let login = text[start..].rfind('@').map(|at| start + at).filter(is_login);
    let (head, tail, tail_at) = match login {
        Some(at) => (format!("{}***", &text[..start]), &text[at..], at),
        None => (String::new(), text, 0),
    };
    let shown = offset.clamp(tail_at, text.len());
    let before = text.get(tail_at..shown).unwrap_or(tail);
    // A caret stands below what is seen: some characters are two columns wide, others none.
    let column = if login.is_some() && offset <= start {
        text.get(..offset).unwrap_or_default().width()
    } else {
        head.width() + sanitise(before).width()
    };
    (format!("{head}{}", sanitise(tail)), column)
}

fn is_digest_like(text: &str) -> bool {
    ["sha256:", "sha384:", "sha512:"].iter().any(|algorithm| text.starts_with(algorithm))
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        parse::parse(text).map_err(|fault| ReferenceError::new(text, fault))
    }
}

/// Splits a reference that names no registry into its name and what follows it, tag and digest; `None` for any other.
pub fn short_name(text: &str) -> Option<(&str, &str)> {
    parse::short_name(text)
}

impl FromStr for Registry {
    type Err = ReferenceError;

    /// Reads `HOST[:PORT]`; Docker Hub by any of its names is `docker.io`.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        parse::host(text).map_err(|fault| ReferenceError::new(text, fault))
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        grammar::tag(text, 0).map_err(|fault| ReferenceError::new(text, fault))?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    /// Reads the name of a repository on any registry, in the forms that a reference has, without tag and digest.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let reference: Reference = text.parse()?;
        match reference {
            Reference { place: Place::Registry(repository), tag: None, digest: None } => Ok(repository),
            _ => Err(ReferenceError::new(text, (Reason::Name, text.rfind([':', '@']).unwrap_or(0)))),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.place)?;
        match &self.tag {
            Some(tag) => write!(f, ":{tag}")?,
            // An empty tag keeps a colon in the path from being read as the start of one.
            None if self.place.ends_in_a_colon_part() => f.write_str(":")?,
            None => {}
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = |f: &mut fmt::Formatter<'_>, scheme: &str, path: &Path| write!(f, "{scheme}://{}", path.display());
        match self {
            Self::Archive(archive) => path(f, "ocitar", archive),
            Self::Layout(folder) => path(f, "ocidir", folder),
            Self::Registry(repository) => write!(f, "{repository}"),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if parse::looks_like_host(&self.registry.to_string()) {
            write!(f, "{}/{}", self.registry, self.name)
        } else {
            // Without the scheme it would be taken for a name on Docker Hub.
            write!(f, "oci://{}/{}", self.registry, self.name)
        }
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => write!(f, "{digest}"),
            Self::Only => f.write_str(DEFAULT_TAG),
            Self::Tag(tag) => write!(f, "{tag}"),
        }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)
    }
}

impl std::error::Error for ReferenceError {}

#[cfg(test)]
mod tests;
