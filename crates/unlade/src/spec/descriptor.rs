//! Descriptors: what content is and how it is named.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::digest::Digest;
use super::media_type::MediaType;
use super::platform::Platform;

/// The annotation that holds a file's name.
pub const TITLE: &str = "org.opencontainers.image.title";

/// The annotation that holds a tag in a layout's index.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The annotations of a descriptor or a manifest.
pub type Annotations = BTreeMap<String, String>;

/// Names content and says what it is. What real documents have besides is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Descriptor {
    /// The type of the content; empty if the document does not say it.
    #[serde(default = "no_media_type", deserialize_with = "media_type")]
    pub media_type: MediaType,
    /// The digest of the content.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Other places to get it from. Never followed without the URL guard.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub urls: Vec<String>,
    /// What the publisher says about it.
    #[serde(default, skip_serializing_if = "Annotations::is_empty", deserialize_with = "annotations")]
    pub annotations: Annotations,
    /// The content itself, in base64, where it is small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The type of the artifact, where the content is its manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// What it is for, where the content is a manifest in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What else is there.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Descriptor {
    /// Describes content by type, digest and size alone.
    pub fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self {
            media_type,
            digest,
            size,
            urls: Vec::new(),
            annotations: Annotations::new(),
            data: None,
            artifact_type: None,
            platform: None,
            other: Map::new(),
        }
    }

    /// Returns the file name that the publisher gave it; text from outside, not yet fit for a path.
    pub fn title(&self) -> Option<&str> {
        self.annotation(TITLE)
    }

    /// Returns the value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str)
    }

    /// Returns the content that stands in the descriptor itself, if it is valid and of the size promised.
    ///
    /// It is no more verified than any other content.
    pub fn inline(&self) -> Option<Vec<u8>> {
        let data = self.data.as_deref()?;
        // Decoded only where the length can be right: 4 digits make 3 bytes.
        if data.len() as u64 / 4 * 3 > self.size.saturating_add(2) {
            return None;
        }
        STANDARD.decode(data).ok().filter(|bytes| bytes.len() as u64 == self.size)
    }
}

/// Content by its name alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a digest and perhaps a size is all that names a blob")]
pub struct Content {
    /// The digest.
    pub digest: Digest,
    /// The size in bytes, where it is known.
    pub size: Option<u64>,
}

impl From<&Descriptor> for Content {
    fn from(descriptor: &Descriptor) -> Self {
        Self { digest: descriptor.digest.clone(), size: Some(descriptor.size) }
    }
}

fn no_media_type() -> MediaType {
    MediaType::known("")
}

fn media_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MediaType, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(no_media_type))
}

/// Reads a list of texts; `null` is an empty one, and what is no text is left out.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let values = Option::<Vec<Value>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(values.into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect())
}

/// Reads annotations; `null` is none, and values that are no text are left out.
pub(super) fn annotations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Annotations, D::Error> {
    let values = Option::<BTreeMap<String, Value>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(values.into_iter().filter_map(|(key, value)| Some((key, value.as_str()?.to_owned()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn parse(fields: &str) -> Result<Descriptor, serde_json::Error> {
        serde_json::from_str(&format!(r#"{{"mediaType":"a/b","digest":"sha256:{HEX}",{fields}}}"#))
    }

    #[test]
    fn unknown_fields_survive() {
        let text = format!(
            r#"{{"mediaType":"a/b","digest":"sha256:{HEX}","size":5,"annotations":{{"k":"v"}},"new":{{"x":[1]}}}}"#
        );
        let descriptor: Descriptor = serde_json::from_str(&text).unwrap();
        assert_eq!(descriptor.annotation("k"), Some("v"));
        assert_eq!(serde_json::to_value(&descriptor).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
    }

    #[test]
    fn null_is_nothing() {
        let descriptor = parse(r#""size":0,"annotations":null,"urls":null,"platform":null,"data":null"#).unwrap();
        assert_eq!(descriptor.annotations, Annotations::new());
        assert_eq!(descriptor.title(), None);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for size in ["-1", "1.5", "18446744073709551616", "\"5\"", "null"] {
            assert!(parse(&format!(r#""size":{size}"#)).is_err(), "{size}");
        }
    }

    #[test]
    fn inline_content_must_have_the_size_promised() {
        assert_eq!(parse(r#""size":2,"data":"e30=""#).unwrap().inline().as_deref(), Some(b"{}".as_slice()));
        assert_eq!(parse(r#""size":3,"data":"e30=""#).unwrap().inline(), None);
        assert_eq!(parse(r#""size":2,"data":"e30=e30=e30=""#).unwrap().inline(), None);
        assert_eq!(parse(r#""size":2,"data":"!!""#).unwrap().inline(), None);
    }
}
