//! Progress for programs: one JSON object a line.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{Timestamp, Unit};
use serde_json::{Value, json};
use unlade::observe::Event;
use unlade::spec::text::sanitise;
use unlade::transfer::Progress;

use super::pace::{Count, Pace};
use super::speaker::Speaker;

/// Lines about what happens, and how far it is.
pub(super) struct Lines {
    counters: Arc<Progress>,
    speaker: Arc<Speaker>,
    pace: Mutex<Pace>,
}

impl Lines {
    pub(super) fn new(counters: Arc<Progress>, speaker: Arc<Speaker>) -> Self {
        Self { counters, speaker, pace: Mutex::default() }
    }

    /// Prints how far it is, once a second while anything moves.
    pub(super) fn tick(&self) {
        let count = self.count();
        if let Some(rate) = self.pace().tick(Instant::now(), count) {
            self.progress(count, rate);
        }
    }

    /// Prints what happened.
    pub(super) fn event(&self, event: &Event) {
        if matches!(event, Event::PartialMade { .. }) {
            // For those who clean up; a program has no use for it.
            return;
        }
        let count = self.count();
        match event {
            Event::Started { .. } => self.pace().begin(Instant::now(), count.fetched),
            Event::Committed { .. } => {
                // The last word on how far it is: all of it.
                let rate = self.pace().last(Instant::now(), count);
                self.progress(count, rate);
            }
            _ => {}
        }
        self.line(&document(event, Timestamp::now()));
    }

    /// Prints one object.
    pub(super) fn line(&self, value: &Value) {
        self.speaker.say(&value.to_string());
    }

    fn progress(&self, count: Count, rate: u64) {
        self.line(&json!({
            "event": "progress",
            "bytes_verified": count.verified,
            "bytes_fetched": count.fetched,
            "bytes_resumed": self.counters.resumed(),
            "bytes_total": self.counters.total(),
            "rate": rate,
            "connections": self.counters.connections(),
        }));
    }

    fn count(&self) -> Count {
        Count { fetched: self.counters.fetched(), verified: self.counters.verified() }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
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
        Event::Resumed { verified, resumed, .. } => json!({ "bytes_verified": verified, "bytes_resumed": resumed }),
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
