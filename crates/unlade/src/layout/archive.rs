//! A tar that holds a layout, and the files in it.
//!
//! Its headers are read once, when it is opened; what they name is read where it is. See
//! `docs/decisions/layouts-in-tars.md`.

mod role;
mod scan;

use std::fs::File;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, fstat};
use rustix::io::Errno;

use super::entry::{Entry, Version};
use super::files::not_a_layout;
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::spec::digest::Digest;
use scan::Members;

/// How files begin that hold a compressed tar, what they are, and the command that undoes it.
const COMPRESSIONS: [(&[u8], &str, &str); 4] = [
    (b"\x1f\x8b", "gzip", "gzip -d"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd -d"),
    (b"\xfd7zXZ\0", "xz", "xz -d"),
    (b"BZh", "bzip2", "bzip2 -d"),
];

/// A tar, open, with the places of a layout's files in it. Clones of the descriptor share them.
pub(super) struct Archive {
    file: Arc<File>,
    name: String,
    members: Members,
}

impl Archive {
    /// Opens the tar that the user named, where links are followed, and reads its headers.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let name = format!("ocitar://{}", path.display());
        let (file, length) = open(path, &name)?;
        refuse_compressed(&file, path, &name)?;
        let members = scan::scan(&file, length, &name)?;
        Ok(Self { file: Arc::new(file), name, members })
    }

    /// Returns the layout's name as a user would write it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Opens the file `oci-layout`, if it is there.
    pub(super) fn version(&self) -> Result<Option<Entry>> {
        self.entry(self.members.version.as_ref(), "oci-layout")
    }

    /// Opens the file `index.json`, if it is there.
    pub(super) fn index(&self) -> Result<Option<Entry>> {
        self.entry(self.members.index.as_ref(), "index.json")
    }

    /// Opens the blob with a digest, if it is there.
    pub(super) fn blob(&self, digest: &Digest) -> Result<Option<Entry>> {
        self.entry(self.members.blobs.get(digest), &format!("the blob {digest}"))
    }

    /// Says whether the list of images is in it that docker writes.
    pub(super) fn is_of_docker(&self) -> bool {
        self.members.of_docker
    }

    fn entry(&self, place: Option<&Range<u64>>, what: &str) -> Result<Option<Entry>> {
        let Some(place) = place.cloned() else {
            return Ok(None);
        };
        let name = format!("{what} of {}", self.name);
        let stat = fstat(&*self.file).map_err(|errno| Error::io(format!("cannot look at {name}"), errno.into()))?;
        Ok(Some(Entry { file: Arc::clone(&self.file), place, name, version: Version::of(&stat) }))
    }
}

/// Opens a regular file, and returns its length.
fn open(path: &Path, name: &str) -> Result<(File, u64)> {
    // NONBLOCK: opening a FIFO that nobody writes to would otherwise wait for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let descriptor: OwnedFd = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::NXIO => not_a_layout(name).caused_by(std::io::Error::from(errno)),
        _ => Error::io(format!("cannot open {}", path.display()), errno.into()),
    })?;
    let stat =
        fstat(&descriptor).map_err(|errno| Error::io(format!("cannot look at {}", path.display()), errno.into()))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(not_a_layout(name).caused_by("it is a folder: that is ocidir://")),
        // A pipe cannot be read here and there.
        _ => return Err(not_a_layout(name).caused_by("it is not a regular file")),
    }
    let length = u64::try_from(stat.st_size).expect("a regular file has no negative size");
    Ok((descriptor.into(), length))
}

fn refuse_compressed(file: &File, path: &Path, name: &str) -> Result<()> {
    let mut start = [0; 8];
    let read = file.read_at(&mut start, 0).map_err(|cause| Error::io(format!("cannot read {name}"), cause))?;
    match COMPRESSIONS.iter().find(|(magic, ..)| start[..read].starts_with(magic)) {
        None => Ok(()),
        Some((_, format, command)) => {
            Err(Error::new(ErrorKind::Unsupported, format!("{name} is compressed with {format}"))
                .advise(Advice::Decompress(format!("{command} {}", path.display()))))
        }
    }
}

#[cfg(test)]
mod tests;
