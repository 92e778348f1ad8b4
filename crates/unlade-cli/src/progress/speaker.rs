//! What writes to stderr: a thread of its own, so that no job waits for whoever reads there.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many lines may wait for a reader; more are dropped and counted. A pipe takes some 64 KiB besides.
const BACKLOG: usize = 1024;

/// How long the last lines are waited for once the user wants the end.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Says lines on stderr in their order, without ever waiting for the reader.
pub(super) struct Speaker {
    shared: Arc<Shared>,
    /// Words for so many lines that were dropped.
    lost: fn(u64) -> String,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<String>,
    lost: u64,
    mouth: Mouth,
    pace: Pace,
}

/// What the thread is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mouth {
    /// Nothing, or it does not run yet.
    #[default]
    Idle,
    Listening,
    Speaking,
}

/// How long whoever flushes waits for the reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Pace {
    Hurried,
    #[default]
    Patient,
}

impl Speaker {
    pub(super) fn new(lost: fn(u64) -> String) -> Self {
        Self { shared: Arc::default(), lost }
    }

    /// Says a line as soon as the reader takes it; it is dropped if too many wait already.
    pub(super) fn say(&self, text: &str) {
        let mut state = self.shared.state();
        if state.waiting.len() >= BACKLOG {
            state.lost += 1;
            return;
        }
        if state.lost > 0 {
            let words = (self.lost)(std::mem::take(&mut state.lost));
            state.waiting.push_back(format!("{words}\n"));
        }
        self.push(state, format!("{text}\n"));
    }

    /// Says what matters more than all else, however much waits already.
    pub(super) fn insist(&self, text: String) {
        self.push(self.shared.state(), text);
    }

    /// Waits until all is said: for the reader as long as it takes, but not long once the user wants the end.
    pub(super) fn flush(&self) {
        let changed = &self.shared.changed;
        let pending = |state: &mut State| !state.waiting.is_empty() || state.mouth == Mouth::Speaking;
        let patiently = |state: &mut State| state.pace == Pace::Patient && pending(state);
        let state = changed.wait_while(self.shared.state(), patiently).unwrap_or_else(PoisonError::into_inner);
        let _said_or_late = changed.wait_timeout_while(state, LAST_WORDS, pending);
    }

    /// Notes that the user wants the end: nobody waits long any more.
    pub(super) fn hurry(&self) {
        self.shared.state().pace = Pace::Hurried;
        self.shared.changed.notify_all();
    }

    fn push(&self, mut state: MutexGuard<'_, State>, text: String) {
        state.waiting.push_back(text);
        if state.mouth == Mouth::Idle {
            let shared = Arc::clone(&self.shared);
            let started = thread::Builder::new().name("unlade-stderr".to_owned()).spawn(move || shared.speak());
            // Without a thread there is nobody to say it; the exit code still tells how the run ended.
            match started {
                Ok(_) => state.mouth = Mouth::Listening,
                Err(_) => state.waiting.clear(),
            }
        }
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what waits, for as long as the process lives.
    fn speak(&self) {
        let mut state = self.state();
        loop {
            let Some(text) = state.waiting.pop_front() else {
                state.mouth = Mouth::Listening;
                self.changed.notify_all();
                let silent = |state: &mut State| state.waiting.is_empty();
                state = self.changed.wait_while(state, silent).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.mouth = Mouth::Speaking;
            drop(state);
            write(&text);
            state = self.state();
        }
    }
}

/// Writes to stderr, this moment.
pub(super) fn write(text: &str) {
    // Without a reader of stderr there is nobody to tell.
    drop(std::io::stderr().lock().write_all(text.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A speaker whose thread is stuck in a write, as it is where nobody reads.
    fn stuck() -> Speaker {
        let speaker = Speaker::new(|count| format!("{count} lost"));
        speaker.shared.state().mouth = Mouth::Speaking;
        speaker
    }

    #[test]
    fn nobody_waits_for_a_reader_and_what_is_dropped_is_counted() {
        let speaker = stuck();
        (0..BACKLOG + 5).for_each(|number| speaker.say(&format!("{number}")));
        speaker.insist("the end\n".to_owned());
        let mut state = speaker.shared.state();
        assert_eq!((state.waiting.len(), state.lost), (BACKLOG + 1, 5));
        assert_eq!(state.waiting.back().map(String::as_str), Some("the end\n"));
        state.waiting.clear();
        drop(state);
        speaker.say("again");
        assert_eq!(speaker.shared.state().waiting, ["5 lost\n", "again\n"]);
    }

    #[test]
    fn once_the_end_is_wanted_it_comes() {
        let speaker = Arc::new(stuck());
        speaker.say("one");
        let flushing = thread::spawn({
            let speaker = Arc::clone(&speaker);
            move || speaker.flush()
        });
        speaker.hurry();
        flushing.join().unwrap();
        assert_eq!(speaker.shared.state().waiting.len(), 1);
    }

    #[test]
    fn all_is_said_at_the_end() {
        let speaker = Speaker::new(|count| format!("{count} lost"));
        speaker.say("a line of a test");
        speaker.flush();
        assert!(speaker.shared.state().waiting.is_empty());
    }
}
