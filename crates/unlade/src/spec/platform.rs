//! Platforms: what an entry of an index is for, and what is asked for.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md>

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde_json::value::RawValue;

use super::entry::EntryError;
use super::json::{self, Allowance, Excess};

/// The platform that an entry of an index names; what is missing is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Platform {
    /// The architecture, by Go's names in well-behaved indexes.
    pub architecture: String,
    /// The operating system; coreos-assembler puts the platform's name there.
    pub os: String,
    /// The variant of the architecture, such as `v8`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// The version of the operating system.
    #[serde(rename = "os.version", skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// What the operating system must be able to do.
    #[serde(rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
}

impl Platform {
    /// Reads a value. A field that is no text is as if it were not there.
    pub(super) fn read(value: &RawValue, allowance: &mut Allowance) -> Result<Result<Self, EntryError>, Excess> {
        let mut fields =
            [("architecture", None), ("os", None), ("os.features", None), ("os.version", None), ("variant", None)];
        let mut repeated = None;
        let is_object = json::members(value, |key, value| {
            if let Some((name, slot)) = fields.iter_mut().find(|(name, _)| *name == key)
                && slot.replace(value).is_some()
            {
                repeated = Some(*name);
            }
            Ok(())
        })?;
        let [architecture, os, os_features, os_version, variant] = fields.map(|(_, value)| value);
        let text = |value: Option<&RawValue>| value.and_then(json::text).unwrap_or_default();
        let platform = Self {
            architecture: text(architecture),
            os: text(os),
            variant: text(variant),
            os_version: text(os_version),
            os_features: os_features.map_or_else(|| Ok(Vec::new()), |value| json::texts(value, allowance))?,
        };
        Ok(match repeated {
            _ if !is_object => Err(EntryError::Platform),
            // Readers differ in whether the first or the last one counts.
            Some(key) => Err(EntryError::Repeated(key)),
            None => Ok(platform),
        })
    }

    /// Says whether this is the `unknown/unknown` of attestations.
    pub fn is_unknown(&self) -> bool {
        self.architecture == "unknown" && self.os == "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let os = if self.os.is_empty() { "*" } else { &self.os };
        let architecture = if self.architecture.is_empty() { "*" } else { &self.architecture };
        write!(f, "{os}/{architecture}")?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

/// Says whether two names mean the same architecture: `x86_64` and `amd64`,
/// `aarch64` and `arm64` do; any other names must be equal.
pub fn same_architecture(one: &str, other: &str) -> bool {
    canonical(one) == canonical(other)
}

fn canonical(architecture: &str) -> &str {
    match architecture {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// What is asked of a platform; what is not given is not compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PlatformSpec {
    /// The architecture, aliases included.
    pub architecture: Option<String>,
    /// The operating system.
    pub os: Option<String>,
    /// The variant of the architecture.
    pub variant: Option<String>,
    /// The version of the operating system.
    pub os_version: Option<String>,
}

/// A field of a platform that is not what is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The field.
    pub field: &'static str,
    /// What is asked for.
    pub asked: String,
    /// What is there; empty if the platform does not say. Text from outside.
    pub found: String,
}

/// Why a text is no platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a platform is written OS/ARCH or OS/ARCH/VARIANT")]
#[non_exhaustive]
pub struct PlatformError;

impl PlatformSpec {
    /// Says whether nothing is asked for.
    pub fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Says whether a platform is what is asked for. One that does not name its
    /// architecture fits any; a variant or version that is asked for must be there.
    pub fn matches(&self, platform: &Platform) -> bool {
        self.differences(platform).is_empty()
    }

    /// Returns the fields in which a platform is not what is asked for: none if it [matches](Self::matches).
    pub fn differences(&self, platform: &Platform) -> Vec<Difference> {
        let fits = |field, asked: &str, found: &str| match field {
            "architecture" => found.is_empty() || same_architecture(asked, found),
            _ => asked == found,
        };
        let fields = [
            ("os", &self.os, &platform.os),
            ("architecture", &self.architecture, &platform.architecture),
            ("variant", &self.variant, &platform.variant),
            ("os.version", &self.os_version, &platform.os_version),
        ];
        let compared = fields.into_iter().filter_map(|(field, asked, found)| Some((field, asked.as_ref()?, found)));
        compared
            .filter(|(field, asked, found)| !fits(*field, asked, found))
            .map(|(field, asked, found)| Difference { field, asked: asked.clone(), found: found.clone() })
            .collect()
    }
}

impl FromStr for PlatformSpec {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let well_formed = |part: &&str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        if !parts.iter().all(well_formed) {
            return Err(PlatformError);
        }
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some((*variant).to_owned())),
            _ => return Err(PlatformError),
        };
        Ok(Self {
            architecture: Some((*architecture).to_owned()),
            os: Some((*os).to_owned()),
            variant,
            os_version: None,
        })
    }
}

impl fmt::Display for PlatformSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        write!(f, "{}/{}", part(&self.os), part(&self.architecture))?;
        if let Some(variant) = &self.variant {
            write!(f, "/{variant}")?;
        }
        if let Some(version) = &self.os_version {
            write!(f, " version {version}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn platform(os: &str, architecture: &str, variant: &str) -> Platform {
        Platform { os: os.into(), architecture: architecture.into(), variant: variant.into(), ..Platform::default() }
    }

    #[test]
    fn the_table_of_matches() {
        let arch = |name: &str| PlatformSpec { architecture: Some(name.into()), ..PlatformSpec::default() };
        for (asked, found, expected) in [
            (PlatformSpec::default(), platform("linux", "amd64", ""), true),
            (arch("x86_64"), platform("linux", "amd64", ""), true),
            (arch("amd64"), platform("qemu", "x86_64", ""), true),
            (arch("aarch64"), platform("linux", "arm64", "v8"), true),
            (arch("arm"), platform("linux", "arm64", ""), false),
            (arch("amd64"), platform("linux", "", ""), true),
            ("linux/arm64".parse().unwrap(), platform("qemu", "arm64", ""), false),
            ("linux/arm64/v8".parse().unwrap(), platform("linux", "arm64", "v8"), true),
            ("linux/arm64/v8".parse().unwrap(), platform("linux", "arm64", ""), false),
        ] {
            assert_eq!(asked.matches(&found), expected, "{asked} {found}");
        }
    }

    #[test]
    fn differences_name_the_fields() {
        let asked: PlatformSpec = "linux/arm/v7".parse().unwrap();
        let named = |found| {
            let fields: Vec<_> =
                asked.differences(&found).into_iter().map(|found| (found.field, found.found)).collect();
            fields
        };
        assert_eq!(named(platform("linux", "arm", "v7")), []);
        assert_eq!(named(platform("linux", "arm", "")), [("variant", String::new())]);
        assert_eq!(named(platform("metal", "amd64", "v7")), [("os", "metal".into()), ("architecture", "amd64".into())]);
    }

    #[test]
    fn bad_platforms_are_refused() {
        for text in ["", "linux", "linux/", "/amd64", "a/b/c/d", "li nux/amd64"] {
            assert!(text.parse::<PlatformSpec>().is_err(), "{text:?}");
        }
    }

    fn read(text: &str) -> Result<Platform, EntryError> {
        Platform::read(json::document(text.as_bytes()).unwrap(), &mut Allowance::new()).unwrap()
    }

    #[test]
    fn fields_with_dots_are_read_and_written() {
        let text = r#"{"architecture":"amd64","os":"windows","os.version":"10.0","os.features":["win32k"]}"#;
        let platform = read(text).unwrap();
        assert_eq!(
            (platform.os_version.as_str(), platform.os_features.as_slice()),
            ("10.0", &["win32k".to_owned()][..])
        );
        assert_eq!(serde_json::to_string(&platform).unwrap(), text);
    }

    proptest! {
        #[test]
        fn what_is_asked_for_is_written_as_it_was(text in "[a-z0-9._-]{0,6}(/[a-z0-9._-]{0,6}){0,3}") {
            if let Ok(asked) = text.parse::<PlatformSpec>() {
                prop_assert_eq!(asked.to_string(), text);
            }
        }

        #[test]
        fn a_platform_is_what_its_own_name_asks_for(os in "[a-z]{1,5}", architecture in "[a-z0-9]{1,6}", variant in "(v[0-9])?") {
            let named = platform(&os, &architecture, &variant);
            let asked: PlatformSpec = named.to_string().parse().unwrap();
            prop_assert!(asked.matches(&named));
            let (longer, other) = (format!("{os}x"), format!("{architecture}x"));
            prop_assert!(!asked.matches(&platform(&longer, &architecture, &variant)));
            prop_assert!(!asked.matches(&platform(&os, &other, &variant)));
        }
    }

    #[test]
    fn a_field_that_stands_there_twice_is_no_platform() {
        for field in ["architecture", "os", "os.features", "os.version", "variant"] {
            let text = format!(r#"{{"{field}":"a","new":1,"new":2,"{field}":"b"}}"#);
            assert_eq!(read(&text), Err(EntryError::Repeated(field)));
        }
    }

    #[test]
    fn what_is_no_text_is_nothing() {
        for text in [
            r#"{"architecture":"amd64","os":null,"os.features":null}"#,
            r#"{"architecture":"amd64","os":5,"os.features":"x","variant":{},"new":[1]}"#,
        ] {
            assert_eq!(read(text).unwrap().to_string(), "*/amd64", "{text}");
        }
        assert_eq!(read("\"linux/amd64\""), Err(EntryError::Platform));
    }
}
