//! Manifests: raw bytes, and a typed view of them.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md>,
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md>

mod outline;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::descriptor::{self, Annotations, Content, Descriptor};
use super::entry::{Entry, quote};
pub(crate) use super::json::Allowance;
use super::json::{self, Excess};
use super::media_type::{DOCKER_LIST, DOCKER_MANIFEST, MediaType, OCI_ARTIFACT, OCI_INDEX, OCI_MANIFEST};
use outline::{Outline, Shape};

/// How deep indexes may stand in each other: real ones nest two deep, and a chain without end is an attack.
pub(crate) const MAX_NESTING: usize = 8;

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
        match Outline::read(&self.bytes).and_then(|outline| outline.recognise(self.media_type.as_ref())) {
            Err(error) if error.is_unsupported() => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns a member of the document as it is written, whether the typed view knows it or not.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Malformed`] for what is no JSON.
    pub fn member(&self, name: &str) -> Result<Option<&str>, ManifestError> {
        let mut found = None;
        let document = json::document(&self.bytes).map_err(ManifestError::Malformed)?;
        json::members(document, |key, value| {
            if key == name {
                found = Some(value.get());
            }
            Ok::<(), ManifestError>(())
        })?;
        Ok(found)
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
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ImageManifest {
    /// The type of the document, as it says itself.
    pub media_type: Option<MediaType>,
    /// The type of the artifact.
    pub artifact_type: Option<MediaType>,
    /// The configuration.
    pub config: Option<Entry>,
    /// The content; `blobs` in an artifact manifest.
    pub layers: Vec<Entry>,
    /// The manifest that this one speaks of.
    pub subject: Option<Entry>,
    /// What the publisher says about it.
    pub annotations: Annotations,
}

/// A list of manifests.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Index {
    /// The type of the document, as it says itself.
    pub media_type: Option<MediaType>,
    /// The type of the artifact.
    pub artifact_type: Option<MediaType>,
    /// The manifests.
    pub manifests: Vec<Entry>,
    /// The manifest that this index speaks of.
    pub subject: Option<Entry>,
    /// What the publisher says about it.
    pub annotations: Annotations,
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
    /// A key that decides has a value that it cannot have.
    #[error("the document's {0} is not what it has to be")]
    Field(&'static str),
    /// It is not JSON.
    #[error("the document cannot be read")]
    Malformed(#[source] serde_json::Error),
    /// It has an annotation twice, with different values, which two readers would see differently.
    #[error("the document has the annotation {0:?} twice, with different values")]
    RepeatedAnnotation(String),
    /// It is a manifest of Docker's schema 1, which has no sizes and whose digest is not that of its bytes.
    #[error(
        "the document is of Docker's schema 1, which was given up in 2017: push the image again with a current tool"
    )]
    Schema1,
    /// It has more entries, annotations and the like than memory is to be spent on.
    #[error("the document holds more entries and annotations than any real one")]
    TooMany,
    /// It is JSON, but neither an image nor an index.
    #[error("the document is neither a manifest nor an index")]
    Unknown,
}

impl ManifestError {
    /// Says whether the document is sound, but of a form that is not handled.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Schema1)
    }

    /// Says whether the document may be sound, but is larger than is handled.
    pub fn is_too_large(&self) -> bool {
        matches!(self, Self::TooMany)
    }
}

impl From<Excess> for ManifestError {
    fn from(_: Excess) -> Self {
        Self::TooMany
    }
}

impl Manifest {
    /// Reads a document.
    ///
    /// Its own `mediaType` decides what it is, then the type it was declared as, then its shape. An entry that cannot
    /// be read is kept as such. What is kept is bounded, whatever the document holds.
    ///
    /// # Errors
    ///
    /// A [`ManifestError`] for what is no manifest, and for what two readers could take for different things.
    pub fn parse(raw: &RawManifest) -> Result<Self, ManifestError> {
        Self::parse_within(raw, &mut Allowance::new())
    }

    /// Reads a document as [`parse`](Self::parse) does, and takes what is kept of it from an allowance for several.
    pub(crate) fn parse_within(raw: &RawManifest, allowance: &mut Allowance) -> Result<Self, ManifestError> {
        let outline = Outline::read(&raw.bytes)?;
        let shape = outline.recognise(raw.media_type.as_ref())?;
        let media_type = outline.media_type()?;
        let artifact_type = outline.artifact_type()?;
        let subject = entry(outline.subject, allowance)?;
        let annotations = annotations(outline.annotations, allowance)?;
        Ok(match shape {
            Shape::Image => Self::Image(Box::new(ImageManifest {
                media_type,
                artifact_type,
                config: entry(outline.config, allowance)?,
                layers: entries("layers", outline.layers.or(outline.blobs), allowance)?,
                subject,
                annotations,
            })),
            Shape::Index => Self::Index(Box::new(Index {
                media_type,
                artifact_type,
                manifests: entries("manifests", outline.manifests, allowance)?,
                subject,
                annotations,
            })),
        })
    }

    /// Says whether a type is one of the manifests of images and artifacts.
    pub fn is_type_of_image(media_type: &MediaType) -> bool {
        shape_of(&media_type.essence()) == Some(Shape::Image)
    }

    /// Says whether a type is one of manifests or indexes.
    pub fn is_type(media_type: &MediaType) -> bool {
        shape_of(&media_type.essence()).is_some()
    }

    /// Says whether a type that it was declared as elsewhere, by a descriptor say, is one of its kind. A type of no
    /// kind fits.
    pub fn fits(&self, declared: &MediaType) -> bool {
        let own = match self {
            Self::Image(_) => Shape::Image,
            Self::Index(_) => Shape::Index,
        };
        shape_of(&declared.essence()).is_none_or(|declared| declared == own)
    }

    /// Returns the type of the document: its own word, or what its shape says.
    pub fn media_type(&self) -> MediaType {
        let (own, otherwise) = match self {
            Self::Image(image) => (&image.media_type, OCI_MANIFEST),
            Self::Index(index) => (&index.media_type, OCI_INDEX),
        };
        own.clone().unwrap_or_else(|| MediaType::known(otherwise))
    }

    /// Returns the manifest that this one speaks of, if it names one.
    pub fn subject(&self) -> Option<&Descriptor> {
        let subject = match self {
            Self::Image(image) => &image.subject,
            Self::Index(index) => &index.subject,
        };
        subject.as_ref()?.descriptor()
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
        let (stated, config) = match self {
            Self::Image(image) => (&image.artifact_type, image.config.as_ref()),
            Self::Index(index) => (&index.artifact_type, None),
        };
        let configured = config.map(Entry::media_type);
        stated.as_ref().into_iter().chain(configured).find(|media_type| !media_type.as_str().is_empty())
    }
}

/// Reads a descriptor that stands alone; `null` is none.
fn entry(value: Option<&RawValue>, allowance: &mut Allowance) -> Result<Option<Entry>, Excess> {
    value.filter(|value| !json::is_null(value)).map(|value| Entry::read(value, allowance)).transpose()
}

/// Reads a list of descriptors; `null` is an empty one.
fn entries(
    key: &'static str,
    value: Option<&RawValue>,
    allowance: &mut Allowance,
) -> Result<Vec<Entry>, ManifestError> {
    let mut found = Vec::new();
    let Some(value) = value else {
        return Ok(found);
    };
    let is_list = json::elements(value, |element| {
        found.push(Entry::read(element, allowance)?);
        Ok::<(), Excess>(())
    })?;
    if is_list { Ok(found) } else { Err(ManifestError::Field(key)) }
}

fn annotations(value: Option<&RawValue>, allowance: &mut Allowance) -> Result<Annotations, ManifestError> {
    let Some(value) = value else {
        return Ok(Annotations::new());
    };
    match descriptor::annotations(value, allowance)? {
        (annotations, None) => Ok(annotations),
        (_, Some(key)) => Err(ManifestError::RepeatedAnnotation(quote(&key))),
    }
}

/// Says whether an essence is that of an image's manifest, of an index, or of neither.
fn shape_of(essence: &str) -> Option<Shape> {
    match essence {
        OCI_MANIFEST | DOCKER_MANIFEST | OCI_ARTIFACT => Some(Shape::Image),
        OCI_INDEX | DOCKER_LIST => Some(Shape::Index),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
