//! What was asked and answered, a line a request.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use jiff::{Timestamp, Unit};
use serde::Serialize;
use unlade::observe::{Event, Observer};
use unlade::{Error, Result};

/// How many lines may wait for the disk: 1 MiB or so. Answers do not wait: a line that finds no room is dropped.
const BACKLOG: usize = 1024;

/// The longest path and the longest method that are written, in characters.
const MAX_PATH: usize = 1024;
const MAX_METHOD: usize = 32;

/// A log of all requests: for each, a line with a JSON object, once its answer has ended or broken off.
///
/// The keys: `time` (when the request came: RFC 3339, UTC), `client` (its address), `user` (who logged in, else
/// `null`), `method` and `path` (`null` for what was no HTTP; the path as it was sent, at most 1,024 characters, without
/// the query), `status` (`null` if the client left before there was one), `bytes` (of the body, as many as were surely
/// handed to the system), `seconds` and `complete` (whether the whole answer was). Where lines had to be dropped since
/// the log could not be written fast enough, the next one has `dropped`, their number.
///
/// A thread of its own writes it, so that no answer waits for the disk. The [`Server`](crate::Server) ends once
/// everything is written, if that takes no longer than a few seconds.
#[derive(Debug)]
pub struct AccessLog {
    pen: Pen,
    scribe: JoinHandle<()>,
    observer: Arc<dyn Observer>,
}

impl AccessLog {
    /// Appends to a file, which is made if need be; blocks for a moment. The observer is warned of what cannot be
    /// written later.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](unlade::ErrorKind::Io) if it cannot be written to.
    pub fn append(path: &Path, observer: Arc<dyn Observer>) -> Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .map_err(|error| Error::io(format!("cannot write the access log {}", path.display()), error))?;
        Self::to(file, observer)
    }

    /// Writes to anything else, in the same way.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`](unlade::ErrorKind::Io) if no thread can be started.
    pub fn to(out: impl Write + Send + 'static, observer: Arc<dyn Observer>) -> Result<Self> {
        let (sender, inbox) = sync_channel(BACKLOG);
        let dropped = Arc::<AtomicU64>::default();
        let (out, watcher) = (BufWriter::new(out), Arc::clone(&observer));
        let scribe = Scribe { out, dropped: Arc::clone(&dropped), observer: watcher, troubled: false };
        let scribe = std::thread::Builder::new()
            .name("unlade-access".to_owned())
            .spawn(move || scribe.work(&inbox))
            .map_err(|error| Error::io("cannot start a thread for the access log", error))?;
        Ok(Self { pen: Pen { sender, dropped }, scribe, observer })
    }

    /// Returns what entries are written with.
    pub(crate) fn pen(&self) -> Pen {
        self.pen.clone()
    }

    /// Waits until everything is written, but no longer than that may take. All other pens must be gone.
    pub(crate) async fn close(self, limit: Duration) {
        let Self { pen, scribe, observer } = self;
        drop(pen);
        let written = tokio::task::spawn_blocking(move || scribe.join());
        match tokio::time::timeout(limit, written).await {
            Ok(Ok(Err(panic))) => std::panic::resume_unwind(panic),
            // The other error is that of a runtime which ends.
            Ok(_) => {}
            Err(_) => warn(&*observer, LAST_LINES_LOST.to_owned()),
        }
    }
}

const LAST_LINES_LOST: &str = "the access log ends without its last lines";

fn warn(observer: &dyn Observer, text: String) {
    observer.notice(&Event::Warning { text });
}

/// Writes entries, without ever waiting.
#[derive(Debug, Clone)]
pub(crate) struct Pen {
    sender: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

impl Pen {
    pub(crate) fn write(&self, entry: Entry) {
        if self.sender.try_send(entry).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A line of the log.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    time: Timestamp,
    client: IpAddr,
    user: Option<Arc<str>>,
    method: Option<String>,
    path: Option<String>,
    status: Option<u16>,
    bytes: u64,
    seconds: f64,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<u64>,
    #[serde(skip)]
    begun: Instant,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Broken,
    Whole,
}

impl Entry {
    /// Begins the entry of a request that came this moment.
    pub(crate) fn begin(client: IpAddr) -> Self {
        let now = Timestamp::now();
        Self {
            time: now.round(Unit::Millisecond).unwrap_or(now),
            client: client.to_canonical(),
            user: None,
            method: None,
            path: None,
            status: None,
            bytes: 0,
            seconds: 0.0,
            complete: false,
            dropped: None,
            begun: Instant::now(),
        }
    }

    /// Notes what is asked for.
    pub(crate) fn asked(mut self, method: &Method, path: &str) -> Self {
        self.method = Some(written(method.as_str(), MAX_METHOD));
        self.path = Some(written(path, MAX_PATH));
        self
    }

    /// Notes what is answered, and to whom.
    pub(crate) fn answered(&mut self, status: StatusCode, user: Option<Arc<str>>) {
        self.status = Some(status.as_u16());
        self.user = user;
    }

    /// Ends it, this moment, with so many bytes of a body.
    pub(crate) fn end(mut self, bytes: u64, end: End) -> Self {
        self.bytes = bytes;
        self.complete = end == End::Whole;
        self.seconds = (self.begun.elapsed().as_secs_f64() * 1e6).round() / 1e6;
        self
    }
}

/// Writes a text as far as there is room for it, with all that is not visible ASCII percent-encoded.
fn written(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        let next = if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        if out.len() + next.len() > limit {
            // Not ASCII, so that no path could end like this.
            out.push('…');
            break;
        }
        out.push_str(&next);
    }
    out
}

/// The thread that writes.
struct Scribe<W: Write> {
    out: BufWriter<W>,
    dropped: Arc<AtomicU64>,
    observer: Arc<dyn Observer>,
    /// Whether the last lines could not be written, which is told once.
    troubled: bool,
}

impl<W: Write> Scribe<W> {
    /// Writes what comes in, until nothing can come any more. Whoever reads along sees each line as it comes.
    fn work(mut self, inbox: &Receiver<Entry>) {
        while let Ok(entry) = inbox.recv() {
            let mut written = self.write(entry);
            while let Ok(entry) = inbox.try_recv() {
                written = written.and(self.write(entry));
            }
            let flushed = self.out.flush();
            self.tell(written.and(flushed));
        }
        if self.out.flush().is_err() || self.dropped.load(Ordering::Relaxed) > 0 {
            warn(&*self.observer, LAST_LINES_LOST.to_owned());
        }
    }

    fn write(&mut self, mut entry: Entry) -> io::Result<()> {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        entry.dropped = Some(dropped).filter(|count| *count > 0);
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        // A line is shorter than the buffer, so that it is taken whole or not at all.
        self.out.write_all(&line).inspect_err(|_| {
            self.dropped.fetch_add(dropped + 1, Ordering::Relaxed);
        })
    }

    /// Says once that the log cannot be written, and again after it could.
    fn tell(&mut self, outcome: io::Result<()>) {
        let troubled = outcome.is_err();
        if let (Err(error), false) = (outcome, self.troubled) {
            warn(&*self.observer, format!("the access log cannot be written: {error}"));
        }
        self.troubled = troubled;
    }
}

#[cfg(test)]
mod tests;
