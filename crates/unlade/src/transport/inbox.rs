//! Records of TLS as they arrive.

/// How many bytes are read at once: enough that reads are few, and little enough to be in the cache still when they
/// are decrypted. It holds the largest message of a handshake that rustls takes, which is 64 KiB, in its records.
const CAPACITY: usize = 128 << 10;

/// One buffer for the life of a connection.
pub(super) struct Inbox {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; CAPACITY].into_boxed_slice(), start: 0, end: 0 }
    }

    /// Returns what has arrived and was not discarded.
    pub(super) fn held(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    /// Forgets the first bytes of what is held.
    pub(super) fn discard(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end);
    }

    /// Returns the room for what arrives next; it is empty only if all is held.
    pub(super) fn room(&mut self) -> &mut [u8] {
        // What is held is the beginning of a record, seldom more.
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        &mut self.buffer[self.end..]
    }

    /// Takes the first bytes of the room for arrived.
    pub(super) fn grow(&mut self, count: usize) {
        self.end += count;
        debug_assert!(self.end <= self.buffer.len());
    }
}
