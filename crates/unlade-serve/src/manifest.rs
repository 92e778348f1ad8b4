//! Manifests by tag and by digest.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>

use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use unlade::spec::reference::Selector;

use crate::blob::Content;
use crate::name::Name;
use crate::refusal::{Code, Refusal};
use crate::shelf::Shelf;

/// Answers with a manifest in the form that the layout has it, whatever the client accepts: there is no other.
///
/// It is verified first, and then goes from the file to the client as blobs do: manifests are small, but not those
/// of many clients together.
pub(crate) async fn answer(
    shelf: &Shelf,
    name: &Name,
    selector: &Selector,
    request: &Parts,
) -> Result<Response, Refusal> {
    let layout = shelf.find(name).await?;
    let stored = layout.stored(selector).await.map_err(|error| Refusal::of(&error, Code::ManifestUnknown))?;
    let Some(media_type) = stored.media_type else {
        return Err(Refusal::new(Code::ManifestUnknown, "the digest is that of a blob which is no manifest"));
    };
    let content = Content { blob: &stored.blob, digest: &stored.digest, warnings: shelf.warnings() };
    let mut response = content.whole(request)?;
    if let Ok(content_type) = HeaderValue::from_str(media_type.as_str()) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    Ok(response)
}
