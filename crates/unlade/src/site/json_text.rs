//! JSON of a site's files, with the line of every value.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::config::{Fault, Origin};

/// A value of a JSON file.
#[derive(Debug, Clone)]
pub(super) struct Value<'a> {
    name: &'a str,
    text: &'a str,
    /// The keys that lead to it.
    path: String,
    at: usize,
    raw: &'a str,
}

/// Reads a file as far as to know that it is JSON.
pub(super) fn read<'a>(name: &'a str, text: &'a str) -> Result<Value<'a>, Fault> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        Fault::new(format!("{name}, line {}, column {}: this is not JSON", error.line(), error.column()))
    })?;
    let at = text.len() - text.trim_start().len();
    Ok(Value { name, text, path: String::new(), at, raw: raw.get() })
}

impl<'a> Value<'a> {
    /// Returns where it stands.
    pub(super) fn origin(&self) -> Origin {
        Origin::line(self.name, self.text[..self.at].matches('\n').count() + 1)
    }

    /// Says what is wrong with it.
    pub(super) fn fault(&self, what: &str) -> Fault {
        let line = self.origin().line.unwrap_or_default();
        let key = if self.path.is_empty() { String::new() } else { format!(", key {}", self.path) };
        Fault::new(format!("{}, line {line}{key}: {what}", self.name))
    }

    fn parse<T: Deserialize<'a>>(&self, expected: &str) -> Result<T, Fault> {
        serde_json::from_str(self.raw).map_err(|_| self.fault(&format!("expected {expected}")))
    }

    fn inner(&self, key: &str, raw: &'a RawValue) -> Self {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        // A raw value is a part of the text that it was read from.
        let offset = (raw.get().as_ptr() as usize).saturating_sub(self.raw.as_ptr() as usize);
        Self { name: self.name, text: self.text, path, at: self.at + offset, raw: raw.get() }
    }

    /// Reads an object.
    pub(super) fn members(&self) -> Result<BTreeMap<String, Self>, Fault> {
        let members: BTreeMap<String, &'a RawValue> = self.parse("an object")?;
        let inner = |(key, raw): (String, _)| {
            let value = self.inner(&key, raw);
            (key, value)
        };
        Ok(members.into_iter().map(inner).collect())
    }

    /// Reads a list.
    pub(super) fn list(&self) -> Result<Vec<Self>, Fault> {
        let list: Vec<&'a RawValue> = self.parse("a list")?;
        Ok(list.into_iter().enumerate().map(|(number, raw)| self.inner(&number.to_string(), raw)).collect())
    }

    /// Reads a text.
    pub(super) fn string(&self) -> Result<String, Fault> {
        self.parse("a text")
    }
}
