//! How far the hash is, told to those that fetch.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// The hash tells those who wait so often, in bytes: each time costs them a wake-up.
const STEP: u64 = 1 << 20;

/// The first byte that was not hashed, and whether the hash has anything to do.
#[derive(Debug, Default)]
pub(super) struct Front {
    at: AtomicU64,
    told: AtomicU64,
    is_idle: AtomicBool,
    moved: Notify,
}

impl Front {
    /// Begins at a byte.
    pub(super) fn at_byte(at: u64) -> Self {
        Self { at: at.into(), told: at.into(), ..Self::default() }
    }

    /// Returns the first byte that was not hashed.
    pub(super) fn at(&self) -> u64 {
        self.at.load(Ordering::Acquire)
    }

    /// Notes how far the hash is.
    pub(super) fn move_to(&self, at: u64) {
        self.at.store(at, Ordering::Release);
        if at >= self.told.load(Ordering::Relaxed).saturating_add(STEP) {
            self.told.store(at, Ordering::Relaxed);
            self.moved.notify_waiters();
        }
    }

    /// Says whether the hash waits for bytes: then any are welcome, and not only the next ones.
    pub(super) fn is_idle(&self) -> bool {
        self.is_idle.load(Ordering::Acquire)
    }

    /// Notes that the hash waits for bytes.
    pub(super) fn idle(&self) {
        self.is_idle.store(true, Ordering::Release);
        self.told.store(self.at(), Ordering::Relaxed);
        self.moved.notify_waiters();
    }

    /// Notes that the hash has something to do.
    pub(super) fn busy(&self) {
        self.is_idle.store(false, Ordering::Release);
    }

    /// Waits until `is_due` holds; it is asked again whenever the hash has moved on, or waits.
    pub(super) async fn wait(&self, mut is_due: impl FnMut() -> bool) {
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            // Registered before the question: a move between the two is not missed.
            moved.as_mut().enable();
            if is_due() {
                return;
            }
            moved.await;
        }
    }
}
