//! A folder that several files go into at once: what they share.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::fs::{AtFlags, unlinkat};

use super::directory::{Directory, shown};
use super::file::Durability;
use super::orphans::remove_orphans;
use super::place::{Missing, Place, Replace};
use super::publish::umask;
use crate::error::{Error, Result};

/// A folder being filled with files.
///
/// Folders in it are made when a file needs them. When the last who holds it lets go, those that were made and are
/// empty are removed, and so is the folder itself.
#[derive(Debug)]
pub struct Root {
    place: Place,
    durability: Durability,
    /// The bits that the umask takes away: asked for once, since the system makes a whole page of text for it.
    mask: OnceLock<u32>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    base: Arc<Directory>,
    /// Folders that were made below the base, by their names from there: outer ones first.
    made: Vec<Vec<String>>,
    /// Folders whose names are not durable yet.
    owed: BTreeSet<Vec<String>>,
}

/// So often is a way entered anew because another run removed a folder on it, which it had made and not used.
const MAX_TURNS: u32 = 64;

/// Tries once more where a folder was gone that had been there a moment before.
fn again<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    for _ in 1..MAX_TURNS {
        match work() {
            Err(error) if is_gone(&error) => {}
            outcome => return outcome,
        }
    }
    work()
}

fn is_gone(error: &Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::NotFound)
}

/// Where a folder is in a root.
#[derive(Debug, Clone)]
pub(super) struct Anchor {
    root: Arc<Root>,
    folders: Vec<String>,
}

impl Root {
    /// Opens the folder, and makes it where that is allowed.
    pub(super) fn open(base: PathBuf, missing: Missing, durability: Durability) -> Result<Arc<Self>> {
        let place = Place {
            path: base.clone(),
            base,
            missing,
            folders: Vec::new(),
            name: OsString::new(),
            replace: Replace::Never,
        };
        let base = Arc::new(Directory::open(&place, durability)?);
        let state = State { base, made: Vec::new(), owed: BTreeSet::new() };
        Ok(Arc::new(Self { place, durability, mask: OnceLock::new(), state: Mutex::new(state) }))
    }

    /// Takes a folder that is open already, by the path that the user knows it by.
    pub(crate) fn of(folder: OwnedFd, path: PathBuf, durability: Durability) -> Arc<Self> {
        let place = Place::inside(&path, &[], "");
        let state = State { base: Arc::new(Directory::held(folder, path)), made: Vec::new(), owed: BTreeSet::new() };
        Arc::new(Self { place, durability, mask: OnceLock::new(), state: Mutex::new(state) })
    }

    /// Makes a folder with all those above it that are missing, or takes it as it is.
    pub(crate) fn make(path: &Path, durability: Durability) -> Result<Arc<Self>> {
        again(|| Self::open(path.to_owned(), Missing::Make, durability))
    }

    /// Returns the folder, open.
    pub(crate) fn folder(&self) -> Result<OwnedFd> {
        self.base()?.share(None).map(OwnedFd::from)
    }

    /// Enters a folder below it, and makes what is missing on the way.
    pub(super) fn enter(self: &Arc<Self>, folders: &[String]) -> Result<Directory> {
        again(|| self.enter_once(folders))
    }

    fn enter_once(self: &Arc<Self>, folders: &[String]) -> Result<Directory> {
        let base = self.base()?;
        let anchor = Anchor { root: Arc::clone(self), folders: Vec::new() };
        let mut directory = base.share(Some(anchor))?;
        for folder in folders {
            directory = directory.enter(folder, self.durability)?;
        }
        Ok(directory)
    }

    /// Takes note that names in a folder below it are to be made durable, whoever made what they stand for.
    pub(crate) fn owe(&self, folders: &[&str]) {
        if self.durability == Durability::Sync {
            self.state().owed.insert(folders.iter().map(|folder| (*folder).to_owned()).collect());
        }
    }

    /// Makes the names durable by which the folder is reached, whoever made them.
    ///
    /// # Errors
    ///
    /// As for [`sync`](Self::sync).
    pub(crate) fn sync_above(&self) -> Result<()> {
        if self.durability == Durability::NoSync {
            return Ok(());
        }
        let failed = |error| self.unsynced(Error::io("cannot sync the folders above it", error));
        self.base()?.sync_above().map_err(failed)
    }

    /// Removes the partials and journals in a folder below it that nobody uses any more, of targets that are named so
    /// and hold the same whoever makes them; what a later run would go on with stays, for a week.
    ///
    /// What is not surely one stays: this is for runs that were killed, and nothing depends on it.
    pub(crate) fn remove_orphans(&self, folders: &[&str], is_target: impl Fn(&str) -> bool) {
        let folders: Vec<String> = folders.iter().map(|folder| (*folder).to_owned()).collect();
        if let Ok(Some(directory)) = self.find(&folders) {
            remove_orphans(&directory, is_target);
        }
    }

    /// Makes the names of all files durable that were published so far.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io): the files are there, and may be gone after a power cut.
    pub fn sync(&self) -> Result<()> {
        let owed = std::mem::take(&mut self.state().owed);
        for folders in owed {
            let synced = self.find(&folders).and_then(|found| match found {
                Some(directory) => {
                    let path = directory.path().display();
                    directory.sync().map_err(|error| Error::io(format!("cannot sync the folder {path}"), error))
                }
                // Whoever removed the folder removed the files with it.
                None => Ok(()),
            });
            synced.map_err(|error| self.unsynced(error))?;
        }
        Ok(())
    }

    /// Returns the folder itself: another one, if whoever made it has removed it meanwhile.
    fn base(&self) -> Result<Arc<Directory>> {
        let mut state = self.state();
        if state.base.is_removed() {
            // What it made is gone: its name is that of the new one.
            state.base.keep();
            state.base = Arc::new(Directory::open(&self.place, self.durability)?);
            state.made.clear();
        }
        Ok(Arc::clone(&state.base))
    }

    fn find(&self, folders: &[String]) -> Result<Option<Directory>> {
        let base = Arc::clone(&self.state().base);
        let mut directory = base.share(None)?;
        for folder in folders {
            match directory.step(folder)? {
                Some(inner) => directory = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(directory))
    }

    fn unsynced(&self, error: Error) -> Error {
        let folder = shown(&self.place.base).display();
        error.making(format!("the files in {folder} are published, but may not survive a power cut"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let made = std::mem::take(&mut self.state().made);
        for mut folders in made.into_iter().rev() {
            let Some(name) = folders.pop() else { continue };
            // One that holds something stays, and so do those around it; there is nobody to tell of other troubles.
            if let Ok(Some(parent)) = self.find(&folders) {
                let _removed_or_in_use = unlinkat(&parent, &name, AtFlags::REMOVEDIR);
            }
        }
    }
}

impl Anchor {
    /// Takes note that names in the folder are to be made durable.
    pub(super) fn owe(&self) {
        let mut state = self.root.state();
        if !state.owed.contains(&self.folders) {
            state.owed.insert(self.folders.clone());
        }
    }

    /// Takes note of a folder that was made in this one.
    pub(super) fn note_made(&self, folder: &str) {
        let mut folders = self.folders.clone();
        folders.push(folder.to_owned());
        self.root.state().made.push(folders);
    }

    /// Returns the bits that the umask takes away from the mode of a new file.
    pub(super) fn mask(&self) -> u32 {
        *self.root.mask.get_or_init(umask)
    }

    /// Goes one folder further.
    pub(super) fn inside(mut self, folder: &str) -> Self {
        self.folders.push(folder.to_owned());
        self
    }
}
