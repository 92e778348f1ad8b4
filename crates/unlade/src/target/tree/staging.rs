//! A hidden folder that an archive is unpacked into.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, fchmod, fstat, futimens, linkat, mkdirat,
    openat, symlinkat, utimensat,
};
use rustix::io::Errno;

use super::super::directory::{Directory, persist, same};
use super::super::file::{Allocation, Durability};
use super::super::names::{name_limit, partial_name};
use super::super::partial::Partial;
use super::super::publish::umask;
use super::super::room::Need;
use super::clear::{clear, each, strange};
use super::folders::{Folders, Said, walk};
use super::member::{Member, What, fault};
use super::reader::{Entry, Reader};
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};

/// Files from this size on have their room taken before their first byte.
const LARGE: u64 = 1 << 20;

/// How much is written at once.
const PIECE: usize = 128 << 10;

/// Permissions of everybody but the owner, which the hidden folder never has.
const FOREIGN: u32 = 0o077;

/// The write bits of everybody but the owner.
const FOREIGN_WRITE: u32 = 0o022;

/// In a folder that has it, everybody renames what is theirs alone.
const STICKY: u32 = 0o1000;

/// What speaks against a hidden folder, as the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Objection {
    #[error("can be entered by others")]
    Open,
    #[error("belongs to user {0}")]
    Owner(u32),
}

/// The hidden folder; it is removed with all that is in it when dropped, unless it was let go.
///
/// It begins empty and is its owner's alone, so what is in it is what members before made: a name that is taken is a
/// member that stands there twice.
pub(super) struct Staging {
    parent: Arc<Directory>,
    name: OsString,
    folder: Directory,
    found: Stat,
    /// The folder that the last member went into: most have it in common with the next.
    last: Option<(Vec<String>, Arc<Directory>)>,
    folders: Folders,
    durability: Durability,
    cancel: Cancel,
    is_kept: bool,
}

impl Staging {
    /// Makes the folder beside a partial; one that a killed process left there is removed first.
    ///
    /// In errors what is in it has the path that it will have.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] for one that someone else could have a hand in.
    pub(super) fn make(
        parent: &Arc<Directory>,
        partial: &Partial,
        path: &Path,
        durability: Durability,
        cancel: Cancel,
    ) -> Result<Self> {
        let name = staging_name(parent, partial.name());
        // What belongs to others may do to this process what it wants: the partial, which is this process's own, tells
        // how that looks on this file system.
        let own = fstat(partial.file())
            .map_err(|error| Error::io(format!("cannot look at {}", partial.path().display()), error.into()))?;
        sweep(parent, &name, &own)?;
        let shown = parent.join(&name);
        let failed = |error: Errno| Error::io(format!("cannot make the folder {}", shown.display()), error.into());
        mkdirat(&**parent, &name, Mode::from_raw_mode(0o700)).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(&**parent, &name, flags, Mode::empty()).map_err(failed)?;
        // Whoever may write the parent can have put another one there since.
        let found = fstat(&opened).map_err(failed)?;
        if let Some(objection) = objection(&found, &own) {
            return Err(strange(parent, &name, &objection.to_string()));
        }
        let folder = Directory::held(opened, path.to_owned());
        let mut is_empty = true;
        each(&folder, |_| {
            is_empty = false;
            Ok(false)
        })?;
        if !is_empty {
            return Err(strange(parent, &name, "another program fills"));
        }
        Ok(Self {
            parent: Arc::clone(parent),
            name,
            folder,
            found,
            last: None,
            folders: Folders::new(umask(), durability),
            durability,
            cancel,
            is_kept: false,
        })
    }

    /// Returns the folder itself.
    pub(super) fn folder(&self) -> &Directory {
        &self.folder
    }

    /// Returns its name in the folder that it is in.
    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    /// Returns its path, by its name.
    pub(super) fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    /// Gives its folders what they need to be moved or to have their names: see [`Folders::furnish`].
    pub(super) fn furnish(&self) -> Result<()> {
        self.folders.furnish(&self.folder)
    }

    /// Closes its folders where they are: see [`Folders::close`].
    pub(super) fn close(&self) -> Result<()> {
        self.folders.close(&self.folder)
    }

    /// Returns the folders that were made in it.
    pub(super) fn folders(&mut self) -> &mut Folders {
        &mut self.folders
    }

    /// Says whether what a name stands for is this folder.
    pub(super) fn is_at(&self, parent: &Directory, name: &OsStr) -> Result<bool> {
        Ok(parent.look(name)?.is_some_and(|named| same(&named, &self.found)))
    }

    /// Leaves the folder where it is: it has its final name.
    pub(super) fn let_go(&mut self) {
        self.is_kept = true;
    }

    /// Makes what a member stands for; its content comes from the reader.
    pub(super) fn add(&mut self, entry: &Entry, reader: &mut Reader<'_>) -> Result<()> {
        let Entry { member, name } = entry;
        match &member.what {
            What::Folder => self.add_folder(member, name),
            What::File => self.add_file(member, name, reader),
            What::HardLink(target) => self.add_hard_link(member, name, target),
            What::Symlink(target) => self.add_symlink(member, name, target),
        }
    }

    fn add_folder(&mut self, member: &Member, name: &[u8]) -> Result<()> {
        drop(self.enter(&member.path, name)?);
        match self.folders.say(&member.path, Said { mode: member.mode, modified: member.modified }) {
            None => Ok(()),
            Some(_) => Err(fault(name, "stands in the archive twice")),
        }
    }

    fn add_file(&mut self, member: &Member, name: &[u8], reader: &mut Reader<'_>) -> Result<()> {
        let (folder, last) = self.parent_of(&member.path, name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(&*folder, last.as_str(), flags, Mode::from_raw_mode(0o600));
        let mut file: File = made.map_err(|error| unmade(&folder, last.as_str(), name, error))?.into();
        let path = folder.join(OsStr::new(&last));
        if member.size >= LARGE {
            let size = Some(member.size);
            let need = Need { size, allocation: Allocation::Whole, path: &path, cancel: &self.cancel };
            need.take(&file, &folder)?;
        }
        let mut piece = vec![0; PIECE.min(usize::try_from(member.size).unwrap_or(PIECE))];
        loop {
            let read = reader.read(&mut piece)?;
            if read == 0 {
                break;
            }
            file.write_all(&piece[..read])
                .map_err(|error| Error::io(format!("cannot write to {}", path.display()), error))?;
        }
        fchmod(&file, Mode::from_raw_mode(member.mode & !self.folders.mask()))
            .map_err(|error| Error::io(format!("cannot set the mode of {}", path.display()), error.into()))?;
        // A file system that has no such times is no reason to fail.
        let _kept_or_not = futimens(&file, &times(member.modified));
        sync(&file, self.durability).map_err(|error| Error::io(format!("cannot sync {}", path.display()), error.into()))
    }

    fn add_symlink(&mut self, member: &Member, name: &[u8], target: &str) -> Result<()> {
        let (folder, last) = self.parent_of(&member.path, name)?;
        symlinkat(target, &*folder, last.as_str()).map_err(|error| unmade(&folder, last.as_str(), name, error))?;
        let _kept_or_not = utimensat(&*folder, last.as_str(), &times(member.modified), AtFlags::SYMLINK_NOFOLLOW);
        Ok(())
    }

    fn add_hard_link(&mut self, member: &Member, name: &[u8], target: &[String]) -> Result<()> {
        let unknown = || fault(name, "is a hard link to what is no file before it");
        let (target_name, target_folders) = target.split_last().ok_or_else(unknown)?;
        let from = walk(&self.folder, target_folders.iter().map(String::as_str)).ok().flatten().ok_or_else(unknown)?;
        let found = from.look(OsStr::new(target_name))?.ok_or_else(unknown)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(unknown());
        }
        let (folder, last) = self.parent_of(&member.path, name)?;
        linkat(&from, target_name.as_str(), &*folder, last.as_str(), AtFlags::empty())
            .map_err(|error| unmade(&folder, last.as_str(), name, error))
    }

    /// Returns the folder that a path is in, and the last name of the path.
    fn parent_of(&mut self, path: &[String], name: &[u8]) -> Result<(Arc<Directory>, String)> {
        let (last, folders) = path.split_last().expect("the folder itself is a folder");
        Ok((self.enter(folders, name)?, last.clone()))
    }

    /// Enters a folder, and makes what is missing on the way.
    fn enter(&mut self, path: &[String], name: &[u8]) -> Result<Arc<Directory>> {
        if let Some((last, folder)) = &self.last
            && last == path
        {
            return Ok(Arc::clone(folder));
        }
        let mut folder = self.folder.share(None)?;
        for (depth, component) in path.iter().enumerate() {
            let next = folder.look(OsStr::new(component))?;
            match next.map(|found| FileType::from_raw_mode(found.st_mode)) {
                Some(FileType::Directory) => {}
                Some(_) => return Err(fault(name, "goes through what is no folder")),
                None => {
                    self.folders.note(&path[..=depth])?;
                    mkdirat(&folder, component.as_str(), Mode::from_raw_mode(0o700)).map_err(|error| {
                        let path = folder.join(OsStr::new(component));
                        Error::io(format!("cannot make the folder {}", path.display()), error.into())
                    })?;
                }
            }
            folder = folder.step(component)?.ok_or_else(|| taken_away(component))?;
        }
        let folder = Arc::new(folder);
        self.last = Some((path.to_vec(), Arc::clone(&folder)));
        Ok(folder)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.is_kept && self.is_at(&self.parent, &self.name).unwrap_or(false) {
            // Whatever brought us here has an error of its own; what stays is removed by the next run.
            drop(clear(&self.parent, &self.name, self.found.st_uid));
        }
    }
}

/// Returns the name of the hidden folder beside a partial.
pub(super) fn staging_name(parent: &Directory, partial: &OsStr) -> OsString {
    partial_name(partial, name_limit(parent))
}

/// Removes what a killed process left under the hidden folder's name, if it is like what is this process's own.
pub(super) fn sweep(parent: &Directory, name: &OsStr, own: &Stat) -> Result<()> {
    let Some(found) = parent.look(name)? else { return Ok(()) };
    let around = fstat(parent)
        .map_err(|error| Error::io(format!("cannot look at {}", parent.path().display()), error.into()))?;
    match objection(&found, own) {
        // Where nobody else can have given it the name, its mode tells nothing.
        Some(Objection::Open) if !is_shared(around.st_mode) => {}
        Some(objection) => return Err(strange(parent, name, &objection.to_string())),
        None => {}
    }
    clear(parent, name, own.st_uid)
}

/// Says what speaks against a hidden folder. One that others may enter is no hidden one: it could be any folder that
/// was given its name.
fn objection(found: &Stat, own: &Stat) -> Option<Objection> {
    if found.st_uid != own.st_uid {
        return Some(Objection::Owner(found.st_uid));
    }
    (found.st_mode & FOREIGN & !own.st_mode != 0).then_some(Objection::Open)
}

/// Says whether others than its owner may rename what is in a folder of a mode.
fn is_shared(mode: u32) -> bool {
    mode & FOREIGN_WRITE != 0 && mode & STICKY == 0
}

fn sync(file: &File, durability: Durability) -> rustix::io::Result<()> {
    match durability {
        Durability::NoSync => Ok(()),
        Durability::Sync => persist(file),
    }
}

pub(super) fn times((seconds, billionths): (i64, u32)) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: Timespec { tv_sec: seconds, tv_nsec: billionths.into() },
    }
}

fn unmade(folder: &Directory, last: &str, name: &[u8], error: Errno) -> Error {
    if error == Errno::EXIST {
        return fault(name, "stands in the archive twice");
    }
    Error::io(format!("cannot make {}", folder.join(OsStr::new(last)).display()), error.into())
}

fn taken_away(name: &str) -> Error {
    Error::new(ErrorKind::Io, format!("another program took {name} away"))
}
