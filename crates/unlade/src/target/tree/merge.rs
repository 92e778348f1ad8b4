//! From an unpacked folder to the one that has its final name.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{
    Access, AtFlags, FileType, Mode, OFlags, RenameFlags, Stat, StatxFlags, accessat, fstat, linkat, openat,
    readlinkat, renameat, renameat_with, statx, unlinkat,
};
use rustix::io::Errno;

use super::super::directory::{Directory, describe, length};
use super::super::file::Durability;
use super::super::place::Replace;
use super::super::publish::exists;
use super::clear::{batch, each};
use crate::cancel::Cancel;
use crate::error::{Advice, Error, ErrorKind, Result};

/// How much of two files is compared at once.
const PIECE: usize = 64 << 10;

/// Permissions that two files that are the same have in common.
const PERMISSIONS: u32 = 0o777;

/// What a name meets where it goes.
enum Meeting {
    /// A file that it may be the same as, or replaces: both, the new one first.
    File(Box<[Stat; 2]>),
    /// Another folder: what is in them meets in turn.
    Folder,
    /// A link, which is never replaced.
    Link,
    Nothing,
}

/// How two files compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    Different,
    Same,
    /// One of them cannot be read.
    Unknown,
}

/// The terms on which one folder goes into another.
pub(super) struct Merge<'a> {
    pub(super) replace: Replace,
    pub(super) durability: Durability,
    pub(super) cancel: &'a Cancel,
}

impl Merge<'_> {
    /// Fails if something is in the way; changes nothing there. What is there as it should be is removed from the
    /// folder that it would come from, so that what is left is what has to be moved.
    pub(super) fn check(&self, from: &Directory, to: &Directory) -> Result<()> {
        let mut comes = false;
        each(from, |name| {
            self.cancel.check()?;
            match meet(from, to, name)? {
                Meeting::Nothing => comes = true,
                Meeting::Folder => {
                    if let (Some(from), Some(to)) = (from.step_into(name)?, to.step_into(name)?) {
                        self.check(&from, &to)?;
                    }
                }
                Meeting::File(stats) => match self.compare(from, to, name, &stats)? {
                    Likeness::Same => drop_same(from, name)?,
                    likeness => {
                        self.may_replace(to, name, likeness)?;
                        comes = true;
                    }
                },
                Meeting::Link if is_same_link(from, to, name) => drop_same(from, name)?,
                Meeting::Link => return Err(other_link(to, name)),
            }
            Ok(true)
        })?;
        if comes { may_fill(from, to) } else { Ok(()) }
    }

    /// Moves everything over that [`check`](Self::check) left, each file by one renaming, and counts them.
    ///
    /// # Errors
    ///
    /// What was moved before an error stays.
    pub(super) fn carry_out(&self, from: &Directory, to: &Directory, moved: &mut u64) -> Result<()> {
        let before = *moved;
        loop {
            let names = batch(from)?;
            if names.is_empty() {
                break;
            }
            for name in names {
                self.settle(from, to, &name, moved)?;
            }
        }
        match self.durability {
            Durability::Sync if *moved > before => {
                to.sync().map_err(|error| Error::io(format!("cannot sync the folder {}", to.path().display()), error))
            }
            _ => Ok(()),
        }
    }

    fn settle(&self, from: &Directory, to: &Directory, name: &OsStr, moved: &mut u64) -> Result<()> {
        let failed = |error: Errno| Error::io(format!("cannot publish {}", to.join(name).display()), error.into());
        match meet(from, to, name)? {
            Meeting::Nothing => match publish(from, name, to, name) {
                Ok(()) => {}
                Err(Errno::EXIST | Errno::NOTEMPTY) => return Err(exists(&to.join(name))),
                Err(error) => return Err(failed(error)),
            },
            Meeting::File(_) => {
                self.may_replace(to, name, Likeness::Different)?;
                renameat(from, name, to, name).map_err(failed)?;
            }
            Meeting::Folder => {
                if let (Some(from), Some(to)) = (from.step_into(name)?, to.step_into(name)?) {
                    self.carry_out(&from, &to, moved)?;
                }
                return unlinkat(from, name, AtFlags::REMOVEDIR).map_err(failed);
            }
            Meeting::Link => return Err(other_link(to, name)),
        }
        *moved += 1;
        Ok(())
    }

    fn may_replace(&self, to: &Directory, name: &OsStr, likeness: Likeness) -> Result<()> {
        let path = to.join(name);
        match (self.replace, likeness) {
            (Replace::Always, _) => Ok(()),
            (Replace::Never, Likeness::Unknown) => {
                let message =
                    format!("{} exists already, and cannot be read, so that it can be compared", path.display());
                Err(Error::new(ErrorKind::Exists, message).advise(Advice::Overwrite))
            }
            (Replace::Never, _) => Err(exists(&path)),
        }
    }

    /// Compares two files. The mode counts where it can be brought: by replacing the file.
    fn compare(&self, from: &Directory, to: &Directory, name: &OsStr, stats: &[Stat; 2]) -> Result<Likeness> {
        let [new, there] = stats.each_ref().map(|stat| stat.st_mode & PERMISSIONS);
        if new != there && self.replace == Replace::Always {
            return Ok(Likeness::Different);
        }
        self.compare_content(from, to, name, stats)
    }

    fn compare_content(&self, from: &Directory, to: &Directory, name: &OsStr, stats: &[Stat; 2]) -> Result<Likeness> {
        let [new, there] = stats.each_ref().map(length);
        if new != there {
            return Ok(Likeness::Different);
        }
        let (Some(one), Some(other)) = (open(from, name), open(to, name)) else { return Ok(Likeness::Unknown) };
        let (mut left, mut right) = (vec![0; PIECE], vec![0; PIECE]);
        let mut offset = 0;
        while offset < new {
            self.cancel.check()?;
            let wanted = PIECE.min(usize::try_from(new - offset).unwrap_or(PIECE));
            let (left, right) = (&mut left[..wanted], &mut right[..wanted]);
            if one.read_exact_at(left, offset).is_err() || other.read_exact_at(right, offset).is_err() || left != right
            {
                return Ok(Likeness::Different);
            }
            offset += wanted as u64;
        }
        Ok(Likeness::Same)
    }
}

/// Looks what is where a name goes; fails if it is of another kind.
fn meet(from: &Directory, to: &Directory, name: &OsStr) -> Result<Meeting> {
    let Some(there) = to.look(name)? else { return Ok(Meeting::Nothing) };
    let Some(new) = from.look(name)? else {
        let message = format!("another program took what was unpacked for {} away", to.join(name).display());
        return Err(Error::new(ErrorKind::Io, message));
    };
    match [new, there].map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        [FileType::Directory, FileType::Directory] => Ok(Meeting::Folder),
        [FileType::RegularFile, FileType::RegularFile] => Ok(Meeting::File(Box::new([new, there]))),
        [FileType::Symlink, FileType::Symlink] => Ok(Meeting::Link),
        [new, there] => {
            let path = to.join(name);
            let (new, there) = (describe(new), describe(there));
            let message = format!("cannot replace {}, which is {there}, by {new}", path.display());
            Err(Error::new(ErrorKind::Io, message))
        }
    }
}

/// Fails if nothing can be moved into a folder: found out now, it leaves no half of an archive behind.
fn may_fill(from: &Directory, to: &Directory) -> Result<()> {
    let failed = |error: Errno| Error::io(format!("cannot look at {}", to.path().display()), error.into());
    if whereabouts(from).map_err(failed)? != whereabouts(to).map_err(failed)? {
        let message = format!("cannot fill {}, which is a file system of its own", to.path().display());
        return Err(Error::new(ErrorKind::Io, message));
    }
    try_writing(to)
        .map_err(|error| Error::io(format!("cannot write to the folder {}", to.path().display()), error.into()))
}

/// Returns what two folders have in common between which a name can be moved: the device, and the mount where the
/// system tells it.
fn whereabouts(folder: &Directory) -> rustix::io::Result<(u64, Option<u64>)> {
    let told = statx(folder, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok();
    let mount = told.filter(|told| told.stx_mask & StatxFlags::MNT_ID.bits() != 0).map(|told| told.stx_mnt_id);
    Ok((fstat(folder)?.st_dev, mount))
}

/// Says whether names can be made in a folder.
pub(super) fn is_writable(folder: &Directory) -> bool {
    try_writing(folder).is_ok()
}

fn try_writing(folder: &Directory) -> rustix::io::Result<()> {
    match accessat(folder, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        Err(error @ (Errno::ACCESS | Errno::ROFS | Errno::PERM)) => Err(error),
        // A system that does not tell: the renaming will.
        _ => Ok(()),
    }
}

fn drop_same(from: &Directory, name: &OsStr) -> Result<()> {
    unlinkat(from, name, AtFlags::empty())
        .map_err(|error| Error::io(format!("cannot remove a second {}", from.join(name).display()), error.into()))
}

/// Gives something a name that must be free; `EXIST` if it is not.
pub(super) fn publish(from: &Directory, name: &OsStr, to: &Directory, to_name: &OsStr) -> rustix::io::Result<()> {
    match renameat_with(from, name, to, to_name, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => publish_without_promise(from, name, to, to_name),
        outcome => outcome,
    }
}

/// Does so where the file system has no renaming that promises it: files are linked. Of folders, a renaming replaces
/// empty ones alone.
fn publish_without_promise(from: &Directory, name: &OsStr, to: &Directory, to_name: &OsStr) -> rustix::io::Result<()> {
    match linkat(from, name, to, to_name, AtFlags::empty()) {
        // What has its new name cannot be undone by the old one, which goes with its folder.
        Ok(()) => return unlinkat(from, name, AtFlags::empty()).or(Ok(())),
        Err(Errno::EXIST) => return Err(Errno::EXIST),
        // A folder, or a file system that has no links either.
        Err(_) => {}
    }
    match to.look(to_name) {
        Ok(None) => renameat(from, name, to, to_name),
        _ => Err(Errno::EXIST),
    }
}

fn open(folder: &Directory, name: &OsStr) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    openat(folder, name, flags, Mode::empty()).ok().map(File::from)
}

fn is_same_link(from: &Directory, to: &Directory, name: &OsStr) -> bool {
    let target = |folder: &Directory| readlinkat(folder, name, Vec::new()).ok();
    matches!((target(from), target(to)), (Some(one), Some(other)) if one == other)
}

fn other_link(to: &Directory, name: &OsStr) -> Error {
    let path = to.join(name);
    Error::new(ErrorKind::Io, format!("cannot replace {}, which is a symbolic link to something else", path.display()))
}
