//! The way through all manifests of a layout, in search of referrers.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use super::entry::Version;
use super::{Layout, index};
use crate::error::{Error, ErrorKind, Result};
use crate::source::Document;
use crate::spec::descriptor::Descriptor;
use crate::spec::digest::{Algorithm, Digest};
use crate::spec::entry::Entry;
use crate::spec::manifest::{Index, MAX_NESTING, Manifest};
use crate::spec::media_type::MediaType;
use crate::spec::reference::Selector;

/// How deep indexes are looked into: as deep as they are copied.
const MAX_DEPTH: usize = MAX_NESTING;

/// How many manifests are looked at: each costs a file, and a digest in memory.
pub(crate) const MAX_MANIFESTS: usize = 16_384;

/// How many manifests one step looks at before others have a turn at the desk.
const STRIDE: usize = 64;

/// A search for the referrers of one manifest.
///
/// Many clients may rest in the middle of theirs: between two steps, nothing is held but the survey, which those who
/// walk through the same layout share.
pub(super) struct Walk {
    layout: Layout,
    subject: Digest,
    artifact_type: Option<String>,
    /// `None` until the indexes were read.
    survey: Option<Arc<Digests>>,
    /// How much of it is behind.
    place: usize,
}

/// What there is of an index.
enum Found {
    /// Another reader has been through it, and still uses what came of that.
    Survey(Arc<Digests>),
    Index(Version, Box<Index>),
}

/// How far a step of a walk came.
pub(super) enum Step {
    End,
    Found(Box<Descriptor>),
    Further,
}

impl Walk {
    pub(super) fn new(layout: Layout, subject: Digest, artifact_type: Option<String>) -> Self {
        Self { layout, subject, artifact_type, survey: None, place: 0 }
    }

    /// Walks on, to the next referrer at most; blocks.
    pub(super) fn step(&mut self) -> Result<Step> {
        let Some(survey) = &self.survey else {
            self.survey = Some(self.survey()?);
            return Ok(Step::Further);
        };
        for _ in 0..STRIDE {
            let Some((digest, next)) = survey.at(self.place) else {
                return Ok(Step::End);
            };
            self.place = next;
            let referrer = document(&self.layout, &digest)?.and_then(|found| found.referrer_of(&self.subject));
            if let Some(referrer) = referrer.filter(|found| is_wanted(found, self.artifact_type.as_deref())) {
                return Ok(Step::Found(Box::new(referrer)));
            }
        }
        Ok(Step::Further)
    }

    fn survey(&self) -> Result<Arc<Digests>> {
        let layout = &self.layout;
        let found = layout.files.index(|file| {
            if let Some(survey) = layout.desk.known(file.version) {
                return Ok(Found::Survey(survey));
            }
            let index = index::parse(file, layout.files.name(), layout.max_document)?;
            Ok(Found::Index(file.version, Box::new(index)))
        })?;
        match found {
            Found::Survey(survey) => Ok(survey),
            Found::Index(version, index) => Ok(layout.desk.keep(version, survey(layout, &index)?)),
        }
    }
}

fn is_wanted(referrer: &Descriptor, artifact_type: Option<&str>) -> bool {
    let found = referrer.artifact_type.as_ref().map(MediaType::as_str);
    artifact_type.is_none_or(|wanted| found == Some(wanted))
}

/// Reads a manifest. One that is not stored is `None`, since a layout may hold a part of an index only; so is
/// what is too large to be one, since a layout's index may name anything.
pub(super) fn document(layout: &Layout, digest: &Digest) -> Result<Option<Document>> {
    match layout.document(digest, None) {
        Ok(raw) => Document::verify(raw, &Selector::Digest(digest.clone())).map(Some),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::TooLarge) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Lists all manifests that the index names and those that the indexes among them name, each once.
pub(super) fn survey(layout: &Layout, index: &Index) -> Result<Digests> {
    let mut survey = Survey { layout, seen: HashSet::new(), found: Digests::default(), waiting: VecDeque::new() };
    survey.note(index, 0)?;
    while let Some((digest, depth)) = survey.waiting.pop_front() {
        let found = document(layout, &digest)?.and_then(|found| found.parse().ok());
        if let Some(Manifest::Index(index)) = found {
            survey.note(&index, depth + 1)?;
        }
    }
    survey.found.0.shrink_to_fit();
    Ok(survey.found)
}

struct Survey<'a> {
    layout: &'a Layout,
    seen: HashSet<Digest>,
    found: Digests,
    /// What may be an index, and how deep it stands.
    waiting: VecDeque<(Digest, usize)>,
}

impl Survey<'_> {
    fn note(&mut self, index: &Index, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH && !index.manifests.is_empty() {
            return Err(self.too_large(&format!("its indexes nest deeper than {MAX_DEPTH}")));
        }
        for entry in index.manifests.iter().filter_map(Entry::descriptor) {
            if self.seen.contains(&entry.digest) {
                continue;
            }
            if self.seen.len() == MAX_MANIFESTS {
                return Err(self.too_large(&format!("it names more than {MAX_MANIFESTS} manifests")));
            }
            self.seen.insert(entry.digest.clone());
            self.found.push(&entry.digest);
            // Types may be missing, or be none of ours: only what is said to be an image is not looked into.
            if !Manifest::is_type_of_image(&entry.media_type) {
                self.waiting.push_back((entry.digest.clone(), depth));
            }
        }
        Ok(())
    }

    fn too_large(&self, reason: &str) -> Error {
        Error::new(ErrorKind::TooLarge, format!("cannot list the referrers in {}", self.layout)).caused_by(reason)
    }
}

/// Digests one after another, in half the room that their digits would take.
#[derive(Debug, Default)]
pub(super) struct Digests(Vec<u8>);

impl Digests {
    fn push(&mut self, digest: &Digest) {
        let algorithm = Algorithm::ALL.iter().position(|known| *known == digest.algorithm());
        let number = algorithm.and_then(|at| u8::try_from(at).ok()).expect("all algorithms are listed");
        self.0.push(number);
        self.0.extend(digest.to_bytes());
    }

    /// Returns the digest at a place, and the place of the next one.
    fn at(&self, place: usize) -> Option<(Digest, usize)> {
        let (number, rest) = self.0.get(place..)?.split_first()?;
        let algorithm = Algorithm::ALL[usize::from(*number)];
        let digest = Digest::from_bytes(algorithm, &rest[..algorithm.size()]).expect("it was taken from a digest");
        Some((digest, place + 1 + algorithm.size()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::digest_of;

    #[test]
    fn digests_come_out_as_they_went_in() {
        let digests = [Algorithm::Sha512, Algorithm::Sha256, Algorithm::Sha384].map(|kind| digest_of(kind, b"x"));
        let mut packed = Digests::default();
        for digest in &digests {
            packed.push(digest);
        }
        let mut place = 0;
        for expected in digests {
            let (digest, next) = packed.at(place).unwrap();
            assert_eq!(digest, expected);
            place = next;
        }
        assert_eq!(packed.at(place), None);
    }
}
