//! Manifests of a repository.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests>

use std::sync::atomic::Ordering;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use super::api::Api;
use super::near;
use super::request::{Request, Terms};
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::spec::digest::{Digest, DigestError};
use crate::spec::manifest::RawManifest;
use crate::spec::media_type::{MANIFEST_ACCEPT, MediaType};
use crate::spec::reference::Selector;
use crate::verify;

/// Reads a manifest: one request, and one for each redirect, challenge and retry. Of one that is not there, near tags
/// are named.
pub(super) async fn read(api: &Api, selector: &Selector, terms: Terms<'_>) -> Result<RawManifest> {
    match fetch(api, selector, terms).await {
        Ok(raw) => Ok(raw),
        Err(error) => Err(suggest(api, selector, error).await),
    }
}

/// Reads a manifest from one of several places: if it is not the one that is wanted, another is asked.
pub(super) async fn proven(api: &Api, selector: &Selector, terms: Terms<'_>) -> Result<RawManifest> {
    let raw = fetch(api, selector, terms).await?;
    if let Selector::Digest(digest) = selector {
        verify::expect(digest, &raw.bytes)
            .map_err(|error| error.making(format!("{} gave another manifest than {digest}", api.id())))?;
    }
    Ok(raw)
}

/// Reads a manifest that may be missing without anybody's having misspelt it.
pub(super) async fn fetch(api: &Api, selector: &Selector, terms: Terms<'_>) -> Result<RawManifest> {
    let what = format!("read the manifest {selector} of {}", api.repository);
    let request = Request::new(format!("manifests/{selector}"), what).accepting(MANIFEST_ACCEPT);
    let (reply, bytes) = api.read(&request, api.registries.config.manifest_limit, terms).await?;
    let raw = RawManifest::new(media_type(&reply.answer.headers), bytes);
    judge(&reply.answer.headers, reply.answer.status.as_u16(), selector, &raw)
        .map_err(|error| reply.failed(&request, error))?;
    api.gives_manifests.store(true, Ordering::Relaxed);
    Ok(raw)
}

/// Returns the type that an answer is declared as; what is none is as if it were not there.
pub(super) fn media_type(headers: &HeaderMap) -> Option<MediaType> {
    headers.get(CONTENT_TYPE)?.to_str().ok()?.parse().ok()
}

/// Says whether an error means that the repository itself is not there.
pub(super) fn lacks_repository(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound && error.context().registry_errors.iter().any(|said| said.is("NAME_UNKNOWN"))
}

/// Says whether an answer is a document, and the one that its registry says it is.
fn judge(headers: &HeaderMap, status: u16, selector: &Selector, raw: &RawManifest) -> Result<()> {
    if status == 206 {
        return Err(Error::new(
            ErrorKind::PeerMisbehaved,
            "the answer 206 is a part, although the whole was asked for",
        ));
    }
    if status != 200 {
        return Err(Error::new(ErrorKind::Mismatch, format!("the answer {status} holds no document")));
    }
    plain(headers)?;
    // Before the digest: that of a signed manifest of schema 1 is not that of its bytes.
    raw.check_supported()
        .map_err(|cause| Error::new(ErrorKind::Unsupported, "the manifest cannot be used").caused_by(cause))?;
    // A digest that was asked for decides alone.
    if let (Selector::Tag(_), Some(digest)) = (selector, declared_digest(headers)?) {
        verify::expect(&digest, &raw.bytes)
            .map_err(|error| error.making("it is not what the registry says that it is"))?;
    }
    Ok(())
}

/// Refuses content that was encoded although nobody asked for it: its digest is that of something else.
pub(super) fn plain(headers: &HeaderMap) -> Result<()> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter().map(|value| value.to_str().unwrap_or("?").trim());
    if encodings.all(|value| value.is_empty() || value.eq_ignore_ascii_case("identity")) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::PeerMisbehaved, "the answer is compressed, which nobody asked for"))
}

/// Returns the digest that the registry gives for the document it sent.
///
/// # Errors
///
/// [`ErrorKind::PeerMisbehaved`] for what is no digest, and for two that differ.
fn declared_digest(headers: &HeaderMap) -> Result<Option<Digest>> {
    let misbehaved = |text| Error::new(ErrorKind::PeerMisbehaved, text);
    let mut declared = None;
    for value in headers.get_all("docker-content-digest") {
        let parsed = value.to_str().unwrap_or_default().parse::<Digest>();
        let digest = match parsed {
            Ok(digest) => digest,
            // A digest by an algorithm that is not known here says nothing.
            Err(DigestError::UnknownAlgorithm) => continue,
            Err(error) => {
                return Err(misbehaved("the digest that the registry gives is none").caused_by(error));
            }
        };
        if declared.replace(digest.clone()).is_some_and(|earlier| earlier != digest) {
            return Err(misbehaved("the registry gives two digests that differ"));
        }
    }
    Ok(declared)
}

/// Names tags that are nearly the one that does not exist; best effort.
async fn suggest(api: &Api, selector: &Selector, error: Error) -> Error {
    let Selector::Tag(tag) = selector else { return error };
    if error.kind() != ErrorKind::NotFound || lacks_repository(&error) {
        return error;
    }
    let near = near::names(api, tag.as_str()).await;
    if near.is_empty() { error } else { error.advise(Advice::Near(near)) }
}
