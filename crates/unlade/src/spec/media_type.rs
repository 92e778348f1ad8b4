//! Media types, as they are in the wild.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI artifact manifest, which the specification had for a while.
pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The empty JSON object that stands for no configuration.
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// An OCI layer without compression.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// Docker manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker manifest, schema 1.
pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
/// Docker manifest, schema 1, signed.
pub const DOCKER_SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// What a request for a manifest accepts: one line, since proxies keep only the first of several.
pub const MANIFEST_ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.artifact.manifest.v1+json";

/// Longer texts are refused: no media type is.
const MAX_LENGTH: usize = 512;

/// A media type, kept as received: real ones are odd, and some are empty.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaType(Box<str>);

/// Why a text is no media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a media type has at most 512 bytes and no control characters")]
#[non_exhaustive]
pub struct MediaTypeError;

impl MediaType {
    /// Returns `application/octet-stream`, the type of what has none.
    pub fn octet_stream() -> Self {
        Self("application/octet-stream".into())
    }

    /// Returns the empty type: that of content whose document does not say it.
    pub fn none() -> Self {
        Self::known("")
    }

    pub(crate) fn known(text: &'static str) -> Self {
        Self(text.into())
    }

    /// Returns the text as received.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns type and subtype in lower case, without parameters.
    pub fn essence(&self) -> String {
        self.0.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Says whether type and subtype are these, given in lower case.
    pub fn is(&self, essence: &str) -> bool {
        self.essence() == essence
    }

    /// Returns what follows the last `+` of the essence, such as `json` or `gzip`.
    pub fn suffix(&self) -> Option<&str> {
        let essence = self.0.split(';').next()?.trim();
        essence.rsplit_once('+').map(|(_, suffix)| suffix)
    }

    /// Returns the value of a parameter, without its quotes; the name is compared without case.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameters(&self.0).into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Splits `; name=value; name="quoted value"`, quotes respected.
fn parameters(text: &str) -> Vec<(String, String)> {
    let Some((_, mut rest)) = text.split_once(';') else {
        return Vec::new();
    };
    let mut found = Vec::new();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, behind) = value(after.trim_start());
        found.push((name.trim_matches([' ', ';', '\t']).to_owned(), value));
        rest = behind.split_once(';').map_or("", |(_, next)| next);
    }
    found
}

fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((offset, c)) = characters.next() {
        match c {
            '"' => return (value, &quoted[offset + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

impl FromStr for MediaType {
    type Err = MediaTypeError;

    fn from_str(text: &str) -> Result<Self, MediaTypeError> {
        if text.len() > MAX_LENGTH || text.chars().any(char::is_control) {
            return Err(MediaTypeError);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for MediaType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MediaType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_media_types_apart() {
        let odd: MediaType = r#"Application/Vnd.X+Zstd ; Charset="a;\"b" ;compression=gzip; flag"#.parse().unwrap();
        assert_eq!(odd.essence(), "application/vnd.x+zstd");
        assert_eq!(odd.suffix(), Some("Zstd"));
        assert_eq!(odd.parameter("charset").as_deref(), Some("a;\"b"));
        assert_eq!(odd.parameter("COMPRESSION").as_deref(), Some("gzip"));
        assert_eq!(odd.parameter("flag"), None);
        let empty: MediaType = "".parse().unwrap();
        assert_eq!((empty.essence().as_str(), empty.suffix(), empty.parameter("x")), ("", None, None));
    }

    #[test]
    fn control_characters_and_novels_are_refused() {
        assert!("application/x\n".parse::<MediaType>().is_err());
        assert!("x".repeat(513).parse::<MediaType>().is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>(), name in any::<String>()) {
            if let Ok(media_type) = text.parse::<MediaType>() {
                media_type.essence();
                media_type.suffix();
                media_type.parameter(&name);
            }
        }

        #[test]
        fn what_is_read_is_written_as_it_was(text in r#"[a-zA-Z/+;="\\ é.-]{0,40}"#) {
            let media_type: MediaType = text.parse().unwrap();
            prop_assert_eq!(media_type.as_str(), &text);
            let read: MediaType = serde_json::from_str(&serde_json::to_string(&media_type).unwrap()).unwrap();
            prop_assert_eq!(&read, &media_type);
            prop_assert!(media_type.is(&media_type.essence()));
            prop_assert_eq!(media_type.to_string(), text);
        }

        #[test]
        fn a_parameter_is_found_whatever_stands_in_it(value in r#"[a-z;="\\ /é]{0,12}"#, other in "[a-z]{1,5}") {
            let quoted = value.replace('\\', r"\\").replace('"', "\\\"");
            let media_type: MediaType = format!(r#"a/b; x-{other}=1 ;Wanted="{quoted}"; y=2"#).parse().unwrap();
            prop_assert_eq!(media_type.parameter("wanted"), Some(value));
            prop_assert_eq!(media_type.parameter("y"), Some("2".to_owned()));
            prop_assert_eq!(media_type.essence(), "a/b");
        }
    }
}
