//! A manifest whose digest is known to be its own.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::spec::descriptor::{Content, Descriptor};
use crate::spec::digest::{Algorithm, Digest};
use crate::spec::manifest::{Allowance, Manifest, ManifestError, RawManifest};
use crate::spec::media_type::MediaType;
use crate::spec::reference::Selector;
use crate::spec::text::sanitise;
use crate::verify;

/// The longest annotations that the description of a referrer repeats, in bytes.
const MAX_ANNOTATIONS: usize = 16 << 10;

/// A manifest as received, with the digest that was computed from its bytes.
#[derive(Clone)]
pub struct Document {
    raw: RawManifest,
    digest: Digest,
}

impl Document {
    /// Verifies a manifest against what it was asked for by, and what its place says that it is.
    ///
    /// A tag alone promises nothing: the digest is then the SHA-256 of the bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`] if the bytes have another digest or size than was promised.
    pub fn verify(raw: RawManifest, selector: &Selector) -> Result<Self> {
        let asked = match selector {
            Selector::Digest(digest) => Some(Content { digest: digest.clone(), size: None }),
            _ => None,
        };
        for promised in asked.iter().chain(&raw.promised) {
            check(promised, &raw.bytes)?;
        }
        let named = asked.as_ref().or(raw.promised.as_ref()).map(|content| content.digest.clone());
        let digest = named.unwrap_or_else(|| verify::digest_of(Algorithm::Sha256, &raw.bytes));
        Ok(Self { raw, digest })
    }

    /// Returns the bytes and the type they were declared as.
    pub fn raw(&self) -> &RawManifest {
        &self.raw
    }

    /// Returns the digest of the bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Holds the document against the descriptor that led to it, whose digest it was asked for by.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`] if it has another size, [`ErrorKind::Malformed`] if it is an index where the descriptor
    /// names an image, or the other way: two readers would go different ways from there.
    pub fn check(&self, descriptor: &Descriptor) -> Result<()> {
        self.check_content(descriptor)?;
        let manifest = self.parse()?;
        if manifest.fits(&descriptor.media_type) {
            return Ok(());
        }
        let (declared, found) = (sanitise(descriptor.media_type.as_str()), manifest.media_type());
        let message =
            format!("the manifest {} is named as {declared} and is {}", self.digest, sanitise(found.as_str()));
        Err(Error::new(ErrorKind::Malformed, message))
    }

    /// Holds the bytes against the descriptor that led to them, whatever they are.
    pub(crate) fn check_content(&self, descriptor: &Descriptor) -> Result<()> {
        check(&Content { digest: self.digest.clone(), size: Some(descriptor.size) }, &self.raw.bytes)
    }

    /// Reads the bytes as a manifest.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] for what is no manifest, [`ErrorKind::Unsupported`] for schema 1,
    /// [`ErrorKind::TooLarge`] for more entries and annotations than memory is to be spent on.
    pub fn parse(&self) -> Result<Manifest> {
        Manifest::parse(&self.raw).map_err(|cause| self.unusable(cause))
    }

    /// Reads the bytes as a manifest and takes what is kept of it from an allowance; `None` once that is used up.
    pub(crate) fn parse_within(&self, allowance: &mut Allowance) -> Result<Option<Manifest>> {
        match Manifest::parse_within(&self.raw, allowance) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(cause) if cause.is_too_large() => Ok(None),
            Err(cause) => Err(self.unusable(cause)),
        }
    }

    fn unusable(&self, cause: ManifestError) -> Error {
        let kind = match &cause {
            cause if cause.is_unsupported() => ErrorKind::Unsupported,
            cause if cause.is_too_large() => ErrorKind::TooLarge,
            _ => ErrorKind::Malformed,
        };
        Error::new(kind, format!("the manifest {} cannot be used{}", self.digest, self.stranger())).caused_by(cause)
    }

    /// Says as what the document came, if that is nothing that a manifest comes as: the web page of a proxy, say.
    fn stranger(&self) -> String {
        let plausible = |media_type: &&MediaType| {
            media_type.suffix() == Some("json")
                || ["", "application/json", "application/octet-stream", "text/plain"].iter().any(|is| media_type.is(is))
        };
        let media_type = self.raw.media_type.as_ref().filter(|media_type| !plausible(media_type));
        media_type.map_or_else(String::new, |media_type| format!(": it came as {}", sanitise(media_type.as_str())))
    }

    /// Describes the document: media type, digest and size.
    pub fn descriptor(&self) -> Descriptor {
        self.describe(self.parse().ok().as_ref())
    }

    /// Describes the document as a referrer of a subject, or says `None` if it refers to another one or to none.
    ///
    /// The descriptor carries the type of the artifact and the manifest's annotations, as the referrers API
    /// lists them: <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>
    /// Annotations of more than 16 KiB in all are left out: clients read such a list as a manifest, of 4 MiB at most.
    pub fn referrer_of(&self, subject: &Digest) -> Option<Descriptor> {
        // What is no manifest refers to nothing.
        let manifest = self.parse().ok()?;
        if manifest.subject()?.digest != *subject {
            return None;
        }
        let mut descriptor = self.describe(Some(&manifest));
        descriptor.artifact_type = manifest.effective_artifact_type().cloned();
        let annotations = manifest.annotations();
        let length: usize = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
        if length <= MAX_ANNOTATIONS {
            descriptor.annotations = annotations.clone();
        }
        Some(descriptor)
    }

    fn describe(&self, manifest: Option<&Manifest>) -> Descriptor {
        let media_type = manifest.map(Manifest::media_type);
        // A document that is no manifest still has the type that it was declared as.
        let media_type = media_type.or_else(|| self.raw.media_type.clone()).unwrap_or_else(MediaType::octet_stream);
        Descriptor::new(media_type, self.digest.clone(), self.raw.bytes.len() as u64)
    }
}

fn check(promised: &Content, bytes: &[u8]) -> Result<()> {
    let (digest, found) = (&promised.digest, bytes.len() as u64);
    if let Some(size) = promised.size.filter(|size| *size != found) {
        let message = format!("the manifest {digest} has {found} bytes where the index promises {size}");
        return Err(Error::new(ErrorKind::Mismatch, message));
    }
    verify::expect(digest, bytes)
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("digest", &self.digest).field("size", &self.raw.bytes.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::media_type::{OCI_INDEX, OCI_MANIFEST};

    fn document(json: &str) -> Document {
        Document::verify(RawManifest::new(None, json.to_owned()), &Selector::Only).unwrap()
    }

    #[test]
    fn what_the_place_says_is_held_against_the_bytes() {
        let digest = |algorithm, bytes: &[u8]| verify::digest_of(algorithm, bytes);
        let (right, long) = (digest(Algorithm::Sha256, b"{}"), digest(Algorithm::Sha512, b"{}"));
        let wrong = digest(Algorithm::Sha256, b"{} ");
        for (asked, promised, size, expected) in [
            (None, None, None, Ok(&right)),
            (None, Some(&right), Some(2), Ok(&right)),
            (None, Some(&long), Some(2), Ok(&long)),
            (None, Some(&right), Some(3), Err(ErrorKind::Mismatch)),
            (None, Some(&wrong), Some(2), Err(ErrorKind::Mismatch)),
            (Some(&right), Some(&long), Some(2), Ok(&right)),
            (Some(&right), None, None, Ok(&right)),
            (Some(&right), Some(&right), Some(3), Err(ErrorKind::Mismatch)),
            (Some(&right), Some(&wrong), Some(2), Err(ErrorKind::Mismatch)),
            (Some(&wrong), None, None, Err(ErrorKind::Mismatch)),
        ] {
            let mut raw = RawManifest::new(None, "{}");
            raw.promised = promised.map(|digest| Content { digest: digest.clone(), size });
            let selector = asked.map_or(Selector::Only, |digest| Selector::Digest(digest.clone()));
            let found = Document::verify(raw, &selector).map_err(|error| error.kind());
            assert_eq!(found.as_ref().map(Document::digest).map_err(|kind| *kind), expected, "{asked:?} {promised:?}");
        }
    }

    #[test]
    fn a_document_is_held_against_the_descriptor_that_led_to_it() {
        let (image, index) = (document(r#"{"layers":[]}"#), document(r#"{"manifests":[]}"#));
        for (found, size, declared, expected) in [
            (&image, 13, OCI_MANIFEST, Ok(())),
            (&image, 13, "", Ok(())),
            (&image, 12, OCI_MANIFEST, Err(ErrorKind::Mismatch)),
            (&image, 13, OCI_INDEX, Err(ErrorKind::Malformed)),
            (&index, 16, OCI_INDEX, Ok(())),
            (&index, 16, OCI_MANIFEST, Err(ErrorKind::Malformed)),
        ] {
            let descriptor = Descriptor::new(declared.parse().unwrap(), found.digest().clone(), size);
            assert_eq!(found.check(&descriptor).map_err(|error| error.kind()), expected, "{declared} {size}");
        }
    }

    #[test]
    fn what_came_as_something_else_says_so() {
        let page = |media_type: Option<&str>| {
            let media_type = media_type.map(|text| text.parse().unwrap());
            let raw = RawManifest::new(media_type, "<html>");
            Document::verify(raw, &Selector::Only).unwrap().parse().unwrap_err().to_string()
        };
        assert!(
            page(Some("text/html; charset=utf-8")).ends_with(" cannot be used: it came as text/html; charset=utf-8")
        );
        for plausible in [None, Some(OCI_MANIFEST), Some("application/json"), Some("text/plain")] {
            assert!(page(plausible).ends_with(" cannot be used"), "{plausible:?}");
        }
    }

    fn manifest(extra: &str, subject: &Digest) -> Document {
        document(&format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"a/config","digest":"{subject}","size":2}},"layers":[],
                "annotations":{{"k":"v"}},{extra}"subject":{{"mediaType":"a/b","digest":"{subject}","size":1}}}}"#
        ))
    }

    #[test]
    fn a_referrer_is_described_with_its_artifact_type_and_annotations() {
        let subject = verify::digest_of(Algorithm::Sha256, b"subject");
        for (extra, expected) in
            [(r#""artifactType":"a/sbom","#, "a/sbom"), (r#""artifactType":"","#, "a/config"), ("", "a/config")]
        {
            let document = manifest(extra, &subject);
            let found = document.referrer_of(&subject).unwrap();
            assert_eq!(found.artifact_type.unwrap().as_str(), expected, "{extra}");
            assert_eq!(found.annotations["k"], "v");
            assert_eq!((&found.digest, found.size), (document.digest(), document.raw().bytes.len() as u64));
            assert!(found.media_type.is(crate::spec::media_type::OCI_MANIFEST));
        }
    }

    #[test]
    fn a_referrer_of_too_many_words_is_described_without_them() {
        let subject = verify::digest_of(Algorithm::Sha256, b"subject");
        let referrer = |length: usize| {
            let value = "x".repeat(length);
            let text = format!(
                r#"{{"layers":[],"annotations":{{"k":"{value}"}},"subject":{{"digest":"{subject}","size":1}}}}"#
            );
            document(&text).referrer_of(&subject).unwrap()
        };
        assert_eq!(referrer(MAX_ANNOTATIONS - 1).annotations.len(), 1);
        assert_eq!(referrer(MAX_ANNOTATIONS).annotations.len(), 0);
    }

    #[test]
    fn what_speaks_of_something_else_is_no_referrer() {
        let subject = verify::digest_of(Algorithm::Sha256, b"subject");
        let other = verify::digest_of(Algorithm::Sha256, b"other");
        assert_eq!(manifest("", &subject).referrer_of(&other), None);
        assert_eq!(document(r#"{"schemaVersion":2,"manifests":[]}"#).referrer_of(&subject), None);
        assert_eq!(document("no manifest").referrer_of(&subject), None);
    }
}
