//! The bytes of a partial, for the threads that fill it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::Pages;
use super::file::Durability;
use crate::error::{Error, ErrorKind, Result};

/// A file that is written at offsets until it is sealed.
#[derive(Debug)]
pub(super) struct FilePages {
    file: Arc<File>,
    path: PathBuf,
    durability: Durability,
    state: RwLock<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Sealed,
}

impl FilePages {
    /// Opens the pages of a file that the user knows by the path.
    pub(super) fn new(file: Arc<File>, path: &Path, durability: Durability) -> Self {
        Self { file, path: path.to_owned(), durability, state: RwLock::new(State::Open) }
    }

    /// Waits for the writes that are under way, and lets no further ones begin.
    ///
    /// A thread that outlives its download could otherwise change a file that is proven already.
    pub(super) fn seal(&self) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = State::Sealed;
    }
}

impl Pages for FilePages {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if *state == State::Sealed {
            let message = format!("cannot write to {} after its end", self.path.display());
            return Err(Error::new(ErrorKind::Io, message));
        }
        self.file
            .write_all_at(bytes, offset)
            .map_err(|error| Error::io(format!("cannot write to {}", self.path.display()), error))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(format!("cannot read {}", self.path.display()), error)),
            }
        }
        Ok(filled)
    }

    fn sync_data(&self) -> Result<()> {
        match self.durability {
            Durability::NoSync => Ok(()),
            Durability::Sync => {
                self.file.sync_data().map_err(|error| Error::io(format!("cannot sync {}", self.path.display()), error))
            }
        }
    }
}
