//! A blob of a layout, and its bytes as a stream.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use rustix::buffer::spare_capacity;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::entry::{Entry, shorter};
use super::files::Files;
use crate::error::{Error, ErrorKind, Result};
use crate::source::{Body, EndpointId};
use crate::spec::digest::Digest;

/// The usual size of a chunk in bytes: large enough that handing it over costs nothing beside reading it.
pub const CHUNK: usize = 256 << 10;

/// A blob that is open: whatever becomes of its name, these bytes stay.
///
/// Not verified.
#[derive(Clone)]
pub struct Blob {
    file: Arc<File>,
    place: Range<u64>,
    name: Arc<str>,
    origin: EndpointId,
}

impl Blob {
    pub(super) fn open(files: &Files, digest: &Digest) -> Result<Self> {
        Ok(Self::of(files.blob(digest)?, files))
    }

    pub(super) fn of(entry: Entry, files: &Files) -> Self {
        let origin = EndpointId::new(files.name());
        Self { file: entry.file, place: entry.place, name: entry.name.into(), origin }
    }

    /// Returns its size in bytes.
    pub fn size(&self) -> u64 {
        self.place.end - self.place.start
    }

    /// Streams a window, cut to the blob's size, in chunks of so many bytes.
    ///
    /// Nothing is read before the first chunk is asked for; from then on one chunk is read ahead. At most two
    /// are in memory at any time, and a stream that is dropped or rests holds no thread.
    ///
    /// # Errors
    ///
    /// In the stream: [`ErrorKind::Io`], also if the file became shorter meanwhile.
    pub fn stream(&self, window: Range<u64>, chunk: usize) -> Body {
        let start = window.start.min(self.size());
        let window = start..window.end.clamp(start, self.size());
        let reader = Reader {
            file: Arc::clone(&self.file),
            base: self.place.start,
            name: Arc::clone(&self.name),
            left: window.clone(),
            chunk: chunk.max(1),
            ahead: None,
        };
        let chunks = stream::try_unfold(reader, Reader::advance).boxed();
        Body::new(window, Some(self.size()), self.origin.clone(), chunks)
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob").field("name", &self.name).field("size", &self.size()).finish_non_exhaustive()
    }
}

struct Reader {
    file: Arc<File>,
    /// Where in the file the blob begins.
    base: u64,
    name: Arc<str>,
    left: Range<u64>,
    chunk: usize,
    ahead: Option<JoinHandle<Result<Bytes>>>,
}

impl Reader {
    async fn advance(mut self) -> Result<Option<(Bytes, Self)>> {
        let Some(read) = self.ahead.take().or_else(|| self.begin()) else {
            return Ok(None);
        };
        let bytes = read.await.unwrap_or_else(|error| Err(interrupted(error)))?;
        self.left.start += bytes.len() as u64;
        self.ahead = self.begin();
        Ok(Some((bytes, self)))
    }

    /// Begins to read the next chunk, if any is left.
    fn begin(&self) -> Option<JoinHandle<Result<Bytes>>> {
        let left = self.left.end - self.left.start;
        if left == 0 {
            return None;
        }
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(self.chunk);
        let (file, name, base) = (Arc::clone(&self.file), Arc::clone(&self.name), self.base);
        let offset = self.left.start;
        Some(spawn_blocking(move || read_at(&file, &name, base, offset, length)))
    }
}

/// Reads at least one byte and at most `length`, at an offset behind the base.
fn read_at(file: &File, name: &str, base: u64, offset: u64, length: usize) -> Result<Bytes> {
    let mut bytes = Vec::with_capacity(length);
    rustix::io::retry_on_intr(|| rustix::io::pread(file, spare_capacity(&mut bytes), base + offset))
        .map_err(|errno| Error::io(format!("cannot read {name} at byte {offset}"), errno.into()))?;
    // A vector may have more room than was asked for.
    bytes.truncate(length);
    if bytes.is_empty() {
        return Err(shorter(name, offset));
    }
    Ok(bytes.into())
}

/// Runs what blocks where it may.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(interrupted(error)))
}

fn interrupted(error: JoinError) -> Error {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(cancelled) => {
            Error::new(ErrorKind::Interrupted, "reading a layout ended with its runtime").caused_by(cancelled)
        }
    }
}
