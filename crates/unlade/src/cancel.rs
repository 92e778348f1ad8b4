//! A request to stop that threads poll and futures await.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::select_all;
use tokio::sync::Notify;

use crate::error::{Error, ErrorKind, Result};

/// A request to stop: clones share it, and it cannot be taken back.
///
/// A [`child`](Self::child) is stopped with its parent, and may be stopped alone.
///
/// What obeys it leaves its target as a broken transfer would and ends in
/// [`ErrorKind::Interrupted`].
#[derive(Clone, Default)]
pub struct Cancel(Arc<State>);

#[derive(Default)]
struct State {
    asked: AtomicBool,
    wake: Notify,
    parent: Option<Cancel>,
}

/// Asks to stop when it is dropped: for work that goes on elsewhere, for someone who may leave at any time.
#[derive(Debug)]
#[must_use = "dropping it asks to stop"]
pub struct Leash(Cancel);

impl Drop for Leash {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Cancel {
    /// Makes a request that has not been made yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a request of one's own that this one brings about too.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(State { parent: Some(self.clone()), ..State::default() }))
    }

    /// Makes the request when what is returned is dropped; where the work has ended by then, that does nothing.
    pub fn leash(&self) -> Leash {
        Leash(self.clone())
    }

    /// Asks everything that holds a clone to stop.
    pub fn cancel(&self) {
        self.0.asked.store(true, Ordering::Release);
        self.0.wake.notify_waiters();
    }

    /// Says whether stopping was asked for.
    pub fn is_cancelled(&self) -> bool {
        self.0.asked.load(Ordering::Acquire) || self.0.parent.as_ref().is_some_and(Self::is_cancelled)
    }

    /// Fails with [`ErrorKind::Interrupted`] once stopping was asked for.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(interrupted()) } else { Ok(()) }
    }

    /// Waits until stopping is asked for; may be dropped at any time.
    pub async fn cancelled(&self) {
        if self.0.parent.is_none() {
            return self.asked().await;
        }
        let ancestry = std::iter::successors(Some(self), |cancel| cancel.0.parent.as_ref());
        select_all(ancestry.map(|cancel| Box::pin(cancel.asked()))).await;
    }

    /// Waits for the request that is made here.
    async fn asked(&self) {
        let woken = self.0.wake.notified();
        tokio::pin!(woken);
        // Registered before the flag is read: a request between the two is not missed.
        woken.as_mut().enable();
        if !self.0.asked.load(Ordering::Acquire) {
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
    async fn a_child_stops_with_its_parent_and_not_the_other_way() {
        let parent = Cancel::new();
        let (one, other) = (parent.child(), parent.child());
        let grandchild = one.child();
        drop(one.leash());
        assert!(one.check().is_err() && grandchild.check().is_err());
        assert!(parent.check().is_ok() && other.check().is_ok());
        grandchild.cancelled().await;
        let last = other.child();
        let (outcome, ()) = tokio::join!(last.guard(std::future::pending::<Result<()>>()), async { parent.cancel() });
        assert_eq!(outcome.map_err(|error| error.kind()), Err(ErrorKind::Interrupted));
        assert!(other.is_cancelled() && last.is_cancelled());
    }

    #[tokio::test]
    async fn a_request_made_earlier_is_seen() {
        let cancel = Cancel::new();
        cancel.cancel();
        cancel.cancelled().await;
        assert!(cancel.check().is_err());
    }
}
