//! How patient to be.

use std::time::Duration;

/// How often and how slowly failed requests are made again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// How many tries without progress follow the first one; 5 unless changed.
    pub retries: u32,
    /// The first wait is random between nothing and this, and doubles each time; 300 ms.
    pub base: Duration,
    /// No wait of our own choice is longer than this; 30 s.
    pub cap: Duration,
    /// The longest `Retry-After` that is obeyed; a longer one is reported; 3 minutes.
    pub patience: Duration,
    /// So many new bytes count as progress; 1 MiB, so that a server which gives
    /// one byte and resets cannot keep a client busy for ever.
    pub progress: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            retries: 5,
            base: Duration::from_millis(300),
            cap: Duration::from_secs(30),
            patience: Duration::from_mins(3),
            progress: 1 << 20,
        }
    }
}

impl Policy {
    /// Sets the number of tries without progress.
    #[must_use]
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// Returns the upper bound of the wait before the given retry, the first being 1.
    pub fn ceiling(&self, retry: u32) -> Duration {
        let doublings = retry.saturating_sub(1).min(16);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap() {
        let policy = Policy::default();
        let ceilings: Vec<u128> =
            [1, 2, 3, 7, 8, 4_000_000_000].iter().map(|n| policy.ceiling(*n).as_millis()).collect();
        assert_eq!(ceilings, [300, 600, 1200, 19_200, 30_000, 30_000]);
    }
}
