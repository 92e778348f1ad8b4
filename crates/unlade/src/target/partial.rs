//! The file beside the target that is filled in its stead: `.NAME.unlade-partial`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FlockOperation, Stat, flock, fstat, unlinkat};
use rustix::io::Errno;

use super::directory::{Directory, length, same};
use super::lock::{Hold, Patience};
use super::names::{MARK_DIGITS, marked_name, name_limit, partial_name};
use super::own::{OWNER_ALONE, Origin, change_mode, make, objection, open_or_make, refused, unmade, unusable};
use crate::error::{Error, Result};

/// So often is a name tried that nobody is to have. One try is enough but for a broken source of chance.
const MAX_NAMES: u32 = 16;

/// A partial that is ours: locked, looked at, and removed when dropped unless it was let go.
#[derive(Debug)]
pub(super) struct Partial {
    directory: Arc<Directory>,
    name: OsString,
    path: PathBuf,
    file: Arc<File>,
    found: Stat,
    hold: Hold,
    care: Care,
    /// Whether what it holds may be told from what the disk holds.
    trust: Trust,
}

/// What dropping a partial does to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    Leave,
    Remove,
}

/// Whether the next run could know what a partial holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Given,
    /// It could not be synced: what is read of it need not be on the disk.
    Lost,
}

impl Partial {
    /// Opens the partial of a name in the folder, or makes it, and locks it.
    ///
    /// Returns `None` if it was renamed or removed while its lock was waited for, or has the
    /// final name as well: whoever held it has ended, and the target may be finished. Where nothing can be
    /// locked, it is a new file under a name of its own: bytes of another process can
    /// then never get into it, however many fill the same target.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] for one that someone else could have a hand in; it is neither used nor
    /// removed. [`ErrorKind::Locked`] once the patience is spent.
    pub(super) fn open(directory: &Arc<Directory>, target: &OsStr, patience: &mut Patience) -> Result<Option<Self>> {
        let name = partial_name(target, name_limit(directory));
        let path = directory.join(&name);
        let Some((file, origin)) = open_or_make(directory, &name, &path)? else {
            return Ok(None);
        };
        if patience.lock(&file, &path)? == Hold::Unknowable {
            if origin == Origin::Made {
                // Someone who can lock it, on another machine, may have opened it already: it is not used here.
                drop(Self::new(directory, name, file, Hold::Unknowable)?);
            }
            return Self::alone(directory, target).map(Some);
        }
        let found = fstat(&file).map_err(|error| unusable(&path, error))?;
        match directory.look(&name)? {
            Some(named) if same(&named, &found) => {}
            _ => return Ok(None),
        }
        if is_published(directory, target, &found) {
            unlinkat(&**directory, &name, AtFlags::empty()).map_err(|error| unremoved(&path, error))?;
            return Ok(None);
        }
        if let Some(objection) = objection(&found, origin) {
            return Err(refused(&path, &objection));
        }
        let mut partial = Self::new(directory, name, file, Hold::Locked)?;
        if origin == Origin::Found {
            // It may hold much of what is wanted: that shows later.
            partial.care = Care::Leave;
            // Whoever was killed as it published has opened it to all who may read the file.
            change_mode(&partial.file, OWNER_ALONE).map_err(|error| unusable(&partial.path, error))?;
        }
        Ok(Some(partial))
    }

    /// Takes the partial over: from now on, it is removed when dropped.
    pub(super) fn take_over(&mut self) {
        self.care = Care::Remove;
    }

    /// Takes note that what is in the partial did not reach the disk: no run may go on with it.
    pub(super) fn distrust(&mut self) {
        self.trust = Trust::Lost;
    }

    /// Makes a partial that no other process has a reason to open.
    ///
    /// If this process is killed, it stays: nobody can know that it is not being filled.
    fn alone(directory: &Arc<Directory>, target: &OsStr) -> Result<Self> {
        let limit = name_limit(directory);
        for _ in 0..MAX_NAMES {
            let name = marked_name(target, &format!("{:0width$x}", fastrand::u64(..), width = MARK_DIGITS), limit);
            match make(directory, &name) {
                Ok(file) => return Self::new(directory, name, file, Hold::Unknowable),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(unmade(directory, error)),
            }
        }
        Err(unmade(directory, Errno::EXIST))
    }

    fn new(directory: &Arc<Directory>, name: OsString, file: File, hold: Hold) -> Result<Self> {
        let path = directory.join(&name);
        let found = fstat(&file).map_err(|error| unusable(&path, error))?;
        let directory = Arc::clone(directory);
        Ok(Self { directory, name, path, file: Arc::new(file), found, hold, care: Care::Remove, trust: Trust::Given })
    }

    /// Returns the open file, which holds the lock.
    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Says whether its lock keeps others off the target.
    pub(super) fn hold(&self) -> Hold {
        self.hold
    }

    /// Returns the folder that it is in.
    pub(super) fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// Returns its name in the folder.
    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    /// Returns its path, as the user knows the folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Says whether what a name stands for is this file.
    pub(super) fn is_at(&self, name: &OsStr) -> Result<bool> {
        Ok(self.directory.look(name)?.is_some_and(|named| same(&named, &self.found)))
    }

    /// Returns its length in bytes.
    pub(super) fn length(&self) -> Result<u64> {
        fstat(&self.file).map(|found| length(&found)).map_err(|error| unusable(&self.path, error))
    }

    /// Says whether a next run would use the file.
    pub(super) fn is_usable(&self) -> bool {
        let named = self.directory.look(&self.name).ok().flatten().filter(|_| self.trust == Trust::Given);
        named.is_some_and(|named| same(&named, &self.found) && objection(&named, Origin::Found).is_none())
    }

    /// Leaves the file where it is: it has its final name, or nothing can be done about it.
    pub(super) fn let_go(&mut self) {
        self.care = Care::Leave;
    }

    /// Says whether the file is to stay where it is.
    pub(super) fn is_let_go(&self) -> bool {
        self.care == Care::Leave
    }

    /// Leaves the file to a later run, and its lock to whoever waits for it, also while threads of this one that came
    /// too late have it open still.
    pub(super) fn leave(&mut self) {
        self.care = Care::Leave;
        // Where there are no locks, there is none to give back; else it falls with the file.
        let _given_or_not = flock(&self.file, FlockOperation::Unlock);
    }

    /// Removes the file if its name still stands for it, and returns its path if it did.
    pub(super) fn remove(&mut self) -> Result<Option<PathBuf>> {
        self.care = Care::Leave;
        if !self.is_at(&self.name)? {
            return Ok(None);
        }
        unlinkat(&*self.directory, &self.name, AtFlags::empty()).map_err(|error| unremoved(&self.path, error))?;
        Ok(Some(self.path.clone()))
    }
}

/// Says whether a partial is the finished file already: a run was killed between the two steps of publishing it where
/// there is no renaming that replaces nothing.
pub(super) fn is_published(directory: &Directory, target: &OsStr, partial: &Stat) -> bool {
    partial.st_nlink == 2 && directory.look(target).is_ok_and(|named| named.is_some_and(|named| same(&named, partial)))
}

fn unremoved(path: &Path, error: Errno) -> Error {
    Error::io(format!("cannot remove {}", path.display()), error.into())
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.care == Care::Remove {
            // Whatever brought us here has an error of its own, and a drop cannot report another.
            drop(self.remove());
        }
    }
}
