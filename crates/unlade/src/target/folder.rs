//! A folder that takes the files of one artifact, each under its title.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, stat};
use rustix::io::Errno;

use super::arrange::{self, Clash, arrange};
pub use super::case::Probe;
use super::case::{self, Case};
use super::directory::{Directory, shown};
use super::file::{Durability, FileOptions, FileTarget, Place, Replace};
use super::place::{self, Missing};
pub use super::root::Root;
use super::title::{Title, quoted};
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::spec::descriptor::Content;

/// A folder, who chose it, and so what may be replaced in it. Nothing is touched before it is [opened](Self::open).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    base: PathBuf,
    missing: Missing,
    replace: Replace,
}

/// What becomes of one of several layers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slot {
    /// A file at this place.
    File(Place),
    /// The same file as the layer of that number becomes.
    Repeats(usize),
}

impl Folder {
    /// Takes the folder that the user named: one that is there, or one that is to be made.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a file, a device or a stream, [`ErrorKind::Io`] for a link that leads nowhere.
    pub fn resolve(output: &Path) -> Result<Self> {
        place::refuse_stream(output)?;
        let missing = match stat(output) {
            Ok(found) => match FileType::from_raw_mode(found.st_mode) {
                FileType::Directory => Missing::Fail,
                FileType::RegularFile => {
                    let message = format!("{} is a file, and several are to be pulled", output.display());
                    return Err(Error::new(ErrorKind::InvalidInput, message).advise(Advice::NameFolder));
                }
                other => return Err(place::no_file(output, other)),
            },
            Err(Errno::NOENT) => {
                place::refuse_dangling(output)?;
                place::refuse_among_devices(output)?;
                Missing::Make
            }
            Err(error) => return Err(Error::io(format!("cannot look at {}", output.display()), error.into())),
        };
        Ok(Self { base: output.to_owned(), missing, replace: Replace::Always })
    }

    /// Takes the current folder, which the user did not name: nothing in it is replaced.
    pub fn current() -> Self {
        Self { base: PathBuf::new(), missing: Missing::Fail, replace: Replace::Never }
    }

    /// Returns the folder's path, fit for a message.
    pub fn path(&self) -> &Path {
        shown(&self.base)
    }

    /// Says whether files in it may be replaced.
    pub fn replace(&self, options: &FileOptions) -> Replace {
        options.allow(self.replace)
    }

    /// Gives each of several layers, by title and content, its place.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Malformed`] for titles that are none or exclude each other, [`ErrorKind::InvalidInput`] for those
    /// that this folder takes for one, since it does not tell upper case from lower.
    pub fn arrange(&self, layers: &[(&str, Content)], probe: Probe) -> Result<Vec<Slot>> {
        let slots = arrange(layers)?;
        let titles: Vec<&str> = layers.iter().map(|(title, _)| *title).collect();
        for clash in arrange::folded_clashes(&titles) {
            self.tell_apart(clash, &titles, probe)?;
        }
        Ok(slots
            .into_iter()
            .map(|slot| match slot {
                arrange::Slot::File(title) => Slot::File(self.place(title)),
                arrange::Slot::Repeats(of) => Slot::Repeats(of),
            })
            .collect())
    }

    /// Opens the folder for the files that go into it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if it can be neither opened nor made.
    pub fn open(&self, durability: Durability) -> Result<Arc<Root>> {
        Root::open(self.base.clone(), self.missing, durability)
    }

    fn place(&self, title: Title) -> Place {
        Place {
            base: self.base.clone(),
            missing: self.missing,
            path: self.base.join(title.to_path()),
            folders: title.folders,
            name: title.name.into(),
            replace: self.replace,
        }
    }

    /// Fails if two titles that differ in case alone are one name here.
    fn tell_apart(&self, clash: Clash, titles: &[&str], probe: Probe) -> Result<()> {
        let (Clash::Same(one, other) | Clash::Within(one, other)) = clash;
        let (one, other) = (titles[one], titles[other]);
        let shared = one.split('/').zip(other.split('/')).take_while(|(one, other)| one == other).map(|(name, _)| name);
        match self.nearest(shared)? {
            Some(folder) if case::of(&folder, probe) == Case::Folded => {
                let message = format!(
                    "the titles {} and {} exclude each other in {}, which does not tell upper case from lower",
                    quoted(one),
                    quoted(other),
                    folder.path().display()
                );
                Err(Error::new(ErrorKind::InvalidInput, message).advise(Advice::NameFolder))
            }
            _ => Ok(()),
        }
    }

    /// Opens the innermost of some folders that is there already: those to be made take after it.
    fn nearest<'a>(&self, folders: impl Iterator<Item = &'a str>) -> Result<Option<Directory>> {
        let base = self.path().ancestors().map(shown).find(|folder| folder.is_dir());
        let Some(base) = base else { return Ok(None) };
        let place = Place { base: base.to_owned(), ..self.place(Title { folders: Vec::new(), name: String::new() }) };
        let Some(mut directory) = Directory::find(&place)? else { return Ok(None) };
        if base != self.path() {
            return Ok(Some(directory));
        }
        for folder in folders {
            match directory.step(folder)? {
                Some(inner) => directory = inner,
                None => break,
            }
        }
        Ok(Some(directory))
    }
}

impl Root {
    /// Makes the target of a place that was [arranged](Folder::arrange) in this folder.
    pub fn file(self: &Arc<Self>, place: Place, options: FileOptions) -> FileTarget {
        FileTarget::new(place, options).beneath(Arc::clone(self))
    }
}

#[cfg(test)]
mod tests;
