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
use unlade::layout::Blob;
use unlade::spec::digest::Digest;

use crate::condition::{Verdict, judge};
use crate::name::Name;
use crate::range::{Selection, select};
use crate::refusal::{Code, Refusal};
use crate::shelf::Shelf;
use crate::warnings::Warnings;

/// The header that repeats the digest.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The size of a chunk in bytes: two of them, and what the server buffers, are held for each client.
const CHUNK: usize = 64 << 10;

/// Answers with a blob, or with the part of it that is asked for. The blob is not verified: clients do that.
pub(crate) async fn answer(shelf: &Shelf, name: &Name, digest: &Digest, request: &Parts) -> Result<Response, Refusal> {
    let layout = shelf.find(name).await?;
    let blob = layout.blob(digest).await.map_err(|error| Refusal::of(&error, Code::BlobUnknown))?;
    let content = Content { blob: &blob, digest, warnings: shelf.warnings() };
    let size = blob.size();
    // Ranges are defined for GET alone (RFC 9110, section 14.2), and for what the client wants under its conditions
    // (section 13.2.2).
    let selection = match (&request.method, judge(&request.headers, &entity_tag(digest))) {
        (&Method::GET, Verdict::Wanted) => select(&request.headers, &entity_tag(digest), size),
        _ => Selection::Whole,
    };
    let mut response = match selection {
        Selection::Part(window) => content.part(&window),
        Selection::Unsatisfiable => return Err(Refusal::range_not_satisfiable(size)),
        Selection::Whole => content.whole(request)?,
    };
    response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Ok(response)
}

/// What is answered with.
pub(crate) struct Content<'a> {
    pub(crate) blob: &'a Blob,
    pub(crate) digest: &'a Digest,
    pub(crate) warnings: &'a Warnings,
}

impl Content<'_> {
    /// Answers with the whole of it, or with the word that the client has it already.
    pub(crate) fn whole(&self, request: &Parts) -> Result<Response, Refusal> {
        match judge(&request.headers, &entity_tag(self.digest)) {
            Verdict::Failed => Err(Refusal::precondition_failed()),
            Verdict::Known => {
                let mut response = StatusCode::NOT_MODIFIED.into_response();
                describe(&mut response, self.digest);
                Ok(response)
            }
            Verdict::Wanted => Ok(self.given(0..self.blob.size())),
        }
    }

    fn part(&self, window: &Range<u64>) -> Response {
        let mut response = self.given(window.clone());
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {}-{}/{}", window.start, window.end - 1, self.blob.size());
        response.headers_mut().insert(CONTENT_RANGE, text(&range));
        response
    }

    fn given(&self, window: Range<u64>) -> Response {
        let length = window.end - window.start;
        let mut response = Response::new(self.body(window));
        describe(&mut response, self.digest);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        response
    }

    fn body(&self, window: Range<u64>) -> Body {
        let (chunks, warnings) = (self.blob.stream(window, CHUNK).chunks, self.warnings.clone());
        Body::from_stream(chunks.inspect(move |chunk| {
            if let Err(error) = chunk {
                // The headers are gone: cutting the connection is all that the client can still be told.
                warnings.tell(&format!("an answer broke off: {}", error.chain().join(": ")));
            }
        }))
    }
}

fn describe(response: &mut Response, digest: &Digest) {
    let headers = response.headers_mut();
    headers.insert(ETAG, text(&entity_tag(digest)));
    headers.insert(CONTENT_DIGEST, text(&digest.to_string()));
}

/// Returns the entity tag of content with a digest: equal tags mean equal bytes.
fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// Makes a header of a text that is made of digests and numbers.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("digests and numbers are visible ASCII")
}
