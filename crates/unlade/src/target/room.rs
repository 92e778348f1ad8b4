//! Room for a file, before its first byte.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FallocateFlags, FsWord, fallocate, fstat, fstatfs, fstatvfs, ftruncate};
use rustix::io::Errno;

use super::directory::Directory;
use super::file::Allocation;
use crate::cancel::Cancel;
use crate::error::{Advice, Error, ErrorKind, Result};

/// What `statfs` calls a file system in memory: <https://man7.org/linux/man-pages/man2/statfs.2.html>.
const TMPFS: FsWord = 0x0102_1994;

/// The unit in which a file's room is told, in bytes: <https://man7.org/linux/man-pages/man3/stat.3type.html>.
const BLOCK: u64 = 512;

/// The room that a file will need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need<'a> {
    /// How long it will be in the end; `None` where that is not known.
    pub(super) size: Option<u64>,
    /// Whether all of it gets room.
    pub(super) allocation: Allocation,
    /// The path that the user knows it by.
    pub(super) path: &'a Path,
    /// A request to stop.
    pub(super) cancel: &'a Cancel,
}

impl Need<'_> {
    /// Empties a file, then takes the room.
    ///
    /// # Errors
    ///
    /// As for [`take`](Self::take).
    pub(super) fn take_afresh(&self, file: &File, directory: &Directory) -> Result<()> {
        // What a killed process left there is nobody's record, and takes up room.
        set_length(file, 0)
            .map_err(|error| Error::io(format!("cannot empty {}", self.path.display()), error.into()))?;
        self.take(file, directory)
    }

    /// Takes the room for what the file does not hold yet, so that it cannot run out of it on the way.
    ///
    /// What the file holds stays. Where the file system cannot allocate, the room is checked alone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSpace`] if there is less than that, or if no file there can be that long.
    pub(super) fn take(&self, file: &File, directory: &Directory) -> Result<()> {
        let Some(size) = self.size.filter(|size| *size > 0) else {
            return Ok(());
        };
        let missing = size.saturating_sub(held(file));
        if let Some(free) = free(directory).filter(|free| *free < missing) {
            let path = self.path.display();
            let message = format!("{path} needs {missing} bytes, and its file system has {free} left");
            return Err(Error::new(ErrorKind::NoSpace, message).advise(Advice::FreeSpace(missing)));
        }
        // What is allocated as a whole is not asked for again: some file systems want room for all of it once more.
        if missing > 0 && self.is_worth_allocating(file) && self.allocate(file, size)? {
            return Ok(());
        }
        set_length(file, size).map_err(|error| self.refused(size, error))
    }

    /// Says whether taking the room ahead gains anything.
    fn is_worth_allocating(&self, file: &File) -> bool {
        match self.allocation {
            // In memory it would mean to clear every page before the first byte.
            Allocation::Whole => !fstatfs(file).is_ok_and(|system| system.f_type == TMPFS),
            Allocation::Sparse => false,
        }
    }

    /// Allocates; returns false where the file system cannot.
    fn allocate(&self, file: &File, size: u64) -> Result<bool> {
        loop {
            self.cancel.check()?;
            match fallocate(file, FallocateFlags::empty(), 0, size) {
                Ok(()) => return Ok(true),
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => return Ok(false),
                Err(error) => return Err(self.refused(size, error)),
            }
        }
    }

    fn refused(&self, size: u64, error: Errno) -> Error {
        let message = format!("cannot make room for the {size} bytes of {}", self.path.display());
        match error {
            Errno::NOSPC | Errno::DQUOT => Error::new(ErrorKind::NoSpace, message)
                .advise(Advice::FreeSpace(size))
                .caused_by(std::io::Error::from(error)),
            // Longer than a file there can be; freeing room would not help.
            Errno::FBIG | Errno::INVAL => {
                Error::new(ErrorKind::NoSpace, message).caused_by(std::io::Error::from(error))
            }
            _ => Error::io(message, error.into()),
        }
    }
}

/// Sets the length of a file.
pub(super) fn set_length(file: &File, length: u64) -> rustix::io::Result<()> {
    loop {
        match ftruncate(file, length) {
            Err(Errno::INTR) => {}
            outcome => return outcome,
        }
    }
}

/// Returns how many bytes of room a file has already.
fn held(file: &File) -> u64 {
    let blocks = fstat(file).ok().and_then(|found| u64::try_from(found.st_blocks).ok());
    blocks.unwrap_or(0).saturating_mul(BLOCK)
}

/// Returns how many bytes a file in the folder can have; `None` where the file system does not tell.
fn free(directory: &Directory) -> Option<u64> {
    let system = fstatvfs(directory).ok()?;
    // A system without a size is one that does not count, and not a full one.
    (system.f_blocks > 0).then(|| system.f_bavail.saturating_mul(system.f_frsize))
}
