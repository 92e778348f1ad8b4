//! Recycled buffers: their number is the memory that downloads take.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::spec::descriptor::Content;

/// The size of a buffer: large enough that a thread is woken 2,000 times a GiB, small
/// enough that a buffer that was just filled is still in the cache when it is hashed.
pub(super) const SIZE: usize = 512 << 10;

/// Chunks of this length, in bytes, are handed on as they came: to copy them costs more than to wake a thread once more.
const LONG: usize = SIZE / 2;

/// So many buffers are on the way at most, 12 MiB in all: what a thread moves while it has a core for
/// itself. With fewer, threads that share two cores spend their time waking each other.
pub(super) const COUNT: usize = 24;

/// So many are on their way to the hash, and behind it, while others are held.
const ON_THE_WAY: usize = 8;

/// The memory that a download takes: buffers that are handed out and taken back.
///
/// Clones share it. Downloads at the same time may do so, as long as they are fewer than the 24 buffers: each holds
/// at most one that it cannot give back before it gets another, and what is further on its way needs none to go on.
#[derive(Debug, Clone)]
pub struct Buffers {
    free: Arc<Mutex<Vec<Vec<u8>>>>,
    permits: Arc<Semaphore>,
}

/// A buffer being filled; it takes no memory before the first byte.
pub(super) struct Filling {
    bytes: Vec<u8>,
    free: Arc<Mutex<Vec<Vec<u8>>>>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Bytes that count as a buffer.
struct Adopted {
    bytes: Bytes,
    _place: Filling,
}

/// Says whether a chunk is worth a place of its own.
pub(super) fn is_long(chunk: &[u8]) -> bool {
    chunk.len() >= LONG
}

/// Makes a buffer for reading a blob from a file, no larger than it needs: to clear half a MiB takes longer than to
/// read a small file.
pub(super) fn alone(content: &Content) -> Vec<u8> {
    let needed = content.size.and_then(|size| usize::try_from(size).ok()).map_or(SIZE, |size| size.clamp(1, SIZE));
    vec![0; needed]
}

impl Default for Buffers {
    fn default() -> Self {
        Self { free: Arc::default(), permits: Arc::new(Semaphore::new(COUNT)) }
    }
}

impl Buffers {
    /// Makes as many as hold so many bytes while connections, each of which fills one, bring further ones.
    pub(super) fn holding(bytes: u64, connections: usize) -> Self {
        let held = usize::try_from(bytes).unwrap_or(usize::MAX) / SIZE;
        // One may be held half full for each piece, and those on their way to the hash are none of these.
        Self { free: Arc::default(), permits: Arc::new(Semaphore::new(held + connections + ON_THE_WAY)) }
    }

    /// Makes one that is not counted, and is not used again.
    pub(super) fn beyond() -> Filling {
        Filling { bytes: Vec::new(), free: Arc::default(), _permit: None }
    }

    /// Waits until a buffer is free.
    pub(super) async fn take(&self) -> Filling {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Filling { bytes: free.unwrap_or_default(), free: Arc::clone(&self.free), _permit: Some(permit) }
    }
}

impl Filling {
    /// Takes as much of the bytes as fits and returns how many those were.
    pub(super) fn fill(&mut self, bytes: &[u8]) -> usize {
        let fitting = bytes.len().min(SIZE - self.bytes.len());
        self.bytes.reserve_exact(SIZE - self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..fitting]);
        fitting
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() == SIZE
    }

    /// Hands bytes on that came in memory of their own, in place of the buffer's.
    pub(super) fn adopt(mut self, bytes: Bytes) -> Bytes {
        self.bytes = Vec::new();
        Bytes::from_owner(Adopted { bytes, _place: self })
    }

    /// Hands the bytes on; the buffer comes back when the last of them are dropped.
    pub(super) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Filling {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Adopted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn no_more_buffers_than_that_are_on_the_way() {
        let buffers = Buffers::default();
        let mut held = Vec::new();
        for _ in 0..COUNT {
            let mut filling = buffers.take().await;
            assert_eq!(filling.fill(&vec![7; SIZE + 1]), SIZE);
            held.push(filling.freeze());
        }
        assert!(buffers.take().now_or_never().is_none());
        held.pop();
        let adopted = buffers.take().await.adopt(Bytes::from(vec![7; SIZE]));
        assert!(buffers.take().now_or_never().is_none());
        drop(adopted);
        assert!(buffers.take().await.as_ref().is_empty());
    }
}
