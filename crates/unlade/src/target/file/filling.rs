//! A partial while it is filled, and what becomes of it.

use std::path::PathBuf;
use std::sync::Arc;

use super::super::journal::Journal;
use super::super::lock::Hold;
use super::super::names::{journal_name, name_limit};
use super::super::pages::FilePages;
use super::super::partial::Partial;
use super::super::publish::Publication;
use super::super::room::Need;
use super::super::writeback::WriteBack;
use super::super::{Fate, GRANULE, Job, Kept, Ledger, Pages, Resume, Room};
use super::{Durability, FileOptions, Place};
use crate::error::Result;
use crate::observe::{Event, Observer};

/// A partial that is filled, its lock held, and its journal. Dropped, it is kept if a later run can go on with it.
#[derive(Debug)]
pub(super) struct Filling {
    partial: Partial,
    pages: Arc<FilePages>,
    journal: Option<Arc<Journal>>,
    writeback: Option<Arc<WriteBack>>,
    observer: Arc<dyn Observer>,
}

impl Filling {
    /// Takes a partial over, and makes room for what it does not hold.
    ///
    /// # Errors
    ///
    /// As for [`Stage::prepare`](crate::target::Stage::prepare). A partial that could be gone on with stays.
    pub(super) fn begin(mut partial: Partial, place: &Place, options: &FileOptions, job: &Job) -> Result<(Self, Room)> {
        let (path, observer) = (place.path(), Arc::clone(&job.observer));
        let size = job.output_size();
        let journal = match partial.hold() {
            Hold::Locked => journal(&partial, place, options, job)?,
            // Nobody could know whose it is.
            Hold::Unknowable => None,
        };
        // Now it is known of what use it is.
        partial.take_over();
        let known = journal.as_ref().map(|journal| journal.path().to_owned());
        observer.notice(&Event::PartialMade { path: partial.path().to_owned(), journal: known });
        let writeback = journal.as_ref().filter(|_| options.durability == Durability::Sync).map(|journal| {
            WriteBack::new(Arc::clone(partial.file()), Arc::clone(partial.directory()), Arc::clone(journal))
        });
        let pages = FilePages::new(Arc::clone(partial.file()), path, options.durability)
            .allocation(options.allocation)
            .writeback(writeback.clone());
        let filling = Self { partial, pages: Arc::new(pages), journal, writeback, observer };
        let need = Need { size, allocation: options.allocation, path, cancel: &job.cancel };
        let (file, directory) = (filling.partial.file(), filling.partial.directory());
        if job.resume == Resume::GoOn && filling.holds_something(size)? {
            need.take(file, directory)?;
            return Ok((filling, Room::Partial));
        }
        if let Some(journal) = &filling.journal {
            journal.clear()?;
        }
        need.take_afresh(file, directory)?;
        Ok((filling, Room::Empty))
    }

    /// Returns the pages.
    pub(super) fn pages(&self) -> Arc<dyn Pages> {
        Arc::clone(&self.pages) as Arc<dyn Pages>
    }

    /// Returns the record of what is there.
    pub(super) fn ledger(&self) -> Option<Arc<dyn Ledger>> {
        self.journal.clone().map(|journal| journal as Arc<dyn Ledger>)
    }

    /// Gives the partial its final name. If that fails, it stays for a later run, if there is a journal for that.
    pub(super) fn publish(mut self, publication: &Publication, size: Option<u64>) -> Result<()> {
        self.pages.seal();
        if let Some(Err(error)) = self.writeback.as_ref().map(|writeback| writeback.settle()) {
            self.partial.distrust();
            return Err(publication.unsynced(error));
        }
        // Whatever is written of it now, its name is the file's: that goes first, and what a crash in between leaves is
        // an orphan.
        publication.publish(&mut self.partial, size)
    }

    /// Ends without publishing.
    pub(super) fn suspend(mut self, fate: Fate) -> Result<Kept> {
        self.seal();
        match fate {
            Fate::Keep if self.is_of_use() => Ok(self.keep()),
            Fate::Discard | Fate::Keep => self.remove().map(|removed| removed.map_or(Kept::Nothing, Kept::Removed)),
        }
    }

    /// Lets go of the partial, which the same target opens again.
    pub(super) fn reopen(mut self) {
        self.seal();
        if self.is_of_use() {
            self.journal = None;
            self.partial.leave();
        }
    }

    fn holds_something(&self, size: Option<u64>) -> Result<bool> {
        match (&self.journal, size) {
            (Some(journal), Some(size)) if journal.held() > 0 => Ok(self.partial.length()? == size),
            _ => Ok(false),
        }
    }

    /// Waits for what is under way, and lets nothing further begin.
    fn seal(&self) {
        self.pages.seal();
        if let Some(journal) = &self.journal {
            journal.seal();
        }
    }

    /// Says whether a later run would go on with it. A sync that is under way is waited for: if it fails, the system tells
    /// us alone, and a later run would take what memory holds for what is on the disk.
    fn is_of_use(&self) -> bool {
        let journal = self.journal.as_ref().is_some_and(|journal| journal.held() > 0 && journal.is_usable());
        let is_synced = || self.writeback.as_ref().is_none_or(|writeback| writeback.settle().is_ok());
        journal && self.partial.is_usable() && is_synced()
    }

    fn keep(&mut self) -> Kept {
        let path = self.partial.path().to_owned();
        let bytes = self.journal.take().map(|journal| journal.held());
        self.partial.leave();
        self.observer.notice(&Event::PartialKept { path: path.clone(), bytes });
        Kept::Partial(path)
    }

    /// Removes the partial, and before it the journal, which without it is of no use.
    fn remove(&mut self) -> Result<Option<PathBuf>> {
        let cleared = self.journal.take().map_or(Ok(()), |journal| journal.clear());
        let removed = self.partial.remove();
        cleared.and(removed)
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        self.seal();
        if !self.partial.is_let_go() && self.is_of_use() {
            self.keep();
        }
        if let Some(journal) = self.journal.take() {
            // The partial is published, or is removed next. Whatever brought us here has an error of its own; an orphan
            // does no harm, and is removed by the next run.
            drop(journal.clear());
        }
    }
}

/// Opens the journal of a blob that is worth one; else removes what is there of an earlier run.
fn journal(partial: &Partial, place: &Place, options: &FileOptions, job: &Job) -> Result<Option<Arc<Journal>>> {
    let directory = partial.directory();
    let name = journal_name(&place.name, name_limit(directory));
    match job.output_size() {
        Some(size) if size > GRANULE && options.resume == Resume::GoOn => {
            Journal::open(directory, name, &job.content.digest, size, &job.observer)
                .map(|journal| Some(Arc::new(journal)))
        }
        _ => Journal::clear_away(directory, &name).map(|()| None),
    }
}
