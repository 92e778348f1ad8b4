//! Lists of tags, as registries write them.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags>

use super::json;

/// The tags of one document, in its order.
///
/// They are texts of a server: what breaks the grammar of tags is kept as it is. They stand in one text, since some
/// registries give a million of them at once: a `String` for each would take many times the document's size.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TagList {
    text: String,
    /// Where each of them ends.
    ends: Vec<usize>,
}

/// Why a document is no list of tags.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TagListError {
    /// Its tags stand in it twice, which two readers would see differently.
    #[error("the document has the key tags twice")]
    DuplicateKey,
    /// A tag is no text.
    #[error("the tag in place {0} of the list is no text")]
    Element(usize),
    /// It is no JSON.
    #[error("the document cannot be read")]
    Malformed(#[source] serde_json::Error),
    /// Its tags are no list.
    #[error("the document's tags are no list")]
    NoList,
    /// It is no JSON object.
    #[error("the document is not an object")]
    NotAnObject,
}

impl TagList {
    /// Reads a document. `"tags": null`, and a document without `tags`, is a list of none: Go programs write the one,
    /// and some registries the other.
    ///
    /// # Errors
    ///
    /// A [`TagListError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TagListError> {
        let document = json::document(bytes).map_err(TagListError::Malformed)?;
        let mut tags = None;
        let is_object = json::members(document, |key, value| match (key, tags.is_some()) {
            ("tags", true) => Err(TagListError::DuplicateKey),
            ("tags", false) => {
                tags = Some(value);
                Ok(())
            }
            _ => Ok(()),
        })?;
        if !is_object {
            return Err(TagListError::NotAnObject);
        }
        let mut list = Self::default();
        let Some(tags) = tags else { return Ok(list) };
        let is_list = json::elements(tags, |element| {
            let tag = json::text(element).ok_or(TagListError::Element(list.len() + 1))?;
            list.text.push_str(&tag);
            list.ends.push(list.text.len());
            Ok(())
        })?;
        if is_list { Ok(list) } else { Err(TagListError::NoList) }
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the one in a place, counted from 0.
    pub fn get(&self, place: usize) -> Option<&str> {
        let start = place.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(start..*self.ends.get(place)?)
    }

    /// Visits them in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|place| self.get(place))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Vec<String>, String> {
        let list = TagList::parse(text.as_bytes()).map_err(|error| error.to_string())?;
        assert_eq!(list.len(), list.iter().count());
        Ok(list.iter().map(str::to_owned).collect())
    }

    #[test]
    fn the_tags_come_in_their_order() {
        for (text, expected) in [
            (r#"{"name":"a/b","tags":["v1","v2","latest"]}"#, &["v1", "v2", "latest"][..]),
            (r#"{"tags":["","\u001b[2J","v1"],"other":{"tags":5}}"#, &["", "\u{1b}[2J", "v1"]),
            (r#"{"tags":[]}"#, &[]),
            (r#"{"tags":null}"#, &[]),
            (r#"{"name":"a/b"}"#, &[]),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for (text, expected) in [
            ("", "the document cannot be read"),
            (r#"{"tags":["v1","#, "the document cannot be read"),
            ("[]", "the document is not an object"),
            ("null", "the document is not an object"),
            (r#"{"tags":{}}"#, "the document's tags are no list"),
            (r#"{"tags":"v1"}"#, "the document's tags are no list"),
            (r#"{"tags":["v1",2]}"#, "the tag in place 2 of the list is no text"),
            (r#"{"tags":[null]}"#, "the tag in place 1 of the list is no text"),
            (r#"{"tags":["\ud800"]}"#, "the tag in place 1 of the list is no text"),
            (r#"{"tags":["v1"],"tags":["v1"]}"#, "the document has the key tags twice"),
        ] {
            assert_eq!(parse(text).unwrap_err(), expected, "{text}");
        }
        assert!(matches!(TagList::parse(b"{\"tags\":[\"\xff\"]}"), Err(TagListError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(tags in proptest::collection::vec(any::<String>(), 0..9)) {
            let text = serde_json::json!({ "name": "a", "tags": tags }).to_string();
            prop_assert_eq!(parse(&text).unwrap(), tags);
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _unused = TagList::parse(&bytes);
        }
    }
}
