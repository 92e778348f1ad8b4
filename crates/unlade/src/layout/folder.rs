//! The folder of a layout, and files below it.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Result};
use crate::spec::descriptor::Content;
use crate::spec::digest::Digest;
use crate::verify::{Ticket, Verifier};

/// How much of a file is in memory while it is verified, in bytes.
const BUFFER: usize = 64 << 10;

/// The descriptor of a layout's folder. Nothing below it is reached through a link.
pub(super) struct Folder {
    descriptor: OwnedFd,
    name: String,
}

/// A regular file of a layout.
pub(super) struct Entry {
    pub(super) file: File,
    pub(super) size: u64,
    /// What errors call it.
    pub(super) name: String,
    pub(super) version: Version,
}

/// What tells one content of a file from another, as well as the file system does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Version {
    file: (u64, u64),
    size: i64,
    times: [(i64, i64); 2],
}

impl Version {
    fn of(stat: &Stat) -> Self {
        let nanoseconds = |value: u64| i64::try_from(value).unwrap_or(0);
        Self {
            file: (stat.st_dev, stat.st_ino),
            size: stat.st_size,
            times: [(stat.st_mtime, nanoseconds(stat.st_mtime_nsec)), (stat.st_ctime, nanoseconds(stat.st_ctime_nsec))],
        }
    }
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

/// Says that something is no layout at all.
pub(super) fn not_a_layout(name: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("{name} is not an OCI image layout"))
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

// NONBLOCK: opening a FIFO that nobody writes to would otherwise wait for ever.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

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

    /// Opens the blob with a digest.
    pub(super) fn blob(&self, digest: &Digest) -> Result<Entry> {
        self.stored(digest)?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("{} has no blob {digest}", self.name)))
    }

    fn stored(&self, digest: &Digest) -> Result<Option<Entry>> {
        let Some(blobs) = self.folder(&self.descriptor, "blobs")? else {
            return Ok(None);
        };
        let Some(folder) = self.folder(&blobs, digest.algorithm().name())? else {
            return Ok(None);
        };
        entry(&folder, digest.hex(), format!("the blob {digest} of {}", self.name))
    }

    fn folder(&self, parent: &OwnedFd, name: &str) -> Result<Option<OwnedFd>> {
        open(parent, name, FOLDER, &format!("the folder {name} of {}", self.name))
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
    Ok(Some(Entry { file: File::from(descriptor), size, name: what, version: Version::of(&stat) }))
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

impl Entry {
    /// Checks that the file is what a digest and perhaps a size promise, without keeping it in memory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] above the limit, in bytes; [`ErrorKind::Mismatch`] for other bytes.
    pub(super) fn verify(&self, promised: &Content, limit: u64) -> Result<()> {
        if self.size > limit {
            return Err(self.too_large(limit));
        }
        let ticket = Ticket::new();
        let mut verifier = Verifier::begin(promised, &ticket);
        let mut buffer = vec![0; BUFFER];
        loop {
            match self.file.read_at(&mut buffer, verifier.seen()) {
                Ok(0) => return verifier.settle()?.redeem(&ticket).map(drop),
                Ok(read) => verifier.absorb(&buffer[..read])?,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(Error::io(format!("cannot read {}", self.name), cause)),
            }
        }
    }

    fn too_large(&self, limit: u64) -> Error {
        Error::new(ErrorKind::TooLarge, format!("{} is larger than {limit} bytes", self.name))
    }

    /// Reads a document whole.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] above the limit, in bytes.
    pub(super) fn read(self, limit: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.size.min(limit)).unwrap_or(0));
        // The file may have grown since it was looked at: one byte more than allowed tells.
        let read = (&self.file).take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|cause| Error::io(format!("cannot read {}", self.name), cause))?;
        if bytes.len() as u64 > limit {
            return Err(self.too_large(limit));
        }
        Ok(bytes)
    }
}
