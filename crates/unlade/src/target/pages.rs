//! The bytes of a partial, for the threads that fill it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use super::Pages;
use super::file::Durability;
use crate::error::{Advice, Error, ErrorKind, Result};

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
        self.file.write_all_at(bytes, offset).map_err(|error| unwritten(&self.path, offset + bytes.len() as u64, error))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
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

/// Says that a file could not be made so many bytes long.
fn unwritten(path: &Path, length: u64, error: io::Error) -> Error {
    // Where a single file may not be longer, freeing room would not help.
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let error = Error::io(format!("cannot write to {}", path.display()), error);
    if is_full { error.advise(Advice::FreeSpace(length)) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_from_a_limit() {
        for (cause, kind, advice) in [
            (io::ErrorKind::StorageFull, ErrorKind::NoSpace, Some(Advice::FreeSpace(7))),
            (io::ErrorKind::QuotaExceeded, ErrorKind::NoSpace, Some(Advice::FreeSpace(7))),
            (io::ErrorKind::FileTooLarge, ErrorKind::NoSpace, None),
            (io::ErrorKind::PermissionDenied, ErrorKind::Io, None),
        ] {
            let error = unwritten(Path::new("disk.img"), 7, cause.into());
            assert_eq!((error.kind(), &error.context().advice), (kind, &advice), "{cause}");
        }
    }

    #[test]
    fn what_the_system_says_reaches_the_user() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let pages = FilePages::new(Arc::new(full), Path::new("disk.img"), Durability::NoSync);
        let error = pages.write_at(b"cargo", 3).unwrap_err();
        assert_eq!((error.kind(), &error.context().advice), (ErrorKind::NoSpace, &Some(Advice::FreeSpace(8))));
    }
}
