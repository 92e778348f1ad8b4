//! A request to stop that threads poll and futures await.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};

/// A request to stop: clones share it, and it cannot be taken back.
///
/// What obeys it leaves its target as a broken transfer would and ends in
/// [`ErrorKind::Interrupted`].
#[derive(Clone, Default)]
pub struct Cancel(Arc<State>);

#[derive(Default)]
struct State {
    asked: AtomicBool,
    wake: Notify,
}

impl Cancel {
    /// Makes a request that has not been made yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everything that holds a clone to stop.
    pub fn cancel(&self) {
        self.0.asked.store(true, Ordering::Release);
        self.0.wake.notify_waiters();
    }

    /// Says whether stopping was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.asked.load(Ordering::Acquire)
    }

    /// Fails with [`ErrorKind::Interrupted`] once stopping was asked for.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(interrupted()) } else { Ok(()) }
    }

    /// Waits until stopping is asked for; may be dropped at any time.
    pub async fn cancelled(&self) {
        let woken = self.0.wake.notified();
        tokio::pin!(woken);
        // Registered before the flag is read: a request between the two is not missed.
        woken.as_mut().enable();
        if !self.is_cancelled() {
            woken.await;
        }
    }

    /// Runs a future until it ends or stopping is asked for.
    pub async fn guard<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.cancelled() => Err(interrupted()),
            outcome = work => outcome,
        }
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}

fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "stopped on request")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stops_a_future_that_would_never_end() {
        let cancel = Cancel::new();
        let clone = cancel.clone();
        let (outcome, ()) =
            tokio::join!(async move { clone.guard(std::future::pending::<Result<()>>()).await }, async {
                cancel.cancel();
            });
        assert_eq!(outcome.map_err(|error| error.kind()), Err(ErrorKind::Interrupted));
    }

    #[tokio::test]
    async fn a_request_made_earlier_is_seen() {
        let cancel = Cancel::new();
        cancel.cancel();
        cancel.cancelled().await;
        assert!(cancel.check().is_err());
    }
}
