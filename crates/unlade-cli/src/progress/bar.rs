//! The bar: drawn while a blob moves to a file, and out of the way of everything else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};
use unlade::transfer::Progress;

/// A bar, or a spinner where the end is not known, with the reason when nothing moves.
///
/// Nothing is drawn before [`begin`](Self::begin) and after [`end`](Self::end).
pub(super) struct Bar {
    drawn: ProgressBar,
    counters: Arc<Progress>,
    state: Mutex<State>,
}

struct State {
    stage: Stage,
    step: Step,
    /// Why nothing moves, and the count at which that was so.
    still: Option<(String, u64)>,
    style: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Before,
    Shown,
    Over,
}

/// Which bytes are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Those of a file that is there, and may be the right one.
    Checking,
    /// Those that are fetched.
    Fetching,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Look {
    /// Bytes come, and how many there are is not known.
    Counting(&'static str),
    /// Nothing moves on the way to an end that is known.
    Held(String),
    /// Bytes come, and how many there are is known.
    Moving,
    /// Nothing has come yet.
    Waiting(String),
}

impl Bar {
    pub(super) fn new(counters: Arc<Progress>) -> Self {
        let state = State { stage: Stage::Before, step: Step::Checking, still: None, style: None };
        Self { drawn: ProgressBar::new(0), counters, state: Mutex::new(state) }
    }

    /// Begins to draw, with what is done first.
    pub(super) fn begin(&self, reason: &str) {
        self.state().stage = Stage::Shown;
        self.hold(reason);
    }

    /// Takes note that bytes are about to be fetched.
    pub(super) fn start(&self) {
        self.state().step = Step::Fetching;
        self.drawn.reset_eta();
        self.hold("waiting for the first bytes");
    }

    /// Says why nothing moves, until something does.
    pub(super) fn hold(&self, reason: &str) {
        let mut state = self.state();
        let count = self.count(state.step);
        state.still = Some((reason.to_owned(), count));
    }

    /// Draws the counters as they are.
    pub(super) fn draw(&self) {
        let mut state = self.state();
        if state.stage != Stage::Shown {
            return;
        }
        let count = self.count(state.step);
        state.still.take_if(|(_, then)| count != *then);
        let (verified, total) = (self.counters.verified(), self.counters.total());
        let look = look(state.still.as_ref().map(|(reason, _)| reason.as_str()), state.step, verified, total);
        if state.style != Some(look.template()) {
            state.style = Some(look.template());
            self.drawn.set_style(style(look.template()));
        }
        // Unlike `set_message`, this does not draw: all that changed is drawn at once.
        drop(self.drawn.clone().with_message(look.words()));
        self.drawn.update(|bar| {
            bar.set_len(total.unwrap_or(0));
            bar.set_pos(verified);
        });
    }

    /// Says whether it may be on the terminal.
    pub(super) fn is_shown(&self) -> bool {
        self.state().stage == Stage::Shown
    }

    /// Shows something else on the same terminal: the bar steps aside.
    pub(super) fn aside(&self, show: impl FnOnce()) {
        let state = self.state();
        match state.stage {
            Stage::Shown if state.style.is_some() => self.drawn.suspend(show),
            _ => show(),
        }
    }

    /// Removes the bar for good.
    pub(super) fn end(&self) {
        let mut state = self.state();
        if state.stage == Stage::Shown {
            self.drawn.finish_and_clear();
        }
        state.stage = Stage::Over;
    }

    fn count(&self, step: Step) -> u64 {
        match step {
            Step::Checking => self.counters.verified(),
            Step::Fetching => self.counters.fetched(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Look {
    fn template(&self) -> &'static str {
        match self {
            Self::Counting(_) => "{spinner} {binary_bytes}  {binary_bytes_per_sec}  {wide_msg}",
            Self::Held(_) => "{bar:30} {binary_bytes}/{binary_total_bytes}  {wide_msg}",
            Self::Moving => "{bar:30} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta}",
            Self::Waiting(_) => "{spinner} {wide_msg}",
        }
    }

    fn words(self) -> String {
        match self {
            Self::Counting(words) => words.to_owned(),
            Self::Held(words) | Self::Waiting(words) => words,
            Self::Moving => String::new(),
        }
    }
}

/// Decides what is drawn.
fn look(still: Option<&str>, step: Step, verified: u64, total: Option<u64>) -> Look {
    match (still, total) {
        (Some(reason), Some(_)) if verified > 0 => Look::Held(reason.to_owned()),
        (Some(reason), _) => Look::Waiting(reason.to_owned()),
        (None, Some(total)) if verified >= total => Look::Held("verified, being published".to_owned()),
        (None, Some(_)) => Look::Moving,
        (None, None) if step == Step::Checking => Look::Counting("checked of the file that is there"),
        (None, None) => Look::Counting(""),
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are above, and a test reads them: the other case never comes.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_follows_from_what_is_known() {
        let waiting = |text: &str| Look::Waiting(text.to_owned());
        let held = |text: &str| Look::Held(text.to_owned());
        for (still, step, verified, total, expected) in [
            (Some("asking"), Step::Checking, 0, None, waiting("asking")),
            (None, Step::Checking, 5, None, Look::Counting("checked of the file that is there")),
            (Some("waiting"), Step::Fetching, 0, Some(9), waiting("waiting")),
            (None, Step::Fetching, 0, Some(9), Look::Moving),
            (None, Step::Fetching, 5, Some(9), Look::Moving),
            (None, Step::Fetching, 5, None, Look::Counting("")),
            (Some("again"), Step::Fetching, 5, Some(9), held("again")),
            (Some("again"), Step::Fetching, 5, None, waiting("again")),
            (None, Step::Fetching, 9, Some(9), held("verified, being published")),
        ] {
            assert_eq!(look(still, step, verified, total), expected, "{still:?} {step:?} {verified} {total:?}");
        }
    }

    #[test]
    fn every_template_can_be_read() {
        for look in [Look::Counting(""), Look::Held(String::new()), Look::Moving, Look::Waiting(String::new())] {
            assert!(ProgressStyle::with_template(look.template()).is_ok(), "{look:?}");
        }
    }
}
