//! What must not stay behind when the process ends before its threads do.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use unlade::observe::{Event, Observer};

use crate::progress::Display;

/// Watches for the display, and remembers the files that are filled in a target's stead.
#[derive(Debug)]
pub(super) struct Leftovers {
    display: Arc<Display>,
    partials: Mutex<Vec<Partial>>,
}

/// A file, known by more than its name: that one may come to mean another file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Partial {
    path: PathBuf,
    device: u64,
    inode: u64,
    /// Where the journal is that a later run goes on by, once there is one.
    journal: Option<PathBuf>,
}

impl Leftovers {
    pub(super) fn new(display: Arc<Display>) -> Self {
        Self { display, partials: Mutex::default() }
    }

    /// Gives a file that would stay behind if the process ended now.
    pub(super) fn any(&self) -> Option<PathBuf> {
        let partials = self.partials.lock().unwrap_or_else(PoisonError::into_inner);
        partials.iter().find(|partial| partial.is_there()).map(|partial| partial.path.clone())
    }

    /// Removes what would stay behind, unless a later run goes on with it, and says which of the two.
    pub(super) fn remove(&self) {
        let partials = std::mem::take(&mut *self.partials.lock().unwrap_or_else(PoisonError::into_inner));
        for partial in partials.iter().filter(|partial| partial.is_there()) {
            if partial.is_of_use() {
                self.display.notice(&Event::PartialKept { path: partial.path.clone(), bytes: None });
                continue;
            }
            let path = partial.path.display().to_string();
            let removed = match fs::remove_file(&partial.path) {
                // A folder that an archive is unpacked into.
                Err(error) if error.kind() == io::ErrorKind::IsADirectory => fs::remove_dir_all(&partial.path),
                outcome => outcome,
            };
            self.display.notice(&match removed {
                Ok(()) => Event::PartialRemoved { path },
                Err(error) => Event::Warning { text: format!("cannot remove the unfinished {path}: {error}") },
            });
        }
    }

    fn remember(&self, path: &Path, journal: Option<&Path>) {
        // What cannot be looked at is not there any more, or could not be removed either.
        if let Ok(partial) = Partial::look(path, journal) {
            let mut partials = self.partials.lock().unwrap_or_else(PoisonError::into_inner);
            // One that is filled a second time is there once.
            partials.retain(|known| *known != partial);
            partials.push(partial);
        }
    }

    fn forget(&self, path: &Path) {
        self.partials.lock().unwrap_or_else(PoisonError::into_inner).retain(|partial| partial.path != path);
    }
}

impl Observer for Leftovers {
    fn notice(&self, event: &Event) {
        match event {
            Event::PartialMade { path, journal } => self.remember(path, journal.as_deref()),
            Event::PartialKept { path, .. } => self.forget(path),
            _ => {}
        }
        self.display.notice(event);
    }
}

impl Partial {
    fn look(path: &Path, journal: Option<&Path>) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        let journal = journal.map(Path::to_owned);
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino(), journal })
    }

    /// Says whether its name still stands for it: a file that was published has another one.
    fn is_there(&self) -> bool {
        Self::look(&self.path, self.journal.as_deref()).is_ok_and(|now| now == *self)
    }

    /// Says whether a later run goes on with it: it is written down as it comes what there is.
    fn is_of_use(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| fs::symlink_metadata(journal).is_ok_and(|found| found.is_file()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options;
    use crate::progress::Voice;

    #[test]
    fn only_the_very_file_is_removed_and_not_what_a_later_run_goes_on_with() {
        let folder = tempfile::tempdir().unwrap();
        let leftovers = Leftovers::new(Display::new(options::Progress::None, Voice::Errors));
        let names = ["gone", "renamed", "replaced", "there", "of use"];
        let [gone, renamed, replaced, there, of_use] = names.map(|name| {
            let path = folder.path().join(name);
            fs::write(&path, name).unwrap();
            let journal = Some(folder.path().join(format!("journal of {name}")));
            leftovers.notice(&Event::PartialMade { path: path.clone(), journal });
            path
        });
        fs::write(folder.path().join("journal of of use"), "").unwrap();
        fs::remove_file(gone).unwrap();
        fs::rename(renamed, folder.path().join("published")).unwrap();
        fs::rename(&replaced, folder.path().join("published too")).unwrap();
        fs::write(&replaced, "another process's").unwrap();
        assert_eq!(leftovers.any(), Some(there));
        leftovers.remove();
        assert_eq!(leftovers.any(), None);
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["journal of of use", "of use", "published", "published too", "replaced"]);
        assert!(of_use.exists());
    }
}
