//! A change of what a folder holds.

use std::ffi::OsString;
use std::fmt;

/// A change; files and folders by their numbers.
#[derive(Clone, Eq, PartialEq)]
pub(super) enum Action {
    /// A file is at least so long.
    Extend { node: usize, length: usize },
    /// A name stands for a file or a folder.
    Link { folder: usize, name: OsString, node: usize },
    /// A file or a folder has a mode.
    Mode { node: usize, mode: u32 },
    /// A name gives way to another one.
    Rename { from: (usize, OsString), to: (usize, OsString), node: usize },
    /// A file is so long.
    Resize { node: usize, length: usize },
    /// What was done to a file, or to the names in a folder, is durable.
    Sync { node: usize },
    /// A name stands for nothing any more.
    Unlink { folder: usize, name: OsString, node: usize },
    /// A file holds these bytes.
    Write { node: usize, offset: usize, bytes: Vec<u8> },
}

impl fmt::Debug for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extend { node, length } => write!(formatter, "extend {node} to {length}"),
            Self::Link { folder, name, node } => write!(formatter, "name {node} {} in {folder}", name.display()),
            Self::Mode { node, mode } => write!(formatter, "set the mode of {node} to {mode:o}"),
            Self::Rename { from: (from, old), to: (to, new), node } => {
                write!(formatter, "rename {node} from {} in {from} to {} in {to}", old.display(), new.display())
            }
            Self::Resize { node, length } => write!(formatter, "resize {node} to {length}"),
            Self::Sync { node } => write!(formatter, "sync {node}"),
            Self::Unlink { folder, name, node } => write!(formatter, "unlink {node}, {} in {folder}", name.display()),
            Self::Write { node, offset, bytes } => write!(formatter, "write {node} at {offset}, {} bytes", bytes.len()),
        }
    }
}
