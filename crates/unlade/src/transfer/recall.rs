//! What an earlier run left: read once, and believed as far as its checksums fit.

use std::sync::Arc;

use super::Progress;
use super::granule::checksum;
use super::spans::Spans;
use crate::error::Result;
use crate::observe::Event;
use crate::target::{GRANULE, Job, Ledger, Pages};
use crate::verify::Verifier;

/// Reads the granules that a ledger names and returns where they fit; those at the beginning are hashed on the way.
///
/// A record that cannot be read, or lies, costs what it speaks of.
///
/// # Errors
///
/// [`Interrupted`](crate::ErrorKind::Interrupted) on request, and [`Mismatch`](crate::ErrorKind::Mismatch) never:
/// whether the bytes are the blob's shows at its end.
pub(super) fn recall(
    pages: &dyn Pages,
    ledger: &dyn Ledger,
    verifier: &mut Verifier,
    job: &Job,
    progress: &Arc<Progress>,
) -> Result<Spans> {
    let mut there = Spans::default();
    let Some(size) = job.content.size else { return Ok(there) };
    let noted = ledger.replay().unwrap_or_else(|error| {
        let text = format!("{}: what an earlier run left is not used", error.chain().join(": "));
        job.observer.notice(&Event::Warning { text });
        Vec::new()
    });
    let mut buffer = Vec::new();
    for (number, expected) in noted {
        job.cancel.check()?;
        let Some(start) = number.checked_mul(GRANULE).filter(|start| *start < size) else { continue };
        let length = usize::try_from(GRANULE.min(size - start)).expect("no more than a granule");
        buffer.resize(length, 0);
        // What cannot be read is fetched: if the disk is broken, writing it will tell.
        if pages.read_at(&mut buffer, start).is_ok_and(|read| read == length) && checksum(&buffer) == expected {
            there.insert(start..start + length as u64);
            if verifier.seen() == start {
                verifier.absorb(&buffer)?;
                progress.set_verified(verifier.seen());
            }
        }
    }
    Ok(there)
}
