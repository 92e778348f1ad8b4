//! Byte counters that a bar polls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The state of one download, or of several together, in bytes; read at any time, from any thread.
///
/// What a [`child`](Self::child) counts is counted in its parent too, but for the total: that is what whoever makes
/// the children knows of all of them.
#[derive(Debug, Default)]
pub struct Progress {
    connections: AtomicU64,
    fetched: AtomicU64,
    resumed: AtomicU64,
    total: AtomicU64,
    verified: AtomicU64,
    parent: Option<Arc<Progress>>,
}

/// A body that is open, for as long as it lives.
#[derive(Debug)]
pub(super) struct Connection(Arc<Progress>);

impl Progress {
    /// Makes the counters of one of several downloads.
    pub fn child(self: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self { parent: Some(Arc::clone(self)), ..Self::default() })
    }

    /// Returns how many connections bring bytes.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Returns how many bytes came over the network, those that were thrown away included.
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Returns how many bytes were not fetched again thanks to a resume: what an earlier run left, and what came before
    /// a break.
    pub fn resumed(&self) -> u64 {
        self.resumed.load(Ordering::Relaxed)
    }

    /// Returns the number of bytes that are to be verified, once it is known.
    pub fn total(&self) -> Option<u64> {
        // Stored off by one: zero means unknown.
        self.total.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Returns how many bytes were hashed.
    pub fn verified(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }

    pub(crate) fn add_fetched(&self, bytes: u64) {
        self.add(|progress| &progress.fetched, bytes);
    }

    pub(crate) fn add_resumed(&self, bytes: u64) {
        self.add(|progress| &progress.resumed, bytes);
    }

    /// Takes back what was counted as resumed: it is fetched all the same.
    pub(crate) fn take_resumed(&self, bytes: u64) {
        self.add(|progress| &progress.resumed, bytes.wrapping_neg());
    }

    /// Forgets what was verified and resumed: it has to be fetched again.
    pub(crate) fn start_over(&self) {
        self.set_verified(0);
        let resumed = self.resumed.swap(0, Ordering::Relaxed);
        self.add_above(|progress| &progress.resumed, resumed.wrapping_neg());
    }

    pub(crate) fn set_total(&self, size: u64) {
        self.total.store(size.saturating_add(1), Ordering::Relaxed);
    }

    pub(crate) fn set_verified(&self, bytes: u64) {
        let before = self.verified.swap(bytes, Ordering::Relaxed);
        // May go down, when a file that was there turns out to be another one: sums wrap around, and come out right.
        self.add_above(|progress| &progress.verified, bytes.wrapping_sub(before));
    }

    pub(super) fn connect(self: &Arc<Self>) -> Connection {
        self.add(|progress| &progress.connections, 1);
        Connection(Arc::clone(self))
    }

    fn add(&self, counter: impl Fn(&Self) -> &AtomicU64, by: u64) {
        counter(self).fetch_add(by, Ordering::Relaxed);
        self.add_above(counter, by);
    }

    fn add_above(&self, counter: impl Fn(&Self) -> &AtomicU64, by: u64) {
        for above in std::iter::successors(self.parent.as_ref(), |progress| progress.parent.as_ref()) {
            counter(above).fetch_add(by, Ordering::Relaxed);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.add(|progress| &progress.connections, 1_u64.wrapping_neg());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_children_count_is_counted_above() {
        let all = Arc::new(Progress::default());
        let (one, other) = (all.child(), all.child());
        let inner = other.child();
        one.set_total(7);
        one.add_fetched(5);
        inner.add_fetched(2);
        one.set_verified(5);
        inner.set_verified(9);
        inner.set_verified(0);
        one.add_resumed(5);
        one.take_resumed(2);
        other.add_resumed(1);
        let connections = [one.connect(), inner.connect()];
        let counts = |it: &Progress| (it.fetched(), it.verified(), it.resumed(), it.connections(), it.total());
        assert_eq!(counts(&all), (7, 5, 4, 2, None));
        assert_eq!(counts(&one), (5, 5, 3, 1, Some(7)));
        assert_eq!(counts(&other), (2, 0, 1, 1, None));
        drop(connections);
        assert_eq!((all.connections(), inner.connections()), (0, 0));
    }
}
