//! What is shown while a job runs: a bar, lines of JSON, or notes alone.

mod bar;
mod lines;

use std::fmt;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tracing::Level;
use unlade::observe::{Event, Observer};
use unlade::spec::text::sanitise;
use unlade::transfer::Progress;

use self::bar::Bar;
use self::lines::Lines;
use crate::options;
use crate::paint::Paint;

/// How often a bar is drawn.
const TICK: Duration = Duration::from_millis(100);

/// Shows what happens on stderr; stdout is for data alone.
pub(crate) struct Display {
    form: Form,
    voice: Voice,
    paint: Paint,
    counters: Arc<Progress>,
    streams: AtomicBool,
}

enum Form {
    Bar(Box<Bar>),
    /// Lines of JSON, and nothing else.
    Lines(Lines),
    Notes,
}

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    All,
    /// How the run failed, if it did.
    Errors,
}

impl Voice {
    /// Reads the option `--quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        if quiet { Self::Errors } else { Self::All }
    }
}

impl Display {
    /// Chooses a form: by default a bar where stderr is a terminal.
    pub(crate) fn new(how: options::Progress, voice: Voice) -> Arc<Self> {
        let counters = Arc::<Progress>::default();
        let bar = || Form::Bar(Box::new(Bar::new(Arc::clone(&counters))));
        let form = match how {
            options::Progress::Json => Form::Lines(Lines::new(Arc::clone(&counters))),
            options::Progress::None => Form::Notes,
            _ if voice == Voice::Errors => Form::Notes,
            options::Progress::Bar => bar(),
            options::Progress::Auto if std::io::stderr().is_terminal() => bar(),
            options::Progress::Auto => Form::Notes,
        };
        let paint = Paint::on(&std::io::stderr());
        Arc::new(Self { form, voice, paint, counters, streams: AtomicBool::new(false) })
    }

    /// Returns the counters that a download is to use.
    pub(crate) fn counters(&self) -> Arc<Progress> {
        Arc::clone(&self.counters)
    }

    /// Shows a download that is about to be made, and what is done first.
    ///
    /// Without this no bar is drawn: a verb that writes to the terminal has no use for one.
    pub(crate) fn watch(&self, reason: &str) {
        if let Form::Bar(bar) = &self.form {
            bar.begin(&sanitise(reason));
            bar.draw();
        }
    }

    /// Takes note that the bytes that are counted go to stdout.
    pub(crate) fn stream(&self) {
        self.streams.store(true, Ordering::Relaxed);
    }

    /// Says whether stdout holds bytes of a blob, behind which no document can be told apart.
    pub(crate) fn has_streamed(&self) -> bool {
        self.streams.load(Ordering::Relaxed) && self.counters.verified() > 0
    }

    /// Shows the counters until dropped; to be polled beside the job.
    pub(crate) async fn tick(&self) -> ! {
        let mut interval = tokio::time::interval(TICK);
        loop {
            interval.tick().await;
            match &self.form {
                Form::Bar(bar) => bar.draw(),
                Form::Lines(lines) if self.voice == Voice::All => lines.tick(),
                Form::Lines(_) | Form::Notes => {}
            }
        }
    }

    /// Says how the job ended, unless nothing but errors is wanted.
    pub(crate) fn summary(&self, text: &str) {
        if !matches!(self.form, Form::Lines(_)) {
            self.note(text);
        }
    }

    /// Removes the bar.
    pub(crate) fn finish(&self) {
        if let Form::Bar(bar) = &self.form {
            bar.end();
        }
    }

    /// Says how the run failed: in words for people, or in a line for programs.
    pub(crate) fn failed(&self, text: &str, reason: &str, document: &Value) {
        self.finish();
        match &self.form {
            Form::Lines(_) => lines::line(&json!({ "event": "failed", "reason": reason, "error": document["error"] })),
            // Without a reader of stderr there is nobody to tell; the exit code still says it.
            _ => drop(std::io::stderr().write_all(self.paint.labels(text).as_bytes())),
        }
    }

    /// Shows a line of the log.
    pub(crate) fn log(&self, level: Level, text: &str) {
        let text = sanitise(text);
        match &self.form {
            Form::Lines(_) => {
                let level = level.as_str().to_ascii_lowercase();
                lines::line(&json!({ "event": "log", "level": level, "text": text }));
            }
            _ => self.show(&format!("{level} {text}")),
        }
    }

    fn note(&self, text: &str) {
        if self.voice == Voice::All {
            self.show(&self.paint.labels(&sanitise(text)));
        }
    }

    fn show(&self, text: &str) {
        match &self.form {
            Form::Bar(bar) => bar.aside(|| say(text)),
            _ => say(text),
        }
    }
}

impl Observer for Display {
    fn notice(&self, event: &Event) {
        if let Form::Lines(lines) = &self.form {
            if self.voice == Voice::All {
                lines.event(event);
            }
            return;
        }
        if let Some(text) = words(event) {
            self.note(&text);
        }
        if let Form::Bar(bar) = &self.form {
            match event {
                Event::Retrying { .. } => bar.hold("waiting to try again"),
                Event::Started { .. } => bar.start(),
                Event::Waiting { reason } => bar.hold(&sanitise(reason)),
                _ => {}
            }
        }
    }
}

impl fmt::Debug for Display {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Display").finish_non_exhaustive()
    }
}

/// Says what happened in words, where that is worth a line.
fn words(event: &Event) -> Option<String> {
    Some(match event {
        Event::EndpointChanged { endpoint } => format!("going on with {endpoint}"),
        Event::PartialRemoved { path } => format!("removed the unfinished {path}; a new run starts over"),
        Event::Resumed { at } => format!("going on at byte {at}"),
        Event::Retrying { reason, wait } => format!("trying again in {:.1} s: {reason}", wait.as_secs_f64()),
        Event::Waiting { reason } => format!("waiting: {reason}"),
        Event::Warning { text } => format!("warning: {text}"),
        _ => return None,
    })
}

fn say(text: &str) {
    // Without a reader of stderr there is nobody to tell.
    drop(writeln!(std::io::stderr().lock(), "{text}"));
}
