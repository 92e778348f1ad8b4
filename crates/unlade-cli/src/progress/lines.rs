//! Progress for programs: one JSON object a line.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{Timestamp, Unit};
use serde_json::{Value, json};
use unlade::observe::Event;
use unlade::spec::text::sanitise;
use unlade::transfer::Progress;

use super::speaker::Speaker;

/// So many ticks are between two lines of progress.
const TICKS: u32 = 10;

/// Lines about what happens, and how far it is.
pub(super) struct Lines {
    counters: Arc<Progress>,
    speaker: Arc<Speaker>,
    pace: Mutex<Pace>,
}

/// The rate of the last seconds.
struct Pace {
    since: Instant,
    verified: u64,
    rate: f64,
    ticks: u32,
}

impl Lines {
    pub(super) fn new(counters: Arc<Progress>, speaker: Arc<Speaker>) -> Self {
        let pace = Pace { since: Instant::now(), verified: 0, rate: 0.0, ticks: 0 };
        Self { counters, speaker, pace: Mutex::new(pace) }
    }

    /// Prints how far it is, once a second while bytes come.
    pub(super) fn tick(&self) {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.ticks += 1;
        pace.look(self.counters.verified());
        if pace.ticks.is_multiple_of(TICKS) && self.counters.fetched() > 0 {
            self.progress(&pace);
        }
    }

    /// Prints what happened.
    pub(super) fn event(&self, event: &Event) {
        if matches!(event, Event::PartialMade { .. }) {
            // For those who clean up; a program has no use for it.
            return;
        }
        if matches!(event, Event::Committed { .. }) {
            // The last word on how far it is: all of it.
            self.progress(&self.pace.lock().unwrap_or_else(PoisonError::into_inner));
        }
        self.line(&document(event, Timestamp::now()));
    }

    /// Prints one object.
    pub(super) fn line(&self, value: &Value) {
        self.speaker.say(&value.to_string());
    }

    fn progress(&self, pace: &Pace) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is not negative")]
        let rate = pace.rate as u64;
        self.line(&json!({
            "event": "progress",
            "bytes_verified": self.counters.verified(),
            "bytes_fetched": self.counters.fetched(),
            "bytes_total": self.counters.total(),
            "rate": rate,
            "connections": self.counters.connections(),
        }));
    }
}

impl Pace {
    fn look(&mut self, verified: u64) {
        let elapsed = self.since.elapsed();
        if elapsed < Duration::from_secs(1) {
            return;
        }
        // The loss of precision is far below what is shown.
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let fresh = verified.saturating_sub(self.verified) as f64 / elapsed.as_secs_f64();
        self.rate = if self.rate == 0.0 { fresh } else { 0.7 * self.rate + 0.3 * fresh };
        self.since = Instant::now();
        self.verified = verified;
    }
}

/// Says that lines were dropped, since they were not read fast enough.
pub(super) fn lost(count: u64) -> String {
    json!({ "event": "warning", "reason": format!("{count} lines are missing here: stderr was not read") }).to_string()
}

/// Describes what happened.
fn document(event: &Event, now: Timestamp) -> Value {
    let mut fields = match event {
        Event::Committed { target, digest } => json!({ "target": target, "digest": digest.to_string() }),
        Event::EndpointChanged { endpoint } => json!({ "endpoint": endpoint }),
        Event::PartialKept { path, bytes } => json!({ "path": path.display().to_string(), "bytes": bytes }),
        Event::PartialRemoved { path } => json!({ "path": path }),
        Event::Resolved { reference, digest } => json!({ "reference": reference, "digest": digest.to_string() }),
        Event::Resumed { at } => json!({ "bytes_verified": at }),
        Event::Retrying { reason, wait } => json!({ "reason": sanitise(reason), "until": until(now, *wait) }),
        Event::Started { digest, size } => json!({ "digest": digest.to_string(), "bytes_total": size }),
        Event::Waiting { reason, wait } => {
            json!({ "reason": sanitise(reason), "until": wait.and_then(|wait| until(now, wait)) })
        }
        Event::Warning { text } => json!({ "reason": sanitise(text) }),
        _ => json!({}),
    };
    fields["event"] = json!(event.name());
    fields
}

/// Writes the end of a wait as RFC 3339 has it, in UTC; `None` for one that no calendar holds.
fn until(now: Timestamp, wait: Duration) -> Option<String> {
    let end = now.checked_add(wait).ok()?;
    Some(end.round(Unit::Millisecond).unwrap_or(end).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_at_a_time_of_the_calendar() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        for (wait, expected) in [
            (Duration::ZERO, Some("2023-11-14T22:13:20Z")),
            (Duration::from_micros(1_234_567), Some("2023-11-14T22:13:21.235Z")),
            (Duration::from_hours(24), Some("2023-11-15T22:13:20Z")),
            (Duration::MAX, None),
        ] {
            assert_eq!(until(now, wait).as_deref(), expected, "{wait:?}");
        }
        let event = Event::Retrying { reason: "a\nb".to_owned(), wait: Duration::ZERO };
        let expected = json!({ "event": "retrying", "reason": "a b", "until": "2023-11-14T22:13:20Z" });
        assert_eq!(document(&event, now), expected);
        for (wait, until) in [(None, Value::Null), (Some(Duration::from_secs(1)), json!("2023-11-14T22:13:21Z"))] {
            let event = Event::Waiting { reason: "r.example wants to be left alone".to_owned(), wait };
            let expected = json!({ "event": "waiting", "reason": "r.example wants to be left alone", "until": until });
            assert_eq!(document(&event, now), expected);
        }
    }
}
