//! What is shown while a job runs: a bar, lines of JSON, or notes alone.

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use unlade::observe::{Event, Observer};
use unlade::spec::text::sanitise;
use unlade::transfer::Progress;

use crate::options;

/// How often a bar is drawn and a line of progress is printed.
const TICK: Duration = Duration::from_millis(100);
const LINE: u32 = 10;

/// Shows what happens on stderr; stdout is for data alone.
pub(crate) struct Display {
    form: Form,
    quiet: bool,
    counters: Arc<Progress>,
    pace: Mutex<Pace>,
}

enum Form {
    Bar(ProgressBar),
    Json,
    Notes,
}

/// The rate of the last seconds.
struct Pace {
    since: Instant,
    verified: u64,
    rate: f64,
    ticks: u32,
}

impl Display {
    /// Chooses a form: by default a bar where stderr is a terminal.
    pub(crate) fn new(how: options::Progress, quiet: bool) -> Arc<Self> {
        let form = match how {
            options::Progress::Json => Form::Json,
            options::Progress::None => Form::Notes,
            _ if quiet => Form::Notes,
            options::Progress::Bar => Form::Bar(bar()),
            options::Progress::Auto if std::io::stderr().is_terminal() => Form::Bar(bar()),
            options::Progress::Auto => Form::Notes,
        };
        let pace = Pace { since: Instant::now(), verified: 0, rate: 0.0, ticks: 0 };
        Arc::new(Self { form, quiet, counters: Arc::default(), pace: Mutex::new(pace) })
    }

    /// Returns the counters that a download is to use.
    pub(crate) fn counters(&self) -> Arc<Progress> {
        Arc::clone(&self.counters)
    }

    /// Shows the counters until dropped; to be polled beside the job.
    pub(crate) async fn tick(&self) -> ! {
        let mut interval = tokio::time::interval(TICK);
        loop {
            interval.tick().await;
            self.draw();
        }
    }

    /// Says how the job ended, unless nothing but errors is wanted.
    pub(crate) fn summary(&self, text: &str) {
        if !matches!(self.form, Form::Json) {
            self.note(text);
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }

    /// Says that the job failed, where lines of JSON are wanted.
    pub(crate) fn failed(&self, reason: &str) {
        self.finish();
        if matches!(self.form, Form::Json) {
            line(&json!({ "event": "failed", "reason": reason }));
        }
    }

    fn draw(&self) {
        let verified = self.counters.verified();
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.ticks += 1;
        let elapsed = pace.since.elapsed();
        if elapsed >= Duration::from_secs(1) {
            // The loss of precision is far below what is shown.
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let fresh = verified.saturating_sub(pace.verified) as f64 / elapsed.as_secs_f64();
            pace.rate = if pace.rate == 0.0 { fresh } else { 0.7 * pace.rate + 0.3 * fresh };
            pace.since = Instant::now();
            pace.verified = verified;
        }
        match &self.form {
            Form::Bar(bar) => {
                if let Some(total) = self.counters.total() {
                    bar.set_length(total);
                }
                bar.set_position(verified);
            }
            Form::Json if pace.ticks.is_multiple_of(LINE) && self.counters.fetched() > 0 => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is not negative")]
                let rate = pace.rate as u64;
                line(&json!({
                    "event": "progress",
                    "bytes_verified": verified,
                    "bytes_fetched": self.counters.fetched(),
                    "bytes_total": self.counters.total(),
                    "rate": rate,
                    "connections": 1,
                }));
            }
            Form::Json | Form::Notes => {}
        }
    }

    fn note(&self, text: &str) {
        if self.quiet {
            return;
        }
        let text = sanitise(text).into_owned();
        match &self.form {
            Form::Bar(bar) => bar.suspend(|| say(&text)),
            _ => say(&text),
        }
    }
}

impl Observer for Display {
    fn notice(&self, event: &Event) {
        if matches!(self.form, Form::Json) {
            line(&document(event));
            return;
        }
        match event {
            Event::EndpointChanged { endpoint } => self.note(&format!("going on with {endpoint}")),
            Event::PartialRemoved { path } => {
                self.note(&format!("removed the unfinished {path}; a new run starts over"));
            }
            Event::Resumed { at } => self.note(&format!("going on at byte {at}")),
            Event::Retrying { reason, wait } => {
                self.note(&format!("trying again in {:.1} s: {reason}", wait.as_secs_f64()));
            }
            Event::Waiting { reason } => self.note(&format!("waiting: {reason}")),
            Event::Warning { text } => self.note(&format!("warning: {text}")),
            _ => {}
        }
        if let Form::Bar(bar) = &self.form {
            match event {
                Event::Retrying { .. } => bar.set_message("waiting to try again"),
                Event::Waiting { reason } => bar.set_message(sanitise(reason).into_owned()),
                _ => bar.set_message(""),
            }
        }
    }
}

impl fmt::Debug for Display {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Display").finish_non_exhaustive()
    }
}

fn document(event: &Event) -> Value {
    let mut fields = match event {
        Event::Committed { target, digest } => json!({ "target": target, "digest": digest.to_string() }),
        Event::EndpointChanged { endpoint } => json!({ "endpoint": endpoint }),
        Event::PartialRemoved { path } => json!({ "path": path }),
        Event::Resolved { reference, digest } => json!({ "reference": reference, "digest": digest.to_string() }),
        Event::Resumed { at } => json!({ "bytes_verified": at }),
        Event::Retrying { reason, wait } => json!({ "reason": sanitise(reason), "until": wait.as_secs_f64() }),
        Event::Started { digest, size } => json!({ "digest": digest.to_string(), "bytes_total": size }),
        Event::Waiting { reason } => json!({ "reason": sanitise(reason) }),
        Event::Warning { text } => json!({ "reason": sanitise(text) }),
        _ => json!({}),
    };
    fields["event"] = json!(event.name());
    fields
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{bar:30} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta} {wide_msg}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

fn line(value: &Value) {
    say(&value.to_string());
}

fn say(text: &str) {
    // Without a reader of stderr there is nobody to tell.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}
