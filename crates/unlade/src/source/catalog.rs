//! What some sources can do besides giving content.

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
    fn tags<'a>(&'a self, after: Option<&'a str>) -> BoxStream<'a, Result<String>>;

    /// Lists the manifests whose `subject` is the given one, of one artifact type if it is named.
    fn referrers<'a>(
        &'a self,
        subject: &'a Digest,
        artifact_type: Option<&'a str>,
    ) -> BoxStream<'a, Result<Descriptor>>;
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
