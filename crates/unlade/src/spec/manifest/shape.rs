//! What a document is, before it is read as that.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{ManifestError, RawManifest, shape_of};
use crate::spec::media_type::{DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED, MediaType};
use crate::spec::text::sanitise;

/// The two things that a manifest can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Image,
    Index,
}

/// The keys that decide what a document is or what it holds.
const DECIDING: [&str; 9] =
    ["artifactType", "blobs", "config", "fsLayers", "layers", "manifests", "mediaType", "schemaVersion", "subject"];

/// The outline of a document: which of the deciding keys it has.
struct Outline {
    keys: BTreeSet<&'static str>,
    repeated: Option<&'static str>,
    media_type: Option<MediaType>,
    schema: Option<i64>,
}

pub(super) fn recognise(raw: &RawManifest) -> Result<Shape, ManifestError> {
    let outline: Outline = serde_json::from_slice(&raw.bytes).map_err(ManifestError::Malformed)?;
    if let Some(key) = outline.repeated {
        return Err(ManifestError::DuplicateKey(key));
    }
    if outline.has("layers") && outline.has("blobs") {
        return Err(ManifestError::DuplicateKey("layers"));
    }
    let declared = raw.media_type.as_ref().map(MediaType::essence).unwrap_or_default();
    let own = outline.media_type.as_ref().map(MediaType::essence).unwrap_or_default();
    if outline.is_schema_1(&own, &declared) {
        return Err(ManifestError::Schema1);
    }
    let found = outline.shape()?;
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

fn contradiction(declared: &str, found: &str) -> ManifestError {
    ManifestError::Contradictory { declared: sanitise(declared).into_owned(), found: sanitise(found).into_owned() }
}

impl Outline {
    fn has(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    fn is_schema_1(&self, own: &str, declared: &str) -> bool {
        let named = [own, declared].iter().any(|claim| [DOCKER_SCHEMA1, DOCKER_SCHEMA1_SIGNED].contains(claim));
        (named && self.schema != Some(2)) || (self.schema == Some(1) && self.has("fsLayers"))
    }

    fn shape(&self) -> Result<Option<Shape>, ManifestError> {
        let image = self.has("layers") || self.has("config") || self.has("blobs");
        match (image, self.has("manifests")) {
            (true, true) => Err(ManifestError::Ambiguous),
            (true, false) => Ok(Some(Shape::Image)),
            (false, true) => Ok(Some(Shape::Index)),
            (false, false) => Ok(None),
        }
    }
}

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OutlineVisitor)
    }
}

struct OutlineVisitor;

impl<'de> Visitor<'de> for OutlineVisitor {
    type Value = Outline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
        let mut outline = Outline { keys: BTreeSet::new(), repeated: None, media_type: None, schema: None };
        while let Some(key) = map.next_key::<String>()? {
            let Some(known) = DECIDING.iter().find(|known| **known == key) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if !outline.keys.insert(known) {
                outline.repeated = outline.repeated.or(Some(known));
            }
            match *known {
                "mediaType" => outline.media_type = map.next_value()?,
                "schemaVersion" => outline.schema = map.next_value::<serde_json::Value>()?.as_i64(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(outline)
    }
}
