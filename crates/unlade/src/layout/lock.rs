//! The lock of a layout, which whoever changes its index holds.

use std::fs::File;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;
use rustix::path::Arg;

use super::folder::Folder;
use crate::error::{Error, ErrorKind, Result};
use crate::target::{Job, lock_file};

/// So often is the file opened anew because another one had taken its place once it was locked.
const MAX_TURNS: u32 = 16;

/// Locks a file of a layout, waiting for whoever holds it; the lock falls with the file.
///
/// The index itself cannot be locked: it is replaced. What makes a folder a layout stays the same file.
pub(super) fn acquire(folder: &Folder, name: &str, index: &Path, job: &Job) -> Result<File> {
    let path = index.with_file_name(name);
    let failed = |errno: Errno| Error::io(format!("cannot open {} to lock it", path.display()), errno.into());
    for _ in 0..MAX_TURNS {
        let file = open(folder, name).map_err(failed)?;
        lock_file(&file, &path, index, job)?;
        let locked = fstat(&file).map_err(failed)?;
        let named = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        if is_the_same(&locked, &named) {
            return Ok(file);
        }
    }
    Err(Error::new(ErrorKind::Io, format!("cannot lock {}: other programs keep replacing it", path.display())))
}

fn open(folder: &Folder, name: impl Arg + Copy) -> rustix::io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // Network file systems lock for writing what is open for writing alone.
    match openat(folder, name, flags | OFlags::RDWR, Mode::empty()) {
        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => openat(folder, name, flags | OFlags::RDONLY, Mode::empty()),
        opened => opened,
    }
    .map(File::from)
}

fn is_the_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}
