//! Bytes that wait to be taken.

use std::io;

/// Bytes in order: added at the end, taken from the front.
#[derive(Debug, Default)]
pub(super) struct ByteQueue {
    bytes: Vec<u8>,
    taken: usize,
}

/// Why a writer wrote nothing.
#[derive(Debug)]
pub(super) enum Lack {
    /// It needs so much room.
    Room(usize),
    /// It failed.
    Other(io::Error),
}

/// The least room that a writer is offered; most of what TLS says of itself is shorter.
const ROOM: usize = 1 << 10;

impl ByteQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.bytes.len()
    }

    /// Returns what waits.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// Forgets the first bytes of what waits.
    pub(super) fn take(&mut self, count: usize) {
        self.taken += count;
        if self.is_empty() {
            self.bytes.clear();
            self.taken = 0;
        }
    }

    /// Adds bytes.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds what `write` puts into the room that it is given: somewhat more than `hint`, or what it says it needs.
    ///
    /// # Errors
    ///
    /// That of `write`; nothing is added then.
    pub(super) fn add_with(
        &mut self,
        hint: usize,
        mut write: impl FnMut(&mut [u8]) -> Result<usize, Lack>,
    ) -> io::Result<()> {
        let end = self.bytes.len();
        let mut room = hint + ROOM;
        loop {
            self.bytes.resize(end + room, 0);
            let outcome = write(&mut self.bytes[end..]);
            self.bytes.truncate(end + outcome.as_ref().map_or(0, |written| *written));
            match outcome {
                Ok(_) => return Ok(()),
                Err(Lack::Room(needed)) if needed > room => room = needed,
                Err(Lack::Room(_)) => return Err(io::ErrorKind::WriteZero.into()),
                Err(Lack::Other(error)) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_the_order_they_went_in() {
        let mut queue = ByteQueue::default();
        queue.add(b"one ");
        queue.take(1);
        queue.add(b"two");
        assert_eq!(queue.waiting(), b"ne two");
        queue.take(6);
        assert!(queue.is_empty());
        queue.add(b"three");
        assert_eq!(queue.waiting(), b"three");
    }

    #[test]
    fn a_writer_gets_the_room_it_needs() {
        let mut queue = ByteQueue::default();
        queue.add(b"x");
        let needed = ROOM * 3;
        let write = |room: &mut [u8]| {
            if room.len() < needed {
                return Err(Lack::Room(needed));
            }
            room[..needed].fill(7);
            Ok(needed)
        };
        queue.add_with(1, write).unwrap();
        assert_eq!(queue.waiting(), [b"x".as_slice(), &vec![7; needed]].concat());
        assert!(queue.add_with(0, |_| Err(Lack::Other(io::ErrorKind::Other.into()))).is_err());
        assert_eq!(queue.waiting().len(), 1 + needed);
    }
}
