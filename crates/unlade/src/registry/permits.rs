//! How many bodies one host may give at once, and who opens the next.
//!
//! The number falls where the host shows that it is too many, and grows again while all goes well. It counts what
//! comes over connections of their own: bodies of blobs. What is small and soon over is not counted.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::source::Zeal;

/// So long a permit is waited for while no body of the host moves: those who hold one may be waiting for the very
/// one who waits, and a bound is not worth a deadlock.
const PATIENCE: Duration = Duration::from_secs(30);

/// A host that keeps refusing one more is not asked more rarely than after so many rounds of bodies.
const MAX_ROUNDS: usize = 64;

/// The permits of one host.
#[derive(Debug)]
pub(super) struct Permits {
    tally: Mutex<Tally>,
    freed: Notify,
    /// Counts what comes out of all bodies that hold a permit, in pieces.
    moves: AtomicU64,
}

/// The right to one body; it falls back with the value.
#[derive(Debug)]
pub(super) struct Permit {
    permits: Arc<Permits>,
    epoch: u64,
}

impl Permits {
    /// Allows so many at most.
    pub(super) fn new(most: NonZeroUsize) -> Self {
        Self { tally: Mutex::new(Tally::new(most.get())), freed: Notify::new(), moves: AtomicU64::new(0) }
    }

    /// Takes a permit: one that is spare if it is free now and nobody waits for it, any other once there is one. Whoever
    /// waits comes before those who ask later.
    ///
    /// May be dropped at any time.
    pub(super) async fn take(self: &Arc<Self>, zeal: Zeal) -> Option<Permit> {
        let mut place = None;
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // From here on no permit that falls back is missed.
            freed.as_mut().enable();
            let ticket = place.as_ref().map(|place: &Place<'_>| place.ticket);
            if let Some(epoch) = self.tally().take(ticket) {
                return Some(Permit { permits: Arc::clone(self), epoch });
            }
            if zeal == Zeal::Spare {
                return None;
            }
            place.get_or_insert_with(|| Place::new(self));
            let before = self.moves.load(Ordering::Relaxed);
            let patience = tokio::time::timeout(PATIENCE, freed).await;
            if patience.is_err() && self.moves.load(Ordering::Relaxed) == before {
                let epoch = self.tally().take_anyway();
                return Some(Permit { permits: Arc::clone(self), epoch });
            }
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Notes that the host did not want to give this body, for reasons that may lie in their number.
    pub(super) fn refused(&self) {
        self.permits.tally().refused(self.epoch);
    }

    /// Notes that a piece of the body came.
    pub(super) fn moved(&self) {
        self.permits.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives it back after a body that came to its end.
    pub(super) fn well(self) {
        self.permits.tally().ended_well();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.tally().in_use -= 1;
        self.moved();
        self.permits.freed.notify_waiters();
    }
}

/// A place among those who wait.
struct Place<'p> {
    permits: &'p Permits,
    ticket: u64,
}

impl<'p> Place<'p> {
    fn new(permits: &'p Permits) -> Self {
        Self { permits, ticket: permits.tally().queue() }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.permits.tally().waiting.remove(&self.ticket);
        // Whoever comes behind it may be the first now.
        self.permits.freed.notify_waiters();
    }
}

/// Counts permits, and decides how many there are. Pure.
///
/// - A refusal halves what was in use, once for all requests that were under way together: they tell of the same
///   moment. A single one in use says nothing about their number.
/// - After a round, which is as many bodies that end well as are allowed, one more is allowed. If the host refuses
///   that, only it is taken back, and the next is tried after twice as many rounds.
#[derive(Debug)]
struct Tally {
    most: usize,
    limit: usize,
    in_use: usize,
    /// The tickets of those who wait, the first of whom comes first: what is free is theirs.
    waiting: BTreeSet<u64>,
    next_ticket: u64,
    /// Counts how often the limit was lowered.
    epoch: u64,
    /// Bodies that ended well since the limit changed.
    well: usize,
    /// So many rounds are waited before one more is tried.
    rounds: usize,
    /// The limit was raised, and nothing was refused since.
    probing: bool,
}

impl Tally {
    fn new(most: usize) -> Self {
        let waiting = BTreeSet::new();
        Self { most, limit: most, in_use: 0, waiting, next_ticket: 0, epoch: 0, well: 0, rounds: 1, probing: false }
    }

    /// Takes a permit if there is one beside those of whoever came before; returns the epoch in which that was.
    fn take(&mut self, ticket: Option<u64>) -> Option<u64> {
        let theirs = ticket.map_or(self.waiting.len(), |own| self.waiting.range(..own).count());
        (self.in_use + theirs < self.limit).then(|| self.take_anyway())
    }

    fn queue(&mut self) -> u64 {
        self.next_ticket += 1;
        self.waiting.insert(self.next_ticket);
        self.next_ticket
    }

    fn take_anyway(&mut self) -> u64 {
        self.in_use += 1;
        self.epoch
    }

    fn refused(&mut self, epoch: u64) {
        if epoch != self.epoch || self.in_use < 2 {
            return;
        }
        if self.probing {
            self.limit = (self.limit - 1).max(1);
            self.rounds = (self.rounds * 2).min(MAX_ROUNDS);
        } else {
            self.limit = self.limit.min(self.in_use / 2);
        }
        self.epoch += 1;
        self.well = 0;
        self.probing = false;
    }

    fn ended_well(&mut self) {
        if self.limit == self.most {
            return;
        }
        self.well += 1;
        if self.well >= self.limit * self.rounds {
            self.limit += 1;
            self.well = 0;
            self.probing = true;
        }
    }
}

#[cfg(test)]
mod tests;
