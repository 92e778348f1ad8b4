//! The clock, as far as retrying needs one.

use std::time::{Duration, Instant, SystemTime};

use super::judge::retry_after_at;

/// Reads a `Retry-After` value, a date in it as seen from now; what is none is as if it were not there.
pub fn retry_after(value: &str) -> Option<Duration> {
    retry_after_at(value, SystemTime::now())
}

/// How often something was tried, and for how long: what its error will tell.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    since: Instant,
    tries: u32,
}

impl Effort {
    /// Begins now, with nothing tried yet.
    pub fn begin() -> Self {
        Self { since: Instant::now(), tries: 0 }
    }

    /// Notes a try.
    pub fn note(&mut self) {
        self.tries = self.tries.saturating_add(1);
    }

    /// Returns how many tries were noted.
    pub fn tries(&self) -> u32 {
        self.tries
    }

    /// Returns how long it took so far, waiting included.
    pub fn duration(&self) -> Duration {
        self.since.elapsed()
    }
}
