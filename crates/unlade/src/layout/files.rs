//! The files of a layout, wherever they are kept.

use super::archive::Archive;
use super::entry::Entry;
use super::folder::Folder;
use super::patience::settled;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::digest::Digest;

/// Where the files of a layout are. It is open: whatever becomes of its name, it stays the same.
pub(super) enum Files {
    Archive(Archive),
    Folder(Folder),
}

impl Files {
    /// Returns the layout's name as a user would write it.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Archive(archive) => archive.name(),
            Self::Folder(folder) => folder.name(),
        }
    }

    /// Looks at what says that this is a layout.
    pub(super) fn version<T>(&self, look: impl Fn(&Entry) -> Result<T>) -> Result<T> {
        let found = match self {
            Self::Archive(archive) => archive.version()?.map(|entry| look(&entry)).transpose()?,
            Self::Folder(folder) => settled(|| folder.file("oci-layout"), look)?.map(|(_, found)| found),
        };
        found.ok_or_else(|| self.lacks("oci-layout"))
    }

    /// Looks at `index.json` as it is now, and again while another program may be writing it.
    pub(super) fn index<T>(&self, look: impl Fn(&Entry) -> Result<T>) -> Result<T> {
        let found = match self {
            Self::Archive(archive) => archive.index()?.map(|entry| look(&entry)).transpose()?,
            Self::Folder(folder) => settled(|| folder.file("index.json"), look)?.map(|(_, found)| found),
        };
        found.ok_or_else(|| self.lacks("index.json"))
    }

    /// Opens the blob with a digest.
    pub(super) fn blob(&self, digest: &Digest) -> Result<Entry> {
        match self {
            Self::Archive(archive) => archive.blob(digest),
            Self::Folder(folder) => folder.blob(digest),
        }?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("{} has no blob {digest}", self.name())))
    }

    fn lacks(&self, file: &str) -> Error {
        let more = match self {
            // What `docker save` wrote before version 25, and `crane pull` writes still.
            Self::Archive(archive) if archive.is_of_docker() => ", but a manifest.json: it is docker's own format",
            _ => "",
        };
        not_a_layout(self.name()).caused_by(format!("there is no file {file} in it{more}"))
    }
}

/// Says that something is no layout at all.
pub(super) fn not_a_layout(name: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{name} is not an OCI image layout"))
}
