//! Byte counters that a bar polls.

use std::sync::atomic::{AtomicU64, Ordering};

/// The state of one download, in bytes; read at any time, from any thread.
#[derive(Debug, Default)]
pub struct Progress {
    fetched: AtomicU64,
    resumed: AtomicU64,
    total: AtomicU64,
    verified: AtomicU64,
}

impl Progress {
    /// Returns how many bytes came over the network, those that were thrown away included.
    pub fn fetched(&self) -> u64 {
        self.fetched.load(Ordering::Relaxed)
    }

    /// Returns how many bytes were not fetched again thanks to a resume: those before the last place where one began.
    pub fn resumed(&self) -> u64 {
        self.resumed.load(Ordering::Relaxed)
    }

    /// Returns the size of the blob, once it is known.
    pub fn total(&self) -> Option<u64> {
        // Stored off by one: zero means unknown.
        self.total.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Returns how many bytes of the blob were hashed.
    pub fn verified(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }

    pub(crate) fn add_fetched(&self, bytes: u64) {
        self.fetched.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn note_resumed(&self, place: u64) {
        self.resumed.fetch_max(place, Ordering::Relaxed);
    }

    pub(crate) fn set_total(&self, size: u64) {
        self.total.store(size.saturating_add(1), Ordering::Relaxed);
    }

    pub(crate) fn set_verified(&self, bytes: u64) {
        self.verified.store(bytes, Ordering::Relaxed);
    }
}
