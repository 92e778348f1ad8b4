//! What refers to a manifest of a repository.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream, TryStreamExt as _};
use http::HeaderMap;
use url::form_urlencoded::byte_serialize;

use super::api::Api;
use super::listing::Listing;
use super::manifest::{lacks_repository, media_type};
use super::page::{Pages, Read};
use super::request::Request;
use super::trail::Print;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Observer;
use crate::source::{Document, ListOrigin, Referrers};
use crate::spec::descriptor::Descriptor;
use crate::spec::digest::Digest;
use crate::spec::entry::Entry;
use crate::spec::manifest::{Index, Manifest, RawManifest};
use crate::spec::media_type::OCI_INDEX;
use crate::spec::reference::{Selector, Tag};
use crate::verify;

/// So many of them are read at a time.
const AT_ONCE: usize = 4;

/// Lists the referrers: from the API, or, where the registry has none, from the tag that is made of the digest.
pub(super) async fn list(
    api: &Arc<Api>,
    observer: &Arc<dyn Observer>,
    subject: &Digest,
    artifact_type: Option<&str>,
) -> Result<Referrers> {
    let mut path = format!("referrers/{subject}");
    if let Some(wanted) = artifact_type {
        path.push_str("?artifactType=");
        path.extend(byte_serialize(wanted.as_bytes()));
    }
    let what = format!("list the referrers of {subject} in {}", api.repository);
    let request = Request::new(path, what).accepting(OCI_INDEX);
    let listing = Listing::new(api, observer, subject, artifact_type);
    let mut pages = Pages::new(api, observer, "referrers", request);
    match pages.read(parse).await {
        Ok(Read::Page(entries)) => Ok(Referrers::new(ListOrigin::Api, follow(listing, entries, pages))),
        Ok(Read::End | Read::Stranger) => by_tag(listing).await,
        Err(error) if is_without_api(&error) || listing.is_for_want_of_api(&error).await => {
            tracing::info!("the registry has no list of referrers: {}", api.blot(&error.chain().join(": ")));
            by_tag(listing).await
        }
        Err(error) => Err(error),
    }
}

/// Says whether an answer means that the registry has no such API: 404 by the specification. Others say that the path
/// is none of theirs in other words: 400 (ECR as it was), 405 and 406 (gateways that know the older paths alone), 501.
/// A repository that is not there has no referrers either way, and a login that is refused says nothing.
fn is_without_api(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Rejected)
        && matches!(error.context().status, Some(400 | 404 | 405 | 406 | 501))
        && !lacks_repository(error)
}

/// Reads a page of the API. What is no index and was not declared as one is no answer of this API: some servers have a
/// page in HTML for every path.
fn parse(headers: &HeaderMap, bytes: Bytes) -> Result<Option<(Vec<Entry>, Print)>> {
    let raw = RawManifest::new(media_type(headers), bytes);
    let is_declared = raw.media_type.as_ref().is_some_and(|declared| declared.is(OCI_INDEX));
    match Manifest::parse(&raw) {
        Ok(Manifest::Index(index)) => {
            let print = Print::of(index.manifests.iter().map(Entry::digest));
            Ok(Some((index.manifests, print)))
        }
        Ok(Manifest::Image(_)) if is_declared => {
            Err(Error::new(ErrorKind::Malformed, "the list cannot be used: it is declared as an index and is none"))
        }
        Err(cause) if is_declared || cause.is_too_large() => {
            let kind = if cause.is_too_large() { ErrorKind::TooLarge } else { ErrorKind::Malformed };
            Err(Error::new(kind, "the list cannot be used").caused_by(cause))
        }
        Ok(Manifest::Image(_)) | Err(_) => Ok(None),
    }
}

/// Gives what the API lists, page by page.
fn follow(listing: Listing, first: Vec<Entry>, pages: Pages) -> BoxStream<'static, Result<Descriptor>> {
    let rest = stream::try_unfold(pages, |mut pages| async move {
        match pages.read(parse).await? {
            Read::End => Ok(None),
            Read::Page(entries) => Ok(Some((entries, pages))),
            Read::Stranger => {
                let text = format!("cannot {}: the next page is no index", pages.what());
                Err(Error::new(ErrorKind::Malformed, text))
            }
        }
    });
    let listing = Arc::new(listing);
    let sift = move |entries| {
        let listing = Arc::clone(&listing);
        stream::iter(listing.readable(entries)).map(move |listed| Arc::clone(&listing).sift(listed)).buffered(AT_ONCE)
    };
    let found = stream::once(async { Ok(first) }).chain(rest).map_ok(sift).try_flatten();
    found.try_filter_map(|found| async { Ok(found) }).boxed()
}

/// Gives what the index lists that publishers keep under a tag. Anyone may have put anything into it: each manifest is
/// read, and what it is of is for itself to say.
///
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema>
async fn by_tag(listing: Listing) -> Result<Referrers> {
    let selector = Selector::Tag(tag_of(&listing.subject));
    let (subject, repository) = (&listing.subject, &listing.api.repository);
    let what = format!("cannot list the referrers of {subject} by the tag {selector} of {repository}");
    let index = match listing.fetch(&selector).await {
        Ok(raw) => index(raw, &selector, subject).map_err(|error| error.making(what))?,
        Err(error) if error.kind() == ErrorKind::NotFound && !lacks_repository(&error) => None,
        // Artifactory does: <https://github.com/sigstore/cosign/issues/2973>.
        Err(error) if error.context().status == Some(403) => {
            return Err(error.making(format!("{what}; some registries refuse a tag so that is not there")));
        }
        Err(error) => return Err(error),
    };
    let Some(index) = index else {
        return Ok(Referrers::new(ListOrigin::Tag, stream::empty().boxed()));
    };
    let listed = listing.readable(index.manifests);
    let listing = Arc::new(listing);
    let checked = stream::iter(listed).map(move |listed| Arc::clone(&listing).check(listed)).buffered(AT_ONCE);
    Ok(Referrers::new(ListOrigin::Tag, checked.try_filter_map(|found| async { Ok(found) }).boxed()))
}

/// Reads what is under the tag. What is a manifest and no index of referrers lists none, by the specification. GitLab
/// takes the tag for the digest and gives the subject: <https://github.com/oras-project/oras-go/issues/1396>.
fn index(raw: RawManifest, selector: &Selector, subject: &Digest) -> Result<Option<Index>> {
    if verify::digest_of(subject.algorithm(), &raw.bytes) == *subject {
        return Ok(None);
    }
    match Document::verify(raw, selector)?.parse()? {
        Manifest::Index(index) => Ok(Some(*index)),
        Manifest::Image(_) => Ok(None),
    }
}

/// Makes the tag of a digest: its parts cut to 32 and 64 characters.
fn tag_of(subject: &Digest) -> Tag {
    let tag = format!("{:.32}-{:.64}", subject.algorithm().name(), subject.hex());
    tag.parse().expect("letters, digits and a dash, fewer than 128 of them, are a tag")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::api_error;
    use crate::spec::digest::Algorithm;
    use crate::spec::media_type::OCI_MANIFEST;

    #[test]
    fn the_tag_is_cut_to_what_a_tag_may_be() {
        for (algorithm, digits) in [("sha256", 64), ("sha384", 96), ("sha512", 128)] {
            let subject = format!("{algorithm}:{}", "a".repeat(digits)).parse().unwrap();
            assert_eq!(tag_of(&subject).as_str(), format!("{algorithm}-{}", "a".repeat(64)));
        }
    }

    #[test]
    fn the_table_of_answers_without_an_api() {
        use ErrorKind::{Denied, Malformed, NotFound, Rejected, Unauthorized, Unavailable};
        for (kind, status, code, expected) in [
            (NotFound, Some(404), "", true),
            (NotFound, Some(404), "NOT_FOUND", true),
            (NotFound, Some(404), "MANIFEST_UNKNOWN", true),
            (NotFound, Some(404), "NAME_UNKNOWN", false),
            (Rejected, Some(400), "", true),
            (Rejected, Some(405), "UNSUPPORTED", true),
            (Rejected, Some(406), "", true),
            (Rejected, Some(501), "", true),
            (Rejected, Some(410), "", false),
            (Denied, Some(403), "", false),
            // Of a token server.
            (Unauthorized, Some(404), "", false),
            (Unavailable, Some(503), "", false),
            (Malformed, Some(200), "", false),
            (NotFound, None, "", false),
        ] {
            let document = format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#);
            let error = Error::new(kind, "it failed").with(|context| {
                context.status = status;
                context.registry_errors = api_error::parse_cleaned(document.as_bytes(), &str::to_owned);
            });
            assert_eq!(is_without_api(&error), expected, "{kind} {status:?} {code}");
        }
    }

    #[test]
    fn what_is_under_the_tag_and_no_index_of_referrers_lists_none() {
        let subject = r#"{"schemaVersion":2,"manifests":[{"digest":"x"}]}"#;
        let digest = |algorithm| verify::digest_of(algorithm, subject.as_bytes());
        let read = |text: &'static str, algorithm| {
            let found = index(RawManifest::new(None, text), &Selector::Only, &digest(algorithm));
            found.map(|index| index.map(|index| index.manifests.len())).map_err(|error| error.kind())
        };
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            for (text, expected) in [
                (subject, Ok(None)),
                (r#"{"schemaVersion":2,"layers":[]}"#, Ok(None)),
                (r#"{"schemaVersion":2,"manifests":[]}"#, Ok(Some(0))),
                ("<html>", Err(ErrorKind::Malformed)),
            ] {
                assert_eq!(read(text, algorithm), expected, "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_index_is_no_answer_of_the_api() {
        let read = |media_type: &str, text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(http::header::CONTENT_TYPE, media_type.parse().unwrap());
            parse(&headers, Bytes::from(text)).map(|page| page.is_some()).map_err(|error| error.kind())
        };
        let empty = r#"{"schemaVersion":2,"manifests":[]}"#;
        let image = r#"{"schemaVersion":2,"layers":[]}"#;
        for (media_type, text, expected) in [
            (OCI_INDEX, empty, Ok(true)),
            ("application/vnd.oci.image.index.v1+json; charset=utf-8", empty, Ok(true)),
            ("application/json", empty, Ok(true)),
            ("text/html", "<html>", Ok(false)),
            ("application/json", r#"{"errors":[]}"#, Ok(false)),
            (OCI_MANIFEST, image, Ok(false)),
            ("application/json", image, Ok(false)),
            (OCI_INDEX, image, Err(ErrorKind::Malformed)),
            (OCI_INDEX, "<html>", Err(ErrorKind::Malformed)),
            (OCI_INDEX, r#"{"manifests":{}}"#, Err(ErrorKind::Malformed)),
        ] {
            assert_eq!(read(media_type, text), expected, "{media_type} {text}");
        }
    }
}
