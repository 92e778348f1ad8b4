//! The way through all manifests of a layout, in search of referrers.

use std::collections::{HashSet, VecDeque};

use super::Layout;
use crate::error::{Error, ErrorKind, Result};
use crate::source::Document;
use crate::spec::descriptor::Descriptor;
use crate::spec::digest::Digest;
use crate::spec::entry::Entry;
use crate::spec::manifest::{Index, Manifest};
use crate::spec::media_type::MediaType;
use crate::spec::reference::Selector;

/// How deep indexes are looked into: real ones nest once.
const MAX_DEPTH: usize = 4;

/// How many manifests are looked at: each costs a file, and a digest in memory.
const MAX_MANIFESTS: usize = 16_384;

/// What is yet to be looked at; each step reads one document, and none is kept.
pub(super) struct Walk {
    layout: Layout,
    subject: Digest,
    artifact_type: Option<String>,
    /// `None` until `index.json` was read.
    waiting: Option<VecDeque<(Digest, usize)>>,
    seen: HashSet<Digest>,
}

impl Walk {
    pub(super) fn new(layout: Layout, subject: Digest, artifact_type: Option<String>) -> Self {
        Self { layout, subject, artifact_type, waiting: None, seen: HashSet::new() }
    }

    /// Walks on to the next referrer; blocks.
    pub(super) fn next_referrer(&mut self) -> Result<Option<Descriptor>> {
        if self.waiting.is_none() {
            let index = self.layout.index()?;
            self.expect(&index, 0)?;
        }
        while let Some((digest, depth)) = self.waiting.as_mut().and_then(VecDeque::pop_front) {
            let Some(document) = self.document(&digest)? else {
                continue;
            };
            if let Ok(Manifest::Index(index)) = document.parse() {
                self.expect(&index, depth + 1)?;
            }
            if let Some(referrer) = document.referrer_of(&self.subject).filter(|found| self.is_wanted(found)) {
                return Ok(Some(referrer));
            }
        }
        Ok(None)
    }

    fn is_wanted(&self, referrer: &Descriptor) -> bool {
        let found = referrer.artifact_type.as_ref().map(MediaType::as_str);
        self.artifact_type.as_deref().is_none_or(|wanted| found == Some(wanted))
    }

    /// Reads a manifest. One that is not stored is `None`, since a layout may hold a part of an index only; so is
    /// what is too large to be one, since a layout's index may name anything.
    fn document(&self, digest: &Digest) -> Result<Option<Document>> {
        match self.layout.document(digest, None) {
            Ok(raw) => Document::verify(raw, &Selector::Digest(digest.clone())).map(Some),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::TooLarge) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts the manifests of an index at the end of the queue.
    fn expect(&mut self, index: &Index, depth: usize) -> Result<()> {
        let waiting = self.waiting.get_or_insert_default();
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
            waiting.push_back((entry.digest.clone(), depth));
        }
        Ok(())
    }

    fn too_large(&self, reason: &str) -> Error {
        Error::new(ErrorKind::TooLarge, format!("cannot list the referrers in {}", self.layout)).caused_by(reason)
    }
}
