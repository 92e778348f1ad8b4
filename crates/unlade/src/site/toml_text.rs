//! TOML, read with the place of every value.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::{Fault, Origin, Sourced};

/// A table of a TOML file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    file: File<'a>,
    /// The keys that lead to it, for messages.
    parent: Option<&'a str>,
    values: &'a DeTable<'a>,
    at: usize,
}

/// A file and its name.
#[derive(Debug, Clone, Copy)]
struct File<'a> {
    name: &'a str,
    text: &'a str,
}

/// Reads a file, and hands its table over.
pub(super) fn read<T>(name: &str, text: &str, then: impl FnOnce(Table<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
    let file = File { name, text };
    let root = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Fault::new(format!("{name}, line {}: this is not TOML: {}", file.line(at), error.message()))
    })?;
    then(Table { file, parent: None, values: root.get_ref(), at: 0 })
}

impl File<'_> {
    fn line(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(self.text).matches('\n').count() + 1
    }

    fn origin(&self, at: usize) -> Origin {
        Origin::line(self.name, self.line(at))
    }
}

impl<'a> Table<'a> {
    /// Returns where it begins.
    pub(super) fn origin(&self) -> Origin {
        self.file.origin(self.at)
    }

    /// Says what is wrong with the table.
    pub(super) fn fault(&self, what: &str) -> Fault {
        self.fault_at(self.at, None, what)
    }

    /// Says what is wrong with the value of a key.
    pub(super) fn fault_of(&self, key: &str, what: &str) -> Fault {
        let at = self.find(key).map_or(self.at, |value| value.span().start);
        self.fault_at(at, Some(key), what)
    }

    fn fault_at(&self, at: usize, key: Option<&str>, what: &str) -> Fault {
        let path: Vec<&str> = self.parent.into_iter().chain(key).collect();
        let key = if path.is_empty() { String::new() } else { format!(", key {}", path.join(".")) };
        Fault::new(format!("{}, line {}{key}: {what}", self.file.name, self.file.line(at)))
    }

    fn find(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.values.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// Says whether there is a value of a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Returns the keys and where they stand, in the order of the file.
    pub(super) fn keys(&self) -> Vec<(&'a str, Origin)> {
        let mut keys: Vec<_> = self.values.keys().map(|key| (key.span().start, &**key.get_ref())).collect();
        keys.sort_unstable();
        keys.into_iter().map(|(at, key)| (key, self.file.origin(at))).collect()
    }

    fn typed<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a DeValue<'a>) -> Option<T>,
    ) -> Result<Option<Sourced<T>>, Fault> {
        let Some(value) = self.find(key) else {
            return Ok(None);
        };
        let found = read(value.get_ref()).ok_or_else(|| self.fault_of(key, &format!("expected {expected}")))?;
        Ok(Some(Sourced::new(found, self.file.origin(value.span().start))))
    }

    /// Reads a text.
    pub(super) fn string(&self, key: &str) -> Result<Option<Sourced<String>>, Fault> {
        self.typed(key, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// Reads true or false.
    pub(super) fn bool(&self, key: &str) -> Result<Option<Sourced<bool>>, Fault> {
        self.typed(key, "true or false", DeValue::as_bool)
    }

    /// Reads a list of texts.
    pub(super) fn strings(&self, key: &str) -> Result<Option<Sourced<Vec<String>>>, Fault> {
        self.typed(key, "a list of texts", texts)
    }

    /// Reads a text, or a list of texts.
    pub(super) fn string_or_strings(&self, key: &str) -> Result<Option<Sourced<Vec<String>>>, Fault> {
        self.typed(key, "a text or a list of texts", |value| match value.as_str() {
            Some(text) => Some(vec![text.to_owned()]),
            None => texts(value),
        })
    }

    /// Reads a text, or a list whose members are texts or lists of texts.
    pub(super) fn groups(&self, key: &str) -> Result<Option<Sourced<Vec<Vec<String>>>>, Fault> {
        let group = |value: &DeValue<'_>| match value.as_str() {
            Some(text) => Some(vec![text.to_owned()]),
            None => texts(value),
        };
        self.typed(key, "a text, or a list of texts or pairs", |value| match value.as_str() {
            Some(text) => Some(vec![vec![text.to_owned()]]),
            None => value.as_array()?.iter().map(|value| group(value.get_ref())).collect(),
        })
    }

    /// Reads a table; `path` is the whole way to it, for messages.
    pub(super) fn table(&self, key: &str, path: &'a str) -> Result<Option<Self>, Fault> {
        let Some(value) = self.find(key) else {
            return Ok(None);
        };
        let values = value.get_ref().as_table().ok_or_else(|| self.fault_of(key, "expected a table"))?;
        Ok(Some(Self { file: self.file, parent: Some(path), values, at: value.span().start }))
    }

    /// Reads a list of tables; `path` is the whole way to them, for messages.
    pub(super) fn tables(&self, key: &str, path: &'a str) -> Result<Vec<Self>, Fault> {
        let Some(value) = self.find(key) else {
            return Ok(Vec::new());
        };
        let wrong = || self.fault_of(key, "expected tables: [[...]]");
        let list = value.get_ref().as_array().ok_or_else(wrong)?;
        let table = |value: &'a Spanned<DeValue<'a>>| {
            let values = value.get_ref().as_table().ok_or_else(wrong)?;
            Ok(Self { file: self.file, parent: Some(path), values, at: value.span().start })
        };
        list.iter().map(table).collect()
    }

    /// Refuses keys that are not known.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Fault> {
        match self.keys().into_iter().find(|(key, _)| !known.contains(key)) {
            Some((key, _)) => {
                Err(self.fault_of(key, &format!("nothing has this name; there are {}", known.join(", "))))
            }
            None => Ok(()),
        }
    }
}

fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|value| value.get_ref().as_str().map(str::to_owned)).collect()
}
