//! Blobs, whole and in part.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-blobs>

use std::ops::Range;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use unlade::layout::{Blob, Layout};
use unlade::spec::digest::Digest;

use crate::condition;
use crate::range::{Selection, select};
use crate::refusal::{Code, Refusal};

/// The header that repeats the digest.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The size of a chunk in bytes: two of them, and what the server buffers, are held for each client.
const CHUNK: usize = 64 << 10;

/// Answers with a blob, or with the part of it that is asked for. The blob is not verified: clients do that.
pub(crate) async fn answer(layout: &Layout, digest: &Digest, request: &Parts) -> Result<Response, Refusal> {
    let blob = layout.blob(digest).await.map_err(|error| Refusal::of(&error, Code::BlobUnknown))?;
    let size = blob.size();
    // Ranges are defined for GET alone (RFC 9110, section 14.2), and for what the client does not have already.
    let selection = match request.method {
        Method::GET if !is_known(request, digest) => select(&request.headers, &entity_tag(digest), size),
        _ => Selection::Whole,
    };
    let mut response = match selection {
        Selection::Part(window) => part(&blob, digest, &window),
        Selection::Unsatisfiable => return Err(Refusal::range_not_satisfiable(size)),
        Selection::Whole => whole(&blob, digest, request),
    };
    response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Ok(response)
}

/// Answers with the whole of a blob, or with the word that the client has it already.
pub(crate) fn whole(blob: &Blob, digest: &Digest, request: &Parts) -> Response {
    if is_known(request, digest) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        describe(&mut response, digest);
        return response;
    }
    given(blob, digest, 0..blob.size())
}

fn part(blob: &Blob, digest: &Digest, window: &Range<u64>) -> Response {
    let mut response = given(blob, digest, window.clone());
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    let range = format!("bytes {}-{}/{}", window.start, window.end - 1, blob.size());
    response.headers_mut().insert(CONTENT_RANGE, text(&range));
    response
}

fn given(blob: &Blob, digest: &Digest, window: Range<u64>) -> Response {
    let length = window.end - window.start;
    let mut response = Response::new(body(blob, window));
    describe(&mut response, digest);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn describe(response: &mut Response, digest: &Digest) {
    let headers = response.headers_mut();
    headers.insert(ETAG, text(&entity_tag(digest)));
    headers.insert(CONTENT_DIGEST, text(&digest.to_string()));
}

/// Says whether the client has the content already, by its `If-None-Match`.
fn is_known(request: &Parts, digest: &Digest) -> bool {
    condition::names(&request.headers, &entity_tag(digest))
}

/// Returns the entity tag of content with a digest: equal tags mean equal bytes.
fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// Makes a header of a text that is made of digests and numbers.
fn text(value: &str) -> HeaderValue {
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
