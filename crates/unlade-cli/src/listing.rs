//! Lists on stdout, of any length: as lines while they come, or as one document at their end.

use std::io::{self, Read as _, Seek as _, Write as _};

use futures_util::stream::{Stream, StreamExt as _};
use serde_json::Value;
use tempfile::SpooledTempFile;
use unlade::cancel::Cancel;
use unlade::{Error, Result};

use crate::output::{self, Reader};

/// So many entries are written at once, if so many are there: the longest page that registries give by themselves.
const BLOCK: usize = 1000;

/// So much of a document is kept in memory before its end; what is more goes to a file without a name.
const MAX_IN_MEMORY: usize = 1 << 20;

/// So much of a document is written at once.
const CHUNK: usize = 64 << 10;

/// Writes entries as they come: those that are there are written together, and then at once.
///
/// A reader that goes away has read enough: `unlade tags REPO | head -1` is a list that was read as far as it was
/// wanted. Returns how many entries there were until then.
pub(crate) async fn lines<T>(
    entries: impl Stream<Item = Result<T>>,
    cancel: &Cancel,
    mut write: impl FnMut(&[T]) -> String,
) -> Result<usize> {
    output::open()?;
    let mut blocks = std::pin::pin!(entries.ready_chunks(BLOCK));
    let mut count = 0;
    while let Some(block) = cancel.guard(async { Ok(blocks.next().await) }).await? {
        let (entries, error) = until_error(block);
        count += entries.len();
        if !entries.is_empty() && output::offer(write(&entries)).await? == Reader::Gone {
            break;
        }
        if let Some(error) = error {
            return Err(error);
        }
    }
    Ok(count)
}

/// Writes one document whose list is these entries; nothing of it before all of them are known.
///
/// The document begins with `head` and ends with `tail`, between which the list's elements stand.
pub(crate) async fn document(
    entries: impl Stream<Item = Result<Value>>,
    cancel: &Cancel,
    head: &str,
    tail: &str,
) -> Result<()> {
    output::open()?;
    let mut spool = append(SpooledTempFile::new(MAX_IN_MEMORY), head.to_owned()).await?;
    let mut blocks = std::pin::pin!(entries.ready_chunks(BLOCK));
    let mut separator = "";
    while let Some(block) = cancel.guard(async { Ok(blocks.next().await) }).await? {
        let mut text = String::new();
        for entry in block {
            text.extend([separator, &entry?.to_string()]);
            separator = ",";
        }
        spool = append(spool, text).await?;
    }
    spool = append(spool, format!("{tail}\n")).await?;
    spool = aside(move || spool.rewind().map(|()| spool)).await?;
    loop {
        let chunk;
        (spool, chunk) = aside(move || next_chunk(spool)).await?;
        if chunk.is_empty() {
            return Ok(());
        }
        output::bytes(chunk).await?;
    }
}

async fn append(mut spool: SpooledTempFile, text: String) -> Result<SpooledTempFile> {
    aside(move || spool.write_all(text.as_bytes()).map(|()| spool)).await
}

fn next_chunk(mut spool: SpooledTempFile) -> io::Result<(SpooledTempFile, Vec<u8>)> {
    let mut chunk = Vec::with_capacity(CHUNK);
    (&mut spool).take(CHUNK as u64).read_to_end(&mut chunk)?;
    Ok((spool, chunk))
}

/// Works on the temporary file on another thread: a disk that is slow must not hold up signals and connections.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(unkept)
}

/// Parts what came from what went wrong, with which a list ends.
fn until_error<T>(block: Vec<Result<T>>) -> (Vec<T>, Option<Error>) {
    let mut entries = Vec::with_capacity(block.len());
    for entry in block {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(error) => return (entries, Some(error)),
        }
    }
    (entries, None)
}

fn unkept(error: io::Error) -> Error {
    Error::io("cannot keep the list in a temporary file", error)
}

#[cfg(test)]
mod tests {
    use unlade::ErrorKind;

    use super::*;

    #[test]
    fn what_came_before_an_error_is_not_lost() {
        let error = || Err(Error::new(ErrorKind::Unavailable, "gone"));
        let (entries, found) = until_error(vec![Ok(1), Ok(2), error(), Ok(3)]);
        assert_eq!((entries, found.map(|error| error.kind())), (vec![1, 2], Some(ErrorKind::Unavailable)));
        assert!(until_error(vec![Ok(1)]).1.is_none());
    }
}
