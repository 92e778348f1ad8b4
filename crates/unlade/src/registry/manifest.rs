//! Manifests of a repository.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::api::Api;
use super::listing;
use super::request::{Request, Terms};
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::spec::digest::Digest;
use crate::spec::manifest::RawManifest;
use crate::spec::media_type::MANIFEST_ACCEPT;
use crate::spec::reference::Selector;
use crate::spec::safe_url::SafeUrl;
use crate::verify;

/// Reads a manifest: one request, and one for each redirect, challenge and retry.
pub(super) async fn read(api: &Api, selector: &Selector, terms: Terms<'_>) -> Result<RawManifest> {
    let what = format!("read the manifest {selector} of {}", api.repository);
    let request = Request::new(format!("manifests/{selector}"), what).accepting(MANIFEST_ACCEPT);
    let outcome = api.read(&request, api.registries.config.manifest_limit, terms).await;
    let (reply, bytes) = match outcome {
        Ok(read) => read,
        Err(error) => return Err(suggest(api, selector, error).await),
    };
    if reply.answer.status.as_u16() != 200 {
        return Err(Error::new(
            ErrorKind::Mismatch,
            format!("cannot {}: the answer {} holds no document", request.what, reply.answer.status.as_u16()),
        ));
    }
    plain(&reply.answer.headers, &request.what)?;
    let media_type = reply.answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.parse().ok());
    let raw = RawManifest::new(media_type, bytes);
    raw.check_supported().map_err(|cause| {
        Error::new(ErrorKind::Unsupported, format!("cannot {}", request.what))
            .with(|context| context.url = Some(SafeUrl::from(reply.url.clone())))
            .caused_by(cause)
    })?;
    if let (Some(digest), Selector::Tag(_)) = (declared_digest(&reply.answer.headers), selector) {
        verify::expect(&digest, &raw.bytes).map_err(|error| {
            error
                .making(format!("cannot {}: it is not what the registry says that it is", request.what))
                .with(|context| context.url = Some(SafeUrl::from(reply.url.clone())))
        })?;
    }
    Ok(raw)
}

/// Refuses content that was encoded although nobody asked for it: its digest is that of something else.
pub(super) fn plain(headers: &HeaderMap, what: &str) -> Result<()> {
    let encodings = headers.get_all(CONTENT_ENCODING).iter();
    match encodings.map(|value| value.to_str().unwrap_or("?")).find(|value| !value.eq_ignore_ascii_case("identity")) {
        None => Ok(()),
        Some(_) => Err(Error::new(
            ErrorKind::PeerMisbehaved,
            format!("cannot {what}: the answer is compressed, which nobody asked for"),
        )),
    }
}

/// Returns the digest that the registry gives for the document it sent.
fn declared_digest(headers: &HeaderMap) -> Option<Digest> {
    // A digest by an algorithm that is not known here says nothing.
    headers.get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

/// Names tags that are nearly the one that does not exist; best effort.
async fn suggest(api: &Api, selector: &Selector, error: Error) -> Error {
    let Selector::Tag(tag) = selector else { return error };
    if error.kind() != ErrorKind::NotFound || error.context().registry_errors.iter().any(|said| said.is("NAME_UNKNOWN"))
    {
        return error;
    }
    let near = listing::near(api, tag.as_str()).await;
    if near.is_empty() { error } else { error.advise(Advice::Near(near)) }
}
