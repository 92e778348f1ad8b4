//! JSON, value by value: what is wrong with one spoils no other, and what nobody asks for takes no memory.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// How much may be kept of one document: so many texts, or a quarter as many entries. That is an index of 16,384
/// entries with an annotation each, about as many as fit into 4 MiB, and the memory for it stays below 16 MiB.
const ALLOWED: u32 = 81_920;

/// What an entry costs, in texts.
const ENTRY: u32 = 4;

/// What may still be kept of a document.
#[derive(Debug)]
pub(crate) struct Allowance(u32);

/// Says that a document holds more than may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Excess;

impl Allowance {
    /// Begins a document.
    pub(crate) fn new() -> Self {
        Self(ALLOWED)
    }

    /// Keeps an entry of a list.
    pub(super) fn entry(&mut self) -> Result<(), Excess> {
        self.take(ENTRY)
    }

    /// Keeps a text.
    pub(super) fn text(&mut self) -> Result<(), Excess> {
        self.take(1)
    }

    fn take(&mut self, cost: u32) -> Result<(), Excess> {
        self.0 = self.0.checked_sub(cost).ok_or(Excess)?;
        Ok(())
    }
}

/// Reads a document as far as to know that it is JSON.
pub(super) fn document(bytes: &[u8]) -> Result<&RawValue, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// Visits the members of an object in their order; returns false for what is no object.
pub(super) fn members<'a, E>(
    value: &'a RawValue,
    each: impl FnMut(&str, &'a RawValue) -> Result<(), E>,
) -> Result<bool, E> {
    let mut visit = Visit { each, stopped: None };
    let visited = serde_json::Deserializer::from_str(value.get()).deserialize_map(Members(&mut visit));
    visit.stopped.map_or(Ok(visited.is_ok()), Err)
}

/// Visits the elements of a list in their order; `null` is an empty one. Returns false for what is no list.
pub(super) fn elements<'a, E>(value: &'a RawValue, each: impl FnMut(&'a RawValue) -> Result<(), E>) -> Result<bool, E> {
    if is_null(value) {
        return Ok(true);
    }
    let mut visit = Visit { each, stopped: None };
    let visited = serde_json::Deserializer::from_str(value.get()).deserialize_seq(Elements(&mut visit));
    visit.stopped.map_or(Ok(visited.is_ok()), Err)
}

/// Returns a text; anything else is `None`.
pub(super) fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Returns a number that is whole and not negative; anything else is `None`.
pub(super) fn number(value: &RawValue) -> Option<u64> {
    serde_json::from_str(value.get()).ok()
}

/// Says whether a value is `null`.
pub(super) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// Returns the texts of a list; anything else, in it or in its place, is left out.
pub(super) fn texts(value: &RawValue, allowance: &mut Allowance) -> Result<Vec<String>, Excess> {
    let mut found = Vec::new();
    elements(value, |element| {
        if let Some(text) = text(element) {
            allowance.text()?;
            found.push(text);
        }
        Ok(())
    })?;
    Ok(found)
}

/// A visit that an error of the visitor's own stops.
struct Visit<F, E> {
    each: F,
    stopped: Option<E>,
}

impl<F, E> Visit<F, E> {
    fn note<M: serde::de::Error>(&mut self, outcome: Result<(), E>) -> Result<(), M> {
        outcome.map_err(|error| {
            self.stopped = Some(error);
            M::custom("stopped")
        })
    }
}

struct Members<'v, F, E>(&'v mut Visit<F, E>);

impl<'a, F: FnMut(&str, &'a RawValue) -> Result<(), E>, E> Visitor<'a> for Members<'_, F, E> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let outcome = (self.0.each)(&key, map.next_value()?);
            self.0.note(outcome)?;
        }
        Ok(())
    }
}

struct Elements<'v, F, E>(&'v mut Visit<F, E>);

impl<'a, F: FnMut(&'a RawValue) -> Result<(), E>, E> Visitor<'a> for Elements<'_, F, E> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(element) = list.next_element()? {
            let outcome = (self.0.each)(element);
            self.0.note(outcome)?;
        }
        Ok(())
    }
}

/// A key, copied only where it is written with escapes.
struct Key<'a>(Cow<'a, str>);

impl<'a> Deserialize<'a> for Key<'a> {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'a> Visitor<'a> for KeyVisitor {
            type Value = Key<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: serde::de::Error>(self, key: &'a str) -> Result<Key<'a>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Key<'a>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn keys(text: &str) -> (bool, Vec<String>) {
        let mut keys = Vec::new();
        let Ok(is_object) = members::<Infallible>(document(text.as_bytes()).unwrap(), |key, value| {
            keys.push(format!("{key}={value}"));
            Ok(())
        });
        (is_object, keys)
    }

    #[test]
    fn members_come_in_order_whatever_they_hold() {
        let (is_object, found) = keys(r#"{"a":1,"b":[{}],"a":"x","\u0063":{"d":null}}"#);
        assert!(is_object);
        assert_eq!(found, ["a=1", "b=[{}]", r#"a="x""#, r#"c={"d":null}"#]);
        for other in ["[]", "null", "1", "true", r#""{}""#] {
            assert_eq!(keys(other), (false, Vec::new()), "{other}");
        }
    }

    #[test]
    fn elements_come_in_order_whatever_they_are() {
        for (text, is_list, expected) in [
            (r#"[1, null,{"a":[]}]"#, true, "1 null {\"a\":[]}"),
            ("null", true, ""),
            ("{}", false, ""),
            ("1", false, ""),
        ] {
            let mut found = Vec::new();
            let outcome = elements::<Infallible>(document(text.as_bytes()).unwrap(), |element| {
                found.push(element.get());
                Ok(())
            });
            assert_eq!((outcome, found.join(" ").as_str()), (Ok(is_list), expected), "{text}");
        }
    }

    #[test]
    fn a_visitor_can_stop() {
        let mut seen = 0;
        let outcome = elements(document(b"[1,2,3]").unwrap(), |_| {
            seen += 1;
            if seen == 2 { Err("enough") } else { Ok(()) }
        });
        assert_eq!((outcome, seen), (Err("enough"), 2));
    }

    #[test]
    fn numbers_are_whole_and_not_negative() {
        for (value, expected) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-1", None),
            ("1.5", None),
            ("\"5\"", None),
            ("null", None),
        ] {
            assert_eq!(number(document(value.as_bytes()).unwrap()), expected, "{value}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut allowance = Allowance::new();
        assert_eq!((0..ALLOWED).find(|_| allowance.entry().is_err()), Some(ALLOWED / ENTRY));
        assert_eq!(allowance.text(), Err(Excess));
        let many = format!("[{}\"\"]", "\"\",".repeat(ALLOWED as usize));
        assert_eq!(texts(document(many.as_bytes()).unwrap(), &mut Allowance::new()), Err(Excess));
        let ignored = format!("[{}1]", "1,".repeat(ALLOWED as usize));
        assert_eq!(texts(document(ignored.as_bytes()).unwrap(), &mut Allowance::new()), Ok(Vec::new()));
    }
}
