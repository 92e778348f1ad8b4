//! The wait between two tries: one for all loops of this module.

use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use url::Url;

use super::request::Terms;
use super::shared::Registries;
use crate::error::{Error, Result};
use crate::observe::Event;
use crate::retry::{Outcome, Verdict, judge, retry_after};
use crate::source::Zeal;
use crate::transport::{Failure, FailureKind};

/// Returns what a failed exchange is to the judge.
pub(super) fn broken(failure: &Failure) -> Outcome {
    if failure.is_transient() { Outcome::Broken } else { Outcome::Final }
}

/// Returns what an answer is to the judge.
pub(super) fn answered(status: http::StatusCode, headers: &HeaderMap) -> Outcome {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    Outcome::Status(status.as_u16(), text(RETRY_AFTER).and_then(|asked| retry_after(asked, text(DATE))))
}

/// Says whether a host that gave no body may have been asked for too many at once. Nobody looks after a spare request
/// that failed: whatever the reason, fewer of them will do. Pure.
pub(super) fn tells_of_too_many(outcome: Outcome, refused: Refused, zeal: Zeal) -> bool {
    let busy = matches!(outcome, Outcome::Status(429 | 503, _)) || refused == Refused::Connection;
    busy || zeal == Zeal::Spare
}

/// What a host refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The connection itself.
    Connection,
    /// Anything else.
    Other,
}

impl From<&Failure> for Refused {
    fn from(failure: &Failure) -> Self {
        if *failure.kind() == FailureKind::Refused { Self::Connection } else { Self::Other }
    }
}

/// Waits before a request to `at` is made again, and lets all others to that host wait too; or gives the error back,
/// that of a spare request always.
pub(super) async fn pause(
    registries: &Registries,
    at: &Url,
    outcome: Outcome,
    error: Error,
    terms: Terms<'_>,
) -> Result<()> {
    if terms.zeal == Zeal::Spare {
        if let Outcome::Status(429 | 503, Some(wait)) = outcome
            && wait <= terms.budget.policy().patience
        {
            registries.host(at).back_off(wait);
        }
        return Err(error);
    }
    let retry = if outcome == Outcome::Final { None } else { terms.budget.spend() };
    match judge(outcome, retry, terms.budget.policy(), fastrand::f64()) {
        Verdict::Again(wait) => {
            let reason = error.chain().join(": ");
            tracing::info!(?wait, "trying again: {reason}");
            terms.observer.notice(&Event::Retrying { reason, wait });
            registries.host(at).back_off(wait);
            tokio::time::sleep(wait).await;
            Ok(())
        }
        Verdict::GiveUp => Err(match terms.budget.spent() {
            0 => error,
            spent => error.reworded(|message| format!("{message}, after {} tries", spent + 1)),
        }),
        Verdict::TooLong(wait) => Err(come_back_in(error, wait)),
    }
}

fn come_back_in(error: Error, wait: Duration) -> Error {
    let seconds = wait.as_secs();
    error
        .reworded(|message| format!("{message}, and asks to come back in {seconds} s"))
        .with(|context| context.retry_after = Some(wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_refusals() {
        use Zeal::{Spare, Stubborn};
        for (outcome, refused, zeal, expected) in [
            (Outcome::Status(429, None), Refused::Other, Stubborn, true),
            (Outcome::Status(503, None), Refused::Other, Stubborn, true),
            (Outcome::Status(500, None), Refused::Other, Stubborn, false),
            (Outcome::Status(500, None), Refused::Other, Spare, true),
            (Outcome::Broken, Refused::Connection, Stubborn, true),
            (Outcome::Broken, Refused::Other, Stubborn, false),
            (Outcome::Broken, Refused::Other, Spare, true),
            (Outcome::Final, Refused::Other, Stubborn, false),
        ] {
            assert_eq!(tells_of_too_many(outcome, refused, zeal), expected, "{outcome:?} {refused:?} {zeal:?}");
        }
    }
}
