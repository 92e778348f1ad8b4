//! Manifests: raw bytes, and a typed view of them.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md>,
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md>

mod shape;

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::descriptor::{self, Annotations, Content, Descriptor};
use super::media_type::{DOCKER_LIST, DOCKER_MANIFEST, MediaType, OCI_ARTIFACT, OCI_INDEX, OCI_MANIFEST};

/// A manifest as it was received. Its digest is that of these bytes, which are never written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawManifest {
    /// The type it was declared as, by a `Content-Type` or a descriptor.
    pub media_type: Option<MediaType>,
    /// The document.
    pub bytes: Bytes,
    /// What the place itself says the bytes are, such as a layout's index.
    pub promised: Option<Content>,
}

impl RawManifest {
    /// Puts the bytes and their declared type together.
    pub fn new(media_type: Option<MediaType>, bytes: impl Into<Bytes>) -> Self {
        Self { media_type, bytes: bytes.into(), promised: None }
    }

    /// Refuses a document of a form that is not handled, before its digest is looked at: that of a signed manifest of
    /// schema 1 is not the digest of its bytes.
    ///
    /// # Errors
    ///
    /// A [`ManifestError`] for which [`is_unsupported`](ManifestError::is_unsupported) holds; other faults are left to
    /// [`Manifest::parse`].
    pub fn check_supported(&self) -> Result<(), ManifestError> {
        match shape::recognise(self) {
            Err(error) if error.is_unsupported() => Err(error),
            _ => Ok(()),
        }
    }
}

/// A manifest as read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Manifest {
    /// One image or artifact: OCI image manifest, Docker schema 2, OCI artifact manifest.
    Image(Box<ImageManifest>),
    /// A list of manifests: OCI index, Docker manifest list.
    Index(Box<Index>),
}

/// The manifest of one image or artifact.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ImageManifest {
    /// The type of the document, as it says itself.
    #[serde(default)]
    pub media_type: Option<MediaType>,
    /// The type of the artifact.
    #[serde(default)]
    pub artifact_type: Option<MediaType>,
    /// The configuration.
    #[serde(default)]
    pub config: Option<Descriptor>,
    /// The content; `blobs` in an artifact manifest.
    #[serde(default, alias = "blobs", deserialize_with = "null_as_default")]
    pub layers: Vec<Descriptor>,
    /// The manifest that this one speaks of.
    #[serde(default)]
    pub subject: Option<Descriptor>,
    /// What the publisher says about it.
    #[serde(default, deserialize_with = "descriptor::annotations")]
    pub annotations: Annotations,
    /// What else is there.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A list of manifests.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Index {
    /// The type of the document, as it says itself.
    #[serde(default)]
    pub media_type: Option<MediaType>,
    /// The type of the artifact.
    #[serde(default)]
    pub artifact_type: Option<MediaType>,
    /// The manifests.
    #[serde(default, deserialize_with = "null_as_default")]
    pub manifests: Vec<Descriptor>,
    /// The manifest that this index speaks of.
    #[serde(default)]
    pub subject: Option<Descriptor>,
    /// What the publisher says about it.
    #[serde(default, deserialize_with = "descriptor::annotations")]
    pub annotations: Annotations,
    /// What else is there.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Why a document is no manifest that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// It can be read as an index and as an image, which two readers would see differently.
    #[error("the document has both layers and manifests")]
    Ambiguous,
    /// Its own type and its content or declared type differ.
    #[error("the document is declared as {declared} and is {found}")]
    Contradictory {
        /// The type that was declared.
        declared: String,
        /// What the document is.
        found: String,
    },
    /// A key that decides stands in it twice, which two readers would see differently.
    #[error("the document has the key {0} twice")]
    DuplicateKey(&'static str),
    /// It is not JSON, or a field has a type that it cannot have.
    #[error("the document cannot be read")]
    Malformed(#[source] serde_json::Error),
    /// It is a manifest of Docker's schema 1, which has no sizes and whose digest is not that of its bytes.
    #[error(
        "the document is of Docker's schema 1, which was given up in 2017: push the image again with a current tool"
    )]
    Schema1,
    /// It is JSON, but neither an image nor an index.
    #[error("the document is neither a manifest nor an index")]
    Unknown,
}

impl ManifestError {
    /// Says whether the document is sound, but of a form that is not handled.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Schema1)
    }
}

impl Manifest {
    /// Reads a document.
    ///
    /// Its own `mediaType` decides what it is, then the type it was declared as, then its shape.
    ///
    /// # Errors
    ///
    /// A [`ManifestError`] for what is no manifest, and for what two readers could take for different things.
    pub fn parse(raw: &RawManifest) -> Result<Self, ManifestError> {
        match shape::recognise(raw)? {
            shape::Shape::Image => serde_json::from_slice(&raw.bytes).map(|image| Self::Image(Box::new(image))),
            shape::Shape::Index => serde_json::from_slice(&raw.bytes).map(|index| Self::Index(Box::new(index))),
        }
        .map_err(ManifestError::Malformed)
    }

    /// Returns the type of the document: its own word, or what its shape says.
    pub fn media_type(&self) -> MediaType {
        let (own, otherwise) = match self {
            Self::Image(image) => (&image.media_type, OCI_MANIFEST),
            Self::Index(index) => (&index.media_type, OCI_INDEX),
        };
        own.clone().unwrap_or_else(|| MediaType::known(otherwise))
    }

    /// Returns the manifest that this one speaks of.
    pub fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Image(image) => image.subject.as_ref(),
            Self::Index(index) => index.subject.as_ref(),
        }
    }

    /// Returns what the publisher says about it.
    pub fn annotations(&self) -> &Annotations {
        match self {
            Self::Image(image) => &image.annotations,
            Self::Index(index) => &index.annotations,
        }
    }

    /// Returns the type of the artifact: `artifactType`, else the configuration's media type.
    ///
    /// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers>
    pub fn effective_artifact_type(&self) -> Option<&MediaType> {
        let stated =
            |stated: &'_ Option<MediaType>| stated.as_ref().as_ref().is_some_and(|kind| !kind.as_str().is_empty());
        match self {
            Self::Image(image) if stated(&image.artifact_type) => image.artifact_type.as_ref(),
            Self::Image(image) => image.config.as_ref().map(|config| &config.media_type),
            Self::Index(index) => index.artifact_type.as_ref(),
        }
    }
}

fn null_as_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Descriptor>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Says whether an essence is that of an image's manifest, of an index, or of neither.
fn shape_of(essence: &str) -> Option<shape::Shape> {
    match essence {
        OCI_MANIFEST | DOCKER_MANIFEST | OCI_ARTIFACT => Some(shape::Shape::Image),
        OCI_INDEX | DOCKER_LIST => Some(shape::Shape::Index),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
