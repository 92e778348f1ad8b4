//! Room for a file, before its first byte.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, fstatvfs, ftruncate};
use rustix::io::Errno;

use super::directory::Directory;
use crate::cancel::Cancel;
use crate::error::{Advice, Error, ErrorKind, Result};

/// Empties a file and takes the room that it will need, so that it cannot run out of it on the way.
///
/// Where the file system cannot allocate, the room is checked alone.
///
/// # Errors
///
/// [`ErrorKind::NoSpace`] if there is less than that, or if no file there can be that long.
pub(super) fn reserve(
    file: &File,
    size: Option<u64>,
    directory: &Directory,
    path: &Path,
    cancel: &Cancel,
) -> Result<()> {
    // What a killed process left there is nobody's record, and takes up room.
    set_length(file, 0).map_err(|error| Error::io(format!("cannot empty {}", path.display()), error.into()))?;
    let Some(size) = size.filter(|size| *size > 0) else {
        return Ok(());
    };
    if let Some(free) = free(directory).filter(|free| *free < size) {
        let message = format!("{} needs {size} bytes, and its file system has {free} left", path.display());
        return Err(Error::new(ErrorKind::NoSpace, message).advise(Advice::FreeSpace(size)));
    }
    loop {
        cancel.check()?;
        match fallocate(file, FallocateFlags::empty(), 0, size) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => break,
            Err(error) => return Err(refused(size, path, error)),
        }
    }
    set_length(file, size).map_err(|error| refused(size, path, error))
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

/// Returns how many bytes a file in the folder can have; `None` where the file system does not tell.
fn free(directory: &Directory) -> Option<u64> {
    let system = fstatvfs(directory).ok()?;
    // A system without a size is one that does not count, and not a full one.
    (system.f_blocks > 0).then(|| system.f_bavail.saturating_mul(system.f_frsize))
}

fn refused(size: u64, path: &Path, error: Errno) -> Error {
    let message = format!("cannot make room for the {size} bytes of {}", path.display());
    match error {
        Errno::NOSPC | Errno::DQUOT => Error::new(ErrorKind::NoSpace, message)
            .advise(Advice::FreeSpace(size))
            .caused_by(std::io::Error::from(error)),
        // Longer than a file there can be; freeing room would not help.
        Errno::FBIG | Errno::INVAL => Error::new(ErrorKind::NoSpace, message).caused_by(std::io::Error::from(error)),
        _ => Error::io(message, error.into()),
    }
}
