//! Manifests by tag and by digest.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>

use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use unlade::layout::Layout;
use unlade::spec::reference::Selector;

use crate::blob;
use crate::refusal::{Code, Refusal};

/// Answers with a manifest in the form that the layout has it, whatever the client accepts: there is no other.
///
/// It is verified first, and then goes from the file to the client as blobs do: manifests are small, but not those
/// of many clients together.
pub(crate) async fn answer(layout: &Layout, selector: &Selector, request: &Parts) -> Result<Response, Refusal> {
    let stored = layout.stored(selector).await.map_err(|error| Refusal::of(&error, Code::ManifestUnknown))?;
    let Some(media_type) = stored.media_type else {
        return Err(Refusal::new(Code::ManifestUnknown, "the digest is that of a blob which is no manifest"));
    };
    let mut response = blob::whole(&stored.blob, &stored.digest, request);
    if let Ok(content_type) = HeaderValue::from_str(media_type.as_str()) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    Ok(response)
}
