//! The bytes of a partial, for the threads that fill it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::Pages;
use super::file::{Allocation, Durability};
use super::writeback::WriteBack;
use crate::error::{Advice, Error, ErrorKind, Result};

/// A file that is written at offsets until it is sealed.
#[derive(Debug)]
pub(super) struct FilePages {
    file: Arc<File>,
    path: PathBuf,
    durability: Durability,
    allocation: Allocation,
    writeback: Option<Arc<WriteBack>>,
    state: RwLock<State>,
}

/// What file systems allocate at least, in bytes: a hole begins and ends at such a place.
const BLOCK: usize = 4096;

static ZEROS: [u8; BLOCK] = [0; BLOCK];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Sealed,
}

impl FilePages {
    /// Opens the pages of a file that the user knows by the path.
    pub(super) fn new(file: Arc<File>, path: &Path, durability: Durability) -> Self {
        let (path, state) = (path.to_owned(), RwLock::new(State::Open));
        Self { file, path, durability, allocation: Allocation::Whole, writeback: None, state }
    }

    /// Sets what becomes of zeros.
    pub(super) fn allocation(mut self, allocation: Allocation) -> Self {
        self.allocation = allocation;
        self
    }

    /// Has what is written synced while more comes.
    pub(super) fn writeback(mut self, writeback: Option<Arc<WriteBack>>) -> Self {
        self.writeback = writeback;
        self
    }

    /// Waits for the writes that are under way, and lets no further ones begin.
    ///
    /// A thread that outlives its download could otherwise change a file that is proven already.
    pub(super) fn seal(&self) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = State::Sealed;
    }

    /// Writes what is not zero, and makes holes of the rest.
    fn write_around_zeros(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut at = 0;
        for (kind, length) in runs(bytes, offset) {
            let (run, place) = (&bytes[at..at + length], offset + at as u64);
            // What is there may be from before: it is not enough to write nothing.
            if kind == Run::Bytes || !self.punch(place, length) {
                self.file.write_all_at(run, place)?;
            }
            at += length;
        }
        Ok(())
    }

    /// Makes a hole, which reads as zeros; returns false where the file system has none.
    fn punch(&self, place: u64, length: usize) -> bool {
        loop {
            match fallocate(&self.file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, place, length as u64) {
                Ok(()) => return true,
                Err(Errno::INTR) => {}
                // Whatever speaks against it: zeros that are written are zeros too.
                Err(_) => return false,
            }
        }
    }
}

/// What a run of bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Bytes,
    /// Whole blocks without anything in them.
    Zeros,
}

/// Divides bytes that go to an offset into runs, by whole blocks of the file.
fn runs(bytes: &[u8], offset: u64) -> Vec<(Run, usize)> {
    let mut runs: Vec<(Run, usize)> = Vec::new();
    let mut rest = bytes;
    // To the next whole block first.
    let block = BLOCK as u64;
    let mut next = usize::try_from(offset.next_multiple_of(block) - offset).unwrap_or(0).min(rest.len());
    while !rest.is_empty() {
        let length = if next > 0 { std::mem::take(&mut next) } else { rest.len().min(BLOCK) };
        let (piece, after) = rest.split_at(length);
        let kind = if piece == ZEROS { Run::Zeros } else { Run::Bytes };
        match runs.last_mut() {
            Some((last, so_far)) if *last == kind => *so_far += length,
            _ => runs.push((kind, length)),
        }
        rest = after;
    }
    runs
}

impl Pages for FilePages {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if *state == State::Sealed {
            let message = format!("cannot write to {} after its end", self.path.display());
            return Err(Error::new(ErrorKind::Io, message));
        }
        let written = match self.allocation {
            Allocation::Sparse => self.write_around_zeros(bytes, offset),
            Allocation::Whole => self.file.write_all_at(bytes, offset),
        };
        written.map_err(|error| unwritten(&self.path, offset + bytes.len() as u64, error))?;
        if let Some(writeback) = &self.writeback {
            writeback.note(bytes.len() as u64);
        }
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(format!("cannot read {}", self.path.display()), error)),
            }
        }
        Ok(filled)
    }

    fn sync_data(&self) -> Result<()> {
        match self.durability {
            Durability::NoSync => Ok(()),
            Durability::Sync => {
                self.file.sync_data().map_err(|error| Error::io(format!("cannot sync {}", self.path.display()), error))
            }
        }
    }
}

/// Says that a file could not be made so many bytes long.
fn unwritten(path: &Path, length: u64, error: io::Error) -> Error {
    // Where a single file may not be longer, freeing room would not help.
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let error = Error::io(format!("cannot write to {}", path.display()), error);
    if is_full { error.advise(Advice::FreeSpace(length)) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_from_a_limit() {
        for (cause, kind, advice) in [
            (io::ErrorKind::StorageFull, ErrorKind::NoSpace, Some(Advice::FreeSpace(7))),
            (io::ErrorKind::QuotaExceeded, ErrorKind::NoSpace, Some(Advice::FreeSpace(7))),
            (io::ErrorKind::FileTooLarge, ErrorKind::NoSpace, None),
            (io::ErrorKind::PermissionDenied, ErrorKind::Io, None),
        ] {
            let error = unwritten(Path::new("disk.img"), 7, cause.into());
            assert_eq!((error.kind(), &error.context().advice), (kind, &advice), "{cause}");
        }
    }

    #[test]
    fn holes_are_whole_blocks_of_the_file() {
        let (x, zero) = (Run::Bytes, Run::Zeros);
        let bytes = |spans: &[(u8, usize)]| -> Vec<u8> {
            spans.iter().flat_map(|(byte, length)| std::iter::repeat_n(*byte, *length)).collect()
        };
        for (offset, spans, expected) in [
            (0, &[(0, 8192)][..], &[(zero, 8192)][..]),
            (0, &[(0, 4096), (1, 1), (0, 8191), (0, 4096)], &[(zero, 4096), (x, 4096), (zero, 8192)]),
            (1, &[(0, 4095), (0, 4096)], &[(x, 4095), (zero, 4096)]),
            (4095, &[(0, 1), (0, 4096), (0, 5)], &[(x, 1), (zero, 4096), (x, 5)]),
            (100, &[(0, 50)], &[(x, 50)]),
            (8192, &[(7, 5000)], &[(x, 5000)]),
            (0, &[], &[]),
        ] {
            assert_eq!(runs(&bytes(spans), offset), expected, "{offset} {spans:?}");
        }
    }

    #[test]
    fn zeros_that_are_written_over_something_are_zeros() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let pages = FilePages::new(Arc::clone(&file), Path::new("disk.img"), Durability::NoSync);
        let pages = pages.allocation(Allocation::Sparse);
        pages.write_at(&[7; 3 * BLOCK], 0).unwrap();
        pages.write_at(&[0; 2 * BLOCK], 10).unwrap();
        let mut expected = vec![7; 3 * BLOCK];
        expected[10..10 + 2 * BLOCK].fill(0);
        let mut read = vec![1; 3 * BLOCK];
        assert_eq!(pages.read_at(&mut read, 0).unwrap(), 3 * BLOCK);
        assert!(read == expected);
    }

    #[test]
    fn what_the_system_says_reaches_the_user() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let pages = FilePages::new(Arc::new(full), Path::new("disk.img"), Durability::NoSync);
        let error = pages.write_at(b"cargo", 3).unwrap_err();
        assert_eq!((error.kind(), &error.context().advice), (ErrorKind::NoSpace, &Some(Advice::FreeSpace(8))));
    }
}
