//! The signals that ask a run to stop, and one that must not end it.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How long a run may take to end once it was asked to twice; a third request ends it at once. Tests share a process
/// that must not be ended, however busy the machine is.
const LAST_CHANCE: Duration = Duration::from_secs(if cfg!(test) { 600 } else { 2 });

/// The signals that were taken over from the system, which would end the process at once.
///
/// A thread of its own hears them: whatever the others are stuck in, the process can be stopped. Clones hear the same.
#[derive(Clone)]
pub(super) struct Signals {
    /// How many came.
    heard: watch::Receiver<u32>,
    /// How many of them were waited for.
    seen: u32,
}

/// What follows from signals, whether or not anyone waits for them.
pub(super) trait Consequences: Send + 'static {
    /// Is called at the first.
    fn first(&self);

    /// Is called when the run has not ended after the second, and ends the process.
    fn last(&self);
}

impl Signals {
    /// Takes the signals over, until the last clone is gone.
    pub(super) fn listen(consequences: impl Consequences) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let taken = {
            let _context = runtime.enter();
            Taken::over()?
        };
        let (count, heard) = watch::channel(0);
        let name = "unlade-signals".to_owned();
        thread::Builder::new().name(name).spawn(move || hear(&runtime, taken, &count, &consequences))?;
        Ok(Self { heard, seen: 0 })
    }

    /// Waits for the next one.
    pub(super) async fn stop(&mut self) {
        self.seen += 1;
        let seen = self.seen;
        let heard = self.heard.wait_for(|count| *count >= seen).await.is_ok();
        if !heard {
            // The thread does not end before us; if it did, nothing could be heard any more.
            std::future::pending::<()>().await;
        }
    }
}

/// Counts signals for as long as anyone may want to know.
fn hear(runtime: &Runtime, mut taken: Taken, count: &watch::Sender<u32>, consequences: &impl Consequences) {
    runtime.block_on(async {
        for number in 1..=2 {
            tokio::select! {
                () = taken.next() => {}
                () = count.closed() => return,
            }
            if number == 1 {
                consequences.first();
            }
            count.send_replace(number);
        }
        tokio::select! {
            () = tokio::time::sleep(LAST_CHANCE) => {}
            () = taken.next() => {}
            () = count.closed() => return,
        }
        consequences.last();
    });
}

/// The signals themselves.
struct Taken {
    stop: Vec<Signal>,
    _size: Signal,
}

impl Taken {
    /// Takes the signals over; needs a runtime.
    fn over() -> io::Result<Self> {
        // Without the text, as without /proc, nothing is known to be ignored.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mut stop = Vec::new();
        for kind in [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()] {
            // Whoever started us wants it ignored: `nohup`, or a script that goes on without us.
            if !is_ignored(&status, kind) {
                stop.push(signal(kind)?);
            }
        }
        // A write beyond the limit on the size of files then fails instead: that can be reported and cleaned up after.
        let size = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
        Ok(Self { stop, _size: size })
    }

    /// Waits for one of them.
    async fn next(&mut self) {
        poll_fn(|context| {
            let any = self.stop.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if any { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Says whether a process ignores a signal, by its `/proc/PID/status`.
fn is_ignored(status: &str, kind: SignalKind) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let bit = u32::try_from(kind.as_raw_value() - 1).ok().and_then(|bit| 1_u64.checked_shl(bit));
    bit.is_some_and(|bit| mask & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_names_what_is_ignored() {
        let status = |mask: &str| format!("SigBlk:\tffffffffffffffff\nSigIgn:\t{mask}\nSigCgt:\tffffffffffffffff\n");
        for (mask, hangup, interrupt) in [
            ("0000000000000000", false, false),
            ("0000000000001001", true, false),
            ("0000000000000002", false, true),
            ("ffffffffffffffff", true, true),
            ("nothing", false, false),
        ] {
            let status = status(mask);
            assert_eq!(is_ignored(&status, SignalKind::hangup()), hangup, "{mask}");
            assert_eq!(is_ignored(&status, SignalKind::interrupt()), interrupt, "{mask}");
        }
        assert!(!is_ignored("", SignalKind::hangup()));
    }
}
