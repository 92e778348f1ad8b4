//! Folders that were made on the way to a target.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, unlinkat};

/// The folders that one run made, outermost first. Dropped, it removes those that are empty, unless they are kept:
/// a download that fails leaves nothing.
#[derive(Debug, Default)]
pub(super) struct Made {
    folders: Vec<(OwnedFd, OsString)>,
    kept: AtomicBool,
}

impl Made {
    /// Notes a folder that was made in another one.
    pub(super) fn note(&mut self, parent: impl AsFd, name: &OsStr) {
        // Without a descriptor left for it, the folder stays, which does no harm.
        if let Ok(parent) = parent.as_fd().try_clone_to_owned() {
            self.folders.push((parent, name.to_owned()));
        }
    }

    /// Keeps the folders: there is something in them.
    pub(super) fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if self.kept.load(Ordering::Relaxed) {
            return;
        }
        for (parent, name) in self.folders.iter().rev() {
            // Someone else may have put something in: then it is theirs, and so are those around it.
            if unlinkat(parent, name, AtFlags::REMOVEDIR).is_err() {
                return;
            }
        }
    }
}
