//! Bodies that are read into memory.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use crate::transport::{Chunks, Failure};

/// So long the words of a refusal are waited for.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(5);

/// Reads the words of a refusal; one whose words do not arrive soon is a refusal all the same.
pub(super) async fn words(chunks: Chunks, limit: u64) -> Bytes {
    let body = tokio::time::timeout(REFUSAL_PATIENCE, collect(chunks, limit)).await;
    body.ok().and_then(Result::ok).flatten().unwrap_or_default()
}

/// Reads a body into memory, unless it is larger than the limit.
pub(super) async fn collect(mut chunks: Chunks, limit: u64) -> Result<Option<Bytes>, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = chunks.next().await.transpose()? {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes.freeze()))
}
