//! OCI image layouts: a repository in a folder, or in a tar.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>
//!
//! A layout may come from anyone and may be rewritten while it is read. Below its
//! folder no link is followed and nothing but regular files is read, so that no
//! layout can name a file outside itself; `index.json` is read anew for each call.
//! One that cannot be used and was changed just now is looked at again for up to two
//! seconds: some programs write it in place.
//! A tar is read where it is: only its headers are looked at when it is opened.

mod archive;
mod blob;
mod capacity;
mod deposit;
mod desk;
mod entry;
mod files;
mod folder;
mod index;
mod lock;
mod patience;
mod walk;
mod writer;

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream, TryStreamExt as _};

pub use blob::{Blob, CHUNK};
pub(crate) use capacity::Capacity;
pub(crate) use deposit::{MAX_TURNS, is_overtaken};
pub use desk::Desk;
pub(crate) use walk::MAX_MANIFESTS;
pub use writer::{LayoutWriter, Terms};

use crate::error::{Error, ErrorKind, Result};
use crate::source::{Ask, Body, Catalog, EndpointId, ListOrigin, Referrers, Source, SourceExt as _};
use crate::spec::descriptor::{Content, Descriptor};
use crate::spec::digest::Digest;
use crate::spec::manifest::{Index, Manifest, RawManifest};
use crate::spec::media_type::MediaType;
use crate::spec::reference::Selector;
use archive::Archive;
use files::Files;
use folder::Folder;
use index::Choice;
use walk::{Step, Walk};

/// The size of the largest document that is read, in bytes: what registries take as a manifest at most.
pub const MAX_DOCUMENT: u64 = 4 << 20;

/// An OCI image layout in a folder or in a tar, for reading.
///
/// Folder or tar is opened once: a layout that is renamed later is read on, one that
/// takes its place is not seen. Clones share it.
#[derive(Clone)]
pub struct Layout {
    files: Arc<Files>,
    desk: Desk,
    max_document: u64,
}

/// A manifest where it is stored: verified when it was opened, and not in memory.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stored {
    /// Its bytes. Whatever becomes of its name, they are those of the file that was verified.
    pub blob: Blob,
    /// The digest that names it.
    pub digest: Digest,
    /// Its type, by the index or by its own word; `None` for a blob that is no manifest.
    pub media_type: Option<MediaType>,
}

impl Layout {
    /// Opens the layout in the folder at a path, which may itself be a link; blocks for a moment.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what is no layout of version 1.0.0,
    /// [`ErrorKind::Malformed`] or [`ErrorKind::TooLarge`] for one whose `index.json` cannot be used.
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_folder(folder::open_root(path)?, path)?.with_an_index()
    }

    /// Opens the layout in the tar at a path, which may itself be a link; blocks while the headers are read.
    ///
    /// What else the tar holds is passed by: `docker save` writes more than a layout.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what is no tar or holds no layout of version 1.0.0,
    /// [`ErrorKind::Unsupported`] for one that is compressed, [`ErrorKind::Malformed`] for one that is truncated or
    /// in which a file of the layout is a link or stands twice, and for an `index.json` that cannot be used;
    /// [`ErrorKind::TooLarge`] for more than any real one holds.
    pub fn open_archive(path: &Path) -> Result<Self> {
        Self::of(Files::Archive(Archive::open(path)?))?.with_an_index()
    }

    /// Takes a folder that is open already as the layout that errors call `path`; blocks for a moment.
    ///
    /// Its `index.json` is judged when it is read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what is no layout of version 1.0.0.
    pub fn from_folder(folder: OwnedFd, path: &Path) -> Result<Self> {
        Self::of(Files::Folder(Folder::new(folder, path)))
    }

    fn of(files: Files) -> Result<Self> {
        index::check_version(&files)?;
        Ok(Self::within(files, MAX_DOCUMENT))
    }

    /// Takes files as a layout, which may be one that is about to be.
    fn within(files: Files, max_document: u64) -> Self {
        Self { files: Arc::new(files), desk: Desk::new(), max_document }
    }

    /// Fails unless the index can be used.
    fn with_an_index(self) -> Result<Self> {
        let this = self.clone();
        self.desk.read_blocking(move || this.index().map(drop))?;
        Ok(self)
    }

    /// Reads documents at a desk that others read at too, instead of one of its own.
    #[must_use]
    pub fn at(mut self, desk: &Desk) -> Self {
        self.desk = desk.clone();
        self
    }

    /// Sets the size in bytes above which `index.json` and manifests are refused, [`MAX_DOCUMENT`] unless set.
    #[must_use]
    pub fn max_document(mut self, bytes: u64) -> Self {
        self.max_document = bytes;
        self
    }

    /// Opens the blob with a digest, without reading or verifying it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if there is none, [`ErrorKind::Io`] if a link or anything but a regular
    /// file has its name.
    pub async fn blob(&self, digest: &Digest) -> Result<Blob> {
        let (layout, digest) = (self.clone(), digest.clone());
        blob::blocking(move || Blob::open(&layout.files, &digest)).await
    }

    /// Opens the manifest that a selector names, verified, without keeping it in memory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] and [`ErrorKind::Ambiguous`] as for a manifest that is read,
    /// [`ErrorKind::Mismatch`] if the file is not what it is named, [`ErrorKind::TooLarge`] above the limit.
    pub async fn stored(&self, selector: &Selector) -> Result<Stored> {
        let (layout, selector) = (self.clone(), selector.clone());
        self.desk.read(move || layout.find(&selector)).await
    }

    /// Lists the referrers of a manifest as [`Catalog::referrers`] does, in a stream that borrows nothing.
    ///
    /// Looks at the manifests that `index.json` names and at those of the indexes among them. What is not
    /// stored or is no manifest refers to nothing. Memory does not grow with the list.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] rather than an answer in part, should there be too many manifests or too deep indexes.
    pub fn referrers_of(
        &self,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> BoxStream<'static, Result<Descriptor>> {
        let walk = Walk::new(self.clone(), subject.clone(), artifact_type.map(str::to_owned));
        stream::try_unfold((self.desk.clone(), walk), |(desk, mut walk)| async move {
            loop {
                let (step, rest) = desk.read(move || walk.step().map(|step| (step, walk))).await?;
                walk = rest;
                match step {
                    Step::End => return Ok(None),
                    Step::Found(referrer) => return Ok(Some((*referrer, (desk, walk)))),
                    Step::Further => {}
                }
            }
        })
        .boxed()
    }

    fn index(&self) -> Result<Index> {
        index::read(&self.files, self.max_document)
    }

    /// Reads a manifest by its digest; what the carrier declares comes before what the document says itself.
    fn document(&self, digest: &Digest, carrier: Option<&Descriptor>) -> Result<RawManifest> {
        let bytes = self.files.blob(digest)?.read(self.max_document)?;
        let declared =
            carrier.map(|carrier| carrier.media_type.clone()).filter(|declared| !declared.as_str().is_empty());
        let mut raw = RawManifest::new(declared, bytes);
        raw.promised = carrier.map(Content::from);
        if raw.media_type.is_none() {
            // What is no manifest has no type of its own; whoever uses it will say so.
            raw.media_type = Manifest::parse(&raw).ok().map(|manifest| manifest.media_type());
        }
        Ok(raw)
    }

    /// Returns the digest that a selector means, and the descriptor that the index has for it.
    fn look_up(&self, selector: &Selector) -> Result<(Digest, Option<Descriptor>)> {
        let index = self.index()?;
        if let Selector::Digest(digest) = selector {
            return Ok((digest.clone(), index::carrier(&index, digest).cloned()));
        }
        let chosen = self.choose(&index, selector)?;
        Ok((chosen.digest.clone(), Some(chosen.clone())))
    }

    fn find(&self, selector: &Selector) -> Result<Stored> {
        let (digest, carrier) = self.look_up(selector)?;
        let entry = self.files.blob(&digest)?;
        let promised = carrier.as_ref().map_or_else(|| Content { digest: digest.clone(), size: None }, Content::from);
        entry.verify(&promised, self.max_document)?;
        let declared = carrier.map(|carrier| carrier.media_type).filter(|declared| !declared.as_str().is_empty());
        let media_type = match declared {
            Some(declared) => Some(declared),
            None => self.document(&digest, None)?.media_type,
        };
        Ok(Stored { blob: Blob::of(entry, &self.files), digest, media_type })
    }

    fn choose<'a>(&self, index: &'a Index, selector: &Selector) -> Result<&'a Descriptor> {
        let choice = match (index::choose(index, selector), selector) {
            (Choice::None, Selector::Only) => index::leader(index, |entry| {
                let document = walk::document(self, &entry.digest)?;
                // What is no manifest refers to nothing.
                let manifest = document.and_then(|document| document.parse().ok());
                Ok(manifest.and_then(|manifest| manifest.subject().map(|subject| subject.digest.clone())))
            })?,
            (choice, _) => choice,
        };
        match choice {
            Choice::None => Err(Error::new(ErrorKind::NotFound, format!("{self} has no manifest {selector}"))),
            Choice::One(entry) => Ok(entry.readable().map_err(|unreadable| {
                Error::from(unreadable).making(format!("{self} has no usable manifest {selector}"))
            })?),
            Choice::Several(entries) => Err(index::ambiguous(&self.files, selector, &entries)),
        }
    }
}

#[async_trait]
impl Source for Layout {
    async fn manifest_unverified(&self, selector: &Selector) -> Result<RawManifest> {
        let (layout, selector) = (self.clone(), selector.clone());
        let read = move || {
            let (digest, carrier) = layout.look_up(&selector)?;
            layout.document(&digest, carrier.as_ref())
        };
        self.desk.read(read).await
    }

    async fn open_unverified(&self, blob: &Content, ask: Ask) -> Result<Body> {
        ask.allow(&EndpointId::from(self), &blob.digest)?;
        Ok(self.blob(&blob.digest).await?.stream(ask.window, CHUNK))
    }
}

#[async_trait]
impl Catalog for Layout {
    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        let layout = self.clone();
        let wanted = selector.clone();
        let (_, named) = self.desk.read(move || layout.look_up(&wanted)).await?;
        match named {
            Some(descriptor) => Ok(descriptor),
            None => Ok(self.manifest(selector).await?.descriptor()),
        }
    }

    fn tags(&self, after: Option<&str>) -> BoxStream<'static, Result<String>> {
        let (layout, desk, after) = (self.clone(), self.desk.clone(), after.map(str::to_owned));
        let read = move || {
            let mut tags = index::tags(&layout.index()?);
            if let Some(after) = after {
                // They have no order but that of the index: without its place nothing can be said to follow.
                let place = tags.iter().position(|tag| *tag == after).ok_or_else(|| {
                    Error::new(ErrorKind::NotFound, format!("{layout} has no tag that the others could follow"))
                })?;
                tags.drain(..=place);
            }
            Ok(tags)
        };
        let tags = async move { desk.read(read).await };
        stream::once(tags).map_ok(|tags| stream::iter(tags).map(Ok)).try_flatten().boxed()
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers> {
        Ok(Referrers::new(ListOrigin::Api, self.referrers_of(subject, artifact_type)))
    }
}

impl From<&Layout> for EndpointId {
    fn from(layout: &Layout) -> Self {
        Self::new(layout.files.name())
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.files.name())
    }
}

impl fmt::Debug for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Layout").field(&self.files.name()).finish()
    }
}

#[cfg(test)]
mod tests;
