//! Where a value was found, and what is wrong with a file.

use std::fmt;

use crate::error::{Error, ErrorKind};

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Origin {
    /// The file, as messages name it.
    pub file: String,
    /// The line, counted from 1; missing where the file as a whole is meant.
    pub line: Option<usize>,
}

impl Origin {
    /// Names a file.
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), line: None }
    }

    /// Names a line of a file.
    pub fn line(file: impl Into<String>, line: usize) -> Self {
        Self { file: file.into(), line: Some(line) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// A value, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it was found.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// Puts a value and its place together.
    pub fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }
}

/// What is wrong with a file: one sentence that names the file and, where known, line and key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(String);

impl Fault {
    /// Says what is wrong.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl From<&Fault> for Error {
    fn from(fault: &Fault) -> Self {
        Self::new(ErrorKind::InvalidInput, fault.to_string())
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::from(&fault)
    }
}
