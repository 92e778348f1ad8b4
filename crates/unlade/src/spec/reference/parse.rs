//! How a text is read as a reference. Pure, and without a message: a fault is a reason and a place.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use super::{DOCKER_HUB, Place, Reason, Reference, Registry, Repository, Tag, is_digest_like};
use crate::spec::digest::{Digest, DigestError};
use crate::spec::grammar::{self, Fault};

/// Reads any form of a reference.
pub(super) fn parse(text: &str) -> Result<Reference, Fault> {
    if text.is_empty() {
        return Err((Reason::Empty, 0));
    }
    if let Some((offset, _)) = text.char_indices().find(|(_, c)| c.is_control()) {
        return Err((Reason::ForbiddenCharacter, offset));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return registry(text, 0, Naming::Docker);
    };
    let base = scheme.len() + 3;
    match scheme.to_ascii_lowercase().as_str() {
        "docker" if !rest.contains('/') => registry(rest, base, Naming::Docker),
        "docker" | "oci" => registry(rest, base, Naming::HostFirst),
        "ocidir" => layout(rest, base, Place::Layout),
        "ocitar" => layout(rest, base, Place::Archive),
        _ => Err((Reason::Scheme, 0)),
    }
}

/// How the first component of a name is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// It is a host if it looks like one, else part of a name on Docker Hub.
    Docker,
    /// It is a host.
    HostFirst,
}

fn registry(text: &str, base: usize, naming: Naming) -> Result<Reference, Fault> {
    if let Some(offset) = text.find(char::is_whitespace) {
        return Err((Reason::ForbiddenCharacter, base + offset));
    }
    if let Some(offset) = text.find(['?', '#']) {
        return Err((Reason::Query, base + offset));
    }
    let slash = text.find('/');
    // A password may hold slashes: what has a repository behind it is a login.
    let before_repository = |at: usize| slash.is_none_or(|slash| at < slash) || text[at + 1..].contains('/');
    if let Some(at) = text.find('@').filter(|at| before_repository(*at))
        && (slash.is_some() || !is_digest_like(&text[at + 1..]))
    {
        return Err((Reason::UserInfo, base + at));
    }
    let first = text.split(['/', '@']).next().unwrap_or(text);
    if first.contains(':') && first.parse::<Ipv6Addr>().is_ok() {
        return Err((Reason::Brackets, base));
    }
    // No name of a repository begins with a bracket.
    let naming = if first.starts_with('[') { Naming::HostFirst } else { naming };
    let (named, digest) = split_digest(text, base, text.find('@'))?;
    let colon = named
        .rfind(':')
        .filter(|at| named.rfind('/').is_none_or(|slash| *at > slash) && (slash.is_some() || naming == Naming::Docker));
    let (path, tag) = split_tag(named, base, colon, digest.is_some())?;
    let repository = repository(path, base, naming)?;
    Ok(Reference { place: Place::Registry(repository), tag, digest })
}

fn repository(path: &str, base: usize, naming: Naming) -> Result<Repository, Fault> {
    let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
    if naming == Naming::HostFirst || (rest.is_some() && looks_like_host(first)) {
        let (host, port) = grammar::authority(first, base)?;
        let rest = rest.ok_or((Reason::NoRepository, base + path.len()))?;
        grammar::name(rest, base + first.len() + 1)?;
        return Ok(on_hub_or_not(Registry { host, port }, rest));
    }
    grammar::name(path, base)?;
    Ok(on_hub_or_not(Registry { host: DOCKER_HUB.to_owned(), port: None }, path))
}

/// Reads the name of a registry.
pub(super) fn host(text: &str) -> Result<Registry, Fault> {
    let (host, port) = grammar::authority(text, 0)?;
    Ok(on_hub_or_not(Registry { host, port }, "").registry)
}

/// Splits the name of what would be on Docker Hub for want of a registry from its tag and digest.
pub(super) fn short_name(text: &str) -> Option<(&str, &str)> {
    let named = text.split('@').next().unwrap_or(text);
    let colon = named.rfind(':').filter(|at| named.rfind('/').is_none_or(|slash| *at > slash));
    let (name, rest) = text.split_at(colon.unwrap_or(named.len()));
    let is_host = name.split_once('/').is_some_and(|(first, _)| looks_like_host(first));
    (!text.contains("://") && !is_host && grammar::name(name, 0).is_ok()).then_some((name, rest))
}

/// Docker Hub goes by one name, and its official images live in `library/`.
fn on_hub_or_not(registry: Registry, name: &str) -> Repository {
    if !registry.is_docker_hub() {
        return Repository { registry, name: name.to_owned() };
    }
    let name = if name.contains('/') { name.to_owned() } else { format!("library/{name}") };
    Repository { registry: Registry { host: DOCKER_HUB.to_owned(), port: None }, name }
}

pub(super) fn looks_like_host(first: &str) -> bool {
    first.contains(['.', ':', '[']) || first == "localhost" || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn layout(text: &str, base: usize, place: fn(PathBuf) -> Place) -> Result<Reference, Fault> {
    let at = text.rfind('@').filter(|at| is_digest_like(&text[at + 1..]));
    let (named, digest) = split_digest(text, base, at)?;
    let colon = named.rfind(':').filter(|at| named.rfind('/').is_none_or(|slash| *at > slash));
    let (path, tag) = split_tag(named, base, colon, digest.is_some())?;
    if path.is_empty() {
        return Err((Reason::NoPath, base));
    }
    Ok(Reference { place: place(PathBuf::from(path)), tag, digest })
}

fn split_digest(text: &str, base: usize, at: Option<usize>) -> Result<(&str, Option<Digest>), Fault> {
    let Some(at) = at else { return Ok((text, None)) };
    let digest = text[at + 1..].parse().map_err(|error| {
        let inside = if let DigestError::NotHex(offset) = error { offset } else { 0 };
        (Reason::Digest(error), base + at + 1 + inside)
    })?;
    Ok((&text[..at], Some(digest)))
}

/// Splits the tag off; an empty one is none where a digest follows.
fn split_tag(text: &str, base: usize, colon: Option<usize>, pinned: bool) -> Result<(&str, Option<Tag>), Fault> {
    let Some(colon) = colon else { return Ok((text, None)) };
    let (path, tag) = (&text[..colon], &text[colon + 1..]);
    if tag.is_empty() && pinned {
        return Ok((path, None));
    }
    grammar::tag(tag, base + colon + 1)?;
    Ok((path, Some(Tag(tag.to_owned()))))
}
