//! What refers to a manifest of a repository.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream, TryStreamExt as _};
use http::HeaderMap;
use url::form_urlencoded::byte_serialize;

use super::api::Api;
use super::login::is_unchallenged;
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
use crate::verify;

/// So many manifests are read for one list: real ones name a few.
const MAX_READ: usize = 1000;

/// So many of what is left out are told one by one.
const MAX_TOLD: usize = 16;

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
    let listing = Listing {
        api: Arc::clone(api),
        observer: Arc::clone(observer),
        subject: subject.clone(),
        wanted: artifact_type.map(str::to_owned),
        read: AtomicUsize::new(0),
        left_out: AtomicUsize::new(0),
    };
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

/// What an entry of a list says of its type, held against the one that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Differs,
    Fits,
    /// The manifest has to be read.
    Unclear,
}

/// Reads what an entry says of its type.
///
/// go-containerregistry's registry lists the type of the configuration, whatever type the manifest itself has; and what
/// is empty says nothing. A type that configurations have is no answer.
fn claim(listed: Option<&MediaType>, wanted: Option<&str>) -> Claim {
    const CONFIGURATIONS: [&str; 4] = [
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.oci.empty.v1+json",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.unknown.config.v1+json",
    ];
    match (listed, wanted) {
        (_, None) => Claim::Fits,
        (Some(listed), Some(wanted)) if !CONFIGURATIONS.contains(&listed.essence().as_str()) => {
            if listed.as_str() == wanted { Claim::Fits } else { Claim::Differs }
        }
        (_, Some(_)) => Claim::Unclear,
    }
}

/// A list, and what its entries are held against.
struct Listing {
    api: Arc<Api>,
    observer: Arc<dyn Observer>,
    subject: Digest,
    wanted: Option<String>,
    /// How many manifests were read for it.
    read: AtomicUsize,
    /// How many of what it lists were left out with a word.
    left_out: AtomicUsize,
}

impl Listing {
    fn claim(&self, found: &Descriptor) -> Claim {
        claim(found.artifact_type.as_ref(), self.wanted.as_deref())
    }

    /// Takes the entries that name a referrer. The others are told of together: a server could list any number.
    fn readable(&self, entries: Vec<Entry>) -> Vec<Descriptor> {
        let count = entries.iter().filter(|entry| entry.readable().is_err()).count();
        if let Some(unreadable) = entries.iter().find_map(|entry| entry.readable().err()) {
            let first = Error::from(unreadable).chain().join(": ");
            self.warn(&format!("{count} of the referrers that {} lists are left out: {first}", self.api.repository));
        }
        let readable = entries.into_iter().filter_map(|entry| match entry {
            Entry::Readable(descriptor) => Some(descriptor),
            Entry::Unreadable(_) => None,
        });
        readable.collect()
    }

    fn warn(&self, text: &str) {
        self.api.warn(text, self.observer.as_ref());
    }

    /// Says that what is listed is left out, and why, as long as that says something.
    fn leave_out(&self, listed: &Digest, why: &str) {
        let subject = &self.subject;
        match self.left_out.fetch_add(1, Ordering::Relaxed) {
            0..MAX_TOLD => self.warn(&format!("{listed} is listed as a referrer of {subject}, and {why}")),
            MAX_TOLD => self.warn(&format!("more of what is listed as referrers of {subject} is left out")),
            _ => {}
        }
    }

    /// Says whether a 401 is about the API and not about the login: it has no challenge, and the same login may read
    /// manifests of the repository. So answers Harbor up to 2.7: <https://github.com/regclient/regclient/issues/389>.
    async fn is_for_want_of_api(&self, error: &Error) -> bool {
        is_unchallenged(error)
            && (self.api.gives_manifests.load(Ordering::Relaxed)
                || self.fetch(&Selector::Digest(self.subject.clone())).await.is_ok())
    }

    /// Takes what the registry lists as it lists it, unless that leaves open whether it is wanted.
    async fn sift(self: Arc<Self>, listed: Descriptor) -> Result<Option<Descriptor>> {
        match self.claim(&listed) {
            Claim::Differs => Ok(None),
            Claim::Fits => Ok(Some(listed)),
            Claim::Unclear => self.check(listed).await,
        }
    }

    /// Reads what a list names, and describes it by its own word if it is a referrer.
    async fn check(self: Arc<Self>, listed: Descriptor) -> Result<Option<Descriptor>> {
        let (digest, subject) = (&listed.digest, &self.subject);
        if self.read.fetch_add(1, Ordering::Relaxed) >= MAX_READ {
            let text = format!("more than {MAX_READ} referrers of {subject} would have to be read");
            return Err(Error::new(ErrorKind::TooLarge, format!("{text} in {}", self.api.repository)));
        }
        let document = match self.read(&listed).await {
            Ok(document) => document,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.leave_out(digest, "is not there");
                return Ok(None);
            }
            Err(error) if is_about_one(error.kind()) => {
                self.leave_out(digest, &format!("cannot be used: {}", error.chain().join(": ")));
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let found = document.referrer_of(subject);
        if found.is_none() {
            self.leave_out(digest, "does not refer to it");
        }
        let is_wanted = |found: &Descriptor| {
            let own = found.artifact_type.as_ref();
            self.wanted.as_deref().is_none_or(|wanted| own.is_some_and(|own| own.as_str() == wanted))
        };
        Ok(found.filter(is_wanted))
    }

    /// Reads what a list names, which must be what the list says.
    async fn read(&self, listed: &Descriptor) -> Result<Document> {
        let selector = Selector::Digest(listed.digest.clone());
        let document = Document::verify(self.fetch(&selector).await?, &selector)?;
        document.check(listed)?;
        Ok(document)
    }

    async fn fetch(&self, selector: &Selector) -> Result<RawManifest> {
        let budget = Budget::new(self.api.registries.policy.clone(), None);
        manifest::fetch(&self.api, selector, Terms::new(&budget, self.observer.as_ref())).await
    }
}

/// Says whether an error is about one manifest of a list: whoever may push could hide all others with one that is wrong.
fn is_about_one(kind: ErrorKind) -> bool {
    use ErrorKind::{Denied, Malformed, Mismatch, TooLarge, Unsupported};
    matches!(kind, Denied | Malformed | Mismatch | TooLarge | Unsupported)
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
    fn the_table_of_claims() {
        let (sbom, config) = ("application/x-sbom", "application/vnd.oci.image.config.v1+json");
        for (listed, wanted, expected) in [
            (Some(sbom), None, Claim::Fits),
            (None, None, Claim::Fits),
            (Some(sbom), Some(sbom), Claim::Fits),
            (Some(config), Some(config), Claim::Unclear),
            (Some("application/x-signature"), Some(sbom), Claim::Differs),
            (Some("application/x-sbom; v=1"), Some(sbom), Claim::Differs),
            (None, Some(sbom), Claim::Unclear),
            (Some(config), Some(sbom), Claim::Unclear),
            (Some("application/vnd.oci.empty.v1+json"), Some(sbom), Claim::Unclear),
        ] {
            let media_type: Option<MediaType> = listed.map(|text| text.parse().unwrap());
            assert_eq!(claim(media_type.as_ref(), wanted), expected, "{listed:?} {wanted:?}");
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
