//! Bytes that came before their turn: on the disk, or in memory.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};

use super::buffer;
use super::spans::Spans;
use super::tide::Tide;
use crate::error::{Error, ErrorKind, Result};
use crate::target::Pages;

/// Where bytes wait for their turn.
pub(super) enum Early {
    /// They were written already, and are read back.
    Written(Written),
    /// They are held.
    Held(Held),
}

/// Bytes in the pages of a target.
pub(super) struct Written {
    pages: Arc<dyn Pages>,
    tide: Arc<Tide>,
    spans: Spans,
    /// How many chunks must be written before all of these are.
    after: u64,
    buffer: Vec<u8>,
    is_lost: bool,
}

/// Bytes in memory.
#[derive(Default)]
pub(super) struct Held(BTreeMap<u64, Bytes>);

impl Written {
    /// Begins with what the pages hold.
    pub(super) fn new(pages: Arc<dyn Pages>, tide: Arc<Tide>, spans: Spans) -> Self {
        Self { pages, tide, spans, after: 0, buffer: Vec::new(), is_lost: false }
    }

    /// Notes that the chunk of this number, the first being 1, will be written there.
    pub(super) fn note(&mut self, range: Range<u64>, chunk: u64) {
        self.spans.insert(range);
        self.after = chunk;
    }

    /// Reads what lies there from an offset on, or as much of it as fits a buffer; nothing if nothing does.
    pub(super) fn read(&mut self, at: u64) -> Result<Option<&[u8]>> {
        let Some(end) = self.spans.end_at(at) else { return Ok(None) };
        if self.buffer.is_empty() {
            self.buffer = vec![0; buffer::SIZE];
        }
        let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(self.buffer.len());
        if !self.tide.wait_for(self.after) {
            self.is_lost = true;
            return Ok(None);
        }
        let read = self.pages.read_at(&mut self.buffer[..wanted], at)?;
        if read < wanted {
            let message = format!("the partial ends at byte {} where bytes were written", at + read as u64);
            return Err(Error::new(ErrorKind::Io, message));
        }
        self.spans.remove(&(0..at + wanted as u64));
        Ok(Some(&self.buffer[..wanted]))
    }

    /// Says whether the disk ended before it had written what lies there: it knows why.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }
}

impl Held {
    /// Holds bytes until their turn.
    pub(super) fn hold(&mut self, offset: u64, bytes: Bytes) {
        // Of two that begin alike the longer one is of more use.
        let longer = self.0.get(&offset).is_none_or(|other| other.len() < bytes.len());
        if longer {
            self.0.insert(offset, bytes);
        }
    }

    /// Gives out bytes whose turn it is.
    pub(super) fn take(&mut self, at: u64) -> Option<Bytes> {
        loop {
            let entry = self.0.first_entry().filter(|entry| *entry.key() <= at)?;
            let (offset, mut bytes) = entry.remove_entry();
            let passed = usize::try_from(at - offset).unwrap_or(usize::MAX);
            if passed < bytes.len() {
                bytes.advance(passed);
                return Some(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_comes_out_in_order_and_once() {
        let mut held = Held::default();
        held.hold(10, Bytes::from_static(b"klmno"));
        held.hold(10, Bytes::from_static(b"kl"));
        held.hold(12, Bytes::from_static(b"mnopq"));
        held.hold(20, Bytes::from_static(b"u"));
        assert_eq!(held.take(9), None);
        assert_eq!(held.take(10).as_deref(), Some(&b"klmno"[..]));
        assert_eq!(held.take(15).as_deref(), Some(&b"pq"[..]));
        assert_eq!(held.take(17), None);
        assert_eq!(held.take(21), None);
        assert_eq!(held.0.len(), 0);
    }
}
