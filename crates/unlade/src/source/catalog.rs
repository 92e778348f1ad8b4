//! What some sources can do besides giving content.

use std::fmt;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

use super::Source;
use crate::error::Result;
use crate::spec::descriptor::{Content, Descriptor};
use crate::spec::digest::Digest;
use crate::spec::manifest::RawManifest;
use crate::spec::reference::{Selector, Tag};

/// A source that knows what it has.
#[async_trait]
pub trait Catalog: Source {
    /// Says which manifest a selector names, without promising that it is still there.
    async fn resolve(&self, selector: &Selector) -> Result<Descriptor>;

    /// Lists the tags in the source's order; pages are fetched as the stream is read.
    ///
    /// With `after`, those that follow this tag alone; what follows a tag that is not
    /// there is up to the source, and may be [`NotFound`](crate::ErrorKind::NotFound).
    fn tags(&self, after: Option<&str>) -> BoxStream<'static, Result<String>>;

    /// Lists the manifests whose `subject` is the given one, of one artifact type if it is named.
    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers>;
}

/// What refers to a manifest, and how that is known.
#[non_exhaustive]
pub struct Referrers {
    /// Where the list comes from.
    pub origin: ListOrigin,
    /// The referrers, in no order that means anything; pages are fetched as the stream is read. Ends after the first
    /// error.
    pub entries: BoxStream<'static, Result<Descriptor>>,
}

/// Where a list of referrers comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListOrigin {
    /// From who knows what is stored: the referrers API of a registry, or the manifests of a layout.
    /// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>
    Api,
    /// From an index that publishers keep under a tag made of the digest, where a registry has no such API.
    /// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema>
    Tag,
}

impl Referrers {
    /// Puts a list and its origin together.
    pub fn new(origin: ListOrigin, entries: BoxStream<'static, Result<Descriptor>>) -> Self {
        Self { origin, entries }
    }
}

impl fmt::Debug for Referrers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Referrers").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// A source that content can be put into; what it takes in is verified first.
#[async_trait]
pub trait Store: Source {
    /// Says whether a blob is there already.
    async fn contains(&self, blob: &Content) -> Result<bool>;

    /// Copies a blob from another source.
    async fn put(&self, blob: &Descriptor, from: &dyn Source) -> Result<()>;

    /// Adds a manifest, under a tag if one is given.
    async fn put_manifest(&self, manifest: RawManifest, tag: Option<&Tag>) -> Result<Descriptor>;
}
