//! From an unpacked folder to the one that has its final name.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Stat, openat, readlinkat, renameat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::super::directory::{Directory, describe, length};
use super::super::place::Replace;
use super::super::publish::exists;
use super::clear::{batch, each};
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};

/// How much of two files is compared at once.
const PIECE: usize = 64 << 10;

/// What to do about a name that may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Both are folders: look into them.
    Enter,
    /// It is the same already.
    Keep,
    /// Nobody has the name.
    Move,
    /// It is another one, which may be replaced.
    Replace,
}

/// The terms on which one folder goes into another.
pub(super) struct Merge<'a> {
    pub(super) replace: Replace,
    pub(super) cancel: &'a Cancel,
}

impl Merge<'_> {
    /// Fails if something is in the way; changes nothing.
    pub(super) fn check(&self, from: &Directory, to: &Directory) -> Result<()> {
        each(from, |name| {
            self.cancel.check()?;
            if self.judge(from, to, name)? == Verdict::Enter
                && let (Some(from), Some(to)) = (from.step_into(name)?, to.step_into(name)?)
            {
                self.check(&from, &to)?;
            }
            Ok(true)
        })
    }

    /// Moves everything over, each file by one renaming.
    ///
    /// # Errors
    ///
    /// What was moved before an error stays.
    pub(super) fn carry_out(&self, from: &Directory, to: &Directory) -> Result<()> {
        loop {
            let names = batch(from)?;
            if names.is_empty() {
                return Ok(());
            }
            for name in names {
                self.cancel.check()?;
                self.settle(from, to, &name)?;
            }
        }
    }

    fn settle(&self, from: &Directory, to: &Directory, name: &OsStr) -> Result<()> {
        let failed = |error: Errno| Error::io(format!("cannot publish {}", to.join(name).display()), error.into());
        match self.judge(from, to, name)? {
            Verdict::Move => match publish(from, name, to, name) {
                Ok(()) => Ok(()),
                Err(Errno::EXIST | Errno::NOTEMPTY) => Err(exists(&to.join(name))),
                Err(error) => Err(failed(error)),
            },
            Verdict::Replace => renameat(from, name, to, name).map_err(failed),
            Verdict::Keep => unlinkat(from, name, AtFlags::empty()).map_err(failed),
            Verdict::Enter => {
                if let (Some(from), Some(to)) = (from.step_into(name)?, to.step_into(name)?) {
                    self.carry_out(&from, &to)?;
                }
                unlinkat(from, name, AtFlags::REMOVEDIR).map_err(failed)
            }
        }
    }

    fn judge(&self, from: &Directory, to: &Directory, name: &OsStr) -> Result<Verdict> {
        let Some(there) = to.look(name)? else { return Ok(Verdict::Move) };
        let Some(new) = from.look(name)? else {
            let message = format!("another program took {} away", from.join(name).display());
            return Err(Error::new(ErrorKind::Io, message));
        };
        let kinds = [new, there].map(|stat| FileType::from_raw_mode(stat.st_mode));
        let same = match kinds {
            [FileType::Directory, FileType::Directory] => return Ok(Verdict::Enter),
            [FileType::RegularFile, FileType::RegularFile] => self.is_same_file(from, to, name, [&new, &there])?,
            [FileType::Symlink, FileType::Symlink] => is_same_link(from, to, name),
            [new, there] => {
                let path = to.join(name);
                let (new, there) = (describe(new), describe(there));
                let message = format!("cannot replace {}, which is {there}, by {new}", path.display());
                return Err(Error::new(ErrorKind::Io, message));
            }
        };
        match (same, self.replace) {
            (true, _) => Ok(Verdict::Keep),
            (false, Replace::Always) => Ok(Verdict::Replace),
            (false, Replace::Never) => Err(exists(&to.join(name))),
        }
    }

    fn is_same_file(&self, from: &Directory, to: &Directory, name: &OsStr, stats: [&Stat; 2]) -> Result<bool> {
        let [new, there] = stats.map(length);
        if new != there {
            return Ok(false);
        }
        // What cannot be read cannot be known to be the same.
        let (Some(one), Some(other)) = (open(from, name), open(to, name)) else { return Ok(false) };
        let (mut left, mut right) = (vec![0; PIECE], vec![0; PIECE]);
        let mut offset = 0;
        while offset < new {
            self.cancel.check()?;
            let wanted = PIECE.min(usize::try_from(new - offset).unwrap_or(PIECE));
            let (left, right) = (&mut left[..wanted], &mut right[..wanted]);
            if one.read_exact_at(left, offset).is_err() || other.read_exact_at(right, offset).is_err() || left != right
            {
                return Ok(false);
            }
            offset += wanted as u64;
        }
        Ok(true)
    }
}

/// Gives something a name that must be free; `EXIST` if it is not.
pub(super) fn publish(from: &Directory, name: &OsStr, to: &Directory, to_name: &OsStr) -> rustix::io::Result<()> {
    match renameat_with(from, name, to, to_name, RenameFlags::NOREPLACE) {
        // A file system that cannot promise it. Of folders, a renaming replaces empty ones alone; files are looked for.
        Err(Errno::INVAL | Errno::NOSYS) => match to.look(to_name) {
            Ok(None) => renameat(from, name, to, to_name),
            _ => Err(Errno::EXIST),
        },
        outcome => outcome,
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
