//! A folder as a target: an archive that is verified, unpacked out of sight, and published.
//!
//! The blob goes to `.NAME.unlade-partial`, as that of a file does. Once it is proven it is unpacked into a hidden
//! folder beside it, and that becomes the folder by one renaming, or goes into the one that is there file by file.

mod clear;
mod member;
mod merge;
mod packing;
mod reader;
mod staging;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::FileType;
use rustix::io::Errno;

use self::merge::Merge;
use self::packing::{Blob, Packing};
use self::reader::Reader;
use self::staging::Staging;
use super::directory::{Directory, describe};
use super::file::{Durability, FileOptions, Place};
use super::lock::{self, Patience};
use super::pages::FilePages;
use super::partial::{Partial, name_limit, partial_name};
pub use super::place::resolve_tree;
use super::room::reserve;
use super::root::Root;
use super::title::Title;
use super::{Fate, Job, Kept, Ledger, Pages, Positioned, Receipt, Room, Stage, Status};
use crate::cancel::Cancel;
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::observe::{Blind, Event, Observer};
use crate::spec::digest::{Algorithm, Digest};
use crate::verify::{Proof, Ticket};

/// So often is a partial opened anew because another process ended with it while its lock was waited for.
const MAX_TURNS: u32 = 64;

/// What is known of an archive beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    title: Title,
    content: Option<Digest>,
}

/// Fills one folder with what is in an archive.
///
/// Dropping the target removes what is not published.
#[derive(Debug)]
pub struct TreeTarget {
    archive: Archive,
    place: Place,
    options: FileOptions,
    root: Option<Arc<Root>>,
    ticket: Ticket,
    observer: Arc<dyn Observer>,
    cancel: Cancel,
    filling: Option<Filling>,
}

#[derive(Debug)]
struct Filling {
    partial: Partial,
    pages: Arc<FilePages>,
    /// The folder that holds the one to be filled.
    parent: Arc<Directory>,
    /// Where it is unpacked: beside the folder to come, or in the one that is there, which may be another file system.
    work: Arc<Directory>,
}

impl Archive {
    /// Describes an archive all of whose members lie in the folder of its title, by what its descriptor says: the
    /// title, and the digest of what the blob unpacks to.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] for what is no title or no digest.
    pub fn new(title: &str, content: Option<&str>) -> Result<Self> {
        let digest = |text: &str| {
            text.parse::<Digest>().map_err(|error| {
                let message = format!("the digest of what {} unpacks to cannot be used", super::title::quoted(title));
                Error::new(ErrorKind::Malformed, message).caused_by(error)
            })
        };
        Ok(Self { title: Title::parse(title)?, content: content.map(digest).transpose()? })
    }
}

impl TreeTarget {
    /// Makes a target of a place, which is not touched before `prepare`.
    pub fn new(archive: Archive, place: Place, options: FileOptions) -> Self {
        Self {
            archive,
            place,
            options,
            root: None,
            ticket: Ticket::new(),
            observer: Arc::new(Blind),
            cancel: Cancel::new(),
            filling: None,
        }
    }

    /// Puts the folder, whose place is in a folder, together with the others that go there.
    #[must_use]
    pub(super) fn beneath(mut self, root: Arc<Root>) -> Self {
        self.root = Some(root);
        self
    }

    fn open_parent(&self) -> Result<Arc<Directory>> {
        let directory = match &self.root {
            Some(root) => root.enter(&self.place.folders)?,
            None => Directory::open(&self.place, self.options.durability)?,
        };
        Ok(Arc::new(directory))
    }

    /// Opens the folder that has the name already, if there is one.
    fn find(&self, parent: &Directory) -> Result<Option<Directory>> {
        match parent.look(&self.place.name)?.map(|found| FileType::from_raw_mode(found.st_mode)) {
            None => Ok(None),
            Some(FileType::Directory) => parent.step_into(&self.place.name),
            Some(other) => {
                let (path, kind) = (self.place.path().display(), describe(other));
                Err(Error::new(ErrorKind::Io, format!("cannot replace {path}, which is {kind}, by a folder")))
            }
        }
    }

    fn fill(&mut self, partial: Partial, parent: Arc<Directory>, work: Arc<Directory>, job: &Job) -> Result<Room> {
        let path = self.place.path();
        self.observer.notice(&Event::PartialMade { path: partial.path().to_owned() });
        reserve(partial.file(), job.output_size(), partial.directory(), path, &job.cancel)?;
        let pages = Arc::new(FilePages::new(Arc::clone(partial.file()), path, Durability::NoSync));
        self.filling = Some(Filling { partial, pages, parent, work });
        Ok(Room::Empty)
    }

    /// Unpacks the proven blob and publishes what it holds.
    fn unpack(&self, filling: &Filling, size: u64) -> Result<()> {
        let Filling { partial, parent, work, .. } = filling;
        let name = partial_name(partial.name(), name_limit(work));
        let mut staging = Staging::make(work, name, self.cancel.clone())?;
        self.observer.notice(&Event::PartialMade { path: work.join(staging.name()) });
        let algorithm = self.archive.content.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
        let blob = Blob::new(Arc::clone(partial.file()), size);
        let packing = Packing::open(blob, algorithm, packing::limit(size), self.cancel.clone())?;
        let mut reader = Reader::new(packing, &self.archive.title);
        while let Some(entry) = reader.next()? {
            self.cancel.check()?;
            staging.add(&entry, &mut reader)?;
        }
        let found = reader.finish()?;
        if let Some(expected) = self.archive.content.as_ref().filter(|expected| **expected != found) {
            let message = format!("the archive unpacks to {found}, where its publisher promises {expected}");
            return Err(Error::new(ErrorKind::Mismatch, message));
        }
        self.publish_tree(&mut staging, parent, work)
    }

    fn publish_tree(&self, staging: &mut Staging, parent: &Arc<Directory>, work: &Arc<Directory>) -> Result<()> {
        let durability = self.options.durability;
        if self.find(parent)?.is_none() {
            staging::sync(staging.folder(), durability)?;
            staging.finish(staging.folder(), |_| true)?;
            staging::sync(staging.folder(), durability)?;
            match merge::publish(work, staging.name(), parent, &self.place.name) {
                Ok(()) => {
                    staging.let_go();
                    parent.keep();
                    return self.settle_names(parent);
                }
                // Made meanwhile: it is filled like any other that was there.
                Err(Errno::EXIST) => {}
                Err(error) => {
                    let message = format!("cannot publish {}", self.place.path().display());
                    return Err(Error::io(message, error.into()));
                }
            }
        }
        let Some(there) = self.find(parent)? else {
            let message = format!("another program took {} away", self.place.path().display());
            return Err(Error::new(ErrorKind::Io, message));
        };
        let merge = Merge { replace: self.options.allow(self.place.replace()), cancel: &self.cancel };
        merge.check(staging.folder(), &there)?;
        let mut new = BTreeSet::new();
        for path in staging.paths() {
            if staging::walk(&there, path)?.is_none() {
                new.insert(path.clone());
            }
        }
        staging::sync(staging.folder(), durability)?;
        merge.carry_out(staging.folder(), &there)?;
        staging.finish(&there, |path| new.contains(path))?;
        staging::sync(&there, durability)?;
        parent.keep();
        Ok(())
    }

    fn settle_names(&self, parent: &Directory) -> Result<()> {
        let synced = match self.options.durability {
            Durability::NoSync => Ok(()),
            Durability::Sync => parent.sync_names(),
        };
        synced.map_err(|error| {
            let path = self.place.path().display();
            Error::io(format!("{path} is published, but its name may not survive a power cut"), error)
        })
    }

    /// Says of what an error is, and what helps where the publisher is at fault.
    fn unpacked(&self, error: Error) -> Error {
        let helps = matches!(
            error.kind(),
            ErrorKind::Malformed | ErrorKind::Mismatch | ErrorKind::TooLarge | ErrorKind::Unsupported
        );
        let error = if helps && error.context().advice.is_none() { error.advise(Advice::KeepArchive) } else { error };
        error.making(format!("cannot unpack the archive of {}", self.place.path().display()))
    }
}

impl Root {
    /// Makes the target of a folder whose place was arranged in this one.
    pub fn tree(self: &Arc<Self>, archive: Archive, place: Place, options: FileOptions) -> TreeTarget {
        TreeTarget::new(archive, place, options).beneath(Arc::clone(self))
    }
}

impl Stage for TreeTarget {
    fn prepare(&mut self, job: &Job) -> Result<Room> {
        self.ticket = Ticket::new();
        self.observer = Arc::clone(&job.observer);
        self.cancel = job.cancel.clone();
        self.filling = None;
        let mut patience = Patience::new(job, self.place.path(), lock::ask_system);
        for _ in 0..MAX_TURNS {
            job.cancel.check()?;
            let parent = self.open_parent()?;
            let work = self.find(&parent)?.map_or_else(|| Arc::clone(&parent), Arc::new);
            if let Some(partial) = Partial::open(&work, &self.place.name, &mut patience)? {
                return self.fill(partial, parent, work, job);
            }
        }
        Err(patience.spent("one process after another"))
    }

    fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    fn publish(mut self: Box<Self>, proof: Proof) -> Result<Receipt> {
        let verified = proof.redeem(&self.ticket)?;
        let path = self.place.path().to_owned();
        let mut filling = self.filling.take().ok_or_else(|| unprepared(&path))?;
        filling.pages.seal();
        self.unpack(&filling, verified.size).map_err(|error| self.unpacked(error))?;
        // The blob has served: one that stays is removed by the next run.
        drop(filling.partial.remove());
        self.observer.notice(&Event::Committed { target: path.display().to_string(), digest: verified.digest.clone() });
        Ok(Receipt::new(Some(path), verified, Status::Downloaded))
    }

    fn suspend(mut self: Box<Self>, _fate: Fate) -> Result<Kept> {
        let Some(mut filling) = self.filling.take() else { return Ok(Kept::Nothing) };
        filling.pages.seal();
        Ok(filling.partial.remove()?.map_or(Kept::Nothing, Kept::Removed))
    }
}

impl Positioned for TreeTarget {
    fn pages(&self) -> Result<Arc<dyn Pages>> {
        match &self.filling {
            Some(filling) => Ok(Arc::clone(&filling.pages) as Arc<dyn Pages>),
            None => Err(unprepared(self.place.path())),
        }
    }

    fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        None
    }
}

fn unprepared(path: &Path) -> Error {
    Error::new(ErrorKind::Io, format!("cannot fill {}, for which no room was made", path.display()))
}

#[cfg(test)]
mod tests;
