//! From a partial that is proven to a file with its final name.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, RenameFlags, fstat, linkat, renameat, renameat_with, unlinkat};
use rustix::io::Errno;

use super::directory::{length, persist};
use super::file::Durability;
use super::lock::Hold;
use super::own::change_mode;
use super::partial::Partial;
use super::place::Replace;
use super::room::set_length;
use crate::error::{Advice, Error, ErrorKind, Result};

/// The permissions that a file can have; the bits that change who a program runs as are never passed on.
const PERMISSIONS: u32 = 0o777;

/// Permissions that a partial never has: one that has them is not trusted by the next run.
const FOREIGN_WRITE: u32 = 0o022;

/// Permissions that a partial always has: the next run could not open one without them.
const OWN: u32 = 0o600;

/// The umask of most systems, for when the system does not tell.
const USUAL_UMASK: u32 = 0o022;

/// The final name of a partial, and how it gets it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Publication<'a> {
    /// The final name in the partial's folder.
    pub(super) name: &'a OsStr,
    /// The path that the user knows it by.
    pub(super) path: &'a Path,
    /// Whether what has that name may be replaced.
    pub(super) replace: Replace,
    /// Whether it must survive a power cut.
    pub(super) durability: Durability,
}

impl Publication<'_> {
    /// Makes the file durable, gives it its name, and makes that durable. It must hold `size` bytes, if that is given.
    ///
    /// # Errors
    ///
    /// Up to the renaming, what has the final name stays as it was, and what becomes of the partial is the caller's to
    /// say; from then on it is let go.
    pub(super) fn publish(&self, partial: &mut Partial, size: Option<u64>) -> Result<()> {
        let mode = self.settle(partial, size)?;
        self.rename(partial)?;
        partial.let_go();
        partial.directory().keep();
        self.confirm(partial, mode)
    }

    /// Does all that can be done before the file is visible, and returns the mode that it shall have.
    fn settle(&self, partial: &mut Partial, size: Option<u64>) -> Result<Mode> {
        let file = partial.file();
        let found = fstat(file).map_err(|error| self.failed("look at the partial of", error))?;
        let length = length(&found);
        if let Some(size) = size.filter(|size| length < *size) {
            let message = format!("the partial of {} has {length} bytes where {size} are proven", self.path.display());
            return Err(Error::new(ErrorKind::Io, message));
        }
        if let Some(size) = size.filter(|size| length > *size) {
            set_length(file, size).map_err(|error| self.failed("set the length of", error))?;
        }
        let mode = self.mode(partial)?;
        change_mode(file, guarded(mode)).map_err(|error| self.failed("set the mode of", error))?;
        if let Err(error) = self.sync(partial) {
            // The system tells it once: the next run would read what was lost from memory, and hear no complaint.
            partial.distrust();
            return Err(self.unsynced(error.into()));
        }
        if partial.is_at(partial.name())? {
            return Ok(mode);
        }
        let message = format!("another program took {} away", partial.path().display());
        Err(Error::new(ErrorKind::Io, message))
    }

    fn rename(&self, partial: &Partial) -> Result<()> {
        let (folder, from) = (partial.directory(), partial.name());
        let outcome = match self.replace {
            Replace::Always => renameat(folder, from, folder, self.name),
            Replace::Never => match renameat_with(folder, from, folder, self.name, RenameFlags::NOREPLACE) {
                Err(Errno::INVAL | Errno::NOSYS) => link(partial, self.name),
                outcome => outcome,
            },
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) => Err(exists(self.path)),
            Err(error) => Err(self.failed("publish", error)),
        }
    }

    /// Does what is left once the file is visible.
    fn confirm(&self, partial: &Partial, mode: Mode) -> Result<()> {
        // Without locks, another run may publish its own, as good a one, at any moment.
        if partial.hold() == Hold::Locked && !partial.is_at(self.name)? {
            let message = format!("another program replaced {} while it was published", self.path.display());
            return Err(Error::new(ErrorKind::Io, message));
        }
        let done = || -> io::Result<()> {
            if mode != guarded(mode) {
                change_mode(partial.file(), mode)?;
                self.sync(partial)?;
            }
            match self.durability {
                Durability::NoSync => Ok(()),
                Durability::Sync => partial.directory().sync_names(),
            }
        };
        done().map_err(|error| {
            Error::io(
                format!("{} is published, but its name or mode may not survive a power cut", self.path.display()),
                error,
            )
        })
    }

    fn sync(&self, partial: &Partial) -> rustix::io::Result<()> {
        match self.durability {
            Durability::NoSync => Ok(()),
            Durability::Sync => persist(partial.file()),
        }
    }

    /// Returns the mode of the file that is replaced, else what the umask leaves of 0666.
    fn mode(&self, partial: &Partial) -> Result<Mode> {
        let bits = match partial.directory().look(self.name)? {
            Some(found) if FileType::from_raw_mode(found.st_mode) == FileType::RegularFile => found.st_mode,
            _ => 0o666 & !partial.directory().mask(),
        };
        Ok(Mode::from_raw_mode(bits & PERMISSIONS))
    }

    /// Makes the error for content that did not reach the disk.
    pub(super) fn unsynced(&self, error: io::Error) -> Error {
        Error::io(format!("cannot sync {}; what was there before is untouched", self.path.display()), error)
    }

    fn failed(&self, step: &str, error: Errno) -> Error {
        Error::io(format!("cannot {step} {}; what was there before is untouched", self.path.display()), error.into())
    }
}

/// Makes the error for a file that is there and may not be replaced.
pub(super) fn exists(path: &Path) -> Error {
    let message = format!("{} exists already, and is not what was asked for", path.display());
    Error::new(ErrorKind::Exists, message).advise(Advice::Overwrite)
}

/// Gives a partial a name that must be free, where renaming cannot promise that.
///
/// A crash between the two calls leaves a partial with two links; the next run takes the second one away.
fn link(partial: &Partial, name: &OsStr) -> rustix::io::Result<()> {
    let folder = partial.directory();
    match linkat(folder, partial.name(), folder, name, AtFlags::empty()) {
        Ok(()) => {}
        // A server of files that was asked twice, since its first answer was lost, says no to the second.
        Err(Errno::EXIST) if partial.is_at(name).unwrap_or(false) => {}
        Err(error) => return Err(error),
    }
    // The file has its name: a second one that stays cannot undo that.
    unlinkat(folder, partial.name(), AtFlags::empty()).or(Ok(()))
}

/// Returns what of a mode a file may have while a killed process could leave it as a partial.
fn guarded(mode: Mode) -> Mode {
    mode.difference(Mode::from_raw_mode(FOREIGN_WRITE)).union(Mode::from_raw_mode(OWN))
}

/// Returns the bits that are taken away from the mode of what is made.
pub(super) fn umask() -> u32 {
    // Asking by umask(2) would set it, for all threads, for a moment.
    let told = std::fs::read_to_string("/proc/self/status").ok();
    told.as_deref().and_then(parse_umask).unwrap_or(USUAL_UMASK)
}

/// Reads the umask in the text of `/proc/self/status`.
fn parse_umask(status: &str) -> Option<u32> {
    let text = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    u32::from_str_radix(text.trim(), 8).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::Job;
    use super::super::directory::Directory;
    use super::super::lock::{Ask, Patience, ask_system};
    use super::super::place::{Place, resolve};
    use super::*;
    use crate::cancel::Cancel;
    use crate::observe::Blind;
    use crate::spec::descriptor::Content;
    use crate::spec::digest::Algorithm;
    use crate::verify::digest_of;

    fn open(place: &Place) -> Partial {
        open_by(place, ask_system)
    }

    fn open_by(place: &Place, ask: Ask) -> Partial {
        let content = Content { digest: digest_of(Algorithm::Sha256, b""), size: None };
        let job = Job::new(content, Duration::ZERO, Cancel::new(), Arc::new(Blind));
        let directory = Arc::new(Directory::open(place, Durability::NoSync).unwrap());
        let mut patience = Patience::new(&job, place.path(), ask);
        Partial::open(&directory, &place.name, &mut patience).unwrap().unwrap()
    }

    #[test]
    fn a_link_stands_for_the_renaming_where_the_name_is_free() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("disk.img");
        let place = resolve(&path, None).unwrap();
        assert_eq!(link(&open(&place), &place.name), Ok(()));
        assert_eq!(link(&open(&place), &place.name), Err(Errno::EXIST));
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["disk.img"]);
    }

    #[test]
    fn until_it_is_published_its_owner_alone_can_write_it() {
        for (wanted, expected) in [(0o444, 0o644), (0, 0o600), (0o666, 0o644), (0o640, 0o640), (0o757, 0o755)] {
            let folder = tempfile::TempDir::new().unwrap();
            let path = folder.path().join("disk.img");
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(wanted)).unwrap();
            let place = resolve(&path, None).unwrap();
            let mut partial = open(&place);
            let publication = Publication {
                name: &place.name,
                path: &path,
                replace: Replace::Always,
                durability: Durability::NoSync,
            };
            publication.settle(&mut partial, Some(0)).unwrap();
            // As a process leaves it that is killed before the renaming.
            assert_eq!(fs::metadata(partial.path()).unwrap().mode() & 0o7777, expected, "{wanted:o}");
            publication.publish(&mut partial, Some(0)).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, wanted);
        }
    }

    #[test]
    fn without_locks_two_may_publish_at_the_same_moment() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("disk.img");
        let place = resolve(&path, None).unwrap();
        let publication =
            Publication { name: &place.name, path: &path, replace: Replace::Always, durability: Durability::NoSync };
        let mode = Mode::from_raw_mode(0o644);
        let (first, second) = (open_by(&place, |_| Err(Errno::NOLCK)), open_by(&place, |_| Err(Errno::NOLCK)));
        publication.rename(&first).unwrap();
        publication.rename(&second).unwrap();
        publication.confirm(&first, mode).unwrap();
        publication.confirm(&second, mode).unwrap();
        let locked = open(&place);
        publication.rename(&locked).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(publication.confirm(&locked, mode).unwrap_err().kind(), ErrorKind::Io);
    }

    #[test]
    fn the_umask_stands_in_its_line_in_octal() {
        for (status, expected) in [
            ("Name:\tunlade\nUmask:\t0027\nState:\tR", Some(0o027)),
            ("Umask:\t0000\n", Some(0)),
            ("Umask:\t0088\n", None),
            ("Umask:\n", None),
            ("Name:\tunlade\n", None),
            ("", None),
        ] {
            assert_eq!(parse_umask(status), expected, "{status:?}");
        }
    }
}
