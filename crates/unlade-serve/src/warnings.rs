//! What the operator is told, and not too often.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use unlade::observe::{Event, Observer};

/// For so long the same is not said again: clients ask on, and would fill the operator's log.
const PAUSE: Duration = Duration::from_mins(1);

/// How many different things are said within that time: clients choose what fails.
const MAX_TOLD: usize = 64;

/// Warnings to an observer, each once in a while. Clones are the same.
#[derive(Clone)]
pub(crate) struct Warnings(Arc<Inner>);

struct Inner {
    observer: Arc<dyn Observer>,
    told: Mutex<HashMap<String, Instant>>,
}

impl Warnings {
    pub(crate) fn new(observer: Arc<dyn Observer>) -> Self {
        Self(Arc::new(Inner { observer, told: Mutex::default() }))
    }

    /// Says something, unless it was said a moment ago.
    pub(crate) fn tell(&self, text: &str) {
        if self.is_due(text, Instant::now()) {
            self.0.observer.notice(&Event::Warning { text: text.to_owned() });
        }
    }

    fn is_due(&self, text: &str, now: Instant) -> bool {
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, when| now.duration_since(*when) < PAUSE);
        if told.contains_key(text) || told.len() >= MAX_TOLD {
            return false;
        }
        told.insert(text.to_owned(), now);
        true
    }
}

impl fmt::Debug for Warnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Warnings")
    }
}

#[cfg(test)]
mod tests {
    use unlade::observe::Blind;

    use super::*;

    #[test]
    fn the_same_is_said_once_in_a_while_and_not_everything() {
        let warnings = Warnings::new(Arc::<Blind>::default());
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        for (text, seconds, expected) in
            [("a", 0, true), ("a", 30, false), ("b", 30, true), ("a", 60, true), ("b", 60, false), ("a", 119, false)]
        {
            assert_eq!(warnings.is_due(text, after(seconds)), expected, "{text} after {seconds} s");
        }
        let many = (0..1000).filter(|number| warnings.is_due(&format!("{number}"), after(300))).count();
        assert_eq!(many, MAX_TOLD);
    }
}
