//! A folder as a target: an archive that is verified, unpacked out of sight, and published.
//!
//! The blob goes to `.NAME.unlade-partial`, as that of a file does. Once it is proven it is unpacked into a hidden
//! folder beside it, and that becomes the folder by one renaming, or goes into the one that is there file by file.

mod clear;
mod folders;
mod member;
mod merge;
mod packing;
mod reader;
mod staging;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

use self::merge::Merge;
use self::packing::{Blob, Packing};
use self::reader::Reader;
use self::staging::Staging;
use super::directory::{Directory, describe};
use super::file::{Allocation, Durability, FileOptions, Place};
use super::journal::Journal;
use super::lock::{self, Hold, Patience};
use super::names::{journal_name, name_limit, partial_name};
use super::pages::FilePages;
use super::partial::Partial;

use super::place::Replace;
pub use super::place::resolve_tree;
use super::room::{Need, set_length};
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

/// The title of an archive whose members lie in no folder: `oras push REF .` makes such ones.
pub const ITSELF: &str = ".";

/// What is known of an archive beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// The folders that all members lie in, by the title; none if that is [`ITSELF`].
    prefix: Vec<String>,
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

/// How a folder came to its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Appearance {
    /// Someone else has it.
    Taken,
    Whole,
}

impl Archive {
    /// Describes an archive all of whose members lie in the folder of its title, by what its descriptor says: the
    /// title, and the digest of what the blob unpacks to. With the title [`ITSELF`] they lie in no folder.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] for what is no title or no digest.
    pub fn new(title: &str, content: Option<&str>) -> Result<Self> {
        let digest = |text: &str| {
            text.parse::<Digest>().map_err(|error| {
                let message = format!("the digest of what {} unpacks to cannot be used", super::title::quoted(title));
                Error::new(ErrorKind::Malformed, message).advise(Advice::KeepArchive).caused_by(error)
            })
        };
        let mut prefix = Vec::new();
        if title != ITSELF {
            let Title { folders, name } = Title::parse(title)?;
            prefix = folders;
            prefix.push(name);
        }
        Ok(Self { prefix, content: content.map(digest).transpose()? })
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
            Some(other) => Err(self.wrong_kind(other)),
        }
    }

    fn replace(&self) -> Replace {
        self.options.allow(self.place.replace())
    }

    fn wrong_kind(&self, kind: FileType) -> Error {
        let (path, kind) = (self.place.path().display(), describe(kind));
        match self.replace() {
            Replace::Always => {
                Error::new(ErrorKind::Io, format!("cannot replace {path}, which is {kind}, by a folder"))
            }
            Replace::Never => Error::new(ErrorKind::Exists, format!("{path} exists already, and is {kind}")),
        }
    }

    /// Looks whether something else than a folder has the name; what is in a folder shows only once the archive is
    /// here.
    ///
    /// # Errors
    ///
    /// Those of `prepare` about what is there already.
    pub fn survey(&self) -> Result<()> {
        match Directory::find(&self.place)? {
            Some(parent) => self.find(&parent).map(drop),
            None => Ok(()),
        }
    }

    fn fill(&mut self, mut partial: Partial, parent: Arc<Directory>, work: Arc<Directory>, job: &Job) -> Result<Room> {
        let path = self.place.path();
        self.observer.notice(&Event::PartialMade { path: partial.path().to_owned(), journal: None });
        if partial.hold() == Hold::Locked {
            // Of a file that had this name: an archive that is unpacked is not gone on with.
            Journal::clear_away(&work, &journal_name(&self.place.name, name_limit(&work)))?;
        }
        partial.take_over();
        let need = Need { size: job.output_size(), allocation: Allocation::Whole, path, cancel: &job.cancel };
        need.take_afresh(partial.file(), &work)?;
        let pages = Arc::new(FilePages::new(Arc::clone(partial.file()), path, Durability::NoSync));
        self.filling = Some(Filling { partial, pages, parent, work });
        Ok(Room::Empty)
    }

    /// Removes what a run that was killed left beside the folder, before that was there; it is filled from inside now.
    fn sweep(&self, parent: &Arc<Directory>, job: &Job) -> Result<()> {
        let blob = partial_name(&self.place.name, name_limit(parent));
        let (unpacked, journal) =
            (staging::staging_name(parent, &blob), journal_name(&self.place.name, name_limit(parent)));
        if parent.look(&blob)?.is_none() && parent.look(&unpacked)?.is_none() && parent.look(&journal)?.is_none() {
            return Ok(());
        }
        // A run that is alive has it locked, and removes it itself.
        let now = Job::new(job.content.clone(), Duration::ZERO, job.cancel.clone(), Arc::new(Blind));
        let mut patience = Patience::new(&now, self.place.path(), lock::ask_system);
        let Some(mut partial) = Partial::open(parent, &self.place.name, &mut patience)? else { return Ok(()) };
        partial.take_over();
        match (partial.hold(), fstat(partial.file())) {
            (Hold::Locked, Ok(own)) => {
                // Of a file that had this name before.
                let cleared = Journal::clear_away(parent, &journal);
                staging::sweep(parent, &unpacked, &own).and(cleared)
            }
            _ => Ok(()),
        }
    }

    /// Unpacks the proven blob out of sight.
    fn unpack(&self, filling: &Filling, size: u64) -> Result<Staging> {
        let Filling { partial, work, .. } = filling;
        let (path, durability) = (self.place.path(), self.options.durability);
        let mut staging = Staging::make(work, partial, path, durability, self.cancel.clone())?;
        self.observer.notice(&Event::PartialMade { path: staging.path(), journal: None });
        let algorithm = self.archive.content.as_ref().map_or(Algorithm::Sha256, Digest::algorithm);
        let blob = Blob::new(Arc::clone(partial.file()), size);
        let packing = Packing::open(blob, algorithm, packing::limit(size), self.cancel.clone())?;
        let mut reader = Reader::new(packing, &self.archive.prefix);
        while let Some(entry) = reader.next()? {
            self.cancel.check()?;
            staging.add(&entry, &mut reader)?;
        }
        let found = reader.finish()?;
        if let Some(expected) = self.archive.content.as_ref().filter(|expected| **expected != found) {
            let message = format!("the archive unpacks to {found}, where its publisher promises {expected}");
            return Err(Error::new(ErrorKind::Mismatch, message));
        }
        Ok(staging)
    }

    /// Publishes what was unpacked: whole, or into the folder that is there.
    ///
    /// From the first name that is moved on, no signal stops it: it would leave half of an archive.
    fn publish_tree(&self, staging: &mut Staging, filling: &Filling) -> Result<()> {
        let parent = &filling.parent;
        if self.find(parent)?.is_none() && self.appear(staging, filling)? == Appearance::Whole {
            return Ok(());
        }
        let Some(there) = self.find(parent)? else {
            let message = format!("another program took {} away", self.place.path().display());
            return Err(Error::new(ErrorKind::Io, message));
        };
        let durability = self.options.durability;
        let merge = Merge { replace: self.replace(), durability, cancel: &self.cancel };
        merge.check(staging.folder(), &there)?;
        staging.folders().compare(&there)?;
        staging.furnish()?;
        self.cancel.check()?;
        let mut moved = 0;
        let carried = merge.carry_out(staging.folder(), &there, &mut moved);
        // What was moved before an error is to be used, too.
        let closed = staging.folders().close(&there);
        parent.keep();
        carried.and(closed).map_err(|error| match moved {
            0 => error,
            _ => error
                .making(format!("{} holds a part of the archive: {moved} names are new", self.place.path().display())),
        })
    }

    /// Gives the folder its name as a whole, unless someone else made one meanwhile.
    fn appear(&self, staging: &mut Staging, filling: &Filling) -> Result<Appearance> {
        let Filling { partial, parent, work, .. } = filling;
        let path = self.place.path().display();
        staging.furnish()?;
        self.cancel.check()?;
        if !staging.is_at(work, staging.name())? {
            let message = format!("another program took {} away", staging.path().display());
            return Err(Error::new(ErrorKind::Io, message));
        }
        // The blob has served, and its name alone, which holds the lock, is left to a process that is killed now.
        let _emptied_or_not = set_length(partial.file(), 0);
        match merge::publish(work, staging.name(), parent, &self.place.name) {
            Ok(()) => {}
            // Made meanwhile: it is filled like any other that was there.
            Err(Errno::EXIST) => return Ok(Appearance::Taken),
            Err(error) => return Err(Error::io(format!("cannot publish {path}"), error.into())),
        }
        staging.let_go();
        parent.keep();
        if !staging.is_at(parent, &self.place.name)? {
            let message = format!("another program replaced {path} while it was published");
            return Err(Error::new(ErrorKind::Io, message));
        }
        let closed = staging.close();
        closed.map_err(|error| {
            error.making(format!("{path} is published, but not all of its folders have their modes"))
        })?;
        self.settle_names(parent)?;
        Ok(Appearance::Whole)
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

    /// Says of what an error in unpacking is, and what helps where the publisher is at fault.
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
            let there = self.find(&parent)?;
            if there.is_some() {
                // Nobody asked for it; what stays is in the way of nothing.
                drop(self.sweep(&parent, job));
            }
            // One that cannot be written may still be right: that shows once the archive is unpacked, elsewhere.
            let work = there.filter(merge::is_writable).map_or_else(|| Arc::clone(&parent), Arc::new);
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
        let mut staging = self.unpack(&filling, verified.size).map_err(|error| self.unpacked(error))?;
        self.publish_tree(&mut staging, &filling)?;
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
