//! Blobs, whole and in part.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-blobs>

use std::ops::Range;

use axum::body::Body;
use axum::response::Response;
use futures_util::StreamExt as _;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use unlade::layout::{Blob, Layout};
use unlade::spec::digest::Digest;

use crate::range::{Selection, select};
use crate::refusal::{Code, Refusal};

/// The header that repeats the digest.
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The size of a chunk in bytes: two of them, and what the server buffers, are held for each client.
const CHUNK: usize = 64 << 10;

/// Answers with a blob, or with the part of it that is asked for. The blob is not verified: clients do that.
pub(crate) async fn answer(layout: &Layout, digest: &Digest, request: &Parts) -> Result<Response, Refusal> {
    let blob = layout.blob(digest).await.map_err(|error| Refusal::of(&error, Code::BlobUnknown))?;
    let size = blob.size();
    let entity_tag = entity_tag(digest);
    // Ranges are defined for GET alone (RFC 9110, section 14.2).
    let selection = match request.method {
        Method::GET => select(&request.headers, &entity_tag, size),
        _ => Selection::Whole,
    };
    let (status, window) = match selection {
        Selection::Part(window) => (StatusCode::PARTIAL_CONTENT, window),
        Selection::Unsatisfiable => return Err(Refusal::range_not_satisfiable(size)),
        Selection::Whole => (StatusCode::OK, 0..size),
    };
    let mut response = Response::new(body(&blob, window.clone()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(window.end - window.start));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, text(&entity_tag));
    headers.insert(CONTENT_DIGEST, text(&digest.to_string()));
    if status == StatusCode::PARTIAL_CONTENT {
        headers.insert(CONTENT_RANGE, text(&format!("bytes {}-{}/{size}", window.start, window.end - 1)));
    }
    Ok(response)
}

/// Returns the entity tag of content with a digest: equal tags mean equal bytes.
pub(crate) fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// Makes a header of a text that is made of digests and numbers.
pub(crate) fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("digests and numbers are visible ASCII")
}

fn body(blob: &Blob, window: Range<u64>) -> Body {
    let chunks = blob.stream(window, CHUNK).chunks;
    Body::from_stream(chunks.inspect(|chunk| {
        if let Err(error) = chunk {
            // The headers are gone: cutting the connection is all that can still be said.
            tracing::warn!(chain = error.chain().join(": "), "a blob broke off");
        }
    }))
}
