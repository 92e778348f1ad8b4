//! What refers to a manifest.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>

use std::pin::Pin;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use unlade::layout::Layout;
use unlade::spec::descriptor::Descriptor;
use unlade::spec::digest::Digest;
use unlade::spec::media_type::OCI_INDEX;

use crate::query;
use crate::refusal::{Code, Refusal};

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// Answers with an index of the referrers, an empty one if there are none.
///
/// It is written as the layout is read: the list may be longer than memory should hold.
pub(crate) async fn answer(layout: &Layout, subject: &Digest, query: &str) -> Result<Response, Refusal> {
    let artifact_type = query::parameter(query, "artifactType").filter(|wanted| !wanted.is_empty());
    let mut found = layout.referrers_of(subject, artifact_type.as_deref()).peekable();
    // An error before the first referrer can still be told by a status.
    if let Some(Err(error)) = Pin::new(&mut found).peek().await {
        return Err(Refusal::of(error, Code::ManifestUnknown));
    }
    let head = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":["#);
    let entries = found.enumerate().map(|(at, referrer)| entry(at, &referrer?));
    let document = stream::once(async { Ok(Bytes::from(head)) })
        .chain(entries)
        .chain(stream::once(async { Ok(Bytes::from_static(b"]}")) }));
    let mut response = Response::new(Body::from_stream(document));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OCI_INDEX));
    if artifact_type.is_some() {
        response.headers_mut().insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    Ok(response)
}

fn entry(at: usize, referrer: &Descriptor) -> Result<Bytes, axum::BoxError> {
    let mut bytes = if at == 0 { Vec::new() } else { vec![b','] };
    serde_json::to_writer(&mut bytes, referrer)?;
    Ok(bytes.into())
}
