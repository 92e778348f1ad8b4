//! Descriptors: what content is and how it is named.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;

use super::digest::Digest;
use super::json::{self, Allowance, Excess};
use super::media_type::MediaType;
use super::platform::Platform;

/// The annotation that holds the time at which the content was made (RFC 3339).
pub const CREATED: &str = "org.opencontainers.image.created";

/// The annotation that holds a file's name.
pub const TITLE: &str = "org.opencontainers.image.title";

/// The annotation that holds the kind of disk: `qemu`, `raw`, `applehv` and the like.
pub const DISK_TYPE: &str = "disktype";

/// The annotation that holds a tag in a layout's index.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The annotations of a descriptor or a manifest.
pub type Annotations = BTreeMap<String, String>;

/// Names content and says what it is.
///
/// It is read as an [`Entry`](super::entry::Entry). What real documents have besides is in their bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Descriptor {
    /// The type of the content; empty if the document does not say it.
    pub media_type: MediaType,
    /// The digest of the content.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Other places to get it from. Never followed without the URL guard.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// What the publisher says about it.
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
    /// The content itself, in base64, where it is small.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The type of the artifact, where the content is its manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// What it is for, where the content is a manifest in an index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
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

/// Reads annotations; values that are no text are left out. Says besides which one stands there twice, with
/// different values: readers differ in which of them they take.
pub(super) fn annotations(
    value: &RawValue,
    allowance: &mut Allowance,
) -> Result<(Annotations, Option<String>), Excess> {
    let (mut found, mut contradictory) = (Annotations::new(), None);
    json::members(value, |key, value| {
        let Some(value) = json::text(value) else {
            return Ok(());
        };
        allowance.text()?;
        match found.get(key) {
            Some(known) if *known != value => contradictory = Some(key.to_owned()),
            Some(_) => {}
            None => {
                found.insert(key.to_owned(), value);
            }
        }
        Ok(())
    })?;
    Ok((found, contradictory))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn inline(size: u64, data: &str) -> Option<Vec<u8>> {
        let digest = format!("sha256:{HEX}").parse().unwrap();
        let data = Some(data.to_owned());
        Descriptor { data, ..Descriptor::new(MediaType::none(), digest, size) }.inline()
    }

    #[test]
    fn inline_content_must_have_the_size_promised() {
        assert_eq!(inline(2, "e30=").as_deref(), Some(b"{}".as_slice()));
        assert_eq!(inline(3, "e30="), None);
        assert_eq!(inline(2, "e30=e30=e30="), None);
        assert_eq!(inline(2, "!!"), None);
    }
}
