//! The journal beside a partial: `.NAME.unlade-journal`, which says what the partial holds.
//!
//! It is a heading and records that are appended, one for each granule that was written. Nothing waits for a sync of it, so
//! that it may say more than what a power cut has left: whoever goes on with the partial checks each granule. The lock
//! of the partial covers it.

mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, Stat, fstat, unlinkat};
use rustix::io::Errno;

pub(super) use self::record::Heading;
use self::record::{HEADING, RECORD};
use super::directory::{Directory, length, same};
use super::own::{self, Origin, objection, refused, unusable};
use super::{GRANULE, Ledger};
use crate::error::{Error, Result};
use crate::observe::{Event, Observer};
use crate::spec::digest::Digest;

/// So many records are read at once.
const BATCH: usize = 1024;

/// So many records a journal may have for each granule, before and besides those that are looked at: granules are noted
/// anew when they turn out to be wrong, and what is longer is no journal of ours.
const MAX_NOTES: u64 = 4;

/// So often is a journal opened anew because another one had taken its place.
const MAX_TURNS: u32 = 16;

/// The record of one blob's partial; made at the first note.
#[derive(Debug)]
pub(super) struct Journal {
    directory: Arc<Directory>,
    name: OsString,
    path: PathBuf,
    heading: Heading,
    size: u64,
    observer: Arc<dyn Observer>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: Option<Written>,
    noted: BTreeSet<u64>,
    mood: Mood,
}

/// A file, and where its next record goes.
#[derive(Debug)]
struct Written {
    file: File,
    found: Stat,
    end: u64,
}

/// What becomes of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// It is dropped: the partial is finished, or another's, or the journal cannot be written.
    Dropping,
    Writing,
}

impl Journal {
    /// Opens the journal of a blob's partial, whose lock must be held. One that is of another blob is removed.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io) for one that someone else could have a hand in; it is neither used nor removed.
    pub(super) fn open(
        directory: &Arc<Directory>,
        name: OsString,
        digest: &Digest,
        size: u64,
        observer: &Arc<dyn Observer>,
    ) -> Result<Self> {
        let path = directory.join(&name);
        let heading = Heading::new(digest, size);
        let (mut file, mut known) = (None, BTreeMap::new());
        if let Some((found, stat)) = find(directory, &name, &path)? {
            let read = read(&found, &heading, &path).unwrap_or_else(|error| {
                let text = format!("{}: what an earlier run left is not used", error.chain().join(": "));
                observer.notice(&Event::Warning { text });
                None
            });
            if let Some((records, end)) = read {
                (file, known) = (Some(Written { file: found, found: stat, end }), records);
            } else {
                remove(directory, &name, &stat, &path)?;
            }
        }
        let state = State { file, noted: known.into_keys().collect(), mood: Mood::Writing };
        let directory = Arc::clone(directory);
        let (observer, state) = (Arc::clone(observer), Mutex::new(state));
        Ok(Self { directory, name, path, heading, size, observer, state })
    }

    /// Removes the journal of a partial, whose lock must be held, where there is to be none.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub(super) fn clear_away(directory: &Directory, name: &OsStr) -> Result<()> {
        let path = directory.join(name);
        match find(directory, name, &path)? {
            Some((_, found)) => remove(directory, name, &found, &path),
            None => Ok(()),
        }
    }

    /// Looks at a journal whose partial's lock is held, of whatever blob: returns its heading if a record follows.
    pub(super) fn glance(directory: &Directory, name: &OsStr) -> Option<Heading> {
        let (file, _) = find(directory, name, &directory.join(name)).ok()??;
        let (mut heading, mut first) = ([0; HEADING], [0; RECORD]);
        file.read_exact_at(&mut heading, 0).ok()?;
        let heading = Heading::read(heading)?;
        let (mut at, mut known) = (HEADING as u64, BTreeMap::new());
        // A torn one is passed over.
        while known.is_empty() && at < (HEADING + BATCH * RECORD) as u64 {
            file.read_exact_at(&mut first, at).ok()?;
            heading.replay(&first, &mut known);
            at += RECORD as u64;
        }
        (!known.is_empty()).then_some(heading)
    }

    /// Returns the path that it has, or will have.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns how many bytes the granules have that were noted.
    pub(super) fn held(&self) -> u64 {
        let state = self.state();
        state.noted.iter().map(|granule| self.size.saturating_sub(granule * GRANULE).min(GRANULE)).sum()
    }

    /// Says whether a next run would use the file.
    pub(super) fn is_usable(&self) -> bool {
        let named = self.directory.look(&self.name).ok().flatten();
        match (&self.state().file, named) {
            (Some(written), Some(named)) => same(&named, &written.found) && objection(&named, Origin::Found).is_none(),
            _ => false,
        }
    }

    /// Makes the records durable that were noted so far.
    pub(super) fn sync(&self) {
        // Not under the lock: whoever notes something does not wait for the disk.
        let file = self.state().file.as_ref().and_then(|written| written.file.try_clone().ok());
        // A record that is lost costs what it speaks of, and that alone.
        drop(file.map(|file| file.sync_data()));
    }

    /// Takes no further notes: a thread that outlives its download could otherwise write into that of the next run.
    pub(super) fn seal(&self) {
        self.state().mood = Mood::Dropping;
    }

    /// Removes the file, if its name still stands for it, and forgets what was noted.
    pub(super) fn clear(&self) -> Result<()> {
        let mut state = self.state();
        state.noted.clear();
        match state.file.take() {
            Some(written) => remove(&self.directory, &self.name, &written.found, &self.path),
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a record, and makes the file for the first one.
    fn append(&self, state: &mut State, record: &[u8; RECORD]) -> Result<()> {
        let failed = |error| Error::io(format!("cannot write to {}", self.path.display()), error);
        if let Some(written) = &mut state.file {
            written.file.write_all_at(record, written.end).map_err(failed)?;
            written.end += RECORD as u64;
            return Ok(());
        }
        let made = |error: Errno| Error::io(format!("cannot make {}", self.path.display()), error.into());
        let file = own::make(&self.directory, &self.name).map_err(made)?;
        let found = fstat(&file).map_err(|error| unusable(&self.path, error))?;
        let written = state.file.insert(Written { file, found, end: (HEADING + RECORD) as u64 });
        let mut text = self.heading.bytes().to_vec();
        text.extend_from_slice(record);
        written.file.write_all_at(&text, 0).map_err(failed)
    }
}

impl Ledger for Journal {
    fn replay(&self) -> Result<Vec<(u64, u64)>> {
        match &self.state().file {
            Some(written) => Ok(replay(&written.file, &self.heading, &self.path)?.0.into_iter().collect()),
            None => Ok(Vec::new()),
        }
    }

    fn note(&self, granule: u64, checksum: u64) -> Result<()> {
        let mut state = self.state();
        if state.mood == Mood::Dropping || granule >= self.heading.granules() {
            return Ok(());
        }
        match self.append(&mut state, &self.heading.record(granule, checksum)) {
            Ok(()) => {
                state.noted.insert(granule);
            }
            // It is for the worst case alone: the download itself does not need it.
            Err(error) => {
                state.mood = Mood::Dropping;
                let text = format!("{}; a run that is stopped now may start over", error.chain().join(": "));
                self.observer.notice(&Event::Warning { text });
            }
        }
        Ok(())
    }
}

/// Opens a journal that is there, and looks at it again: whoever held the partial before may remove it in this moment.
fn find(directory: &Directory, name: &OsStr, path: &Path) -> Result<Option<(File, Stat)>> {
    for _ in 0..MAX_TURNS {
        let Some(file) = own::open(directory, name, path)? else { return Ok(None) };
        let found = fstat(&file).map_err(|error| unusable(path, error))?;
        if directory.look(name)?.is_some_and(|named| same(&named, &found)) {
            return match objection(&found, Origin::Found) {
                Some(objection) => Err(refused(path, &objection)),
                None => Ok(Some((file, found))),
            };
        }
    }
    Err(refused(path, "other programs keep replacing"))
}

fn remove(directory: &Directory, name: &OsStr, found: &Stat, path: &Path) -> Result<()> {
    if !directory.look(name)?.is_some_and(|named| same(&named, found)) {
        return Ok(());
    }
    unlinkat(directory, name, AtFlags::empty())
        .map_err(|error| Error::io(format!("cannot remove {}", path.display()), error.into()))
}

/// Reads a journal; `None` if it is not that of the blob.
fn read(file: &File, heading: &Heading, path: &Path) -> Result<Option<(BTreeMap<u64, u64>, u64)>> {
    if is_headed(file, heading, path)? { replay(file, heading, path).map(Some) } else { Ok(None) }
}

fn is_headed(file: &File, heading: &Heading, path: &Path) -> Result<bool> {
    let mut bytes = [0; HEADING];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(bytes == *heading.bytes()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(Error::io(format!("cannot read {}", path.display()), error)),
    }
}

/// Reads all records; returns what they say, and where the next one goes: a torn one at the end is written over.
fn replay(file: &File, heading: &Heading, path: &Path) -> Result<(BTreeMap<u64, u64>, u64)> {
    let failed = |error| Error::io(format!("cannot read {}", path.display()), error);
    let found = fstat(file).map_err(|error| failed(error.into()))?;
    let records = length(&found).saturating_sub(HEADING as u64) / RECORD as u64;
    let end = HEADING as u64 + records.min(heading.granules().saturating_mul(MAX_NOTES)) * RECORD as u64;
    let (mut known, mut batch, mut at) = (BTreeMap::new(), vec![0; BATCH * RECORD], HEADING as u64);
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(batch.len());
        match file.read_exact_at(&mut batch[..wanted], at) {
            Ok(()) => heading.replay(&batch[..wanted], &mut known),
            // Cut off in this moment, by nobody of ours.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(failed(error)),
        }
        at += wanted as u64;
    }
    Ok((known, at))
}
