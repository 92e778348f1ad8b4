//! A repository in memory: for tests of what reads from sources, and for small artifacts made on the fly.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};

use super::{Ask, Body, Catalog, Document, EndpointId, ListOrigin, Referrers, Source, SourceExt as _, Store};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::descriptor::{Content, Descriptor};
use crate::spec::digest::{Algorithm, Digest};
use crate::spec::manifest::RawManifest;
use crate::spec::reference::{Selector, Tag};
use crate::verify;

/// Blobs larger than this are refused by [`Store::put`]: they belong on a disk.
pub const MAX_BLOB: u64 = 64 << 20;

/// A repository in memory.
#[derive(Default)]
pub struct Memory(Mutex<Contents>);

#[derive(Default)]
struct Contents {
    blobs: BTreeMap<Digest, Bytes>,
    manifests: BTreeMap<Digest, RawManifest>,
    tags: BTreeMap<String, Digest>,
}

impl Memory {
    /// Makes an empty repository.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a blob and returns what names it.
    pub fn insert(&self, bytes: impl Into<Bytes>) -> Content {
        self.insert_by(Algorithm::Sha256, bytes)
    }

    /// Adds a blob under its digest by an algorithm, and returns what names it.
    pub fn insert_by(&self, algorithm: Algorithm, bytes: impl Into<Bytes>) -> Content {
        let bytes = bytes.into();
        let digest = verify::digest_of(algorithm, &bytes);
        let content = Content { digest: digest.clone(), size: Some(bytes.len() as u64) };
        self.contents().blobs.insert(digest, bytes);
        content
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn select(&self, selector: &Selector) -> Option<&RawManifest> {
        let digest = match selector {
            Selector::Digest(digest) => digest,
            Selector::Tag(tag) => self.tags.get(tag.as_str())?,
            Selector::Only if self.manifests.len() == 1 => return self.manifests.values().next(),
            Selector::Only => self.tags.get("latest")?,
        };
        self.manifests.get(digest)
    }
}

#[async_trait]
impl Source for Memory {
    async fn manifest_unverified(&self, selector: &Selector) -> Result<RawManifest> {
        let found = self.contents().select(selector).cloned();
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("{self} has no manifest {selector}")))
    }

    async fn open_unverified(&self, blob: &Content, ask: Ask) -> Result<Body> {
        let found = self.contents().blobs.get(&blob.digest).cloned();
        let bytes =
            found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("{self} has no blob {}", blob.digest)))?;
        let origin = EndpointId::new("memory");
        ask.allow(&origin, &blob.digest)?;
        let total = bytes.len() as u64;
        let window = ask.window.start.min(total)..ask.window.end.min(total);
        let range =
            usize::try_from(window.start).unwrap_or(usize::MAX)..usize::try_from(window.end).unwrap_or(usize::MAX);
        let chunk = if range.is_empty() { Bytes::new() } else { bytes.slice(range) };
        let chunks = stream::once(async move { Ok(chunk) }).boxed();
        Ok(Body::new(window, Some(total), origin, chunks))
    }
}

#[async_trait]
impl Catalog for Memory {
    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        Ok(self.manifest(selector).await?.descriptor())
    }

    fn tags(&self, after: Option<&str>) -> BoxStream<'static, Result<String>> {
        let contents = self.contents();
        let following = contents.tags.keys().filter(|tag| after.is_none_or(|after| tag.as_str() > after));
        let tags: Vec<_> = following.cloned().map(Ok).collect();
        stream::iter(tags).boxed()
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers> {
        let contents = self.contents();
        let referrers: Vec<_> = contents
            .manifests
            .iter()
            .filter_map(|(digest, raw)| {
                let document = Document::verify(raw.clone(), &Selector::Digest(digest.clone())).ok()?;
                document.referrer_of(subject).filter(|found| {
                    artifact_type
                        .is_none_or(|wanted| found.artifact_type.as_ref().is_some_and(|a| a.as_str() == wanted))
                })
            })
            .map(Ok)
            .collect();
        Ok(Referrers::new(ListOrigin::Api, stream::iter(referrers).boxed()))
    }
}

#[async_trait]
impl Store for Memory {
    async fn contains(&self, blob: &Content) -> Result<bool> {
        Ok(self.contents().blobs.contains_key(&blob.digest))
    }

    async fn put(&self, blob: &Descriptor, from: &dyn Source) -> Result<()> {
        let bytes = from.read(&Content::from(blob), MAX_BLOB).await?;
        self.contents().blobs.insert(blob.digest.clone(), bytes);
        Ok(())
    }

    async fn put_manifest(&self, manifest: RawManifest, tag: Option<&Tag>) -> Result<Descriptor> {
        let digest = verify::digest_of(Algorithm::Sha256, &manifest.bytes);
        let document = Document::verify(manifest.clone(), &Selector::Digest(digest.clone()))?;
        document.parse()?;
        let mut contents = self.contents();
        contents.manifests.insert(digest.clone(), manifest);
        if let Some(tag) = tag {
            contents.tags.insert(tag.as_str().to_owned(), digest);
        }
        Ok(document.descriptor())
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let contents = self.contents();
        f.debug_struct("Memory")
            .field("blobs", &contents.blobs.len())
            .field("manifests", &contents.manifests.len())
            .finish_non_exhaustive()
    }
}
