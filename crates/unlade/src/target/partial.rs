//! The file beside the target that is filled in its stead: `.NAME.unlade-partial`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, fstatvfs, openat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::directory::{Directory, describe, same};
use super::lock::{Hold, Patience, ask_system};
use super::title::PARTIAL_SUFFIX;
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::spec::digest::Algorithm;
use crate::verify::digest_of;

/// The longest name of a file in bytes, where the file system does not tell a shorter one.
const MAX_NAME: usize = 255;

/// The shortest limit that is believed: it leaves room for the hash of a long name.
const MIN_NAME: usize = 64;

/// So many hexadecimal digits tell names apart that begin alike.
const MARK_DIGITS: usize = 16;

/// So often is a name tried that nobody is to have. One try is enough but for a broken source of chance.
const MAX_NAMES: u32 = 16;

/// The write bits of everybody but the owner.
const FOREIGN_WRITE: u32 = 0o022;

/// A partial that is ours: locked, looked at, and removed when dropped unless it was let go.
#[derive(Debug)]
pub(super) struct Partial {
    directory: Arc<Directory>,
    name: OsString,
    path: PathBuf,
    file: Arc<File>,
    found: Stat,
    hold: Hold,
    care: Care,
}

/// What dropping a partial does to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    Leave,
    Remove,
}

/// Who made a file that was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It was there.
    Found,
    /// This call made it: no one else can be its owner, whatever the file system says of modes and users.
    Made,
}

impl Partial {
    /// Opens the partial of a name in the folder, or makes it, and locks it.
    ///
    /// Returns `None` if it was renamed or removed while its lock was waited for:
    /// whoever held it has ended, and the target may be finished. Where nothing can be
    /// locked, it is a new file under a name of its own: bytes of another process can
    /// then never get into it, however many fill the same target.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] for one that someone else could have a hand in; it is neither used nor
    /// removed. [`ErrorKind::Locked`] once the patience is spent.
    pub(super) fn open(directory: &Arc<Directory>, target: &OsStr, patience: &mut Patience) -> Result<Option<Self>> {
        let name = partial_name(target, name_limit(directory));
        let path = directory.join(&name);
        let Some((file, origin)) = open_or_make(directory, &name, &path)? else {
            return Ok(None);
        };
        if patience.lock(&file, &path)? == Hold::Unknowable {
            if origin == Origin::Made {
                // Someone who can lock it, on another machine, may have opened it already: it is not used here.
                drop(Self::new(directory, name, file, Hold::Unknowable)?);
            }
            return Self::alone(directory, target).map(Some);
        }
        let found = fstat(&file).map_err(|error| unusable(&path, error))?;
        match directory.look(&name)? {
            Some(named) if same(&named, &found) => {}
            _ => return Ok(None),
        }
        if let Some(objection) = objection(&found, origin) {
            return Err(refused(&path, &objection));
        }
        Self::new(directory, name, file, Hold::Locked).map(Some)
    }

    /// Makes a partial that no other process has a reason to open.
    ///
    /// If this process is killed, it stays: nobody can know that it is not being filled.
    fn alone(directory: &Arc<Directory>, target: &OsStr) -> Result<Self> {
        let limit = name_limit(directory);
        for _ in 0..MAX_NAMES {
            let name = marked_name(target, &format!("{:0width$x}", fastrand::u64(..), width = MARK_DIGITS), limit);
            match make(directory, &name) {
                Ok(file) => return Self::new(directory, name, file, Hold::Unknowable),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(unmade(directory, error)),
            }
        }
        Err(unmade(directory, Errno::EXIST))
    }

    fn new(directory: &Arc<Directory>, name: OsString, file: File, hold: Hold) -> Result<Self> {
        let path = directory.join(&name);
        let found = fstat(&file).map_err(|error| unusable(&path, error))?;
        let directory = Arc::clone(directory);
        Ok(Self { directory, name, path, file: Arc::new(file), found, hold, care: Care::Remove })
    }

    /// Returns the open file, which holds the lock.
    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Says whether its lock keeps others off the target.
    pub(super) fn hold(&self) -> Hold {
        self.hold
    }

    /// Returns the folder that it is in.
    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Returns its name in the folder.
    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    /// Returns its path, as the user knows the folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Says whether what a name stands for is this file.
    pub(super) fn is_at(&self, name: &OsStr) -> Result<bool> {
        Ok(self.directory.look(name)?.is_some_and(|named| same(&named, &self.found)))
    }

    /// Leaves the file where it is: it has its final name, or nothing can be done about it.
    pub(super) fn let_go(&mut self) {
        self.care = Care::Leave;
    }

    /// Removes the file if its name still stands for it, and returns its path if it did.
    pub(super) fn remove(&mut self) -> Result<Option<PathBuf>> {
        self.care = Care::Leave;
        if !self.is_at(&self.name)? {
            return Ok(None);
        }
        unlinkat(&*self.directory, &self.name, AtFlags::empty())
            .map_err(|error| Error::io(format!("cannot remove {}", self.path.display()), error.into()))?;
        Ok(Some(self.path.clone()))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.care == Care::Remove {
            // Whatever brought us here has an error of its own, and a drop cannot report another.
            drop(self.remove());
        }
    }
}

/// Removes the partials in a folder that nobody fills any more: those of targets that are named so, which are surely
/// what a killed run left. Whatever cannot be looked at or locked stays, and does no harm.
pub(super) fn remove_orphans(directory: &Directory, is_target: impl Fn(&str) -> bool) {
    let Ok(entries) = Dir::read_from(directory) else { return };
    for entry in entries.map_while(rustix::io::Result::ok) {
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        let target = name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(PARTIAL_SUFFIX));
        // Its lock is held until it is gone: a run that waits for it then makes another.
        if let Some(_lock) = target.is_some_and(&is_target).then(|| claim(directory, name)).flatten() {
            let _removed_or_left = unlinkat(directory, name, AtFlags::empty());
        }
    }
}

/// Locks a partial that a next run could use and that nobody uses now; the lock falls with the file.
fn claim(directory: &Directory, name: &OsStr) -> Option<File> {
    let is_usable = |found: &Stat| objection(found, Origin::Found).is_none();
    directory.look(name).ok()?.filter(is_usable)?;
    let file = File::from(openat(directory, name, FLAGS, Mode::empty()).ok()?);
    ask_system(&file).ok()?;
    let found = fstat(&file).ok()?;
    let named = directory.look(name).ok()??;
    (is_usable(&found) && same(&named, &found)).then_some(file)
}

/// Returns the name of a target's partial.
///
/// Where the name would be too long for the file system, its beginning and its hash stand for it.
pub(super) fn partial_name(target: &OsStr, limit: usize) -> OsString {
    if target.len() + PARTIAL_SUFFIX.len() < limit {
        let mut name = OsString::from(".");
        name.push(target);
        name.push(PARTIAL_SUFFIX);
        return name;
    }
    let hash = digest_of(Algorithm::Sha256, target.as_bytes());
    marked_name(target, &hash.hex()[..MARK_DIGITS], limit)
}

/// Returns a name with a mark, as much of the target's own before it as the file system takes.
fn marked_name(target: &OsStr, mark: &str, limit: usize) -> OsString {
    let room = limit.saturating_sub(".".len() + "-".len() + mark.len() + PARTIAL_SUFFIX.len());
    let mut name = b".".to_vec();
    name.extend_from_slice(beginning(target.as_bytes(), room));
    name.extend_from_slice(format!("-{mark}{PARTIAL_SUFFIX}").as_bytes());
    OsString::from_vec(name)
}

/// Cuts a name where it does not split a character of UTF-8.
fn beginning(name: &[u8], room: usize) -> &[u8] {
    let mut end = room.min(name.len());
    while end > 0 && name.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    &name[..end]
}

pub(super) fn name_limit(directory: &Directory) -> usize {
    // Some file systems count characters, or say nothing: no name is longer than Linux takes.
    let told = fstatvfs(directory).ok().and_then(|system| usize::try_from(system.f_namemax).ok());
    told.unwrap_or(MAX_NAME).clamp(MIN_NAME, MAX_NAME)
}

const FLAGS: OFlags = OFlags::RDWR.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Makes a file that was not there, for its owner alone.
fn make(directory: &Directory, name: &OsStr) -> rustix::io::Result<File> {
    openat(directory, name, FLAGS | OFlags::CREATE | OFlags::EXCL, Mode::from_raw_mode(0o600)).map(File::from)
}

/// Opens what is there, without following or waking anything, or makes a new file.
///
/// Returns `None` if one that was there went away in between, or the whole folder.
fn open_or_make(directory: &Directory, name: &OsStr, path: &Path) -> Result<Option<(File, Origin)>> {
    match make(directory, name) {
        Ok(made) => return Ok(Some((made, Origin::Made))),
        Err(Errno::EXIST) => {}
        Err(Errno::NOENT) if directory.is_removed() => return Ok(None),
        Err(error) => return Err(unmade(directory, error)),
    }
    // Looked at before it is opened: opening a device can do things to it.
    let Some(found) = directory.look(name)? else {
        return Ok(None);
    };
    if let Some(objection) = strangeness(&found) {
        return Err(refused(path, &objection));
    }
    match openat(directory, name, FLAGS, Mode::empty()) {
        Ok(opened) => {
            let found = fstat(&opened).map_err(|error| unusable(path, error))?;
            match strangeness(&found) {
                Some(objection) => Err(refused(path, &objection)),
                None => Ok(Some((opened.into(), Origin::Found))),
            }
        }
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::ACCESS) => {
            Err(unusable(path, Errno::ACCESS).advise(Advice::RemoveStranger(path.display().to_string())))
        }
        Err(error) => Err(unusable(path, error)),
    }
}

/// Says what speaks against opening a file and waiting for its lock.
fn strangeness(found: &Stat) -> Option<String> {
    let kind = FileType::from_raw_mode(found.st_mode);
    if kind != FileType::RegularFile {
        return Some(format!("is {}", describe(kind)));
    }
    (found.st_uid != geteuid().as_raw()).then(|| format!("belongs to user {}", found.st_uid))
}

/// Says what speaks against using a file that is locked.
///
/// Links and modes are judged now and not before: whoever published it a moment ago changed both.
fn objection(found: &Stat, origin: Origin) -> Option<String> {
    if found.st_nlink != 1 {
        return Some(format!("has {} links", found.st_nlink));
    }
    if origin == Origin::Made {
        return None;
    }
    strangeness(found).or_else(|| (found.st_mode & FOREIGN_WRITE != 0).then(|| "can be written by others".to_owned()))
}

fn refused(path: &Path, objection: &str) -> Error {
    Error::new(ErrorKind::Io, format!("cannot use {}, which {objection}", path.display()))
        .advise(Advice::RemoveStranger(path.display().to_string()))
}

fn unmade(directory: &Directory, error: Errno) -> Error {
    Error::io(format!("cannot make a file in the folder {}", directory.path().display()), error.into())
}

fn unusable(path: &Path, error: Errno) -> Error {
    Error::io(format!("cannot open {}", path.display()), error.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_names_are_kept_whole() {
        assert_eq!(partial_name(OsStr::new("disk.img"), MAX_NAME), ".disk.img.unlade-partial");
        let longest = "x".repeat(MAX_NAME - 1 - PARTIAL_SUFFIX.len());
        assert_eq!(partial_name(OsStr::new(&longest), MAX_NAME), *format!(".{longest}.unlade-partial"));
    }

    #[test]
    fn long_names_that_begin_alike_differ() {
        let one = partial_name(OsStr::new(&"x".repeat(254)), MAX_NAME);
        let other = partial_name(OsStr::new(&"x".repeat(255)), MAX_NAME);
        assert_eq!((one.len(), other.len()), (MAX_NAME, MAX_NAME));
        assert_ne!(one, other);
    }

    proptest! {
        #[test]
        fn every_partial_name_fits_and_is_text_where_the_name_is(name in ".{1,255}", limit in MIN_NAME..=MAX_NAME) {
            let partial = partial_name(OsStr::new(&name), limit);
            prop_assert!(partial.len() <= limit);
            let text = partial.to_str().unwrap();
            prop_assert!(text.starts_with('.') && text.ends_with(PARTIAL_SUFFIX));
        }
    }
}
