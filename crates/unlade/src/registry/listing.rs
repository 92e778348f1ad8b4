//! A list of referrers, and what its entries are held against.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::api::Api;
use super::login::is_unchallenged;
use super::manifest;
use super::request::Terms;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Observer;
use crate::retry::Budget;
use crate::source::Document;
use crate::spec::descriptor::Descriptor;
use crate::spec::digest::Digest;
use crate::spec::entry::Entry;
use crate::spec::manifest::RawManifest;
use crate::spec::media_type::MediaType;
use crate::spec::reference::Selector;

/// So many manifests are read for one list: real ones name a few.
const MAX_READ: usize = 1000;

/// So many of what is left out are told one by one.
const MAX_TOLD: usize = 16;

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
pub(super) struct Listing {
    pub(super) api: Arc<Api>,
    observer: Arc<dyn Observer>,
    pub(super) subject: Digest,
    wanted: Option<String>,
    /// How many manifests were read for it.
    read: AtomicUsize,
    /// How many of what it lists were left out with a word.
    left_out: AtomicUsize,
}

impl Listing {
    /// Begins the list of what refers to a manifest; of one type alone, if it is told.
    pub(super) fn new(api: &Arc<Api>, observer: &Arc<dyn Observer>, subject: &Digest, wanted: Option<&str>) -> Self {
        Self {
            api: Arc::clone(api),
            observer: Arc::clone(observer),
            subject: subject.clone(),
            wanted: wanted.map(str::to_owned),
            read: AtomicUsize::new(0),
            left_out: AtomicUsize::new(0),
        }
    }

    fn claim(&self, found: &Descriptor) -> Claim {
        claim(found.artifact_type.as_ref(), self.wanted.as_deref())
    }

    /// Takes the entries that name a referrer. The others are told of together: a server could list any number.
    pub(super) fn readable(&self, entries: Vec<Entry>) -> Vec<Descriptor> {
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
    pub(super) async fn is_for_want_of_api(&self, error: &Error) -> bool {
        is_unchallenged(error)
            && (self.api.gives_manifests.load(Ordering::Relaxed)
                || self.fetch(&Selector::Digest(self.subject.clone())).await.is_ok())
    }

    /// Takes what the registry lists as it lists it, unless that leaves open whether it is wanted.
    pub(super) async fn sift(self: Arc<Self>, listed: Descriptor) -> Result<Option<Descriptor>> {
        match self.claim(&listed) {
            Claim::Differs => Ok(None),
            Claim::Fits => Ok(Some(listed)),
            Claim::Unclear => self.check(listed).await,
        }
    }

    /// Reads what a list names, and describes it by its own word if it is a referrer.
    pub(super) async fn check(self: Arc<Self>, listed: Descriptor) -> Result<Option<Descriptor>> {
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

    pub(super) async fn fetch(&self, selector: &Selector) -> Result<RawManifest> {
        let budget = Budget::new(self.api.registries.policy.clone(), None);
        manifest::fetch(&self.api, selector, Terms::new(&budget, self.observer.as_ref())).await
    }
}

/// Says whether an error is about one manifest of a list: whoever may push could hide all others with one that is wrong.
fn is_about_one(kind: ErrorKind) -> bool {
    use ErrorKind::{Denied, Malformed, Mismatch, TooLarge, Unsupported};
    matches!(kind, Denied | Malformed | Mismatch | TooLarge | Unsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
