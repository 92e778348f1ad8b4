//! The signals that ask a run to stop.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that were taken over from the system, which would end the process at once.
pub(super) struct Signals {
    stop: Vec<Signal>,
}

impl Signals {
    /// Takes the signals over; needs a runtime.
    pub(super) fn listen() -> io::Result<Self> {
        // A handler for it, once set, stays: to exceed a limit on the length of files is an error, and no sudden death.
        drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        let stop = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()];
        Ok(Self { stop: stop.into_iter().map(signal).collect::<io::Result<_>>()? })
    }

    /// Waits for one of them.
    pub(super) async fn stop(&mut self) {
        poll_fn(|context| {
            let any = self.stop.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if any { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}
