//! The removal of a folder that was being filled.

use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{AtFlags, Dir, FileType, Mode, chmodat, fchmod, unlinkat};
use rustix::io::Errno;

use super::super::directory::Directory;
use crate::error::{Error, Result};

/// So many names of a folder are held in memory at once.
const BATCH: usize = 1024;

/// Removes a folder and all that is in it, without following a link. It may be missing.
pub(super) fn clear(parent: &Directory, name: &OsStr) -> Result<()> {
    let failed = |error: Errno| {
        Error::io(format!("cannot remove the unfinished folder {}", parent.join(name).display()), error.into())
    };
    match parent.look(name)? {
        None => return Ok(()),
        Some(found) if FileType::from_raw_mode(found.st_mode) == FileType::Directory => {}
        Some(_) => return unlinkat(parent, name, AtFlags::empty()).map_err(failed),
    }
    if let Some(folder) = open(parent, name)? {
        // The archive may have taken away the owner's rights; without them the removal says why it fails.
        let _given_or_not = fchmod(&folder, Mode::from_raw_mode(0o700));
        loop {
            let names = batch(&folder)?;
            if names.is_empty() {
                break;
            }
            for name in names {
                clear(&folder, &name)?;
            }
        }
    }
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Opens a folder, also one that its owner may not read.
fn open(parent: &Directory, name: &OsStr) -> Result<Option<Directory>> {
    parent.step_into(name).or_else(|error| {
        chmodat(parent, name, Mode::from_raw_mode(0o700), AtFlags::empty()).map_err(|_| error)?;
        parent.step_into(name)
    })
}

/// Returns some of the names in a folder; none if it is empty.
pub(super) fn batch(folder: &Directory) -> Result<Vec<OsString>> {
    let mut names = Vec::new();
    each(folder, |name| {
        names.push(name.to_owned());
        Ok(names.len() < BATCH)
    })?;
    Ok(names)
}

/// Calls for each name in a folder, as long as that says to go on.
pub(super) fn each(folder: &Directory, mut visit: impl FnMut(&OsStr) -> Result<bool>) -> Result<()> {
    let unread = |error: Errno| Error::io(format!("cannot list the folder {}", folder.path().display()), error.into());
    let entries = Dir::read_from(folder).map_err(unread)?;
    for entry in entries {
        let entry = entry.map_err(unread)?;
        let name: &CStr = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if !visit(OsStr::from_bytes(name.to_bytes()))? {
            return Ok(());
        }
    }
    Ok(())
}
