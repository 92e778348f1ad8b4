//! What a layout says of itself: `oci-layout` and `index.json`.

use std::collections::HashSet;

use bytes::Bytes;
use serde::Deserialize;

use super::entry;
use super::files::{Files, not_a_layout};
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::spec::descriptor::{Descriptor, REF_NAME};
use crate::spec::digest::Digest;
use crate::spec::entry::Entry;
use crate::spec::manifest::{Index, Manifest, RawManifest};
use crate::spec::media_type::{MediaType, OCI_INDEX};
use crate::spec::reference::{Selector, Tag};

/// The tag that stands for a layout's manifest where none is named and there are several.
const LATEST: &str = "latest";

/// The size of the largest `oci-layout` file, in bytes: it holds one short field.
const MAX_VERSION: u64 = 4 << 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    image_layout_version: String,
}

/// Checks that a folder or an archive says it is a layout of version 1.0.0.
pub(super) fn check_version(files: &Files) -> Result<()> {
    let version: Version = files.version(|file| {
        let text = file.read(MAX_VERSION)?;
        serde_json::from_slice(&text).map_err(|cause| not_a_layout(files.name()).caused_by(cause))
    })?;
    if version.image_layout_version == "1.0.0" {
        Ok(())
    } else {
        Err(not_a_layout(files.name()).caused_by("oci-layout names another version than 1.0.0"))
    }
}

/// Reads `index.json` as it is now.
pub(super) fn read(files: &Files, limit: u64) -> Result<Index> {
    files.index(|file| parse(file, files.name(), limit))
}

/// Reads an `index.json` that is open, of a layout which errors call `name`.
pub(super) fn parse(file: &entry::Entry, name: &str, limit: u64) -> Result<Index> {
    parse_text(file.read(limit)?.into(), name)
}

/// Reads the text of the `index.json` of a layout, which errors call `name`.
pub(super) fn parse_text(text: Bytes, name: &str) -> Result<Index> {
    // Real ones often lack a mediaType: the specification says what the file is.
    let raw = RawManifest::new(Some(MediaType::known(OCI_INDEX)), text);
    let unusable = || Error::new(ErrorKind::Malformed, format!("index.json of {name} cannot be used"));
    match Manifest::parse(&raw).map_err(|cause| unusable().caused_by(cause))? {
        Manifest::Index(index) => Ok(*index),
        Manifest::Image(_) => Err(unusable().caused_by("it is not an index")),
    }
}

/// Returns the descriptor that names a manifest, if there is one.
pub(super) fn carrier<'a>(index: &'a Index, digest: &Digest) -> Option<&'a Descriptor> {
    index.manifests.iter().filter_map(Entry::descriptor).find(|found| found.digest == *digest)
}

/// What an index has for a selector.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice<'a> {
    None,
    One(&'a Entry),
    /// Entries with different digests, and nothing that decides between them.
    Several(Vec<&'a Entry>),
}

/// Chooses among the entries of an index.
///
/// A tag is a whole `org.opencontainers.image.ref.name`, else the part after its last colon. An entry without any
/// digest names no manifest.
pub(super) fn choose<'a>(index: &'a Index, selector: &Selector) -> Choice<'a> {
    match selector {
        Selector::Digest(digest) => {
            one_of(named(index).filter(|entry| entry.descriptor().is_some_and(|found| found.digest == *digest)))
        }
        Selector::Only => match one_of(named(index)) {
            Choice::Several(_) => match (tagged(index, LATEST), one_of(titled(index))) {
                (Choice::None, Choice::One(entry)) => Choice::One(entry),
                (decided, _) => decided,
            },
            decided => decided,
        },
        Selector::Tag(tag) => tagged(index, tag.as_str()),
    }
}

fn named(index: &Index) -> impl Iterator<Item = &Entry> {
    index.manifests.iter().filter(|entry| entry.digest().is_some())
}

/// Gives the entries that have a tag, or any other name.
fn titled(index: &Index) -> impl Iterator<Item = &Entry> {
    named(index).filter(|entry| entry.annotation(REF_NAME).is_some())
}

/// Chooses where no entry has a name: the one that refers to nothing, or, where all refer to something, the one whose
/// subject is elsewhere. Others come along with what is meant, and refer to it or to a part of it. `subject_of` reads
/// what a manifest refers to.
pub(super) fn leader(index: &Index, subject_of: impl Fn(&Descriptor) -> Result<Option<Digest>>) -> Result<Choice<'_>> {
    if titled(index).next().is_some() {
        return Ok(Choice::None);
    }
    let all: HashSet<&Digest> = index.manifests.iter().filter_map(|entry| Some(&entry.descriptor()?.digest)).collect();
    let (mut free, mut bound): (Vec<&Entry>, Vec<&Entry>) = (Vec::new(), Vec::new());
    for entry in named(index) {
        let subject = entry.descriptor().map_or(Ok(None), &subject_of)?;
        let found = match subject {
            None => &mut free,
            Some(subject) if !all.contains(&subject) => &mut bound,
            Some(_) => continue,
        };
        if !found.iter().any(|known| known.is_same_content(entry)) {
            found.push(entry);
        }
        // Two are as good as any number.
        bound.truncate(2);
        if free.len() == 2 {
            break;
        }
    }
    Ok(match (free.as_slice(), bound.as_slice()) {
        ([entry], _) | ([], [entry]) => Choice::One(entry),
        _ => Choice::None,
    })
}

fn tagged<'a>(index: &'a Index, tag: &str) -> Choice<'a> {
    let called = |name: fn(&Entry) -> Option<&str>| {
        one_of(named(index).filter(move |entry| name(entry).is_some_and(|found| found == tag)))
    };
    match called(|entry| entry.annotation(REF_NAME)) {
        Choice::None => called(last_part),
        decided => decided,
    }
}

fn one_of<'a>(entries: impl Iterator<Item = &'a Entry>) -> Choice<'a> {
    let mut found: Vec<&Entry> = Vec::new();
    for entry in entries {
        // The same manifest under two names is one manifest.
        if !found.iter().any(|known| known.is_same_content(entry)) {
            found.push(entry);
        }
        // Enough to show the difficulty; a long index must not make this loop quadratic.
        if found.len() == MAX_SHOWN {
            break;
        }
    }
    match found.as_slice() {
        [] => Choice::None,
        [entry] => Choice::One(entry),
        _ => Choice::Several(found),
    }
}

/// How many of the candidates an error names.
const MAX_SHOWN: usize = 16;

fn last_part(entry: &Entry) -> Option<&str> {
    entry.annotation(REF_NAME)?.rsplit(':').next()
}

/// Says that a selector fits several manifests.
pub(super) fn ambiguous(files: &Files, selector: &Selector, entries: &[&Entry]) -> Error {
    let count = match entries.len() {
        MAX_SHOWN => format!("{MAX_SHOWN} or more"),
        fewer => fewer.to_string(),
    };
    Error::new(ErrorKind::Ambiguous, format!("{} has {count} manifests {selector}", files.name())).advise(
        Advice::Choose { by: "digest", candidates: entries.iter().filter_map(|entry| entry.digest()).collect() },
    )
}

/// Lists the tags in their order in the index, each once.
pub(super) fn tags(index: &Index) -> Vec<String> {
    let mut seen = HashSet::new();
    let names = index.manifests.iter().filter_map(last_part);
    // `registry:5000/disk` has no tag: what follows its colon cannot be one.
    names.filter(|name| name.parse::<Tag>().is_ok() && seen.insert(*name)).map(str::to_owned).collect()
}
