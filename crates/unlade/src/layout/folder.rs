//! The folder of a layout, and files below it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, statat};
use rustix::io::Errno;

use super::entry::{Entry, Version};
use super::files::not_a_layout;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::descriptor::Content;
use crate::spec::digest::{Algorithm, Digest};

/// The descriptor of a layout's folder. Nothing below it is reached through a link.
pub(super) struct Folder {
    descriptor: OwnedFd,
    name: String,
}

/// Opens the folder that the user named: the one path on which links are followed.
///
/// # Errors
///
/// [`ErrorKind::InvalidInput`] if there is no folder.
pub(super) fn open_root(path: &Path) -> Result<OwnedFd> {
    rustix::fs::open(path, FOLDER, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT | Errno::NOTDIR => not_a_layout(&path.display().to_string()).caused_by(io::Error::from(errno)),
        _ => Error::io(format!("cannot open the folder {}", path.display()), errno.into()),
    })
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

// NONBLOCK: opening a FIFO that nobody writes to would otherwise wait for ever.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Folder {
    pub(super) fn new(descriptor: OwnedFd, path: &Path) -> Self {
        Self { descriptor, name: format!("ocidir://{}", path.display()) }
    }

    /// Returns the layout's name as a user would write it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Opens a file in the folder itself, if it is there.
    pub(super) fn file(&self, name: &str) -> Result<Option<Entry>> {
        entry(&self.descriptor, name, format!("{name} of {}", self.name))
    }

    /// Opens the blob with a digest, if it is there.
    pub(super) fn blob(&self, digest: &Digest) -> Result<Option<Entry>> {
        let Some(folder) = self.blobs(digest.algorithm())? else {
            return Ok(None);
        };
        entry(&folder, digest.hex(), format!("the blob {digest} of {}", self.name))
    }

    /// Returns the first of some blobs that is not there with its size.
    pub(super) fn first_missing(&self, blobs: impl IntoIterator<Item = Content>) -> Result<Option<Content>> {
        let mut folders: Vec<(Algorithm, Option<OwnedFd>)> = Vec::new();
        for blob in blobs {
            let algorithm = blob.digest.algorithm();
            let known = folders.iter().position(|(known, _)| *known == algorithm);
            let place = if let Some(place) = known {
                place
            } else {
                folders.push((algorithm, self.blobs(algorithm)?));
                folders.len() - 1
            };
            let there = match &folders[place].1 {
                Some(folder) => length(folder, &blob.digest)?,
                None => None,
            };
            if there.is_none_or(|length| blob.size.is_some_and(|size| size != length)) {
                return Ok(Some(blob));
            }
        }
        Ok(None)
    }

    /// Opens the folder of the blobs that an algorithm names, if it is there.
    fn blobs(&self, algorithm: Algorithm) -> Result<Option<OwnedFd>> {
        let Some(blobs) = self.folder(&self.descriptor, "blobs")? else {
            return Ok(None);
        };
        self.folder(&blobs, algorithm.name())
    }

    /// Says whether there is anything in the folder but these names.
    pub(super) fn holds_but(&self, names: &[&str]) -> Result<bool> {
        let unreadable = |errno: Errno| Error::io(format!("cannot list the folder of {}", self.name), errno.into());
        for entry in Dir::read_from(&self.descriptor).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." && !names.iter().any(|expected| expected.as_bytes() == name) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn folder(&self, parent: &OwnedFd, name: &str) -> Result<Option<OwnedFd>> {
        open(parent, name, FOLDER, &format!("the folder {name} of {}", self.name))
    }
}

/// Returns the length of the regular file that is named by a digest, if there is one.
fn length(folder: &OwnedFd, digest: &Digest) -> Result<Option<u64>> {
    match statat(folder, digest.hex(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::RegularFile => {
            Ok(u64::try_from(found.st_size).ok())
        }
        Ok(_) | Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(Error::io(format!("cannot look at the blob {digest}"), errno.into())),
    }
}

/// Opens a regular file, if there is one of this name.
fn entry(parent: &OwnedFd, name: &str, what: String) -> Result<Option<Entry>> {
    let Some(descriptor) = open(parent, name, FILE, &what)? else {
        return Ok(None);
    };
    let stat =
        rustix::fs::fstat(&descriptor).map_err(|errno| Error::io(format!("cannot look at {what}"), errno.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Error::new(ErrorKind::Io, format!("{what} is not a regular file")));
    }
    let size = u64::try_from(stat.st_size).expect("a regular file has no negative size");
    let (file, version) = (Arc::new(File::from(descriptor)), Version::of(&stat));
    Ok(Some(Entry { file, place: 0..size, name: what, version }))
}

/// Opens a name in a folder without following it, should it be a link.
fn open(parent: &OwnedFd, name: &str, flags: OFlags, what: &str) -> Result<Option<OwnedFd>> {
    match rustix::fs::openat(parent, name, flags | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(descriptor) => Ok(Some(descriptor)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::LOOP) => Err(Error::new(ErrorKind::Io, format!("{what} is a link, which is not followed"))),
        Err(Errno::NOTDIR) => {
            Err(Error::new(ErrorKind::Io, format!("{what} is a link, which is not followed, or no folder at all")))
        }
        Err(errno) => Err(Error::io(format!("cannot open {what}"), errno.into())),
    }
}
