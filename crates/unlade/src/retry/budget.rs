//! What one piece of work may spend on failures.

use std::sync::{Mutex, PoisonError};

use super::Policy;

/// Counts the failures of one blob or document, shared by all that work on it.
#[derive(Debug)]
pub struct Budget {
    policy: Policy,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    size: u64,
    failures: u64,
    since_progress: u32,
    fresh_bytes: u64,
}

impl Budget {
    /// Makes a full budget for content of so many bytes.
    ///
    /// In all, 10 tries and one for each MiB are allowed (more only if the policy
    /// allows more in a row); as long as the size is not known, 10.
    pub fn new(policy: Policy, size: Option<u64>) -> Self {
        let state = State { size: size.unwrap_or(0), ..State::default() };
        Self { policy, state: Mutex::new(state) }
    }

    /// Takes note of a size that became known on the way.
    pub fn learn_size(&self, size: u64) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).size = size;
    }

    /// Returns the policy it was made with.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Notes bytes that had not been seen before.
    pub fn progress(&self, bytes: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.fresh_bytes += bytes;
        if state.fresh_bytes >= self.policy.progress {
            state.fresh_bytes = 0;
            state.since_progress = 0;
        }
    }

    /// Notes a failure; returns which retry without progress it calls for, or `None` if there is none left.
    pub fn spend(&self) -> Option<u32> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // The first try is none that a failure called for.
        let most = u64::from(self.policy.retries).max(9 + state.size / self.policy.progress.max(1));
        if state.since_progress >= self.policy.retries || state.failures >= most {
            return None;
        }
        state.failures += 1;
        state.since_progress += 1;
        Some(state.since_progress)
    }

    /// Returns how many failures were spent so far.
    pub fn spent(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spend_all(budget: &Budget) -> usize {
        std::iter::from_fn(|| budget.spend()).count()
    }

    #[test]
    fn ends_after_the_tries_without_progress() {
        assert_eq!(spend_all(&Budget::new(Policy::default(), Some(1 << 30))), 5);
        assert_eq!(spend_all(&Budget::new(Policy::default().with_retries(0), None)), 0);
        assert_eq!(spend_all(&Budget::new(Policy::default().with_retries(50), None)), 50);
    }

    #[test]
    fn a_mebibyte_refills_it() {
        let budget = Budget::new(Policy::default(), Some(1 << 30));
        spend_all(&budget);
        budget.progress((1 << 20) - 1);
        assert_eq!(budget.spend(), None);
        budget.progress(1);
        assert_eq!(budget.spend(), Some(1));
    }

    #[test]
    fn failures_in_all_are_bounded_by_the_size() {
        let budget = Budget::new(Policy::default(), Some(3 << 20));
        let mut failures = 0;
        while budget.spend().is_some() {
            failures += 1;
            budget.progress(1 << 20);
        }
        assert_eq!(failures, 12);
    }

    #[test]
    fn a_size_that_becomes_known_counts() {
        let budget = Budget::new(Policy::default(), None);
        budget.learn_size(90 << 20);
        let mut failures = 0;
        while budget.spend().is_some() {
            failures += 1;
            budget.progress(1 << 20);
        }
        assert_eq!(failures, 99);
    }
}
