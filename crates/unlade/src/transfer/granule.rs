//! The granules of a partial that were written as a whole, and their checksums.

use std::collections::BTreeMap;
use std::hash::Hasher as _;
use std::sync::Arc;

use twox_hash::XxHash3_64;

use crate::error::Error;
use crate::target::{GRANULE, Ledger};

/// More granules than this are not open at once: each belongs to a piece that is being fetched, or that broke off.
const MAX_OPEN: usize = 256;

/// Returns the checksum of a whole granule.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// Notes each granule once it was written to its end, from its beginning, without a gap.
pub(super) struct Granules {
    ledger: Arc<dyn Ledger>,
    size: u64,
    open: BTreeMap<u64, Open>,
}

struct Open {
    next: u64,
    hasher: XxHash3_64,
}

impl Granules {
    /// Begins the record of a blob of so many bytes.
    pub(super) fn new(ledger: Arc<dyn Ledger>, size: u64) -> Self {
        Self { ledger, size, open: BTreeMap::new() }
    }

    /// Takes note of bytes that were written.
    pub(super) fn written(&mut self, mut offset: u64, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let number = offset / GRANULE;
            let left = (number + 1).saturating_mul(GRANULE) - offset;
            let (part, rest) = bytes.split_at(bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            self.add(number, offset, part)?;
            offset += part.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    fn add(&mut self, number: u64, offset: u64, part: &[u8]) -> Result<(), Error> {
        if offset == number * GRANULE {
            if self.open.len() >= MAX_OPEN {
                self.open.pop_first();
            }
            self.open.insert(number, Open { next: offset, hasher: XxHash3_64::new() });
        }
        let Some(open) = self.open.get_mut(&number).filter(|open| open.next == offset) else {
            // Its beginning was not seen: it stays out of the record.
            self.open.remove(&number);
            return Ok(());
        };
        open.hasher.write(part);
        open.next += part.len() as u64;
        if open.next == self.size.min((number + 1).saturating_mul(GRANULE)) {
            let checksum = open.hasher.finish();
            self.open.remove(&number);
            self.ledger.note(number, checksum)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::error::Result;

    #[derive(Default)]
    struct Noted(Mutex<Vec<(u64, u64)>>);

    impl Ledger for Noted {
        fn replay(&self) -> Result<Vec<(u64, u64)>> {
            Ok(self.0.lock().unwrap().clone())
        }

        fn note(&self, granule: u64, checksum: u64) -> Result<()> {
            self.0.lock().unwrap().push((granule, checksum));
            Ok(())
        }
    }

    #[test]
    fn only_whole_granules_are_noted() {
        let granule = usize::try_from(GRANULE).unwrap();
        let blob: Vec<u8> = (0..granule * 3 + 5).map(|at| ((at * 31) >> 3).to_le_bytes()[0]).collect();
        let ledger = Arc::new(Noted::default());
        let mut granules = Granules::new(Arc::clone(&ledger) as Arc<dyn Ledger>, blob.len() as u64);
        let mut write = |range: std::ops::Range<usize>| granules.written(range.start as u64, &blob[range]).unwrap();
        // The third comes in two parts beside the first, the second without its first byte, the last from its start.
        write(granule * 2..granule * 2 + 7);
        write(0..granule - 1);
        write(granule * 2 + 7..granule * 3 + 5);
        write(granule - 1..granule);
        write(granule + 1..granule * 2);
        let number = |at: usize| &blob[at * granule..blob.len().min((at + 1) * granule)];
        let expected: Vec<_> = [2, 3, 0].map(|at| (at as u64, checksum(number(at)))).into();
        assert_eq!(ledger.replay().unwrap(), expected);
        // With a gap in the middle it is none, until it is written anew.
        write(granule..granule + 9);
        write(granule + 10..granule * 2);
        assert_eq!(ledger.replay().unwrap().len(), 3);
        write(granule..granule * 2);
        assert_eq!(ledger.replay().unwrap().last(), Some(&(1, checksum(number(1)))));
    }
}
