//! The decision, without a clock, a network or a dice of its own.

use std::time::{Duration, SystemTime};

use super::Policy;

/// How a request ended, as far as retrying is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// No answer, or none that could be read to its end; another try may fare better.
    Broken,
    /// Something that another try cannot mend.
    Final,
    /// An answer, and when it asks to come back.
    Status(u16, Option<Duration>),
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Make the request again after this wait.
    Again(Duration),
    /// Report the outcome.
    GiveUp,
    /// Report that the server asks for a wait longer than the policy's patience.
    TooLong(Duration),
}

/// Decides about a failed GET or HEAD.
///
/// `retry` is what [`Budget::spend`](super::Budget::spend) said; `dice` is random in
/// `0.0..1.0` (full jitter: a fleet that failed together does not come back together).
pub fn judge(outcome: Outcome, retry: Option<u32>, policy: &Policy, dice: f64) -> Verdict {
    let asked = match outcome {
        Outcome::Broken => None,
        Outcome::Status(status, asked) if is_transient(status) => asked,
        Outcome::Final | Outcome::Status(..) => return Verdict::GiveUp,
    };
    if let Some(wait) = asked.filter(|wait| *wait > policy.patience) {
        return Verdict::TooLong(wait);
    }
    let Some(retry) = retry else { return Verdict::GiveUp };
    let own = policy.ceiling(retry).mul_f64(dice.clamp(0.0, 1.0));
    Verdict::Again(asked.map_or(own, |wait| wait.max(own)))
}

fn is_transient(status: u16) -> bool {
    // 501: what a server does not know how to do, it will not know later.
    matches!(status, 408 | 425 | 429 | 500 | 502..=599)
}

/// Reads a `Retry-After` value: seconds or an HTTP date (RFC 9110, section 10.2.3).
///
/// A date in the past means at once; what is neither is as if it were not there.
pub(super) fn retry_after_at(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large for the type is a wait too long for anyone.
        return Some(value.parse().map_or(Duration::from_secs(u64::from(u32::MAX)), Duration::from_secs));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_wait_is_longer_than_patience_or_cap_and_none_shorter_than_asked(
            status: u16,
            asked in proptest::option::of(0_u64..1000),
            retry in proptest::option::of(1_u32..200),
            dice in 0.0..1.0,
        ) {
            let policy = Policy::default();
            let asked = asked.map(Duration::from_secs);
            match judge(Outcome::Status(status, asked), retry, &policy, dice) {
                Verdict::Again(wait) => {
                    prop_assert!(retry.is_some() && is_transient(status));
                    prop_assert!(wait <= policy.patience.max(policy.cap) && asked.is_none_or(|asked| wait >= asked));
                }
                Verdict::GiveUp => prop_assert!(retry.is_none() || !is_transient(status)),
                Verdict::TooLong(wait) => prop_assert!(Some(wait) == asked && wait > policy.patience),
            }
        }

        #[test]
        fn a_retry_after_of_any_text_is_a_wait_or_nothing(text in r"\PC{0,30}|[0-9]{1,40}", ahead in 0_u64..10_000_000) {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
            retry_after_at(&text, now);
            let date = httpdate::fmt_http_date(now + Duration::from_secs(ahead));
            prop_assert_eq!(retry_after_at(&date, now), Some(Duration::from_secs(ahead)));
            prop_assert_eq!(retry_after_at(&ahead.to_string(), now), Some(Duration::from_secs(ahead)));
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_table_of_outcomes() {
        let policy = Policy::default();
        let half = Verdict::Again(Duration::from_millis(150));
        for (outcome, retry, expected) in [
            (Outcome::Broken, Some(1), half),
            (Outcome::Broken, None, Verdict::GiveUp),
            (Outcome::Final, Some(1), Verdict::GiveUp),
            (Outcome::Status(400, None), Some(1), Verdict::GiveUp),
            (Outcome::Status(404, Some(SECOND)), Some(1), Verdict::GiveUp),
            (Outcome::Status(408, None), Some(1), half),
            (Outcome::Status(429, None), Some(1), half),
            (Outcome::Status(429, Some(SECOND)), Some(1), Verdict::Again(SECOND)),
            (Outcome::Status(429, Some(SECOND)), None, Verdict::GiveUp),
            (Outcome::Status(429, Some(SECOND * 181)), Some(1), Verdict::TooLong(SECOND * 181)),
            (Outcome::Status(429, Some(SECOND * 181)), None, Verdict::TooLong(SECOND * 181)),
            (Outcome::Status(500, None), Some(1), half),
            (Outcome::Status(501, None), Some(1), Verdict::GiveUp),
            (Outcome::Status(502, None), Some(1), half),
            (Outcome::Status(503, Some(Duration::ZERO)), Some(1), half),
            (Outcome::Status(599, None), Some(1), half),
        ] {
            assert_eq!(judge(outcome, retry, &policy, 0.5), expected, "{outcome:?} {retry:?}");
        }
    }

    #[test]
    fn reads_both_forms_of_retry_after() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, expected) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Tue, 06 Nov 1990 08:49:37 GMT", Some(0)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after_at(value, now), expected.map(Duration::from_secs), "{value:?}");
        }
    }
}
