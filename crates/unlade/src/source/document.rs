//! A manifest whose digest is known to be its own.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::spec::descriptor::Descriptor;
use crate::spec::digest::{Algorithm, Digest};
use crate::spec::manifest::{Manifest, RawManifest};
use crate::spec::media_type::MediaType;
use crate::spec::reference::Selector;
use crate::verify;

/// A manifest as received, with the digest that was computed from its bytes.
#[derive(Clone)]
pub struct Document {
    raw: RawManifest,
    digest: Digest,
}

impl Document {
    /// Verifies a manifest against what it was asked for by.
    ///
    /// A tag promises nothing: the digest is then the SHA-256 of the bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`] if the selector is a digest and the bytes have another one.
    pub fn verify(raw: RawManifest, selector: &Selector) -> Result<Self> {
        let digest = match selector {
            Selector::Digest(digest) => {
                verify::expect(digest, &raw.bytes)?;
                digest.clone()
            }
            _ => verify::digest_of(Algorithm::Sha256, &raw.bytes),
        };
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

    /// Reads the bytes as a manifest.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] for what is no manifest, [`ErrorKind::Unsupported`] for schema 1.
    pub fn parse(&self) -> Result<Manifest> {
        Manifest::parse(&self.raw).map_err(|cause| {
            let kind = if cause.is_unsupported() {
                ErrorKind::Unsupported
            } else {
                ErrorKind::Malformed
            };
            Error::new(kind, format!("the manifest {} cannot be used", self.digest)).caused_by(cause)
        })
    }

    /// Describes the document as a referrer, if it speaks of that subject: with the artifact's type and the
    /// document's own annotations.
    ///
    /// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>
    pub fn referrer_of(&self, subject: &Digest) -> Option<Descriptor> {
        let manifest = self.parse().ok()?;
        manifest.subject().filter(|found| found.digest == *subject)?;
        let mut descriptor = self.descriptor();
        descriptor.artifact_type = manifest.effective_artifact_type().cloned();
        descriptor.annotations = manifest.annotations().clone();
        Some(descriptor)
    }

    /// Describes the document: media type, digest and size.
    pub fn descriptor(&self) -> Descriptor {
        let media_type = self.parse().ok().map(|manifest| manifest.media_type());
        // A document that is no manifest still has the type that it was declared as.
        let media_type = media_type
            .or_else(|| self.raw.media_type.clone())
            .unwrap_or_else(MediaType::octet_stream);
        Descriptor::new(media_type, self.digest.clone(), self.raw.bytes.len() as u64)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("digest", &self.digest)
            .field("size", &self.raw.bytes.len())
            .finish()
    }
}
