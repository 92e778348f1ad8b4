//! The folders of an archive, and what they get once nothing more comes into them.

use std::collections::BTreeMap;

use rustix::fs::{Mode, fchmod, fstat, futimens};
use rustix::io::Errno;

use super::super::directory::Directory;
use super::super::file::Durability;
use super::staging::times;
use crate::error::{Error, ErrorKind, Result};

/// How many bytes of memory they may take: some 25,000 folders, more than real archives have. They are remembered to
/// the end, which sets their times.
const MAX_COST: usize = 4 << 20;

/// What a folder takes beside its path: its place in a map whose nodes are half full, and an allocation.
const COST: usize = 128;

/// What the owner of a folder needs as long as things are moved into it, or it is moved itself.
const OWN: u32 = 0o700;

/// What a folder inherits from the one that it was made in: files in it belong to its group.
const INHERITED: u32 = 0o2000;

/// The folders that were made, and those on the way to them.
#[derive(Debug)]
pub(super) struct Folders {
    /// By their paths, outer ones first: a path sorts before what it begins.
    known: BTreeMap<Box<str>, Finish>,
    cost: usize,
    mask: u32,
    durability: Durability,
}

/// What its own member says of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) mode: u32,
    pub(super) modified: (i64, u32),
}

#[derive(Debug, Clone, Copy)]
struct Finish {
    /// A folder that is only on the way to others has none.
    said: Option<Said>,
    origin: Origin,
}

/// Where a folder comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It was there: its mode and its time are its owner's affair.
    There,
    Unpacked,
}

impl Folders {
    /// Begins with the folder that all others are in.
    pub(super) fn new(mask: u32, durability: Durability) -> Self {
        let root = Finish { said: None, origin: Origin::Unpacked };
        Self { known: BTreeMap::from([(Box::from(""), root)]), cost: 0, mask, durability }
    }

    /// Returns the bits that the umask takes away.
    pub(super) fn mask(&self) -> u32 {
        self.mask
    }

    /// Takes note of a folder that is made.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] if there are too many to be remembered.
    pub(super) fn note(&mut self, path: &[String]) -> Result<()> {
        let path = path.join("/");
        self.cost += path.len() + COST;
        if self.cost > MAX_COST {
            return Err(Error::new(ErrorKind::TooLarge, "the archive has too many folders"));
        }
        self.known.insert(path.into(), Finish { said: None, origin: Origin::Unpacked });
        Ok(())
    }

    /// Takes down what the member of a noted folder says, and returns what one before said.
    pub(super) fn say(&mut self, path: &[String], said: Said) -> Option<Said> {
        self.known.get_mut(&*path.join("/")).and_then(|finish| finish.said.replace(said))
    }

    /// Finds out which of them are in another folder already.
    pub(super) fn compare(&mut self, there: &Directory) -> Result<()> {
        for (path, finish) in &mut self.known {
            finish.origin = if find(there, path)?.is_some() { Origin::There } else { Origin::Unpacked };
        }
        Ok(())
    }

    /// Gives those that were not there their times, and their modes as far as their owner can still move them: what
    /// breaks off from here on leaves no folder that only its owner can enter.
    pub(super) fn furnish(&self, staging: &Directory) -> Result<()> {
        self.each(staging, |folder, said, mode| {
            set_mode(folder, mode | OWN)?;
            if let Some(said) = said {
                // A file system that has no such times is no reason to fail.
                let _kept_or_not = futimens(folder, &times(said.modified));
            }
            self.sync(folder)
        })
    }

    /// Takes from owners what they are not to have, once everything has its final name.
    pub(super) fn close(&self, place: &Directory) -> Result<()> {
        self.each(place, |folder, _, mode| {
            if mode & OWN == OWN {
                return Ok(());
            }
            set_mode(folder, mode)?;
            self.sync(folder)
        })
    }

    /// Calls for each folder that was not there, with what is said of it and its mode. What is in a folder comes
    /// before it: it may not be entered afterwards.
    fn each(
        &self,
        place: &Directory,
        mut visit: impl FnMut(&Directory, Option<Said>, u32) -> Result<()>,
    ) -> Result<()> {
        for (path, finish) in self.known.iter().rev().filter(|(_, finish)| finish.origin == Origin::Unpacked) {
            let mode = finish.said.map_or(0o777, |said| said.mode) & !self.mask;
            if let Some(folder) = find(place, path)? {
                visit(&folder, finish.said, mode)?;
            }
        }
        Ok(())
    }

    fn sync(&self, folder: &Directory) -> Result<()> {
        match self.durability {
            Durability::NoSync => Ok(()),
            Durability::Sync => folder
                .sync()
                .map_err(|error| Error::io(format!("cannot sync the folder {}", folder.path().display()), error)),
        }
    }
}

fn set_mode(folder: &Directory, mode: u32) -> Result<()> {
    let set = || -> Result<(), Errno> {
        let inherited = fstat(folder)?.st_mode & INHERITED;
        fchmod(folder, Mode::from_raw_mode(mode | inherited))
    };
    set().map_err(|error| {
        Error::io(format!("cannot set the mode of the folder {}", folder.path().display()), error.into())
    })
}

fn find(from: &Directory, path: &str) -> Result<Option<Directory>> {
    walk(from, path.split('/').filter(|component| !component.is_empty()))
}

/// Enters a folder by a path, without following links; `None` if it is not there.
pub(super) fn walk<'p>(from: &Directory, path: impl IntoIterator<Item = &'p str>) -> Result<Option<Directory>> {
    let mut folder = from.share(None)?;
    for component in path {
        match folder.step(component)? {
            Some(inner) => folder = inner,
            None => return Ok(None),
        }
    }
    Ok(Some(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_folders_are_remembered_as_archives_have_and_no_more() {
        let mut folders = Folders::new(0, Durability::NoSync);
        let path = |at: u32| ["some".to_owned(), "where".to_owned(), at.to_string()];
        let noted = (0..1_000_000).take_while(|at| folders.note(&path(*at)).is_ok()).count();
        assert!((20_000..40_000).contains(&noted), "{noted}");
        assert_eq!(folders.note(&path(0)).unwrap_err().kind(), ErrorKind::TooLarge);
    }

    #[test]
    fn the_first_word_on_a_folder_is_known() {
        let mut folders = Folders::new(0, Durability::NoSync);
        let path = ["a".to_owned()];
        folders.note(&path).unwrap();
        let said = Said { mode: 0o700, modified: (1, 2) };
        assert_eq!(
            (folders.say(&path, said), folders.say(&path, said), folders.say(&[], said)),
            (None, Some(said), None)
        );
    }
}
