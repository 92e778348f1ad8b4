//! Which of the files beside a target are this user's own, and may be used.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, Stat, fchmod, fstat, openat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::directory::{Directory, describe};
use crate::error::{Advice, Error, ErrorKind, Result};

/// The write bits of everybody but the owner.
const FOREIGN_WRITE: u32 = 0o022;

/// The mode of what nobody else is to read yet.
pub(super) const OWNER_ALONE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Who made a file that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// It was there.
    Found,
    /// This call made it: no one else can be its owner, whatever the file system says of modes and users.
    Made,
}

/// How a file beside a target is opened.
pub(super) const FLAGS: OFlags = OFlags::RDWR.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Makes a file that was not there, for its owner alone.
pub(super) fn make(directory: &Directory, name: &OsStr) -> rustix::io::Result<File> {
    openat(directory, name, FLAGS | OFlags::CREATE | OFlags::EXCL, OWNER_ALONE).map(File::from)
}

/// Sets the mode of a file that is ours, where its file system has modes to set.
pub(super) fn change_mode(file: &File, mode: Mode) -> rustix::io::Result<()> {
    match fchmod(file, mode) {
        // The file is ours: it is the file system that has none.
        Err(Errno::PERM | Errno::OPNOTSUPP) => Ok(()),
        outcome => outcome,
    }
}

/// Opens what is there, without following or waking anything, or makes a new file.
///
/// Returns `None` if one that was there went away in between, or the whole folder.
pub(super) fn open_or_make(directory: &Directory, name: &OsStr, path: &Path) -> Result<Option<(File, Origin)>> {
    match make(directory, name) {
        Ok(made) => return Ok(Some((made, Origin::Made))),
        Err(Errno::EXIST) => {}
        Err(Errno::NOENT) if directory.is_removed() => return Ok(None),
        Err(error) => return Err(unmade(directory, error)),
    }
    Ok(open(directory, name, path)?.map(|file| (file, Origin::Found)))
}

/// Opens what is there, without following or waking anything; `None` if nothing is.
pub(super) fn open(directory: &Directory, name: &OsStr, path: &Path) -> Result<Option<File>> {
    // Looked at before it is opened: opening a device can do things to it.
    let Some(found) = directory.look(name)? else {
        return Ok(None);
    };
    if let Some(objection) = strangeness(&found) {
        return Err(refused(path, &objection));
    }
    match openat(directory, name, FLAGS, Mode::empty()) {
        Ok(opened) => {
            let found = fstat(&opened).map_err(|error| unusable(path, error))?;
            match strangeness(&found) {
                Some(objection) => Err(refused(path, &objection)),
                None => Ok(Some(opened.into())),
            }
        }
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::ACCESS) => {
            Err(unusable(path, Errno::ACCESS).advise(Advice::RemoveStranger(path.display().to_string())))
        }
        Err(error) => Err(unusable(path, error)),
    }
}

/// Says what speaks against opening a file and waiting for its lock.
fn strangeness(found: &Stat) -> Option<String> {
    let kind = FileType::from_raw_mode(found.st_mode);
    if kind != FileType::RegularFile {
        return Some(format!("is {}", describe(kind)));
    }
    (found.st_uid != geteuid().as_raw()).then(|| format!("belongs to user {}", found.st_uid))
}

/// Says what speaks against using a file that is locked.
///
/// Links and modes are judged now and not before: whoever published it a moment ago changed both.
pub(super) fn objection(found: &Stat, origin: Origin) -> Option<String> {
    if found.st_nlink != 1 {
        return Some(format!("has {} links", found.st_nlink));
    }
    if origin == Origin::Made {
        return None;
    }
    strangeness(found).or_else(|| (found.st_mode & FOREIGN_WRITE != 0).then(|| "can be written by others".to_owned()))
}

/// Makes the error for a file that is not used, and what helps.
pub(super) fn refused(path: &Path, objection: &str) -> Error {
    Error::new(ErrorKind::Io, format!("cannot use {}, which {objection}", path.display()))
        .advise(Advice::RemoveStranger(path.display().to_string()))
}

/// Makes the error for a file that could not be made.
pub(super) fn unmade(directory: &Directory, error: Errno) -> Error {
    Error::io(format!("cannot make a file in the folder {}", directory.path().display()), error.into())
}

/// Makes the error for a file that could not be opened.
pub(super) fn unusable(path: &Path, error: Errno) -> Error {
    Error::io(format!("cannot open {}", path.display()), error.into())
}
