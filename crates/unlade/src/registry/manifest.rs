//! Manifests of a repository.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use super::api::Api;
use super::listing;
use super::request::{Request, Terms};
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::spec::digest::Digest;
use crate::spec::manifest::RawManifest;
use crate::spec::media_type::MANIFEST_ACCEPT;
use crate::spec::reference::Selector;
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
    whole(reply.answer.status, &request.what)
        .and_then(|()| plain(&reply.answer.headers, &request.what))
        .map_err(|error| reply.blame(error))?;
    if let (Some(digest), Selector::Tag(_)) = (declared_digest(&reply.answer.headers), selector) {
        verify::expect(&digest, &bytes).map_err(|error| {
            reply.blame(error.making(format!("cannot {}: it is not what the registry says that it is", request.what)))
        })?;
    }
    let media_type = reply.answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(RawManifest::new(media_type, bytes))
}

/// Refuses a success that is not the whole document.
fn whole(status: StatusCode, what: &str) -> Result<()> {
    let (kind, how) = match status.as_u16() {
        200 => return Ok(()),
        206 => (ErrorKind::PeerMisbehaved, "is a part, although the whole was asked for"),
        _ => (ErrorKind::Mismatch, "holds no document"),
    };
    Err(Error::new(kind, format!("cannot {what}: the answer {} {how}", status.as_u16())))
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
