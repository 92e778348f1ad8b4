//! What a place has: tags, and what refers to a manifest.

use std::fmt;
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::{Client, told};
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::image::Selection;
use crate::source::{Catalog, Document, ListOrigin, Referrers, SourceExt as _};
use crate::spec::descriptor::{CREATED, Descriptor};
use crate::spec::digest::Digest;
use crate::spec::reference::{Reference, Selector};
use crate::spec::text::sanitise;

/// What refers to a manifest that was asked for by a reference.
#[non_exhaustive]
pub struct ReferrerList {
    /// The digest of the manifest that is referred to.
    pub subject: Digest,
    /// What refers to it, and how that is known.
    pub referrers: Referrers,
    artifact_type: Option<String>,
    reference: Reference,
    source: Arc<dyn Catalog>,
    cancel: Cancel,
}

impl Client {
    /// Lists the tags of the place that a reference names, in its order; pages are fetched as the stream is read.
    ///
    /// With `after`, those that follow this tag alone, as [`Catalog::tags`] says.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a reference with a tag or a digest. In the stream,
    /// [`ErrorKind::PeerMisbehaved`] for pages that lead elsewhere, in a circle, or on without end.
    pub fn tags(&self, reference: &Reference, after: Option<&str>) -> Result<BoxStream<'static, Result<String>>> {
        if reference.tag().is_some() || reference.digest().is_some() {
            let text = format!("{reference} names a manifest, and tags are those of a whole repository");
            let whole = format!("leave out what is behind {}", reference.place());
            return Err(Error::new(ErrorKind::InvalidInput, format!("{text}: {whole}")));
        }
        let source = self.catalog(reference)?;
        let tags = source.tags(after);
        Ok(self.obedient(tags, source, reference.clone()))
    }

    /// Lists what refers to the manifest that a reference names, or to the one in its index that fits the selection.
    ///
    /// A digest is taken as it is: what it names need not be there, or not any more.
    ///
    /// # Errors
    ///
    /// As [`manifest`](Self::manifest); in the stream as [`tags`](Self::tags).
    pub async fn referrers(
        &self,
        reference: &Reference,
        selection: &Selection,
        artifact_type: Option<&str>,
    ) -> Result<ReferrerList> {
        let source = self.catalog(reference)?;
        let subject = match reference.digest() {
            Some(digest) if *selection == Selection::default() => digest.clone(),
            _ => self.manifest_in(source.as_ref(), reference, selection).await?.digest().clone(),
        };
        let found = self.cancel.guard(source.referrers(&subject, artifact_type)).await;
        let found = found.map_err(|error| told(error, source.as_ref(), reference))?;
        let entries = self.obedient(found.entries, Arc::clone(&source), reference.clone());
        Ok(ReferrerList {
            subject,
            referrers: Referrers::new(found.origin, entries),
            artifact_type: artifact_type.map(str::to_owned),
            reference: reference.clone(),
            source,
            cancel: self.cancel.clone(),
        })
    }

    /// Makes a list obey the request to stop, and its errors fit to be told. It ends after the first.
    fn obedient<T: Send + 'static>(
        &self,
        list: BoxStream<'static, Result<T>>,
        source: Arc<dyn Catalog>,
        reference: Reference,
    ) -> BoxStream<'static, Result<T>> {
        let cancel = self.cancel.clone();
        let obedient = stream::try_unfold((list, cancel), |(mut list, cancel)| async move {
            let next = cancel.guard(async { list.next().await.transpose() }).await?;
            Ok(next.map(|entry| (entry, (list, cancel))))
        });
        obedient.map_err(move |error| told(error, source.as_ref(), &reference)).boxed()
    }
}

impl ReferrerList {
    /// Chooses the newest, by the annotation `org.opencontainers.image.created`; those without it, or with one that is
    /// no time, count as the oldest. Of several that are as new, the one with the greatest digest is taken.
    ///
    /// It is read, and must be by its own word what the list says: a referrer of the subject, of the type that was asked
    /// for, made at that time. That it is the newest is the publisher's word.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoCandidate`] if there is none, [`ErrorKind::PeerMisbehaved`] if it is something else than the list
    /// says.
    pub async fn latest(self) -> Result<Descriptor> {
        let Self { subject, referrers, artifact_type, reference, source, cancel } = self;
        let newest = referrers.entries.try_fold(None, |best, found| async { Ok(Some(newer(best, found))) }).await?;
        let told = |error| told(error, source.as_ref(), &reference);
        let newest = newest.ok_or_else(|| {
            let of = artifact_type.as_ref().map_or_else(String::new, |kind| format!(" of the type {}", sanitise(kind)));
            told(Error::new(ErrorKind::NoCandidate, format!("nothing{of} refers to {subject} in {source}")))
        })?;
        if referrers.origin == ListOrigin::Tag {
            // It was read already.
            return Ok(newest);
        }
        let selector = Selector::Digest(newest.digest.clone());
        let document = cancel.guard(source.manifest(&selector)).await.map_err(told)?;
        document.check(&newest).map_err(told)?;
        hold(&document, &newest, &subject, artifact_type.as_deref()).map_err(|difference| {
            let text = format!("{source} lists {} as a referrer of {subject}, {difference}", newest.digest);
            told(Error::new(ErrorKind::PeerMisbehaved, text))
        })
    }
}

/// Holds a referrer against what a list says of it, and describes it by its own word; or says how they differ. Pure.
fn hold(
    document: &Document,
    listed: &Descriptor,
    subject: &Digest,
    wanted: Option<&str>,
) -> std::result::Result<Descriptor, String> {
    let own = document.referrer_of(subject).ok_or("to which it does not refer")?;
    if let Some(wanted) = wanted {
        let found = own.artifact_type.as_ref().map_or("", |found| found.as_str());
        if found != wanted {
            let found =
                if found.is_empty() { "without a type".into() } else { format!("of the type {}", sanitise(found)) };
            return Err(format!("of the type {}, and it is {found}", sanitise(wanted)));
        }
    }
    // A list may say less than the manifest. What it does say has decided.
    if let Some(claimed) = created(listed.annotations.get(CREATED)) {
        // The description of a referrer has no long annotations.
        let manifest = document.parse().map_err(|error| error.to_string())?;
        if created(manifest.annotations().get(CREATED)) != Some(claimed) {
            return Err(format!("made {claimed}, which it does not say itself"));
        }
    }
    Ok(own)
}

impl fmt::Debug for ReferrerList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReferrerList")
            .field("subject", &self.subject)
            .field("referrers", &self.referrers)
            .finish_non_exhaustive()
    }
}

/// Returns the newer one.
fn newer(best: Option<Descriptor>, other: Descriptor) -> Descriptor {
    match best {
        Some(best) if age(&best) >= age(&other) => best,
        _ => other,
    }
}

/// What descriptors are ordered by, the oldest first.
fn age(descriptor: &Descriptor) -> (Option<Timestamp>, &Digest) {
    (created(descriptor.annotations.get(CREATED)), &descriptor.digest)
}

fn created(text: Option<&String>) -> Option<Timestamp> {
    text?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::spec::media_type::MediaType;
    use crate::transport::{Answer, Exchange, Failure, Transport};

    fn made(digit: char, created: &str) -> Descriptor {
        let digest = format!("sha256:{}", digit.to_string().repeat(64)).parse().unwrap();
        let mut descriptor = Descriptor::new(MediaType::none(), digest, 1);
        if !created.is_empty() {
            descriptor.annotations.insert(CREATED.to_owned(), created.to_owned());
        }
        descriptor
    }

    /// Has one page of tags and no more, and referrers under the tag of which none can be read.
    #[derive(Debug)]
    struct Lame;

    #[async_trait]
    impl Transport for Lame {
        async fn call(&self, exchange: Exchange) -> std::result::Result<Answer, Failure> {
            let (path, query) = (exchange.url.path(), exchange.url.query().unwrap_or_default());
            let mut headers = HeaderMap::new();
            let (status, body) = if path.contains("/referrers/") {
                (StatusCode::NOT_FOUND, String::new())
            } else if path.contains("/manifests/sha256-") {
                let entry = |n| format!(r#"{{"mediaType":"","digest":"sha256:{n:064}","size":1}}"#);
                let entries: Vec<String> = (10..20).map(entry).collect();
                (StatusCode::OK, format!(r#"{{"manifests":[{}]}}"#, entries.join(",")))
            } else if path.contains("/manifests/") {
                (StatusCode::INTERNAL_SERVER_ERROR, String::new())
            } else if query.contains("last=") {
                return std::future::pending().await;
            } else {
                headers.insert(http::header::LINK, "<?last=one>; rel=next".parse().unwrap());
                (StatusCode::OK, r#"{"tags":["one"]}"#.to_owned())
            };
            let chunks = stream::once(async { Ok(body.into()) }).boxed();
            Ok(Answer::new(status, headers, None, chunks))
        }
    }

    fn client(cancel: &Cancel) -> Client {
        let config = crate::config::Config { retries: 0, ..Default::default() };
        let builder = Client::builder().config(config).cancel(cancel.clone()).transport(Arc::new(Lame));
        builder.build().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_obeys_the_request_to_stop() {
        let cancel = Cancel::new();
        let mut tags = client(&cancel).tags(&"r.example/a/b".parse().unwrap(), None).unwrap();
        assert_eq!(tags.next().await.unwrap().unwrap(), "one");
        let (next, ()) = tokio::join!(tags.next(), async {
            tokio::task::yield_now().await;
            cancel.cancel();
        });
        assert_eq!(next.unwrap().unwrap_err().kind(), ErrorKind::Interrupted);
        assert!(tags.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_ends_with_its_first_error() {
        let reference: Reference = format!("r.example/a/b@sha256:{:064}", 1).parse().unwrap();
        let client = client(&Cancel::new());
        let found = client.referrers(&reference, &Selection::default(), None).await.unwrap();
        let ends: Vec<_> = found.referrers.entries.map(|entry| entry.map_err(|error| error.kind())).collect().await;
        assert!(matches!(ends.as_slice(), [Err(ErrorKind::Unavailable)]), "{ends:?}");
        let source = client.catalog(&reference).unwrap();
        let found = source.referrers(&found.subject, None).await.unwrap();
        assert_eq!(found.entries.filter(|entry| std::future::ready(entry.is_err())).count().await, 1);
    }

    #[test]
    fn what_is_chosen_must_be_what_the_list_says() {
        let subject: Digest = format!("sha256:{:064}", 1).parse().unwrap();
        let text = format!(
            r#"{{"schemaVersion":2,"layers":[],"artifactType":"application/x-sbom",
                "subject":{{"mediaType":"","digest":"{subject}","size":1}},
                "annotations":{{"{CREATED}":"2024-05-01T02:00:00+02:00","long":"{}"}}}}"#,
            "x".repeat(32 << 10)
        );
        let document = Document::verify(crate::spec::manifest::RawManifest::new(None, text), &Selector::Only).unwrap();
        let elsewhere: Digest = format!("sha256:{:064}", 2).parse().unwrap();
        for (subject, listed, wanted, expected) in [
            (&subject, "", None, Ok(())),
            (&subject, "2024-05-01T00:00:00Z", Some("application/x-sbom"), Ok(())),
            (&subject, "yesterday", None, Ok(())),
            (&subject, "2030-01-01T00:00:00Z", None, Err("made 2030-01-01T00:00:00Z, which it does not say itself")),
            (
                &subject,
                "",
                Some("application/x-evil"),
                Err("of the type application/x-evil, and it is of the type application/x-sbom"),
            ),
            (&elsewhere, "", None, Err("to which it does not refer")),
        ] {
            let found = hold(&document, &made('1', listed), subject, wanted).map(drop);
            assert_eq!(found, expected.map_err(str::to_owned), "{listed} {wanted:?}");
        }
    }

    #[test]
    fn the_newest_is_chosen_whatever_the_order() {
        for (list, expected) in [
            (&[('1', "")][..], '1'),
            (&[('1', "2024-05-01T00:00:00Z"), ('2', "2024-05-01T00:00:01Z")], '2'),
            (&[('1', "2024-05-01T02:00:00+03:00"), ('2', "2024-05-01T00:00:00Z")], '2'),
            (&[('1', "2024-05-01T00:00:00.5Z"), ('2', "2024-05-01T00:00:00Z")], '1'),
            (&[('1', "1970-01-01T00:00:00Z"), ('2', "")], '1'),
            (&[('1', "2024-05-01T00:00:00Z"), ('3', "yesterday"), ('2', "9999")], '1'),
            (&[('1', "2024-05-01T00:00:00Z"), ('3', "2024-05-01T00:00:00Z"), ('2', "2024-05-01T00:00:00Z")], '3'),
            (&[('1', ""), ('3', "x"), ('2', "")], '3'),
        ] {
            for list in [list.to_vec(), list.iter().rev().copied().collect()] {
                let made = list.iter().map(|(digit, created)| made(*digit, created));
                let found = made.fold(None, |best, other| Some(newer(best, other))).unwrap();
                assert!(found.digest.hex().starts_with(expected), "{list:?}: {found:?}");
            }
        }
    }
}
