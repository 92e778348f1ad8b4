//! A layout in a folder, to be added to.
//!
//! What comes first is written first: blobs, then manifests, then the name `oci-layout`, and `index.json` last. Each
//! is written beside its name, verified, synced and renamed, so that a layout names complete content alone, whenever
//! it stops. See `docs/decisions/layout-writing.md`.

use std::collections::HashSet;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::capacity::{Capacity, too_large};
use super::deposit::{fill, unhindered};
use super::entry::Entry;
use super::files::{Files, not_a_layout};
use super::folder::{self, Folder};
use super::patience::settled;
use super::{Layout, MAX_DOCUMENT, index, lock, walk};
use crate::cancel::Cancel;
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::observe::Observer;
use crate::source::Document;
use crate::spec::descriptor::{Content, Descriptor};
use crate::spec::digest::{Algorithm, Digest};
use crate::spec::index_text;
use crate::spec::manifest::{Index, RawManifest};
use crate::spec::media_type::MediaType;
use crate::spec::reference::Selector;
use crate::target::file::{Durability, FileOptions, FileTarget, Place};
use crate::target::folder::Root;
use crate::target::{Job, Receipt, refuse_among_devices, sync};
use crate::verify::digest_of;

/// The file that makes a folder a layout, and what it says.
const VERSION: &str = "oci-layout";
const VERSION_TEXT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

const INDEX: &str = "index.json";

const BLOBS: &str = "blobs";

/// What a folder may hold and become a layout: what a run leaves that is killed before it wrote [`VERSION`], and what
/// file systems put into their topmost folder.
const BEFORE: [&str; 4] = ["blobs", "lost+found", ".oci-layout.unlade-partial", ".index.json.unlade-partial"];

/// A layout in a folder, for writing. Several processes may add to the same one at the same time.
#[derive(Debug, Clone)]
pub struct LayoutWriter {
    path: PathBuf,
    options: FileOptions,
    /// The folder, opened once: all that is read and written is beneath that very one. Missing until it is there.
    root: Arc<Mutex<Option<Arc<Root>>>>,
    max_document: u64,
}

/// On what terms files are written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Terms {
    /// How long to wait for another process that writes the same file.
    pub lock_wait: Duration,
    /// A request to stop.
    pub cancel: Cancel,
    /// Who is told what happens.
    pub observer: Arc<dyn Observer>,
}

impl Terms {
    /// Puts terms together.
    pub fn new(lock_wait: Duration, cancel: Cancel, observer: Arc<dyn Observer>) -> Self {
        Self { lock_wait, cancel, observer }
    }

    fn job(&self, content: Content) -> Job {
        Job::new(content, self.lock_wait, self.cancel.clone(), Arc::clone(&self.observer))
    }
}

/// What becomes of an index.
enum Edited {
    /// It stays as it is.
    Same(Entry),
    /// It is replaced by this text.
    Text(Bytes),
}

impl LayoutWriter {
    /// Looks whether there is a layout in the folder at a path, or can be one; changes nothing; blocks for a moment.
    ///
    /// The folder may be missing, empty, or what a killed run has left. Its path may be a link; below it, none is
    /// followed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a folder that holds other things, and for what is no folder;
    /// [`ErrorKind::Malformed`] or [`ErrorKind::TooLarge`] for a layout whose `index.json` cannot be used.
    pub fn open(path: &Path, durability: Durability) -> Result<Self> {
        let options = FileOptions::default().durability(durability);
        let writer = Self { path: path.to_owned(), options, root: Arc::default(), max_document: MAX_DOCUMENT };
        let folder = match folder::open_root(path) {
            Ok(folder) => folder,
            // A link that leads nowhere is there.
            Err(_)
                if std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) =>
            {
                refuse_among_devices(path)?;
                return Ok(writer);
            }
            Err(error) => return Err(error),
        };
        let root = Root::of(folder, path.to_owned(), durability);
        let folder = Folder::new(root.folder()?, path);
        *writer.state() = Some(Arc::clone(&root));
        if folder.file(VERSION)?.is_none() {
            // Another run may make it a layout between the two looks.
            if folder.holds_but(&BEFORE)? && folder.file(VERSION)?.is_none() {
                return Err(not_a_layout(folder.name()).caused_by("it holds other things, and no file oci-layout"));
            }
            return Ok(writer);
        }
        index::check_version(&Files::Folder(folder))?;
        writer.index(&Folder::new(root.folder()?, path))?;
        Ok(writer)
    }

    /// Sets which part of a blob gets room on the disk, and whether a blob that was left unfinished is gone on with.
    #[must_use]
    pub fn files(mut self, options: &FileOptions) -> Self {
        self.options = self.options.allocation(options.allocation).resume(options.resume);
        self
    }

    /// Returns the path of the folder, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path at which a blob is, or will be.
    pub fn path_of(&self, digest: &Digest) -> PathBuf {
        self.place(digest).path().to_owned()
    }

    /// Says whether a blob is there already, and is right: reads all of it, and blocks.
    pub fn has(&self, blob: &Content) -> Result<bool> {
        let Some(entry) = self.stored(&blob.digest)?.filter(|entry| blob.size.is_none_or(|size| size == entry.size()))
        else {
            return Ok(false);
        };
        match entry.verify(blob, u64::MAX) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Mismatch => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes the target of a blob, which is where the layout has it.
    ///
    /// A file that is there and is the blob is kept; any other regular file is replaced.
    /// Makes the folder if it is missing, and blocks for that.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if the folder can be neither opened nor made.
    pub fn blob(&self, digest: &Digest) -> Result<FileTarget> {
        Ok(self.root()?.file(self.place(digest), self.options.clone()))
    }

    /// Returns the folder; makes it if it is missing.
    fn root(&self) -> Result<Arc<Root>> {
        let mut root = self.state();
        if let Some(root) = &*root {
            return Ok(Arc::clone(root));
        }
        Ok(Arc::clone(root.insert(Root::make(&self.path, self.options.durability)?)))
    }

    fn state(&self) -> MutexGuard<'_, Option<Arc<Root>>> {
        self.root.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, digest: &Digest) -> Place {
        Place::inside(&self.path, &[BLOBS, digest.algorithm().name()], digest.hex())
    }

    /// Reads a manifest that is in the layout already and is the one that its digest names; blocks.
    ///
    /// What is there and is not that is as if it were not there: it will be replaced.
    pub fn manifest(&self, digest: &Digest) -> Result<Option<Document>> {
        let Some(entry) = self.stored(digest)?.filter(|entry| entry.size() <= self.max_document) else {
            return Ok(None);
        };
        let raw = RawManifest::new(None::<MediaType>, entry.read(self.max_document)?);
        match Document::verify(raw, &Selector::Digest(digest.clone())) {
            Ok(document) => Ok(Some(document)),
            Err(error) if error.kind() == ErrorKind::Mismatch => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Puts a blob that is in memory into the layout, verified; blocks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`] if the bytes are not what the digest names, and what a file's target reports.
    pub fn put(&self, digest: &Digest, bytes: &[u8], terms: &Terms) -> Result<Receipt> {
        let content = Content { digest: digest.clone(), size: Some(bytes.len() as u64) };
        unhindered(|| fill(self.blob(digest)?, &content, bytes, &terms.job(content.clone())))
    }

    /// Names content that is there in `index.json`, and makes the folder a layout if it is none yet; blocks.
    ///
    /// An entry with a name, `org.opencontainers.image.ref.name`, takes the place of those with the same name; one
    /// without is added unless its content is named already. Whatever else stands there stays as it is written. Other
    /// processes that do the same wait for each other.
    ///
    /// `parts` is all that the entries name, and that is named in turn: it must be there still. Whoever made it, it
    /// is durable before it is named, and so is the way to it, unless the writer was told not to sync. What other
    /// runs have left of blobs is removed, unless a later run could go on with it, and for a week at most.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] or [`ErrorKind::TooLarge`] for an `index.json` that cannot be added to, which is then
    /// as it was; [`ErrorKind::Io`] if another program removed a part meanwhile; [`ErrorKind::Locked`] if another
    /// process does not end; what a file's target reports.
    pub fn publish(
        &self,
        entries: &[Descriptor],
        parts: impl IntoIterator<Item = Content>,
        terms: &Terms,
    ) -> Result<()> {
        let root = self.root()?;
        let folder = Folder::new(root.folder()?, &self.path);
        match folder.file(VERSION)? {
            Some(version) => self.keep(&version)?,
            None => self.write(&root, VERSION, VERSION_TEXT, terms)?,
        }
        let lock = terms.job(Content { digest: digest_of(Algorithm::Sha256, b""), size: None });
        let _lock = lock::acquire(&folder, VERSION, &self.path.join(INDEX), &lock)?;
        // Only now: an earlier look would be no promise.
        if let Some(lost) = folder.first_missing(parts)? {
            let message = format!("another program removed the blob {} of {} meanwhile", lost.digest, folder.name());
            return Err(Error::new(ErrorKind::Io, message).advise(Advice::RunAgain));
        }
        root.owe(&[]);
        root.owe(&[BLOBS]);
        root.sync()?;
        root.sync_above()?;
        match self.edited(&folder, entries)? {
            Edited::Same(index) => self.keep(&index)?,
            Edited::Text(text) => self.write(&root, INDEX, &text, terms)?,
        }
        root.owe(&[]);
        root.sync()?;
        root.remove_orphans(&[], |name| [VERSION, INDEX].contains(&name));
        for algorithm in Algorithm::ALL {
            let digits = algorithm.size() * 2;
            root.remove_orphans(&[BLOBS, algorithm.name()], |name| {
                name.len() == digits && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            });
        }
        Ok(())
    }

    /// Makes a file of the folder itself durable that was there.
    fn keep(&self, file: &Entry) -> Result<()> {
        if self.options.durability == Durability::NoSync {
            return Ok(());
        }
        sync(file.file.as_fd()).map_err(|error| Error::io(format!("cannot sync {}", file.name), error))
    }

    /// Writes a file of the folder itself.
    fn write(&self, root: &Arc<Root>, name: &str, text: &[u8], terms: &Terms) -> Result<()> {
        let target = root.file(Place::inside(&self.path, &[], name), self.options.clone());
        let content = Content { digest: digest_of(Algorithm::Sha256, text), size: Some(text.len() as u64) };
        fill(target, &content, text, &terms.job(content.clone())).map(drop)
    }

    /// Reads the index that is there, and says what it means; other programs write it without a lock.
    fn index(&self, folder: &Folder) -> Result<Option<(Entry, (Bytes, Index))>> {
        settled(
            || folder.file(INDEX),
            |index| {
                let text = Bytes::from(index.read(self.max_document)?);
                let index = index::parse_text(text.clone(), folder.name())?;
                Ok((text, index))
            },
        )
    }

    /// Returns the text of the index with further entries, or the index as it is if it has them.
    fn edited(&self, folder: &Folder, entries: &[Descriptor]) -> Result<Edited> {
        let (index, before) = match self.index(folder)? {
            Some((file, (text, _))) => (Some(file), text),
            None => (None, Bytes::from_static(index_text::EMPTY.as_bytes())),
        };
        let text = index_text::add(&before, entries).map_err(|cause| {
            Error::new(ErrorKind::Malformed, format!("cannot add to index.json of {}", folder.name())).caused_by(cause)
        })?;
        let text = match (text, index) {
            (Some(text), _) => Bytes::from(text),
            (None, Some(index)) => return Ok(Edited::Same(index)),
            (None, None) => before.clone(),
        };
        if text.len() as u64 > self.max_document {
            return Err(too_large(folder.name(), self.max_document));
        }
        // Whoever reads it next must find it right.
        let after = index::parse_text(text.clone(), folder.name())?;
        self.hold_within_limits(&before, &after)?;
        Ok(Edited::Text(text))
    }

    /// Refuses an index in which referrers could no longer be looked for, unless it was such a one before.
    fn hold_within_limits(&self, before: &Bytes, after: &Index) -> Result<()> {
        let folder = Folder::new(self.root()?.folder()?, &self.path);
        let layout = Layout::within(Files::Folder(folder), self.max_document);
        let is_too_large = |index: &Index| match walk::survey(&layout, index) {
            Err(error) if error.kind() == ErrorKind::TooLarge => Some(error),
            // What else there is to say is about what was there before.
            _ => None,
        };
        let Some(error) = is_too_large(after) else {
            return Ok(());
        };
        let before = index::parse_text(before.clone(), &layout.to_string())?;
        if is_too_large(&before).is_some() { Ok(()) } else { Err(error.making(format!("{layout} cannot take more"))) }
    }

    /// Looks at the room in `index.json`; blocks for a moment.
    pub(crate) fn capacity(&self) -> Result<Capacity> {
        let name = format!("ocidir://{}", self.path.display());
        let (mut size, mut named) = (0, HashSet::new());
        // Asked for first, so that nothing is read under the lock.
        let root = self.state().clone();
        if let Some(root) = root {
            let folder = Folder::new(root.folder()?, &self.path);
            if let Some((file, (_, index))) = self.index(&folder)? {
                size = file.size();
                named.extend(index.manifests.iter().filter_map(|entry| Some(entry.descriptor()?.digest.clone())));
            }
        }
        Ok(Capacity::new(&name, self.max_document, size, named))
    }

    fn stored(&self, digest: &Digest) -> Result<Option<Entry>> {
        // Asked for first, as above.
        let root = self.state().clone();
        root.map_or(Ok(None), |root| Folder::new(root.folder()?, &self.path).blob(digest))
    }
}

#[cfg(test)]
mod tests;
