//! What goes to stdout: data alone.

use std::io::{self, Write as _};

use bytes::Bytes;
use serde_json::{Map, Value, json};
use unlade::spec::descriptor::Descriptor;
use unlade::spec::text::sanitise;
use unlade::target::Target;
use unlade::target::writer::WriterTarget;
use unlade::{Error, ErrorKind, Result};

/// Returns stdout as the target of a blob.
///
/// # Errors
///
/// [`ErrorKind::Io`](unlade::ErrorKind::Io) if there is none: the bytes would be lost without a word.
pub(crate) fn target() -> Result<Target> {
    open()?;
    Ok(Target::Ordered(Box::new(WriterTarget::new("stdout", Box::new(io::stdout()))), None))
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
    let bytes = bytes.into();
    let write = move || write(&bytes);
    let written = tokio::task::spawn_blocking(write).await.unwrap_or_else(|error| Err(io::Error::other(error)));
    written.map_err(unwritten)
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
    let mut fields = Map::new();
    fields.insert("media_type".to_owned(), json!(sanitise(descriptor.media_type.as_str())));
    fields.insert("digest".to_owned(), json!(descriptor.digest.to_string()));
    fields.insert("size".to_owned(), json!(descriptor.size));
    if let Some(artifact_type) = &descriptor.artifact_type {
        fields.insert("artifact_type".to_owned(), json!(sanitise(artifact_type.as_str())));
    }
    if let Some(title) = descriptor.title() {
        fields.insert("title".to_owned(), json!(sanitise(title)));
    }
    if !descriptor.annotations.is_empty() {
        let annotations: Map<String, Value> = descriptor
            .annotations
            .iter()
            .map(|(key, value)| (sanitise(key).into_owned(), json!(sanitise(value))))
            .collect();
        fields.insert("annotations".to_owned(), Value::Object(annotations));
    }
    if let Some(platform) = &descriptor.platform {
        fields.insert("platform".to_owned(), json!(sanitise(&platform.to_string())));
    }
    Value::Object(fields)
}
