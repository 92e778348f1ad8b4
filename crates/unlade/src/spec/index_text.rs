//! An index as it is written, to be added to: what stands in it stays as it is, byte for byte.
//!
//! Others keep a layout's `index.json` too, and write more into it than is understood here.

use std::ops::Range;

use serde_json::value::RawValue;

use super::descriptor::{Descriptor, REF_NAME};
use super::entry::Entry;
use super::json::{self, Allowance};
use super::manifest::ManifestError;

/// The text of an index without entries.
pub const EMPTY: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// Adds entries to the text of an index; returns `None` if all of them stand in it already.
///
/// An entry with a name, `org.opencontainers.image.ref.name`, takes the place of those that have the same name. One
/// without is added only if no other names the same content.
///
/// # Errors
///
/// A [`ManifestError`] for what is no index, or none that can be read in one way alone.
pub fn add(text: &[u8], entries: &[Descriptor]) -> Result<Option<Vec<u8>>, ManifestError> {
    let mut index = IndexText::read(text)?;
    // Names first: what one of them takes over may be the only entry of content that is to be named without one.
    let (titled, others): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.annotation(REF_NAME).is_some());
    for entry in titled.into_iter().chain(others) {
        index.add(entry)?;
    }
    Ok(index.is_changed().then(|| index.write()))
}

/// The text, and where its entries are.
struct IndexText<'a> {
    text: &'a [u8],
    list: List,
    listed: Vec<Listed>,
    added: Vec<Listed>,
}

/// Where the list of entries is.
enum List {
    /// Behind this byte of an object with other members, or with none.
    Missing { behind: usize, comma: &'static str },
    /// There is a `null` in its stead.
    Null(Range<usize>),
    /// Its first entry would begin here.
    There(usize),
}

/// An entry, and what becomes of it.
struct Listed {
    entry: Entry,
    place: Range<usize>,
    fate: Fate,
}

#[derive(PartialEq, Eq)]
enum Fate {
    Go,
    Stay,
    Text(String),
}

impl<'a> IndexText<'a> {
    fn read(text: &'a [u8]) -> Result<Self, ManifestError> {
        let document = json::document(text).map_err(ManifestError::Malformed)?;
        let place = |value: &RawValue| {
            // A value borrows from the text: its place is that in memory.
            let start = value.get().as_ptr().addr() - text.as_ptr().addr();
            start..start + value.get().len()
        };
        let (mut manifests, mut members) = (None, 0_usize);
        let is_object = json::members(document, |key, value| {
            members += 1;
            match key {
                "manifests" if manifests.replace(value).is_some() => Err(ManifestError::DuplicateKey("manifests")),
                _ => Ok(()),
            }
        })?;
        if !is_object {
            return Err(ManifestError::Unknown);
        }
        let (mut listed, mut allowance) = (Vec::new(), Allowance::new());
        let list = match manifests {
            None => List::Missing { behind: place(document).start + 1, comma: if members == 0 { "" } else { "," } },
            Some(null) if json::is_null(null) => List::Null(place(null)),
            Some(list) => {
                let is_list = json::elements(list, |element| {
                    let entry = Entry::read(element, &mut allowance)?;
                    listed.push(Listed { entry, place: place(element), fate: Fate::Stay });
                    Ok::<(), ManifestError>(())
                })?;
                if !is_list {
                    return Err(ManifestError::Field("manifests"));
                }
                List::There(place(list).start + 1)
            }
        };
        Ok(Self { text, list, listed, added: Vec::new() })
    }

    fn add(&mut self, new: &Descriptor) -> Result<(), ManifestError> {
        let name = new.annotation(REF_NAME);
        let all = || self.listed.iter().chain(&self.added).filter(|listed| listed.fate != Fate::Go);
        let is_there = if name.is_none() {
            all().any(|listed| is_content(listed, new))
        } else {
            let mut called = all().filter(|listed| listed.entry.annotation(REF_NAME) == name);
            called.next().is_some_and(|first| is_content(first, new)) && called.next().is_none()
        };
        if is_there {
            return Ok(());
        }
        let text = serde_json::to_string(new).map_err(ManifestError::Malformed)?;
        let mut text = Some(text);
        let all = self.listed.iter_mut().chain(&mut self.added).filter(|listed| listed.fate != Fate::Go);
        for listed in all.filter(|listed| name.is_some() && listed.entry.annotation(REF_NAME) == name) {
            listed.entry = Entry::Readable(new.clone());
            listed.fate = text.take().map_or(Fate::Go, Fate::Text);
        }
        if let Some(text) = text {
            let entry = Entry::Readable(new.clone());
            self.added.push(Listed { entry, place: 0..0, fate: Fate::Text(text) });
        }
        Ok(())
    }

    fn is_changed(&self) -> bool {
        !self.added.is_empty() || self.listed.iter().any(|listed| listed.fate != Fate::Stay)
    }

    fn write(&self) -> Vec<u8> {
        let added: Vec<&str> = self.added.iter().filter_map(|listed| listed.fate.text()).collect();
        let added = added.join(",");
        let (head, list, tail) = match &self.list {
            List::Missing { behind, comma } => (*behind, format!(r#""manifests":[{added}]{comma}"#), *behind),
            List::Null(place) => (place.start, format!("[{added}]"), place.end),
            List::There(start) => return self.write_list(*start, &added),
        };
        [&self.text[..head], list.as_bytes(), &self.text[tail..]].concat()
    }

    /// Writes each entry with what stands before it: the beginning of the list, or a comma.
    fn write_list(&self, start: usize, added: &str) -> Vec<u8> {
        let mut out = self.text[..start].to_vec();
        let mut place = start;
        for listed in &self.listed {
            match &listed.fate {
                // The first of those with a name stays, so that no comma is left at the beginning.
                Fate::Go => {}
                Fate::Stay => out.extend_from_slice(&self.text[place..listed.place.end]),
                Fate::Text(text) => {
                    out.extend_from_slice(&self.text[place..listed.place.start]);
                    out.extend_from_slice(text.as_bytes());
                }
            }
            place = listed.place.end;
        }
        if !self.listed.is_empty() && !added.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(added.as_bytes());
        out.extend_from_slice(&self.text[place..]);
        out
    }
}

impl Fate {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Go | Self::Stay => None,
        }
    }
}

/// Says whether an entry names the content in the same way.
fn is_content(listed: &Listed, new: &Descriptor) -> bool {
    listed
        .entry
        .descriptor()
        .is_some_and(|found| found.digest == new.digest && found.size == new.size && found.media_type == new.media_type)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::manifest::{Manifest, RawManifest};
    use crate::spec::media_type::{MediaType, OCI_INDEX, OCI_MANIFEST};

    fn descriptor(digit: char, name: Option<&str>) -> Descriptor {
        let digest = format!("sha256:{}", digit.to_string().repeat(64)).parse().unwrap();
        let mut descriptor = Descriptor::new(MediaType::known(OCI_MANIFEST), digest, 7);
        descriptor.annotations.extend(name.map(|name| (REF_NAME.to_owned(), name.to_owned())));
        descriptor
    }

    fn written(digit: char, name: Option<&str>) -> String {
        serde_json::to_string(&descriptor(digit, name)).unwrap()
    }

    fn add_one(text: &str, digit: char, name: Option<&str>) -> Option<String> {
        add(text.as_bytes(), &[descriptor(digit, name)]).unwrap().map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn an_entry_is_added_behind_the_others_and_nothing_else_changes() {
        let new = written('a', Some("v1"));
        for (before, after) in [
            (EMPTY, EMPTY.replace("[]", "[NEW]")),
            ("{}", r#"{"manifests":[NEW]}"#.to_owned()),
            (r#" { "x" : 1 } "#, r#" {"manifests":[NEW], "x" : 1 } "#.to_owned()),
            (r#"{"manifests": null }"#, r#"{"manifests": [NEW] }"#.to_owned()),
            (r#"{"manifests": [ ] }"#, r#"{"manifests": [NEW ] }"#.to_owned()),
            (
                "{\n \"manifests\": [\n  {\"strange\": [1,  2]} ,\n null\n ],\n \"x\": \"\\u0041\"}\n",
                "{\n \"manifests\": [\n  {\"strange\": [1,  2]} ,\n null,NEW\n ],\n \"x\": \"\\u0041\"}\n".to_owned(),
            ),
            (r#"{"\u006danifests":[]}"#, r#"{"\u006danifests":[NEW]}"#.to_owned()),
        ] {
            assert_eq!(add_one(before, 'a', Some("v1")).unwrap(), after.replace("NEW", &new), "{before}");
        }
    }

    #[test]
    fn an_entry_takes_the_place_of_those_with_its_name() {
        let (one, two, other) = (written('1', Some("v1")), written('2', Some("v1")), written('3', Some("v2")));
        let new = written('a', Some("v1"));
        for (before, after) in [
            (format!("[{one}, {other}]"), format!("[{new}, {other}]")),
            (format!("[{other}, {one}]"), format!("[{other}, {new}]")),
            (format!("[ {one} , {two} ]"), format!("[ {new} ]")),
            (format!("[{other},{one},null,{two},{other}]"), format!("[{other},{new},null,{other}]")),
            (format!("[{new},{two}]"), format!("[{new}]")),
            (
                r#"[{"digest":"blake3:x","annotations":{"org.opencontainers.image.ref.name":"v1"}}]"#.to_owned(),
                format!("[{new}]"),
            ),
        ] {
            let index = |list: &str| format!(r#"{{"manifests":{list}}}"#);
            assert_eq!(add_one(&index(&before), 'a', Some("v1")).unwrap(), index(&after));
        }
    }

    #[test]
    fn what_stands_there_already_is_not_written_again() {
        let index = format!(r#"{{"manifests":[{},{}]}}"#, written('1', Some("v1")), written('2', None));
        for (digit, name) in [('1', Some("v1")), ('1', None), ('2', None)] {
            assert_eq!(add_one(&index, digit, name), None, "{digit} {name:?}");
        }
        assert!(add_one(&index, '2', Some("v2")).is_some(), "its name is new");
        assert!(add_one(&index, '1', Some("v1.0")).is_some(), "a manifest may have several names");
        assert_eq!(add(EMPTY.as_bytes(), &[]).unwrap(), None);
        let twice = add(EMPTY.as_bytes(), &[descriptor('1', None), descriptor('1', None)]).unwrap().unwrap();
        assert_eq!(twice, EMPTY.replace("[]", &format!("[{}]", written('1', None))).into_bytes());
    }

    #[test]
    fn what_is_no_index_is_refused() {
        for (text, expected) in [
            ("", "the document cannot be read"),
            ("[]", "the document is neither a manifest nor an index"),
            (r#"{"manifests":{}}"#, "the document's manifests is not what it has to be"),
            (r#"{"manifests":[],"manifests":[]}"#, "the document has the key manifests twice"),
        ] {
            let error = add(text.as_bytes(), &[descriptor('a', None)]).unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_outcome_is_an_index_that_names_all(
            before in proptest::collection::vec((0..6_u32, proptest::option::of(0..4_u32)), 0..8),
            new in proptest::collection::vec((0..6_u32, proptest::option::of(0..4_u32)), 1..6),
        ) {
            let entry = |(digit, name): &(u32, Option<u32>)| {
                descriptor(char::from_digit(*digit, 10).unwrap(), name.map(|name| format!("v{name}")).as_deref())
            };
            let before: Vec<Descriptor> = before.iter().map(entry).collect();
            let text = format!(r#"{{"manifests": {}, "kept": [1 , 2]}}"#, serde_json::to_string(&before).unwrap());
            let new: Vec<Descriptor> = new.iter().map(entry).collect();
            let after = add(text.as_bytes(), &new).unwrap().unwrap_or_else(|| text.clone().into_bytes());
            prop_assert!(after.ends_with(b", \"kept\": [1 , 2]}".as_slice()), "what stood there is changed");
            let raw = RawManifest::new(Some(MediaType::known(OCI_INDEX)), after.clone());
            let Manifest::Index(index) = Manifest::parse(&raw).unwrap() else { panic!("no index") };
            let found: Vec<&Descriptor> = index.manifests.iter().filter_map(Entry::descriptor).collect();
            prop_assert_eq!(found.len(), index.manifests.len());
            for (place, entry) in new.iter().enumerate() {
                let named = |other: &&Descriptor| other.annotation(REF_NAME) == entry.annotation(REF_NAME);
                if entry.annotation(REF_NAME).is_none() {
                    prop_assert!(found.iter().any(|found| found.digest == entry.digest), "it is not named at all");
                    continue;
                }
                let last = new[place..].iter().rfind(named).unwrap();
                let called: Vec<_> = found.iter().copied().filter(named).collect();
                prop_assert_eq!(called, [last]);
            }
            prop_assert_eq!(add(&after, &new[new.len() - 1..]).unwrap(), None);
        }
    }
}
