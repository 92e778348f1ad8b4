//! Data that goes to the disk while more of it comes.

use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::directory::Directory;
use super::journal::Journal;

/// After so many bytes what was written is synced. The next sync waits for the one before, so that a slow disk is asked
/// less often; much less would have the disk busy with its own records.
const STRIDE: u64 = 16 << 20;

/// Has what is written to a partial synced behind the back of those who write it, one sync at a time: at the end little
/// is left to wait for, and a power cut costs what came last alone.
#[derive(Debug)]
pub(super) struct WriteBack {
    file: Arc<File>,
    directory: Arc<Directory>,
    journal: Arc<Journal>,
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Bytes that were written since the last sync began.
    fresh: u64,
    is_busy: bool,
    /// Whether the way to the partial is durable.
    is_named: bool,
    error: Option<io::Error>,
}

impl WriteBack {
    /// Begins to count what is written to a partial.
    pub(super) fn new(file: Arc<File>, directory: Arc<Directory>, journal: Arc<Journal>) -> Arc<Self> {
        Arc::new(Self { file, directory, journal, state: Mutex::default(), idle: Condvar::new() })
    }

    /// Takes note of bytes that were written, and has a sync begin where it is time for one.
    pub(super) fn note(self: &Arc<Self>, bytes: u64) {
        let mut state = self.state();
        state.fresh += bytes;
        if state.is_busy || state.fresh < STRIDE || state.error.is_some() {
            return;
        }
        let this = Arc::clone(self);
        // Without a thread for it, all is synced at the end.
        state.is_busy = thread::Builder::new().name("unlade-sync".to_owned()).spawn(move || this.work()).is_ok();
    }

    /// Waits for the sync that is under way. An error of any of them is told once: the system has told it, and does not
    /// do so again.
    pub(super) fn settle(&self) -> io::Result<()> {
        let mut state = self.state();
        while state.is_busy {
            state = self.idle.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        match &state.error {
            Some(error) => Err(error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)),
            None => Ok(()),
        }
    }

    fn work(&self) {
        loop {
            let is_named = {
                let mut state = self.state();
                state.fresh = 0;
                state.is_named
            };
            let synced = self.sync(is_named);
            let mut state = self.state();
            match synced {
                Ok(()) => state.is_named = true,
                Err(error) => state.error = Some(error),
            }
            if state.error.is_some() || state.fresh < STRIDE {
                state.is_busy = false;
                self.idle.notify_all();
                return;
            }
        }
    }

    /// Syncs the bytes, then the records of them, and once the names by which both are found.
    fn sync(&self, is_named: bool) -> io::Result<()> {
        self.file.sync_data()?;
        self.journal.sync();
        if !is_named {
            self.directory.sync()?;
            self.directory.sync_above()?;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
