//! What happens once a server has sent so many bytes.

use std::sync::Mutex;

use crate::server::lock;

/// Acts once, when so many bytes have been sent, over all connections together.
#[derive(Default)]
pub(crate) struct Tripwire(Mutex<Option<Armed>>);

struct Armed {
    left: usize,
    act: Box<dyn FnOnce() + Send>,
}

impl Tripwire {
    /// Lets so many bytes pass, and then acts, before the next one.
    pub(crate) fn arm(&self, left: usize, act: impl FnOnce() + Send + 'static) {
        *lock(&self.0) = Some(Armed { left, act: Box::new(act) });
    }

    /// Forgets what should happen.
    pub(crate) fn disarm(&self) {
        lock(&self.0).take();
    }

    /// Says how many of so many bytes may be sent at once; acts first if none is left.
    pub(crate) fn allowance(&self, wanted: usize) -> usize {
        self.act_if_due();
        lock(&self.0).as_ref().map_or(wanted, |armed| armed.left.min(wanted))
    }

    /// Notes that so many bytes were sent.
    pub(crate) fn sent(&self, count: usize) {
        if let Some(armed) = lock(&self.0).as_mut() {
            armed.left = armed.left.saturating_sub(count);
        }
        self.act_if_due();
    }

    fn act_if_due(&self) {
        let due = lock(&self.0).take_if(|armed| armed.left == 0);
        if let Some(armed) = due {
            (armed.act)();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn it_acts_once_and_at_the_byte() {
        let (wire, acts) = (Tripwire::default(), Arc::new(AtomicUsize::new(0)));
        let act = || {
            let acts = Arc::clone(&acts);
            move || {
                acts.fetch_add(1, Ordering::SeqCst);
            }
        };
        assert_eq!(wire.allowance(10), 10);
        wire.arm(5, act());
        assert_eq!(wire.allowance(3), 3);
        wire.sent(3);
        assert_eq!((wire.allowance(10), acts.load(Ordering::SeqCst)), (2, 0));
        wire.sent(2);
        assert_eq!((wire.allowance(10), acts.load(Ordering::SeqCst)), (10, 1));
        wire.arm(0, act());
        assert_eq!((wire.allowance(10), acts.load(Ordering::SeqCst)), (10, 2));
        wire.arm(1, act());
        wire.disarm();
        wire.sent(1);
        assert_eq!(acts.load(Ordering::SeqCst), 2);
    }
}
