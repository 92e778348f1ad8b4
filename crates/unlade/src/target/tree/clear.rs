//! The removal of a folder that was being filled.

use std::ffi::{CStr, OsStr, OsString};
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, chmod, fstat, openat, unlinkat};
use rustix::io::Errno;

use super::super::directory::Directory;
use crate::error::{Advice, Error, ErrorKind, Result};

/// So many names of a folder are held in memory at once.
const BATCH: usize = 1024;

/// What the owner of a folder needs, to empty it.
const OWN: u32 = 0o700;

/// Removes a folder of a user and all that is in it, without following a link. It may be missing.
pub(super) fn clear(parent: &Directory, name: &OsStr, owner: u32) -> Result<()> {
    let failed = |error: Errno| {
        Error::io(format!("cannot remove the unfinished folder {}", parent.join(name).display()), error.into())
    };
    match parent.look(name)? {
        None => return Ok(()),
        Some(found) if FileType::from_raw_mode(found.st_mode) == FileType::Directory => {}
        Some(_) => return unlinkat(parent, name, AtFlags::empty()).map_err(failed),
    }
    if let Some(folder) = seize(parent, name, owner)? {
        loop {
            let names = batch(&folder)?;
            if names.is_empty() {
                break;
            }
            for name in names {
                clear(&folder, &name, owner)?;
            }
        }
    }
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// Opens a folder of a user, also one that its owner may not read.
///
/// Where others may write around it, its name can stand for something else at any moment: what is looked at and
/// changed is what is held, never what has the name.
fn seize(parent: &Directory, name: &OsStr, owner: u32) -> Result<Option<Directory>> {
    let path = parent.join(name);
    let failed = |error: Errno| Error::io(format!("cannot enter the folder {}", path.display()), error.into());
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let held = match openat(parent, name, flags, Mode::empty()) {
        Ok(held) => held,
        Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let found = fstat(&held).map_err(failed)?;
    if found.st_uid != owner {
        return Err(strange(parent, name, &format!("belongs to user {}", found.st_uid)));
    }
    if found.st_mode & OWN != OWN {
        // fchmod takes no descriptor of this kind. Without the rights the opening says why it fails.
        let _given_or_not = chmod(format!("/proc/self/fd/{}", held.as_raw_fd()), Mode::from_raw_mode(OWN));
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = openat(&held, ".", flags, Mode::empty()).map_err(failed)?;
    Ok(Some(Directory::held(opened, path)))
}

/// Refuses a folder that someone else could have a hand in.
pub(super) fn strange(parent: &Directory, name: &OsStr, objection: &str) -> Error {
    let path = parent.join(name).display().to_string();
    Error::new(ErrorKind::Io, format!("cannot use {path}, which {objection}")).advise(Advice::RemoveStranger(path))
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use rustix::process::geteuid;
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn what_a_name_leads_to_keeps_its_mode_and_its_files() {
        let folder = TempDir::new().unwrap();
        let victim = folder.path().join("victim");
        fs::create_dir(&victim).unwrap();
        fs::write(victim.join("x"), "mine").unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o511)).unwrap();
        symlink("victim", folder.path().join("link")).unwrap();
        let parent = Directory::at(folder.path()).unwrap();
        let owner = geteuid().as_raw();
        // As if the link had come between the look and the opening.
        assert!(seize(&parent, OsStr::new("link"), owner).is_err());
        assert!(seize(&parent, OsStr::new("victim"), owner + 1).is_err(), "it belongs to someone else");
        assert_eq!(fs::metadata(&victim).unwrap().mode() & 0o777, 0o511);
        clear(&parent, OsStr::new("link"), owner).unwrap();
        assert!(victim.join("x").exists());
        clear(&parent, OsStr::new("victim"), owner).unwrap();
        clear(&parent, OsStr::new("victim"), owner).unwrap();
        assert!(!victim.exists(), "a folder of one's own goes, also without the right to write it");
    }
}
