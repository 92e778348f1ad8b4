//! A file of a layout: a whole file of a folder, or a part of an archive.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::fs::Stat;

use crate::error::{Error, ErrorKind, Result};
use crate::spec::descriptor::Content;
use crate::verify::{Ticket, Verifier};

/// How much of a file is in memory while it is verified, in bytes.
const BUFFER: usize = 64 << 10;

/// A regular file of a layout.
pub(super) struct Entry {
    pub(super) file: Arc<File>,
    /// Where in the file it is.
    pub(super) place: Range<u64>,
    /// What errors call it.
    pub(super) name: String,
    pub(super) version: Version,
}

/// What tells one content of a file from another, as well as the file system does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Version {
    file: (u64, u64),
    size: i64,
    times: [(i64, i64); 2],
}

impl Version {
    pub(super) fn of(stat: &Stat) -> Self {
        let nanoseconds = |value: u64| i64::try_from(value).unwrap_or(0);
        Self {
            file: (stat.st_dev, stat.st_ino),
            size: stat.st_size,
            times: [(stat.st_mtime, nanoseconds(stat.st_mtime_nsec)), (stat.st_ctime, nanoseconds(stat.st_ctime_nsec))],
        }
    }

    /// Returns when the content was last changed, unless that is before 1970.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        let [(seconds, nanoseconds), _] = self.times;
        let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanoseconds).ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since)
    }
}

impl Entry {
    /// Returns its size in bytes.
    pub(super) fn size(&self) -> u64 {
        self.place.end - self.place.start
    }

    /// Checks that it is what a digest and perhaps a size promise, without keeping it in memory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] above the limit, in bytes; [`ErrorKind::Mismatch`] for other bytes.
    pub(super) fn verify(&self, promised: &Content, limit: u64) -> Result<()> {
        self.check_size(limit)?;
        let ticket = Ticket::new();
        let mut verifier = Verifier::begin(promised, &ticket);
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = self.read_at(&mut buffer, verifier.seen())?;
            if read == 0 {
                return verifier.settle()?.redeem(&ticket).map(drop);
            }
            verifier.absorb(&buffer[..read])?;
        }
    }

    /// Reads a document whole.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] above the limit, in bytes; [`ErrorKind::Io`] if it became shorter meanwhile.
    pub(super) fn read(&self, limit: u64) -> Result<Vec<u8>> {
        self.check_size(limit)?;
        let mut bytes = vec![0; usize::try_from(self.size()).unwrap_or(usize::MAX)];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.read_at(&mut bytes[filled..], filled as u64)? {
                0 => return Err(shorter(&self.name, filled as u64)),
                read => filled += read,
            }
        }
        Ok(bytes)
    }

    fn check_size(&self, limit: u64) -> Result<()> {
        if self.size() <= limit {
            return Ok(());
        }
        Err(Error::new(ErrorKind::TooLarge, format!("{} is larger than {limit} bytes", self.name)))
    }

    /// Reads from an offset, at most to the end; 0 is the end, or that of a file that became shorter.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let left = usize::try_from(self.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        loop {
            match self.file.read_at(&mut buffer[..length], self.place.start + offset) {
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome.map_err(|cause| Error::io(format!("cannot read {}", self.name), cause)),
            }
        }
    }
}

/// Says that a file ends where it did not end when it was opened.
pub(super) fn shorter(name: &str, end: u64) -> Error {
    Error::new(ErrorKind::Io, format!("{name} became shorter while it was read: it ends at {end}"))
}
