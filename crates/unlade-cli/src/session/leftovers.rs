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

    /// Removes what would stay behind, and says so.
    pub(super) fn remove(&self) {
        let partials = std::mem::take(&mut *self.partials.lock().unwrap_or_else(PoisonError::into_inner));
        for partial in partials.iter().filter(|partial| partial.is_there()) {
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

    fn remember(&self, path: &Path) {
        // What cannot be looked at is not there any more, or could not be removed either.
        if let Ok(partial) = Partial::look(path) {
            self.partials.lock().unwrap_or_else(PoisonError::into_inner).push(partial);
        }
    }
}

impl Observer for Leftovers {
    fn notice(&self, event: &Event) {
        if let Event::PartialMade { path } = event {
            self.remember(path);
        }
        self.display.notice(event);
    }
}

impl Partial {
    fn look(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }

    /// Says whether its name still stands for it: a file that was published has another one.
    fn is_there(&self) -> bool {
        Self::look(&self.path).is_ok_and(|now| now == *self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options;
    use crate::progress::Voice;

    #[test]
    fn only_the_very_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let leftovers = Leftovers::new(Display::new(options::Progress::None, Voice::Errors));
        let [gone, renamed, replaced, there] = ["gone", "renamed", "replaced", "there"].map(|name| {
            let path = folder.path().join(name);
            fs::write(&path, name).unwrap();
            leftovers.notice(&Event::PartialMade { path: path.clone() });
            path
        });
        fs::remove_file(gone).unwrap();
        fs::rename(renamed, folder.path().join("published")).unwrap();
        fs::rename(&replaced, folder.path().join("published too")).unwrap();
        fs::write(&replaced, "another process's").unwrap();
        assert_eq!(leftovers.any(), Some(there));
        leftovers.remove();
        assert_eq!(leftovers.any(), None);
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["published", "published too", "replaced"]);
    }
}
