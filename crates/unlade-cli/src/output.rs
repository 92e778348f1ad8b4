//! What goes to stdout: data alone.

use std::io::{self, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};
use unlade::spec::descriptor::{Annotations, Descriptor};
use unlade::spec::entry::Entry;
use unlade::spec::text::sanitise;
use unlade::target::Target;
use unlade::target::spool::SpoolTarget;
use unlade::target::writer::WriterTarget;
use unlade::{Error, ErrorKind, Result};

use crate::progress::Display;

/// Returns stdout as the target of a blob.
///
/// # Errors
///
/// [`ErrorKind::Io`](unlade::ErrorKind::Io) if there is none: the bytes would be lost without a word.
pub(crate) fn target() -> Result<Target> {
    open()?;
    Ok(Target::Ordered(Box::new(WriterTarget::new("stdout", Box::new(io::stdout()))), None))
}

/// Returns stdout as the target of a blob that is verified before its first byte goes there.
///
/// # Errors
///
/// As [`target`].
pub(crate) fn spool(display: &Arc<Display>) -> Result<Target> {
    open()?;
    let writer = Box::new(Streaming(Arc::clone(display)));
    Ok(Target::Positioned(Box::new(SpoolTarget::new("stdout", writer, std::env::temp_dir()))))
}

/// Stdout, which tells the display when it gets bytes: behind them no document can be told apart.
struct Streaming(Arc<Display>);

impl io::Write for Streaming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.stream();
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// Fails if the process was started without a stdout.
pub(crate) fn open() -> Result<()> {
    if unlade_sys::stdout::was_closed() {
        return Err(Error::new(ErrorKind::Io, "cannot write to stdout, which is closed"));
    }
    Ok(())
}

/// Writes bytes as they are.
///
/// A reader may take them as slowly as it likes: meanwhile a thread waits that nobody else needs, so that signals are heard.
pub(crate) async fn bytes(bytes: impl Into<Bytes>) -> Result<()> {
    open()?;
    written(bytes.into()).await.map_err(unwritten)
}

/// Whether anyone reads what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// It went away.
    Gone,
    There,
}

/// Writes a list or a part of one, of which a reader may want only so much.
pub(crate) async fn offer(text: String) -> Result<Reader> {
    open()?;
    match written(text.into()).await {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(unwritten(error)),
    }
}

async fn written(bytes: Bytes) -> io::Result<()> {
    let write = move || write(&bytes);
    tokio::task::spawn_blocking(write).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Writes what people read: a reader that goes away has read enough.
pub(crate) fn pages(text: &str) -> Result<()> {
    open()?;
    write(text.as_bytes()).or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(unwritten(error)),
    })
}

fn write(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush())
}

fn unwritten(error: io::Error) -> Error {
    Error::io("cannot write to stdout", error)
}

/// Writes one line.
pub(crate) async fn line(text: &str) -> Result<()> {
    bytes(format!("{text}\n")).await
}

/// Writes a JSON document.
pub(crate) async fn document(value: &Value) -> Result<()> {
    line(&value.to_string()).await
}

/// Describes a descriptor with the contract's keys.
pub(crate) fn descriptor(descriptor: &Descriptor) -> Value {
    entry(&Entry::Readable(descriptor.clone()))
}

/// Describes an entry of a document with the contract's keys for descriptors; one that cannot be read says why.
pub(crate) fn entry(entry: &Entry) -> Value {
    let found = entry.descriptor();
    let mut fields = Map::new();
    fields.insert("media_type".to_owned(), json!(sanitise(entry.media_type().as_str())));
    fields.insert("digest".to_owned(), json!(entry.digest()));
    fields.insert("size".to_owned(), json!(found.map(|descriptor| descriptor.size)));
    if let Some(artifact_type) = found.and_then(|descriptor| descriptor.artifact_type.as_ref()) {
        fields.insert("artifact_type".to_owned(), json!(sanitise(artifact_type.as_str())));
    }
    if let Some(title) = entry.title() {
        fields.insert("title".to_owned(), json!(sanitise(title)));
    }
    if !entry.annotations().is_empty() {
        fields.insert("annotations".to_owned(), annotations(entry.annotations()));
    }
    if let Some(platform) = entry.platform() {
        fields.insert("platform".to_owned(), json!(sanitise(&platform.to_string())));
    }
    if let Err(unreadable) = entry.readable() {
        fields.insert("fault".to_owned(), json!(unreadable.fault.to_string()));
    }
    Value::Object(fields)
}

/// Describes annotations as an object.
pub(crate) fn annotations(annotations: &Annotations) -> Value {
    let clean = |(key, value): (&String, &String)| (sanitise(key).into_owned(), json!(sanitise(value)));
    Value::Object(annotations.iter().map(clean).collect())
}

/// Writes a JSON document that is not held as values, of which a long list would take many times its size.
pub(crate) async fn serialised(document: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(document)
        .map_err(|error| Error::new(ErrorKind::Malformed, "the document cannot be written").caused_by(error))?;
    line(&text).await
}
