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
use super::manifest::{self, lacks_repository, media_type};
use super::page::{Pages, Read};
use super::request::{Request, Terms};
use super::trail::Print;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Observer;
use crate::retry::Budget;
use crate::source::{Document, ListOrigin, Referrers};
use crate::spec::descriptor::Descriptor;
use crate::spec::digest::Digest;
use crate::spec::entry::Entry;
use crate::spec::manifest::{Index, Manifest, RawManifest};
use crate::spec::media_type::{MediaType, OCI_INDEX};
use crate::spec::reference::{Selector, Tag};

/// So many manifests are read of an index that publishers keep: real ones list a few.
const MAX_LISTED: usize = 1000;

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
    let mut pages = Pages::new(api, observer, "referrers", request);
    let first = match pages.read(parse).await {
        Ok(Read::Page(entries)) => entries,
        Ok(Read::End | Read::Stranger) => return by_tag(api, observer, subject, artifact_type).await,
        Err(error) if is_without_api(&error) => {
            tracing::info!("the registry has no list of referrers: {}", error.chain().join(": "));
            return by_tag(api, observer, subject, artifact_type).await;
        }
        Err(error) => return Err(error),
    };
    let listing =
        Listing { api: Arc::clone(api), observer: Arc::clone(observer), wanted: artifact_type.map(Into::into) };
    Ok(Referrers::new(ListOrigin::Api, follow(listing, first, pages)))
}

/// Says whether an answer means that the registry has no such API: 404 by the specification. Others say that the path
/// is none of theirs in other words: 400 (ECR as it was), 405 and 406 (gateways that know the older paths alone).
/// A repository that is not there has no referrers either way, and a login that is refused says nothing.
fn is_without_api(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Rejected)
        && matches!(error.context().status, Some(400 | 404 | 405 | 406))
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
        Err(cause) if is_declared || cause.is_too_large() => {
            let kind = if cause.is_too_large() { ErrorKind::TooLarge } else { ErrorKind::Malformed };
            Err(Error::new(kind, "the list cannot be used").caused_by(cause))
        }
        _ => Ok(None),
    }
}

/// What all entries of a list are held against.
#[derive(Clone)]
struct Listing {
    api: Arc<Api>,
    observer: Arc<dyn Observer>,
    wanted: Option<Arc<str>>,
}

impl Listing {
    /// Says whether a referrer is of the type that is wanted.
    fn wants(&self, artifact_type: Option<&MediaType>) -> bool {
        self.wanted.as_deref().is_none_or(|wanted| artifact_type.is_some_and(|found| found.as_str() == wanted))
    }

    /// Takes the entries that name a referrer. The others are told of together: a server could list any number.
    fn readable(&self, entries: Vec<Entry>) -> Vec<Descriptor> {
        let count = entries.iter().filter(|entry| entry.readable().is_err()).count();
        if let Some(unreadable) = entries.iter().find_map(|entry| entry.readable().err()) {
            let first = Error::from(unreadable).chain().join(": ");
            self.warn(format!("{count} of the referrers that {} lists are left out: {first}", self.api.repository));
        }
        let readable = entries.into_iter().filter_map(|entry| match entry {
            Entry::Readable(descriptor) => Some(descriptor),
            Entry::Unreadable(_) => None,
        });
        readable.collect()
    }

    fn warn(&self, text: String) {
        self.api.registries.warn(text, self.observer.as_ref());
    }

    /// Reads what a list names, and describes it if it is a referrer.
    async fn check(&self, listed: Descriptor, subject: &Digest) -> Result<Option<Descriptor>> {
        let selector = Selector::Digest(listed.digest.clone());
        let raw = match fetch(&self.api, &self.observer, &selector).await {
            Ok(raw) => raw,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.warn(format!("{} is listed as a referrer of {subject}, and is not there", listed.digest));
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let document = Document::verify(raw, &selector)?;
        document.check(&listed)?;
        let found = document.referrer_of(subject);
        if found.is_none() {
            self.warn(format!("{} is listed as a referrer of {subject}, and does not refer to it", listed.digest));
        }
        Ok(found.filter(|found| self.wants(found.artifact_type.as_ref())))
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
    stream::once(async { Ok(first) })
        .chain(rest)
        .map_ok(move |entries| {
            // Whether the registry has filtered them or not.
            let listing = listing.clone();
            let found = listing.readable(entries).into_iter();
            stream::iter(found.filter(move |found| listing.wants(found.artifact_type.as_ref())).map(Ok))
        })
        .try_flatten()
        .boxed()
}

/// Gives what the index lists that publishers keep under a tag. Anyone may have put anything into it: each manifest is
/// read, and described by its own word.
///
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema>
async fn by_tag(
    api: &Arc<Api>,
    observer: &Arc<dyn Observer>,
    subject: &Digest,
    artifact_type: Option<&str>,
) -> Result<Referrers> {
    let selector = Selector::Tag(tag_of(subject));
    let raw = match fetch(api, observer, &selector).await {
        Ok(raw) => raw,
        Err(error) if error.kind() == ErrorKind::NotFound && !lacks_repository(&error) => {
            return Ok(Referrers::new(ListOrigin::Tag, stream::empty().boxed()));
        }
        Err(error) => return Err(error),
    };
    let index = index(raw, &selector).map_err(|error| {
        error.making(format!("cannot list the referrers of {subject} by the tag {selector} of {}", api.repository))
    })?;
    let listing =
        Listing { api: Arc::clone(api), observer: Arc::clone(observer), wanted: artifact_type.map(Into::into) };
    let mut listed = listing.readable(index.manifests);
    // What is of another type by the index's own word need not be read; one that has none may be of any.
    listed.retain(|entry| entry.artifact_type.is_none() || listing.wants(entry.artifact_type.as_ref()));
    if listed.len() > MAX_LISTED {
        let text = format!("the tag {selector} of {} lists more than {MAX_LISTED} referrers", api.repository);
        return Err(Error::new(ErrorKind::TooLarge, text));
    }
    let subject = subject.clone();
    let check = move |listed| {
        let (listing, subject) = (listing.clone(), subject.clone());
        async move { listing.check(listed, &subject).await }
    };
    let checked = stream::iter(listed).map(check).buffered(AT_ONCE);
    Ok(Referrers::new(ListOrigin::Tag, checked.try_filter_map(|found| async { Ok(found) }).boxed()))
}

async fn fetch(api: &Api, observer: &Arc<dyn Observer>, selector: &Selector) -> Result<RawManifest> {
    let budget = Budget::new(api.registries.policy.clone(), None);
    manifest::fetch(api, selector, Terms { budget: &budget, observer: observer.as_ref() }).await
}

fn index(raw: RawManifest, selector: &Selector) -> Result<Index> {
    match Document::verify(raw, selector)?.parse()? {
        Manifest::Index(index) => Ok(*index),
        Manifest::Image(_) => Err(Error::new(ErrorKind::Malformed, "it names no index")),
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
    fn what_is_no_index_is_no_answer_of_the_api() {
        let read = |media_type: &str, text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(http::header::CONTENT_TYPE, media_type.parse().unwrap());
            parse(&headers, Bytes::from(text)).map(|page| page.is_some()).map_err(|error| error.kind())
        };
        let empty = r#"{"schemaVersion":2,"manifests":[]}"#;
        for (media_type, text, expected) in [
            (OCI_INDEX, empty, Ok(true)),
            ("application/vnd.oci.image.index.v1+json; charset=utf-8", empty, Ok(true)),
            ("application/json", empty, Ok(true)),
            ("text/html", "<html>", Ok(false)),
            ("application/json", r#"{"errors":[]}"#, Ok(false)),
            (OCI_INDEX, "<html>", Err(ErrorKind::Malformed)),
            (OCI_INDEX, r#"{"manifests":{}}"#, Err(ErrorKind::Malformed)),
        ] {
            assert_eq!(read(media_type, text), expected, "{media_type} {text}");
        }
    }
}
