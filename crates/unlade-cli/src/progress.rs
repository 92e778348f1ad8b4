//! What is shown while a job runs: a bar, lines of JSON, or notes alone.

mod bar;
mod lines;
mod pace;
mod speaker;

use std::fmt;
use std::io::IsTerminal as _;
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
use self::speaker::Speaker;
use crate::options;
use crate::paint::Paint;
use crate::units;

/// How often a bar is drawn.
const TICK: Duration = Duration::from_millis(100);

/// Shows what happens on stderr; stdout is for data alone.
///
/// Nothing waits for the reader of stderr but [`flush`](Self::flush), and a bar.
pub(crate) struct Display {
    form: Form,
    voice: Voice,
    paint: Paint,
    speaker: Arc<Speaker>,
    counters: Arc<Progress>,
    streams: AtomicBool,
    has_document: AtomicBool,
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
        let speaker = Arc::new(Speaker::new(if how == options::Progress::Json { lines::lost } else { lost }));
        let bar = || Form::Bar(Box::new(Bar::new(Arc::clone(&counters))));
        let form = match how {
            options::Progress::Json => Form::Lines(Lines::new(Arc::clone(&counters), Arc::clone(&speaker))),
            options::Progress::None => Form::Notes,
            _ if voice == Voice::Errors => Form::Notes,
            options::Progress::Bar => bar(),
            options::Progress::Auto if std::io::stderr().is_terminal() => bar(),
            options::Progress::Auto => Form::Notes,
        };
        let paint = Paint::on(&std::io::stderr());
        Arc::new(Self {
            form,
            voice,
            paint,
            speaker,
            counters,
            streams: AtomicBool::new(false),
            has_document: AtomicBool::new(false),
        })
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
            // What was said before stays above it.
            self.speaker.flush();
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

    /// Takes note that the document of a failure stands on stdout, before the failure is told.
    pub(crate) fn note_document(&self) {
        self.has_document.store(true, Ordering::Relaxed);
    }

    /// Says whether stdout has what it is to have, or no document could be told apart there.
    pub(crate) fn is_stdout_done(&self) -> bool {
        self.has_streamed() || self.has_document.load(Ordering::Relaxed)
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
            Form::Lines(_) => {
                let line = json!({ "event": "failed", "reason": reason, "error": document["error"] });
                self.speaker.insist(format!("{line}\n"));
            }
            _ => self.speaker.insist(self.paint.labels(text)),
        }
    }

    /// Waits until all is said: for a reader of stderr as long as it takes, but not long after [`hurry`](Self::hurry).
    pub(crate) fn flush(&self) {
        self.speaker.flush();
    }

    /// Notes that the user wants the end.
    pub(crate) fn hurry(&self) {
        self.speaker.hurry();
    }

    /// Shows a line of the log.
    pub(crate) fn log(&self, level: Level, text: &str) {
        let text = sanitise(text);
        match &self.form {
            Form::Lines(lines) => {
                let level = level.as_str().to_ascii_lowercase();
                lines.line(&json!({ "event": "log", "level": level, "text": text }));
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
            Form::Bar(bar) if bar.is_shown() => bar.aside(|| speaker::write(&format!("{text}\n"))),
            _ => self.speaker.say(text),
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
                Event::Waiting { reason, wait } => bar.hold(&format!("{}{}", sanitise(reason), still(*wait))),
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
        Event::PartialKept { path, bytes } => {
            let held = bytes.map(|bytes| format!(", which holds {}", units::bytes(bytes))).unwrap_or_default();
            format!("kept the unfinished {}{held}; a new run goes on from there", path.display())
        }
        Event::PartialRemoved { path } => format!("removed the unfinished {path}; a new run starts over"),
        Event::Resumed { at, .. } => format!("going on at byte {at}"),
        Event::Retrying { reason, wait } => format!("trying again in {:.1} s: {reason}", wait.as_secs_f64()),
        Event::Waiting { reason, wait } => format!("waiting: {reason}{}", still(*wait)),
        Event::Warning { text } => format!("warning: {text}"),
        _ => return None,
    })
}

/// Says how long a wait is at most, where that is known.
fn still(wait: Option<Duration>) -> String {
    wait.map(|wait| format!(" ({:.1} s at most)", wait.as_secs_f64())).unwrap_or_default()
}

/// Says that lines were dropped, since they were not read fast enough.
fn lost(count: u64) -> String {
    format!("warning: {count} lines are missing here: stderr was not read")
}
