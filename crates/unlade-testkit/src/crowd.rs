//! Requests that are served at the same time: counted, bounded, and made to wait for each other.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::server::lock;

/// So long requests wait for each other: where fewer come, the test fails for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Counts those that are served under a bound.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    inside: Mutex<usize>,
}

impl Crowd {
    /// Lets one in unless so many are inside already. It is outside again with the value.
    pub(crate) fn enter(&self, limit: usize) -> Option<Inside<'_>> {
        let mut inside = lock(&self.inside);
        (*inside < limit).then(|| {
            *inside += 1;
            Inside(self)
        })
    }
}

/// One that is served.
#[derive(Debug)]
pub(crate) struct Inside<'c>(&'c Crowd);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        *lock(&self.0.inside) -= 1;
    }
}

/// Holds requests until so many wait together; then all go, and whoever comes later.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    here: usize,
    open: bool,
    complaints: Vec<String>,
}

impl Gate {
    /// Waits until so many are here.
    pub(crate) fn gather(&self, count: usize) {
        let mut state = lock(&self.state);
        state.here += 1;
        state.open |= state.here >= count;
        self.arrived.notify_all();
        let waited = self.arrived.wait_timeout_while(state, PATIENCE, |state| !state.open);
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            let here = state.here;
            state.complaints.push(format!("{here} requests were open together where {count} were waited for"));
        }
        state.here -= 1;
    }

    /// Says who waited in vain.
    pub(crate) fn complaints(&self) -> Vec<String> {
        lock(&self.state).complaints.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_crowd_is_bounded() {
        let crowd = Crowd::default();
        let inside = (crowd.enter(2), crowd.enter(2));
        assert!(inside.0.is_some() && inside.1.is_some() && crowd.enter(2).is_none());
        drop(inside);
        assert!(crowd.enter(1).is_some());
    }

    #[test]
    fn a_gate_opens_for_those_who_wait_together_and_for_all_after_them() {
        let gate = Gate::default();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| gate.gather(3));
            }
        });
        gate.gather(3);
        assert!(gate.complaints().is_empty());
    }
}
