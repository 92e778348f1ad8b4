//! Manifests by tag and by digest.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>

use axum::body::Body;
use axum::response::Response;
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use unlade::layout::Layout;
use unlade::source::{Catalog as _, Source as _};
use unlade::spec::digest::Digest;
use unlade::spec::reference::Selector;

use crate::blob::{CONTENT_DIGEST, entity_tag, text};
use crate::refusal::{Code, Refusal};

/// Answers with a manifest in the form that the layout has it, whatever the client accepts: there is no other.
pub(crate) async fn answer(layout: &Layout, selector: &Selector) -> Result<Response, Refusal> {
    let unknown = |error| Refusal::of(&error, Code::ManifestUnknown);
    let digest = digest_of(layout, selector).await.map_err(unknown)?;
    // By digest: the tag may point elsewhere a moment later.
    let raw = layout.manifest_unverified(&Selector::Digest(digest.clone())).await.map_err(unknown)?;
    let Some(media_type) = raw.media_type else {
        return Err(Refusal::new(Code::ManifestUnknown, "the digest is that of a blob which is no manifest"));
    };
    let size = raw.bytes.len();
    let mut response = Response::new(Body::from(raw.bytes));
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_str(media_type.as_str());
    headers.insert(CONTENT_TYPE, content_type.unwrap_or(HeaderValue::from_static("application/octet-stream")));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
    headers.insert(ETAG, text(&entity_tag(&digest)));
    headers.insert(CONTENT_DIGEST, text(&digest.to_string()));
    Ok(response)
}

async fn digest_of(layout: &Layout, selector: &Selector) -> unlade::Result<Digest> {
    match selector {
        Selector::Digest(digest) => Ok(digest.clone()),
        _ => Ok(layout.resolve(selector).await?.digest),
    }
}
