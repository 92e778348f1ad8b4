//! A hidden folder that an archive is unpacked into.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, fchmod, futimens, linkat, mkdirat, openat,
    symlinkat, syncfs, utimensat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::super::directory::Directory;
use super::super::file::Durability;
use super::super::publish::umask;
use super::super::room::reserve;
use super::clear::clear;
use super::member::{Member, What, fault};
use super::reader::{Entry, Reader};
use crate::cancel::Cancel;
use crate::error::{Advice, Error, ErrorKind, Result};

/// Files from this size on have their room taken before their first byte.
const LARGE: u64 = 1 << 20;

/// How much is written at once.
const PIECE: usize = 128 << 10;

/// How many bytes the paths of folders may have together: they are remembered to the end, which sets their times.
const MAX_PATHS: usize = 16 << 20;

/// The hidden folder; it is removed with all that is in it when dropped, unless it was let go.
///
/// It begins empty and is its owner's alone, so what is in it is what members before made: a name that is taken is a
/// member that stands there twice.
pub(super) struct Staging {
    parent: Arc<Directory>,
    name: OsString,
    folder: Directory,
    /// The folder that the last member went into: most have it in common with the next.
    last: Option<(Vec<String>, Arc<Directory>)>,
    folders: BTreeMap<Vec<String>, Finish>,
    paths: usize,
    mask: u32,
    cancel: Cancel,
    is_kept: bool,
}

/// What a folder gets once nothing more comes into it.
#[derive(Debug, Clone, Copy, Default)]
struct Finish {
    /// What its own member says; a folder that is only on the way to others has none.
    said: Option<(u32, (i64, u32))>,
}

impl Staging {
    /// Makes the folder; one that a killed process left there is removed first.
    pub(super) fn make(parent: &Arc<Directory>, name: OsString, cancel: Cancel) -> Result<Self> {
        let path = parent.join(&name);
        if let Some(found) = parent.look(&name)? {
            if found.st_uid != geteuid().as_raw() {
                let message = format!("cannot use {}, which belongs to user {}", path.display(), found.st_uid);
                let advice = Advice::RemoveStranger(path.display().to_string());
                return Err(Error::new(ErrorKind::Io, message).advise(advice));
            }
            clear(parent, &name)?;
        }
        mkdirat(&**parent, &name, Mode::from_raw_mode(0o700))
            .map_err(|error| Error::io(format!("cannot make the folder {}", path.display()), error.into()))?;
        let folder = parent.step_into(&name)?.ok_or_else(|| taken_away(&path.display().to_string()))?;
        Ok(Self {
            parent: Arc::clone(parent),
            name,
            folder,
            last: None,
            folders: BTreeMap::from([(Vec::new(), Finish::default())]),
            paths: 0,
            mask: umask(),
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

    /// Gives folders their modes and times, those of the paths for which `wanted` says so, in another folder than this
    /// one if they were moved.
    pub(super) fn finish(&self, place: &Directory, wanted: impl Fn(&[String]) -> bool) -> Result<()> {
        // What is in a folder comes behind it, and has to be done before it.
        for (path, finish) in self.folders.iter().rev().filter(|(path, _)| wanted(path)) {
            self.cancel.check()?;
            let Some(folder) = walk(place, path)? else { continue };
            let (mode, modified) = finish.said.unwrap_or((0o777, (0, 0)));
            fchmod(&folder, Mode::from_raw_mode(mode & !self.mask))
                .map_err(|error| unset("mode", &folder.path().display().to_string(), error))?;
            if finish.said.is_some() {
                // A file system that has no such times is no reason to fail, here and below.
                let _kept_or_not = futimens(&folder, &times(modified));
            }
        }
        Ok(())
    }

    /// Returns the paths of all folders, outer ones first.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Vec<String>> {
        self.folders.keys()
    }

    fn add_folder(&mut self, member: &Member, name: &[u8]) -> Result<()> {
        drop(self.enter(&member.path, name)?);
        let finish = self.folders.entry(member.path.clone()).or_default();
        if finish.said.is_some() {
            return Err(fault(name, "stands in the archive twice"));
        }
        finish.said = Some((member.mode, member.modified));
        Ok(())
    }

    fn add_file(&mut self, member: &Member, name: &[u8], reader: &mut Reader<'_>) -> Result<()> {
        let (folder, last) = self.parent_of(&member.path, name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(&*folder, last.as_str(), flags, Mode::from_raw_mode(0o600));
        let mut file: File = made.map_err(|error| unmade(&folder, last.as_str(), name, error))?.into();
        let path = folder.join(OsStr::new(&last));
        if member.size >= LARGE {
            reserve(&file, Some(member.size), &folder, &path, &self.cancel)?;
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
        fchmod(&file, Mode::from_raw_mode(member.mode & !self.mask))
            .map_err(|error| unset("mode", &path.display().to_string(), error))?;
        let _kept_or_not = futimens(&file, &times(member.modified));
        Ok(())
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
        let from = walk(&self.folder, target_folders).ok().flatten().ok_or_else(unknown)?;
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
                    self.remember(&path[..=depth])?;
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

    fn remember(&mut self, path: &[String]) -> Result<()> {
        self.paths += path.iter().map(|component| component.len() + size_of::<String>()).sum::<usize>();
        if self.paths > MAX_PATHS {
            return Err(Error::new(ErrorKind::TooLarge, "the archive has too many folders"));
        }
        self.folders.insert(path.to_vec(), Finish::default());
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.is_kept {
            // Whatever brought us here has an error of its own; what stays is removed by the next run.
            drop(clear(&self.parent, &self.name));
        }
    }
}

/// Makes all that is in the file system of a folder durable: one call, however many files there are.
pub(super) fn sync(folder: &Directory, durability: Durability) -> Result<()> {
    match durability {
        Durability::NoSync => Ok(()),
        Durability::Sync => {
            syncfs(folder).map_err(|error| Error::io(format!("cannot sync {}", folder.path().display()), error.into()))
        }
    }
}

/// Enters a folder by a path, without following links; `None` if it is not there.
pub(super) fn walk(from: &Directory, path: &[String]) -> Result<Option<Directory>> {
    let mut folder = from.share(None)?;
    for component in path {
        match folder.step(component)? {
            Some(inner) => folder = inner,
            None => return Ok(None),
        }
    }
    Ok(Some(folder))
}

fn times((seconds, billionths): (i64, u32)) -> Timestamps {
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

fn unset(what: &str, path: &str, error: Errno) -> Error {
    Error::io(format!("cannot set the {what} of {path}"), error.into())
}

fn taken_away(name: &str) -> Error {
    Error::new(ErrorKind::Io, format!("another program took {name} away"))
}
