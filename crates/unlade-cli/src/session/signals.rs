//! The signals that ask a run to stop, and one that must not end it.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that were taken over from the system, which would end the process at once.
pub(super) struct Signals {
    stop: Vec<Signal>,
    _size: Signal,
}

impl Signals {
    /// Takes the signals over; needs a runtime.
    pub(super) fn listen() -> io::Result<Self> {
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
    pub(super) async fn stop(&mut self) {
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
