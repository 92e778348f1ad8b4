//! What a place has: tags, and what refers to a manifest.

use std::fmt;
use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;

use super::{Client, named};
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::image::Selection;
use crate::source::{Catalog, ListOrigin, Referrers, SourceExt as _};
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
        let reference = reference.clone();
        let tags = self.catalog(&reference)?.tags(after);
        Ok(tags.map_err(move |error| named(error, &reference)).boxed())
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
        let subject = match reference.digest() {
            Some(digest) if *selection == Selection::default() => digest.clone(),
            _ => self.manifest(reference, selection).await?.digest().clone(),
        };
        let source = self.catalog(reference)?;
        let found = self.cancel.guard(source.referrers(&subject, artifact_type)).await;
        let found = found.map_err(|error| named(error, reference))?;
        let name = reference.clone();
        let entries = found.entries.map_err(move |error| named(error, &name)).boxed();
        Ok(ReferrerList {
            subject,
            referrers: Referrers::new(found.origin, entries),
            artifact_type: artifact_type.map(str::to_owned),
            reference: reference.clone(),
            source,
            cancel: self.cancel.clone(),
        })
    }
}

impl ReferrerList {
    /// Chooses the newest, by the annotation `org.opencontainers.image.created`; those without it, or with one that is
    /// no time, count as the oldest. Of several that are as new, the one with the greatest digest is taken.
    ///
    /// It is read, and refers to the subject by its own word, not by that of the list alone. That it is the newest is
    /// the publisher's word.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoCandidate`] if there is none, [`ErrorKind::PeerMisbehaved`] if it does not refer to the subject.
    pub async fn latest(self) -> Result<Descriptor> {
        let Self { subject, referrers, artifact_type, reference, source, cancel } = self;
        let newest = referrers.entries.try_fold(None, |best, found| async { Ok(Some(newer(best, found))) });
        let newest = cancel.guard(newest).await?.ok_or_else(|| {
            let of = artifact_type.map_or_else(String::new, |kind| format!(" of the type {}", sanitise(&kind)));
            named(
                Error::new(ErrorKind::NoCandidate, format!("nothing{of} refers to {subject} in {source}")),
                &reference,
            )
        })?;
        if referrers.origin == ListOrigin::Tag {
            // It was read already.
            return Ok(newest);
        }
        let selector = Selector::Digest(newest.digest.clone());
        let document = cancel.guard(source.manifest(&selector)).await.map_err(|error| named(error, &reference))?;
        document.check(&newest).map_err(|error| named(error, &reference))?;
        document.referrer_of(&subject).ok_or_else(|| {
            let text =
                format!("{source} lists {} as a referrer of {subject}, to which it does not refer", newest.digest);
            named(Error::new(ErrorKind::PeerMisbehaved, text), &reference)
        })
    }
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
    let created = descriptor.annotation(CREATED).and_then(|text| text.trim().parse().ok());
    (created, &descriptor.digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::media_type::MediaType;

    fn made(digit: char, created: &str) -> Descriptor {
        let digest = format!("sha256:{}", digit.to_string().repeat(64)).parse().unwrap();
        let mut descriptor = Descriptor::new(MediaType::none(), digest, 1);
        if !created.is_empty() {
            descriptor.annotations.insert(CREATED.to_owned(), created.to_owned());
        }
        descriptor
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
