//! Entries: descriptors as they stand in a document, each judged by itself.

use serde_json::value::RawValue;

use super::descriptor::{self, Annotations, Descriptor, TITLE};
use super::digest::{Digest, DigestError};
use super::json::{self, Allowance, Excess};
use super::media_type::{MediaType, MediaTypeError};
use super::platform::Platform;
use super::text::sanitise;

/// So many characters of a text from a document are quoted: enough to know it again.
const MAX_QUOTED: usize = 100;

/// A place in a document where a descriptor stands. One that cannot be read spoils no other.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an entry can be read or it cannot")]
pub enum Entry {
    /// It names content.
    Readable(Descriptor),
    /// It does not, or not in a way that is known here.
    Unreadable(Unreadable),
}

/// What is known of an entry that names no content: enough to say which one it is, and why it cannot be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// What is wrong with it.
    pub fault: EntryError,
    /// What the publisher says about it.
    pub annotations: Annotations,
    /// The digest as it is written, shortened, without what could steer a terminal.
    pub digest: Option<String>,
    /// The type of the content; empty if the document does not say it.
    pub media_type: MediaType,
    /// What it is for.
    pub platform: Option<Platform>,
}

/// Why an entry names no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// It has an annotation twice, with different values: two readers would see different ones.
    #[error("the annotation {0:?} stands in it twice, with different values")]
    Contradictory(String),
    /// Its digest is none that is known here.
    #[error("its digest cannot be used")]
    Digest(#[source] DigestError),
    /// A media type is none.
    #[error("its media type cannot be used")]
    MediaType(#[source] MediaTypeError),
    /// It has no digest.
    #[error("it has no digest")]
    NoDigest,
    /// It is no JSON object.
    #[error("it is not an object")]
    NotAnObject,
    /// Its platform is no JSON object.
    #[error("its platform is not an object")]
    Platform,
    /// A key stands in it twice, which two readers would see differently.
    #[error("the key {0} stands in it twice")]
    Repeated(&'static str),
    /// Its size is missing, or is no number of bytes.
    #[error("its size is not a number of bytes")]
    Size,
}

impl EntryError {
    /// Says whether the entry may be sound, but is of a form that is not handled.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Self::Digest(DigestError::UnknownAlgorithm))
    }
}

impl Entry {
    /// Returns the descriptor, or what is known in its stead.
    ///
    /// # Errors
    ///
    /// The [`Unreadable`] with its [`fault`](Unreadable::fault).
    pub fn readable(&self) -> Result<&Descriptor, &Unreadable> {
        match self {
            Self::Readable(descriptor) => Ok(descriptor),
            Self::Unreadable(unreadable) => Err(unreadable),
        }
    }

    /// Returns the descriptor, if the entry can be read.
    pub fn descriptor(&self) -> Option<&Descriptor> {
        self.readable().ok()
    }

    /// Returns the type of the content; empty if the document does not say it.
    pub fn media_type(&self) -> &MediaType {
        self.readable().map_or_else(|unreadable| &unreadable.media_type, |descriptor| &descriptor.media_type)
    }

    /// Returns what the content is for.
    pub fn platform(&self) -> Option<&Platform> {
        self.readable()
            .map_or_else(|unreadable| unreadable.platform.as_ref(), |descriptor| descriptor.platform.as_ref())
    }

    /// Returns what the publisher says about it.
    pub fn annotations(&self) -> &Annotations {
        self.readable().map_or_else(|unreadable| &unreadable.annotations, |descriptor| &descriptor.annotations)
    }

    /// Returns the value of an annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations().get(key).map(String::as_str)
    }

    /// Returns the file name that the publisher gave it; text from outside, not yet fit for a path.
    pub fn title(&self) -> Option<&str> {
        self.annotation(TITLE)
    }

    /// Returns the digest for a message; `None` if the entry names none at all.
    pub fn digest(&self) -> Option<String> {
        self.readable().map_or_else(|unreadable| unreadable.digest.clone(), |found| Some(found.digest.to_string()))
    }

    /// Says whether two entries name the same content.
    pub fn is_same_content(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Readable(one), Self::Readable(other)) => one.digest == other.digest,
            _ => self == other,
        }
    }

    /// Reads a value.
    pub(super) fn read(value: &RawValue, allowance: &mut Allowance) -> Result<Self, Excess> {
        allowance.entry()?;
        let mut fields = Fields::default();
        let is_object = json::members(value, |key, value| {
            fields.take(key, value);
            Ok(())
        })?;
        let mut reading = Reading { fault: fields.repeated.map(EntryError::Repeated), allowance };
        if !is_object {
            reading.fault = Some(EntryError::NotAnObject);
        }
        fields.read(&mut reading)
    }
}

/// The values of an entry's fields.
#[derive(Default)]
struct Fields<'a> {
    annotations: Option<&'a RawValue>,
    artifact_type: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
    digest: Option<&'a RawValue>,
    media_type: Option<&'a RawValue>,
    platform: Option<&'a RawValue>,
    size: Option<&'a RawValue>,
    urls: Option<&'a RawValue>,
    repeated: Option<&'static str>,
}

impl<'a> Fields<'a> {
    fn take(&mut self, key: &str, value: &'a RawValue) {
        let (name, slot) = match key {
            "annotations" => ("annotations", &mut self.annotations),
            "artifactType" => ("artifactType", &mut self.artifact_type),
            "data" => ("data", &mut self.data),
            "digest" => ("digest", &mut self.digest),
            "mediaType" => ("mediaType", &mut self.media_type),
            "platform" => ("platform", &mut self.platform),
            "size" => ("size", &mut self.size),
            "urls" => ("urls", &mut self.urls),
            _ => return,
        };
        if slot.replace(value).is_some() {
            self.repeated = self.repeated.or(Some(name));
        }
    }

    fn read(self, reading: &mut Reading<'_>) -> Result<Entry, Excess> {
        let digest = self.digest.and_then(json::text);
        let parsed = reading.digest(digest.as_deref());
        let size = reading.note(self.size.and_then(json::number).ok_or(EntryError::Size));
        let media_type = reading.media_type(self.media_type);
        let artifact_type = reading.media_type(self.artifact_type);
        let platform = reading.platform(self.platform)?;
        let annotations = reading.annotations(self.annotations)?;
        let urls = self.urls.map(|urls| json::texts(urls, reading.allowance)).transpose()?;
        let (Some(digest), Some(size), None) = (parsed, size, &reading.fault) else {
            return Ok(Entry::Unreadable(Unreadable {
                fault: reading.fault.take().unwrap_or(EntryError::NoDigest),
                annotations,
                digest: digest.map(|text| quote(&text)),
                media_type: media_type.unwrap_or_else(MediaType::none),
                platform,
            }));
        };
        Ok(Entry::Readable(Descriptor {
            urls: urls.unwrap_or_default(),
            annotations,
            data: self.data.and_then(json::text),
            artifact_type,
            platform,
            ..Descriptor::new(media_type.unwrap_or_else(MediaType::none), digest, size)
        }))
    }
}

/// The first thing that is wrong, and what may still be kept.
struct Reading<'r> {
    fault: Option<EntryError>,
    allowance: &'r mut Allowance,
}

impl Reading<'_> {
    fn note<T>(&mut self, outcome: Result<T, EntryError>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault.get_or_insert(fault);
                None
            }
        }
    }

    fn digest(&mut self, text: Option<&str>) -> Option<Digest> {
        let parsed = text.ok_or(EntryError::NoDigest).and_then(|text| text.parse().map_err(EntryError::Digest));
        self.note(parsed)
    }

    /// Reads a media type; what is no text is as if it were not there.
    fn media_type(&mut self, value: Option<&RawValue>) -> Option<MediaType> {
        let text = value.and_then(json::text)?;
        self.note(text.parse().map_err(EntryError::MediaType))
    }

    fn platform(&mut self, value: Option<&RawValue>) -> Result<Option<Platform>, Excess> {
        let Some(value) = value.filter(|value| !json::is_null(value)) else {
            return Ok(None);
        };
        let platform = Platform::read(value, self.allowance)?;
        Ok(self.note(platform))
    }

    fn annotations(&mut self, value: Option<&RawValue>) -> Result<Annotations, Excess> {
        let Some(value) = value else {
            return Ok(Annotations::new());
        };
        let (annotations, contradictory) = descriptor::annotations(value, self.allowance)?;
        self.note(contradictory.map_or(Ok(()), |key| Err(EntryError::Contradictory(quote(&key)))));
        Ok(annotations)
    }
}

/// Makes a text from a document fit for a message.
pub(super) fn quote(text: &str) -> String {
    let plain = sanitise(text);
    let mut quoted: String = plain.chars().take(MAX_QUOTED).collect();
    if quoted.len() < plain.len() {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn read(text: &str) -> Entry {
        let text = text.replace("HEX", HEX);
        Entry::read(json::document(text.as_bytes()).unwrap(), &mut Allowance::new()).unwrap()
    }

    fn fault(text: &str) -> EntryError {
        read(text).readable().expect_err(text).fault.clone()
    }

    #[test]
    fn what_has_digest_and_size_can_be_read_whatever_the_rest_is() {
        for rest in [
            "",
            r#","mediaType":5,"annotations":[],"urls":"x","data":5,"artifactType":{},"platform":null"#,
            r#","mediaType":null,"annotations":null,"urls":null,"data":null,"artifactType":null"#,
            r#","annotations":{"k":5},"urls":[5],"new":{"x":[1]}"#,
        ] {
            let entry = read(&format!(r#"{{"digest":"sha256:HEX","size":5{rest}}}"#));
            let found = entry.descriptor().expect(rest);
            assert_eq!(*found, Descriptor::new(MediaType::none(), found.digest.clone(), 5), "{rest}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for other in ["null", "[]", "5", "true", "\"sha256:HEX\""] {
            assert_eq!(fault(other), EntryError::NotAnObject, "{other}");
        }
        assert_eq!(fault("{}"), EntryError::NoDigest);
        assert_eq!(fault(r#"{"digest":5,"size":1}"#), EntryError::NoDigest);
        assert_eq!(fault(r#"{"digest":"blake3:HEX","size":1}"#), EntryError::Digest(DigestError::UnknownAlgorithm));
        assert!(fault(r#"{"digest":"blake3:HEX","size":1}"#).is_unsupported());
        assert!(!fault(r#"{"digest":"sha256:abc","size":1}"#).is_unsupported());
        for size in ["", r#","size":-1"#, r#","size":1.5"#, r#","size":18446744073709551616"#, r#","size":"5""#] {
            assert_eq!(fault(&format!(r#"{{"digest":"sha256:HEX"{size}}}"#)), EntryError::Size, "{size}");
        }
        let with = |rest: &str| fault(&format!(r#"{{"digest":"sha256:HEX","size":1,{rest}}}"#));
        assert_eq!(with(r#""platform":"linux/amd64""#), EntryError::Platform);
        assert_eq!(with(r#""mediaType":"a/\u0000""#), EntryError::MediaType(MediaTypeError));
        assert_eq!(with(r#""size":1"#), EntryError::Repeated("size"));
        assert_eq!(with(r#""annotations":{"t":"a","t":"b"}"#), EntryError::Contradictory("t".to_owned()));
    }

    #[test]
    fn an_annotation_may_be_said_twice() {
        let entry = read(r#"{"digest":"sha256:HEX","size":1,"annotations":{"t":"a","t":"a"}}"#);
        assert_eq!(entry.annotation("t"), Some("a"));
    }

    #[test]
    fn what_cannot_be_read_still_says_what_it_is() {
        let entry = read(
            r#"{"mediaType":"a/b","digest":"blake3:\u001b[2JHEXHEX","annotations":{"org.opencontainers.image.title":"x"},
                "platform":{"os":"linux","architecture":"riscv64"}}"#,
        );
        assert_eq!((entry.media_type().as_str(), entry.title()), ("a/b", Some("x")));
        assert_eq!(entry.platform().unwrap().to_string(), "linux/riscv64");
        let digest = entry.digest().unwrap();
        assert!(digest.starts_with("blake3:[2Jaaa") && digest.ends_with('…'), "{digest}");
        assert_eq!(entry.descriptor(), None);
    }

    #[test]
    fn the_same_content_is_known_by_its_digest() {
        let one = read(r#"{"digest":"sha256:HEX","size":1,"annotations":{"t":"a"}}"#);
        let other = read(r#"{"digest":"sha256:HEX","size":1}"#);
        let strange = read(r#"{"digest":"blake3:HEX","size":1}"#);
        assert!(one.is_same_content(&other) && strange.is_same_content(&strange));
        assert!(!one.is_same_content(&strange));
    }
}
