//! What the journal of an unfinished file says, read as the next run reads it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread;

/// A journal begins with a heading, in which the size of the blob stands here; then come the records.
const HEADING: usize = 112;
const SIZE: usize = 88;
const RECORD: usize = 24;

/// What a record speaks of, in bytes.
const GRANULE: u64 = 1 << 20;

/// Gives how many bytes of the blob a journal has on record; none if there is no journal.
pub(crate) fn recorded(journal: &Path) -> u64 {
    let bytes = fs::read(journal).unwrap_or_default();
    let Some((heading, records)) = bytes.split_at_checked(HEADING) else { return 0 };
    let size = number(heading, SIZE);
    let granules: BTreeSet<u64> = records.chunks_exact(RECORD).map(|record| number(record, 0)).collect();
    granules.into_iter().map(|granule| size.saturating_sub(granule * GRANULE).min(GRANULE)).sum()
}

/// Waits until so many granules are on record.
pub(crate) fn wait_for_journal(journal: &Path, granules: u64) {
    let noted = || fs::metadata(journal).map_or(0, |found| found.len().saturating_sub(HEADING as u64) / RECORD as u64);
    while noted() < granules {
        thread::yield_now();
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("a slice of eight bytes"))
}
