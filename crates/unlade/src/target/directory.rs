//! A folder held open: a name in it means the same from the first look to the last.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, fsync, mkdirat, openat, statat};
use rustix::io::Errno;

use super::file::Durability;
use super::made::Made;
use super::place::{Missing, Place};
use super::publish::umask;
use super::root::Anchor;
use crate::error::{Error, Result};

const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The folder of a target.
#[derive(Debug)]
pub(super) struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
    made: Made,
    anchor: Option<Anchor>,
}

impl Directory {
    /// Opens the folder of a place, and makes what may be made of it.
    ///
    /// The folder that the user named is opened as any program would; the folders
    /// of a title are entered one by one, and none of them may be a link. What was made
    /// goes with the directory, unless it is [kept](Self::keep).
    pub(super) fn open(place: &Place, durability: Durability) -> Result<Self> {
        let mut made = Made::default();
        if place.missing == Missing::Make {
            make_all(&place.base, durability, &mut made)?;
        }
        let shown = shown(&place.base);
        let descriptor = openat(CWD, shown, FLAGS, Mode::empty())
            .map_err(|error| Error::io(format!("cannot open the folder {}", shown.display()), error.into()))?;
        let mut directory = Self { descriptor, path: place.base.clone(), made, anchor: None };
        for folder in &place.folders {
            directory = directory.enter(folder, durability)?;
        }
        Ok(directory)
    }

    /// Opens the folder of a place if it is there, without making anything.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), but for a folder that is missing.
    pub(super) fn find(place: &Place) -> Result<Option<Self>> {
        let shown = shown(&place.base);
        let descriptor = match openat(CWD, shown, FLAGS, Mode::empty()) {
            Ok(descriptor) => descriptor,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(Error::io(format!("cannot open the folder {}", shown.display()), error.into())),
        };
        let mut directory = Self { descriptor, path: place.base.clone(), made: Made::default(), anchor: None };
        for folder in &place.folders {
            match directory.step(folder)? {
                Some(inner) => directory = inner,
                None => return Ok(None),
            }
        }
        Ok(Some(directory))
    }

    /// Opens a folder that the user chose, and that must be there.
    pub(super) fn at(path: &Path) -> Result<Self> {
        let descriptor = openat(CWD, path, FLAGS, Mode::empty())
            .map_err(|error| Error::io(format!("cannot open the folder {}", path.display()), error.into()))?;
        Ok(Self { descriptor, path: path.to_owned(), made: Made::default(), anchor: None })
    }

    /// Takes a folder that is open, and the path that it is known by.
    pub(super) fn held(descriptor: OwnedFd, path: PathBuf) -> Self {
        Self { descriptor, path, made: Made::default(), anchor: None }
    }

    /// Opens the same folder once more: for one of the files that go into it together.
    pub(super) fn share(&self, anchor: Option<Anchor>) -> Result<Self> {
        let descriptor = self
            .descriptor
            .try_clone()
            .map_err(|error| Error::io(format!("cannot open the folder {}", self.path().display()), error))?;
        Ok(Self { descriptor, path: self.path.clone(), made: Made::default(), anchor })
    }

    /// Returns the path that a name in the folder has for the user.
    pub(super) fn join(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    /// Returns the folder's path, fit for a message.
    pub(super) fn path(&self) -> &Path {
        shown(&self.path)
    }

    /// Looks at what a name stands for, without following links.
    pub(super) fn look(&self, name: &OsStr) -> Result<Option<Stat>> {
        match statat(self, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(Error::io(format!("cannot look at {}", self.join(name).display()), error.into())),
        }
    }

    /// Says whether the folder has no name any more: whoever made it has removed it again.
    pub(super) fn is_removed(&self) -> bool {
        fstat(self).is_ok_and(|found| found.st_nlink == 0)
    }

    /// Keeps the folders that were made for this one, and this one.
    pub(super) fn keep(&self) {
        self.made.keep();
    }

    /// Makes the names in the folder durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync(self.as_fd())
    }

    /// Makes the names durable by which the folder is reached, up to the top of its file system.
    pub(super) fn sync_above(&self) -> io::Result<()> {
        let (mut inner, mut folder) = (fstat(self)?, self.descriptor.try_clone()?);
        loop {
            folder = match openat(&folder, "..", FLAGS, Mode::empty()) {
                Ok(above) => above,
                // Whoever may not list it has hardly made anything in it.
                Err(Errno::ACCESS) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let above = fstat(&folder)?;
            if above.st_dev != inner.st_dev || same(&above, &inner) {
                return Ok(());
            }
            sync(folder.as_fd())?;
            inner = above;
        }
    }

    /// Makes the names in the folder durable: now, or together with those of the other files that go into it.
    pub(super) fn sync_names(&self) -> io::Result<()> {
        match &self.anchor {
            Some(anchor) => {
                anchor.owe();
                Ok(())
            }
            None => self.sync(),
        }
    }

    /// Returns the bits that the umask takes away from the mode of a new file in the folder.
    pub(super) fn mask(&self) -> u32 {
        self.anchor.as_ref().map_or_else(umask, Anchor::mask)
    }

    /// Enters a folder, which is made if it is missing; it may not be a link.
    pub(super) fn enter(mut self, folder: &str, durability: Durability) -> Result<Self> {
        let path = self.path.join(folder);
        let mut opened = self.open_inner(OsStr::new(folder))?;
        if opened.is_none() {
            self.make(folder, durability)
                .map_err(|error| Error::io(format!("cannot make the folder {}", path.display()), error))?;
            opened = self.open_inner(OsStr::new(folder))?;
        }
        let gone = || Error::io(format!("cannot enter the folder {}", path.display()), Errno::NOENT.into());
        let descriptor = opened.ok_or_else(gone)?;
        let anchor = self.anchor.map(|anchor| anchor.inside(folder));
        Ok(Self { descriptor, path, made: self.made, anchor })
    }

    /// Enters a folder that is there; it may not be a link.
    pub(super) fn step(&self, folder: &str) -> Result<Option<Self>> {
        self.step_into(OsStr::new(folder))
    }

    /// Enters a folder by any name that it may have; it may not be a link.
    pub(super) fn step_into(&self, folder: &OsStr) -> Result<Option<Self>> {
        let opened = self.open_inner(folder)?;
        let path = self.path.join(folder);
        Ok(opened.map(|descriptor| Self { descriptor, path, made: Made::default(), anchor: None }))
    }

    fn open_inner(&self, folder: &OsStr) -> Result<Option<OwnedFd>> {
        let error = match openat(self, folder, FLAGS | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(descriptor) => return Ok(Some(descriptor)),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => error,
        };
        let kind = match self.look(folder) {
            Ok(Some(found)) => FileType::from_raw_mode(found.st_mode),
            _ => FileType::Directory,
        };
        let why = match kind {
            FileType::Directory => String::new(),
            other => format!(", which is {}", describe(other)),
        };
        let path = self.path.join(folder);
        Err(Error::io(format!("cannot enter the folder {}{why}", path.display()), error.into()))
    }

    fn make(&mut self, folder: &str, durability: Durability) -> io::Result<()> {
        match mkdirat(&*self, folder, Mode::from_raw_mode(0o777)) {
            Ok(()) => match &self.anchor {
                Some(anchor) => anchor.note_made(folder),
                None => self.made.note(&self.descriptor, OsStr::new(folder)),
            },
            // Made by another process in between: as good.
            Err(Errno::EXIST) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        match durability {
            Durability::NoSync => Ok(()),
            Durability::Sync => self.sync_names(),
        }
    }
}

impl From<Directory> for OwnedFd {
    fn from(directory: Directory) -> Self {
        directory.descriptor
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Says whether two looks saw the same file.
pub(super) fn same(one: &Stat, other: &Stat) -> bool {
    one.st_dev == other.st_dev && one.st_ino == other.st_ino
}

/// Returns the length of a file, in bytes.
pub(super) fn length(found: &Stat) -> u64 {
    // The system reports no negative ones.
    u64::try_from(found.st_size).unwrap_or(0)
}

/// Says what a file is, as the end of a sentence.
pub(super) fn describe(kind: FileType) -> &'static str {
    match kind {
        FileType::BlockDevice => "a block device",
        FileType::CharacterDevice => "a character device",
        FileType::Directory => "a folder",
        FileType::Fifo => "a FIFO",
        FileType::RegularFile => "a regular file",
        FileType::Socket => "a socket",
        FileType::Symlink => "a symbolic link",
        FileType::Unknown => "of an unknown kind",
    }
}

/// Returns a path as it can be opened and shown: the current folder has a name.
pub(super) fn shown(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

/// Makes a folder and all those above it that are missing, and makes their names durable.
fn make_all(path: &Path, durability: Durability, made: &mut Made) -> Result<()> {
    let missing: Vec<&Path> =
        path.ancestors().take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists()).collect();
    for folder in missing.into_iter().rev() {
        make_one(folder, durability, made)
            .map_err(|error| Error::io(format!("cannot make the folder {}", folder.display()), error))?;
    }
    Ok(())
}

fn make_one(folder: &Path, durability: Durability, made: &mut Made) -> io::Result<()> {
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => return Ok(()),
        outcome => outcome?,
    }
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Ok(());
    };
    let parent = openat(CWD, shown(parent), FLAGS, Mode::empty())?;
    made.note(&parent, name);
    match durability {
        Durability::NoSync => Ok(()),
        Durability::Sync => sync(parent.as_fd()),
    }
}

/// Makes durable what is there under a descriptor: the names in a folder, or what whoever wrote a file did not sync.
pub(crate) fn sync(there: BorrowedFd<'_>) -> io::Result<()> {
    match persist(there) {
        // Some network file systems cannot sync a folder; their servers do it unasked. What can only be read is
        // durable already.
        Ok(()) | Err(Errno::INVAL | Errno::ROFS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Asks the system to make durable what is under a descriptor, until it is not interrupted by a signal.
pub(super) fn persist(there: impl AsFd) -> rustix::io::Result<()> {
    loop {
        match fsync(&there) {
            Err(Errno::INTR) => {}
            outcome => return outcome,
        }
    }
}
