//! How files are written.

use super::super::Resume;
use super::Replace;

/// Whether a published file must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// It need not: faster, for files that can be fetched again.
    NoSync,
    /// It must: content and name are synced before publishing ends.
    #[default]
    Sync,
}

/// Which part of a file gets room on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Allocation {
    /// What is not zero: holes stand for the rest. The room is checked for all of it, and taken as bytes come.
    Sparse,
    /// All of it, before the first byte.
    #[default]
    Whole,
}

/// How files are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileOptions {
    /// Whether a file may be replaced whose name a server chose; one that the user named always may.
    pub replace: Replace,
    /// Whether a published file must survive a power cut.
    pub durability: Durability,
    /// Which part of a file gets room on the disk.
    pub allocation: Allocation,
    /// Whether a run that is stopped leaves what a later one goes on with, and whether it goes on so itself.
    pub resume: Resume,
}

impl FileOptions {
    /// Says whether a file may be replaced in a place that says so much about it.
    pub(in crate::target) fn allow(&self, place: Replace) -> Replace {
        match (place, self.replace) {
            (Replace::Never, Replace::Never) => Replace::Never,
            _ => Replace::Always,
        }
    }

    /// Sets whether a file may be replaced whose name a server chose.
    #[must_use]
    pub fn replace(mut self, replace: Replace) -> Self {
        self.replace = replace;
        self
    }

    /// Sets whether a published file must survive a power cut.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets which part of a file gets room on the disk.
    #[must_use]
    pub fn allocation(mut self, allocation: Allocation) -> Self {
        self.allocation = allocation;
        self
    }

    /// Sets whether a run that is stopped leaves what a later one goes on with, and whether it goes on so itself.
    #[must_use]
    pub fn resume(mut self, resume: Resume) -> Self {
        self.resume = resume;
        self
    }
}
