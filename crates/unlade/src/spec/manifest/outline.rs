//! What a document is, before it is read as that.

use serde_json::value::RawValue;

use super::{ManifestError, shape_of};
use crate::spec::json;
use crate::spec::media_type::{DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED, MediaType};
use crate::spec::text::sanitise;

/// The two things that a manifest can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Image,
    Index,
}

/// The members of a document that decide what it is or what it holds, as they are written.
#[derive(Default)]
pub(super) struct Outline<'a> {
    pub(super) annotations: Option<&'a RawValue>,
    artifact_type: Option<&'a RawValue>,
    pub(super) blobs: Option<&'a RawValue>,
    pub(super) config: Option<&'a RawValue>,
    fs_layers: Option<&'a RawValue>,
    pub(super) layers: Option<&'a RawValue>,
    pub(super) manifests: Option<&'a RawValue>,
    media_type: Option<&'a RawValue>,
    schema_version: Option<&'a RawValue>,
    pub(super) subject: Option<&'a RawValue>,
}

impl<'a> Outline<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, ManifestError> {
        let mut outline = Self::default();
        let is_object = json::members(json::document(bytes).map_err(ManifestError::Malformed)?, |key, value| {
            let (name, slot) = match key {
                "annotations" => ("annotations", &mut outline.annotations),
                "artifactType" => ("artifactType", &mut outline.artifact_type),
                "blobs" => ("blobs", &mut outline.blobs),
                "config" => ("config", &mut outline.config),
                "fsLayers" => ("fsLayers", &mut outline.fs_layers),
                "layers" => ("layers", &mut outline.layers),
                "manifests" => ("manifests", &mut outline.manifests),
                "mediaType" => ("mediaType", &mut outline.media_type),
                "schemaVersion" => ("schemaVersion", &mut outline.schema_version),
                "subject" => ("subject", &mut outline.subject),
                _ => return Ok(()),
            };
            // Readers differ in whether the first or the last one counts.
            slot.replace(value).map_or(Ok(()), |_| Err(ManifestError::DuplicateKey(name)))
        })?;
        if !is_object {
            return Err(ManifestError::Unknown);
        }
        if outline.layers.is_some() && outline.blobs.is_some() {
            return Err(ManifestError::DuplicateKey("layers"));
        }
        Ok(outline)
    }

    /// Returns the type of the document, as it says itself.
    pub(super) fn media_type(&self) -> Result<Option<MediaType>, ManifestError> {
        let Some(value) = self.media_type.filter(|value| !json::is_null(value)) else {
            return Ok(None);
        };
        let text = json::text(value).ok_or(ManifestError::Field("mediaType"))?;
        text.parse().map(Some).map_err(|_| ManifestError::Field("mediaType"))
    }

    /// Returns the type of the artifact; what is no text is as if it were not there.
    pub(super) fn artifact_type(&self) -> Result<Option<MediaType>, ManifestError> {
        let text = self.artifact_type.and_then(json::text);
        text.map(|text| text.parse().map_err(|_| ManifestError::Field("artifactType"))).transpose()
    }

    /// Says what the document is, given the type that it was declared as.
    pub(super) fn recognise(&self, declared: Option<&MediaType>) -> Result<Shape, ManifestError> {
        let declared = declared.map(MediaType::essence).unwrap_or_default();
        let own = self.media_type()?.as_ref().map(MediaType::essence).unwrap_or_default();
        if self.is_schema_1(&own, &declared) {
            return Err(ManifestError::Schema1);
        }
        let found = self.shape()?;
        for claim in [&own, &declared] {
            match (shape_of(claim), found) {
                (Some(claimed), Some(found)) if claimed != found => {
                    return Err(contradiction(
                        claim,
                        match found {
                            Shape::Image => "an image manifest by its content",
                            Shape::Index => "an index by its content",
                        },
                    ));
                }
                _ => {}
            }
        }
        if shape_of(&own).is_some() && shape_of(&declared).is_some() && own != declared {
            return Err(contradiction(&declared, &own));
        }
        shape_of(&own).or(found).or_else(|| shape_of(&declared)).ok_or(ManifestError::Unknown)
    }

    fn is_schema_1(&self, own: &str, declared: &str) -> bool {
        let named = [own, declared].iter().any(|claim| [DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED].contains(claim));
        let schema = self.schema_version.and_then(json::number);
        (named && schema != Some(2)) || (schema == Some(1) && self.fs_layers.is_some())
    }

    fn shape(&self) -> Result<Option<Shape>, ManifestError> {
        let image = self.layers.or(self.config).or(self.blobs).is_some();
        match (image, self.manifests.is_some()) {
            (true, true) => Err(ManifestError::Ambiguous),
            (true, false) => Ok(Some(Shape::Image)),
            (false, true) => Ok(Some(Shape::Index)),
            (false, false) => Ok(None),
        }
    }
}

fn contradiction(declared: &str, found: &str) -> ManifestError {
    ManifestError::Contradictory { declared: sanitise(declared).into_owned(), found: sanitise(found).into_owned() }
}
