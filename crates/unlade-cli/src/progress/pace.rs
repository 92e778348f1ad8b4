//! How fast bytes come, and when that is worth a line. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The rate is that of so long: a pause shows soon, and a hiccup does not.
const WINDOW: Duration = Duration::from_secs(5);

/// Nothing is measured over less: the first bytes may come in the same moment.
const SHORTEST: Duration = Duration::from_millis(1);

/// So many ticks are between two lines.
const TICKS: u32 = 10;

/// What is counted, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    /// Bytes that came over the network.
    pub(super) fetched: u64,
    /// Bytes that were hashed, those that were there among them.
    pub(super) verified: u64,
}

/// The rate of the last seconds, of what is fetched: what is there already says nothing about the network.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// How much had come when, the oldest first.
    marks: VecDeque<(Instant, u64)>,
    ticks: u32,
    /// What the last line told.
    told: Count,
    told_rate: u64,
}

impl Pace {
    /// Begins to measure, unless that was done: the first blob is about to be fetched.
    pub(super) fn begin(&mut self, now: Instant, fetched: u64) {
        if self.marks.is_empty() {
            self.marks.push_back((now, fetched));
        }
    }

    /// Takes note of a tick; returns the rate if a line is due.
    ///
    /// There is one each second while anything moves, and until the rate has come down to nothing.
    pub(super) fn tick(&mut self, now: Instant, count: Count) -> Option<u64> {
        self.note(now, count.fetched);
        self.ticks += 1;
        let is_due = self.ticks.is_multiple_of(TICKS) && (count != self.told || self.told_rate > 0);
        is_due.then(|| self.tell(count))
    }

    /// Returns the rate for a line that is due in any case.
    pub(super) fn last(&mut self, now: Instant, count: Count) -> u64 {
        self.note(now, count.fetched);
        self.tell(count)
    }

    fn tell(&mut self, count: Count) -> u64 {
        (self.told, self.told_rate) = (count, self.rate());
        self.told_rate
    }

    fn note(&mut self, now: Instant, fetched: u64) {
        if self.marks.is_empty() {
            return;
        }
        self.marks.push_back((now, fetched));
        // The one before the window is its beginning.
        while self.marks.get(1).is_some_and(|(then, _)| now.saturating_duration_since(*then) >= WINDOW) {
            self.marks.pop_front();
        }
    }

    /// Returns how many bytes came in a second.
    fn rate(&self) -> u64 {
        let (Some((then, before)), Some((now, fetched))) = (self.marks.front(), self.marks.back()) else { return 0 };
        let elapsed = now.saturating_duration_since(*then).max(SHORTEST);
        let rate = u128::from(fetched.saturating_sub(*before)) * 1_000_000 / elapsed.as_micros();
        u64::try_from(rate).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(100);

    /// A pace, and a clock that moves when it is told to.
    struct Run {
        pace: Pace,
        now: Instant,
        count: Count,
    }

    impl Run {
        fn new() -> Self {
            Self { pace: Pace::default(), now: Instant::now(), count: Count::default() }
        }

        fn begin(&mut self) {
            self.pace.begin(self.now, self.count.fetched);
        }

        /// Lets some seconds pass in which bytes come evenly; returns the rates of the lines.
        fn pass(&mut self, seconds: u32, fetched: u64, verified: u64) -> Vec<u64> {
            let ticks = 0..seconds * TICKS;
            let tick = |_| {
                self.now += TICK;
                self.count.fetched += fetched / u64::from(TICKS);
                self.count.verified += verified / u64::from(TICKS);
                self.pace.tick(self.now, self.count)
            };
            ticks.filter_map(tick).collect()
        }
    }

    #[test]
    fn the_rate_is_that_of_what_came_in_the_last_seconds() {
        let mut run = Run::new();
        run.begin();
        assert_eq!(run.pass(3, 1000, 1000), [1000, 1000, 1000]);
        // It reaches another one within the window, and is right from then on.
        assert_eq!(run.pass(7, 6000, 6000), [2250, 3000, 4000, 5000, 6000, 6000, 6000]);
    }

    #[test]
    fn what_is_there_already_is_told_and_does_not_count() {
        let mut run = Run::new();
        assert_eq!(run.pass(3, 0, 700_000), [0, 0, 0], "a line a second while it is hashed");
        run.begin();
        assert_eq!(run.pass(2, 1000, 1000), [1000, 1000], "from the moment on at which it began");
    }

    #[test]
    fn where_nothing_moves_nothing_is_told() {
        let mut run = Run::new();
        assert!(run.pass(4, 0, 0).is_empty());
        run.begin();
        assert!(run.pass(4, 0, 0).is_empty());
        assert_eq!(run.pass(1, 1000, 1000), [200]);
        // The bytes leave the window one after another, and then it is quiet.
        assert_eq!(run.pass(9, 0, 0), [200, 200, 200, 200, 0]);
        assert_eq!(run.pass(1, 0, 1000), [0]);
    }

    #[test]
    fn the_last_line_has_a_rate_however_short_it_took() {
        let mut run = Run::new();
        run.begin();
        let count = Count { fetched: 3000, verified: 3000 };
        assert_eq!(run.pace.last(run.now, count), 3_000_000);
        assert_eq!(run.pace.last(run.now + Duration::from_millis(500), count), 6000);
        assert_eq!(Pace::default().last(run.now, count), 0);
    }
}
