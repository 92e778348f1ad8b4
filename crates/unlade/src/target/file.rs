//! A regular file as a target, published as a whole or not at all.
//!
//! The bytes go to `.NAME.unlade-partial` in the folder of the file: only its owner
//! can read it, it is locked, and its room is taken before the first byte. A
//! renaming makes it the file. Beside it, `.NAME.unlade-journal` says what of the blob
//! it holds, so that a later run goes on with it; what nobody can go on with is removed.

mod filling;
mod options;
mod survey;

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, openat};
use rustix::io::Errno;

use self::filling::Filling;
pub use self::options::{Allocation, Durability, FileOptions};
use super::directory::{Directory, describe, length, same, sync};
use super::lock::{self, Patience};
use super::orphans::{Done, sweep};
use super::partial::Partial;
pub use super::place::{Place, Replace, resolve, resolve_titled, title};
use super::publish::{Publication, exists};
use super::root::Root;
use super::{Fate, Job, Kept, Ledger, Output, Pages, Positioned, Receipt, Room, Stage, Status};
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::observe::{Blind, Event, Observer};
use crate::verify::{Proof, Ticket};

/// So often is a partial opened anew because another process ended with it while its
/// lock was waited for; each time, that process may have finished the file.
const MAX_TURNS: u32 = 64;

/// Fills one regular file with a blob as it is.
///
/// A file of the right size that is there already is offered as
/// [`Room::Present`]; only if it turns out to be another one is it replaced.
/// Dropping the target removes what is not published, unless a later run can go on with it.
#[derive(Debug)]
pub struct FileTarget {
    place: Place,
    options: FileOptions,
    root: Option<Arc<Root>>,
    ticket: Ticket,
    observer: Arc<dyn Observer>,
    offer: Offer,
    ask: lock::Ask,
    output: Output,
    state: State,
}

/// What a target holds.
#[derive(Debug)]
enum State {
    Filling(Filling),
    Idle,
    Offered(Offered),
}

/// A file that was there and is hashed by the caller.
#[derive(Debug)]
struct Offered {
    directory: Arc<Directory>,
    file: Arc<File>,
    found: Stat,
}

/// Which existing files could be the blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    Any,
    Nothing,
    OfSize(u64),
}

/// What has the final name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occupant {
    Nobody,
    Other(FileType),
    Regular { length: u64 },
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fill,
    Offer,
    Refuse,
    RefuseKind(FileType),
}

impl FileTarget {
    /// Makes a target of a place, which is not touched before `prepare`.
    pub fn new(place: Place, options: FileOptions) -> Self {
        Self {
            place,
            options,
            root: None,
            ticket: Ticket::new(),
            observer: Arc::new(Blind),
            offer: Offer::Any,
            ask: lock::ask_system,
            output: Output::Verbatim,
            state: State::Idle,
        }
    }

    /// Puts the file, whose place is in the folder, together with the others that go there.
    #[must_use]
    pub(super) fn beneath(mut self, root: Arc<Root>) -> Self {
        self.root = Some(root);
        self
    }

    fn open_folder(&self) -> Result<Arc<Directory>> {
        let directory = match &self.root {
            Some(root) => root.enter(&self.place.folders)?,
            None => Directory::open(&self.place, self.options.durability)?,
        };
        Ok(Arc::new(directory))
    }

    fn replace(&self) -> Replace {
        self.options.allow(self.place.replace())
    }

    /// Looks at what has the final name, and opens it if it could be the blob.
    fn inspect(&self, directory: &Directory) -> Result<Option<(File, Stat)>> {
        let occupant = directory.look(&self.place.name)?.as_ref().map_or(Occupant::Nobody, occupant);
        match judge(occupant, self.offer, self.replace()) {
            Verdict::Fill => Ok(None),
            Verdict::Offer => self.open(directory),
            Verdict::Refuse => Err(exists(self.place.path())),
            Verdict::RefuseKind(kind) => Err(self.wrong_kind(kind)),
        }
    }

    fn open(&self, directory: &Directory) -> Result<Option<(File, Stat)>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File = match openat(directory, &self.place.name, flags, Mode::empty()) {
            Ok(opened) => opened.into(),
            // What cannot be read cannot be known to be right; whether it is replaced is another question.
            Err(Errno::ACCESS) if self.replace() == Replace::Always => return Ok(None),
            Err(Errno::ACCESS) => return Err(exists(self.place.path())),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.unreadable(error)),
        };
        let found = fstat(&file).map_err(|error| self.unreadable(error))?;
        match occupant(&found) {
            Occupant::Other(kind) => Err(self.wrong_kind(kind)),
            _ => Ok(Some((file, found))),
        }
    }

    fn present(&mut self, directory: Arc<Directory>, file: File, found: Stat) -> Room {
        self.offer = Offer::Nothing;
        let file = Arc::new(file);
        self.state = State::Offered(Offered { directory, file: Arc::clone(&file), found });
        Room::Present(Box::new(file))
    }

    fn fill(&mut self, partial: Partial, job: &Job) -> Result<Room> {
        let (filling, room) = Filling::begin(partial, &self.place, &self.options, job)?;
        self.state = State::Filling(filling);
        Ok(room)
    }

    fn wrong_kind(&self, kind: FileType) -> Error {
        let (path, kind) = (self.place.path().display(), describe(kind));
        match self.replace() {
            Replace::Always => Error::new(ErrorKind::Io, format!("cannot replace {path}, which is {kind}")),
            Replace::Never => Error::new(ErrorKind::Exists, format!("{path} exists already, and is {kind}")),
        }
    }

    fn unreadable(&self, error: Errno) -> Error {
        Error::io(format!("cannot read {}", self.place.path().display()), error.into())
    }

    /// Fails if the file that was offered is not the one that was hashed any more.
    fn confirm(&self, offered: &Offered) -> Result<()> {
        let now = offered.directory.look(&self.place.name)?;
        if now.is_some_and(|now| unchanged(&now, &offered.found)) {
            return Ok(());
        }
        let message = format!("{} was changed while it was verified", self.place.path().display());
        Err(Error::new(ErrorKind::Io, message).advise(Advice::RunAgain))
    }

    /// Makes a file durable that was there: whoever wrote it may not have done so.
    fn keep(&self, offered: &Offered) -> Result<()> {
        if self.options.durability == Durability::NoSync {
            return Ok(());
        }
        let synced = sync(offered.file.as_fd()).and_then(|()| offered.directory.sync_names());
        synced.map_err(|error| {
            let path = self.place.path().display();
            Error::io(format!("{path} is there and right, but may not survive a power cut"), error)
        })
    }
}

impl Stage for FileTarget {
    fn prepare(&mut self, job: &Job) -> Result<Room> {
        // A proof of the file that was offered does not fit what is filled in its stead.
        self.ticket = Ticket::new();
        self.observer = Arc::clone(&job.observer);
        self.output = job.output;
        // Lets go of an earlier partial: its lock would be waited for.
        if let State::Filling(filling) = std::mem::replace(&mut self.state, State::Idle) {
            filling.reopen();
        }
        if self.offer != Offer::Nothing {
            self.offer = offer(job);
        }
        let mut directory = self.open_folder()?;
        if let Some((file, found)) = self.inspect(&directory)? {
            return Ok(self.present(directory, file, found));
        }
        let mut patience = Patience::new(job, self.place.path(), self.ask);
        for _ in 0..MAX_TURNS {
            job.cancel.check()?;
            let partial = Partial::open(&directory, &self.place.name, &mut patience)?;
            // Whoever held the partial before may have finished the file.
            if let Some((file, found)) = self.inspect(&directory)? {
                return Ok(self.present(directory, file, found));
            }
            if let Some(partial) = partial {
                return self.fill(partial, job);
            }
            if directory.is_removed() {
                directory = self.open_folder()?;
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
        let status = match std::mem::replace(&mut self.state, State::Idle) {
            State::Filling(filling) => {
                let publication = Publication {
                    name: &self.place.name,
                    path: &path,
                    replace: self.replace(),
                    durability: self.options.durability,
                };
                // What came out of a decoder is as long as it is: the proof speaks of what went in.
                let size = (self.output == Output::Verbatim).then_some(verified.size);
                filling.publish(&publication, size)?;
                let target = path.display().to_string();
                self.observer.notice(&Event::Committed { target, digest: verified.digest.clone() });
                Status::Downloaded
            }
            State::Offered(offered) => {
                self.confirm(&offered)?;
                self.keep(&offered)?;
                // What a run has left that was killed as it ended, or while another one came to the same file.
                sweep(&offered.directory, &self.place.name, Done::Blob(&verified.digest));
                Status::Present
            }
            State::Idle => return Err(unprepared(&path)),
        };
        Ok(Receipt::new(Some(path), verified, status))
    }

    fn suspend(mut self: Box<Self>, fate: Fate) -> Result<Kept> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Filling(filling) => filling.suspend(fate),
            _ => Ok(Kept::Nothing),
        }
    }
}

impl Positioned for FileTarget {
    fn pages(&self) -> Result<Arc<dyn Pages>> {
        match &self.state {
            State::Filling(filling) => Ok(filling.pages()),
            _ => Err(unprepared(self.place.path())),
        }
    }

    fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        match &self.state {
            State::Filling(filling) => filling.ledger(),
            _ => None,
        }
    }
}

/// Decides what becomes of what has the final name.
fn judge(occupant: Occupant, offer: Offer, replace: Replace) -> Verdict {
    match (occupant, offer, replace) {
        (Occupant::Other(kind), ..) => Verdict::RefuseKind(kind),
        (Occupant::Regular { .. }, Offer::Any, _) => Verdict::Offer,
        (Occupant::Regular { length }, Offer::OfSize(size), _) if length == size => Verdict::Offer,
        (Occupant::Nobody, ..) | (Occupant::Regular { .. }, _, Replace::Always) => Verdict::Fill,
        (Occupant::Regular { .. }, _, Replace::Never) => Verdict::Refuse,
    }
}

/// Says which files could be the blob; none where a decoder stands between the two.
fn offer(job: &Job) -> Offer {
    match job.output {
        Output::Decoded => Offer::Nothing,
        Output::Verbatim => job.content.size.map_or(Offer::Any, Offer::OfSize),
    }
}

fn occupant(found: &Stat) -> Occupant {
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => Occupant::Regular { length: length(found) },
        other => Occupant::Other(other),
    }
}

fn unchanged(now: &Stat, then: &Stat) -> bool {
    same(now, then)
        && now.st_size == then.st_size
        && (now.st_mtime, now.st_mtime_nsec) == (then.st_mtime, then.st_mtime_nsec)
}

fn unprepared(path: &Path) -> Error {
    Error::new(ErrorKind::Io, format!("cannot fill {}, for which no room was made", path.display()))
}

#[cfg(test)]
mod tests;
