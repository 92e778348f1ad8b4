//! The wait between two tries: one for all loops of this module.

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use url::Url;

use super::request::Terms;
use super::shared::Registries;
use crate::error::{Error, Result};
use crate::observe::Event;
use crate::retry::{Outcome, Verdict, judge, retry_after};
use crate::transport::Failure;

/// Returns what a failed exchange is to the judge.
pub(super) fn broken(failure: &Failure) -> Outcome {
    if failure.is_transient() { Outcome::Broken } else { Outcome::Final }
}

/// Returns what an answer is to the judge.
pub(super) fn answered(status: http::StatusCode, headers: &HeaderMap) -> Outcome {
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    Outcome::Status(status.as_u16(), asked.and_then(retry_after))
}

/// Waits before a request to `at` is made again, and lets all others to that host wait too; or gives the error back.
pub(super) async fn pause(
    registries: &Registries,
    at: &Url,
    outcome: Outcome,
    error: Error,
    terms: Terms<'_>,
) -> Result<()> {
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
