//! What is served: one layout, or a folder of them.

use std::ffi::{CStr, OsStr};
use std::fmt::Debug;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::path::Arg;
use unlade::layout::{Desk, Layout};
use unlade::observe::{Blind, Observer};
use unlade::{Error, ErrorKind, Result};

use crate::name::Name;
use crate::names::Names;
use crate::refusal::{Code, Refusal};
use crate::warnings::Warnings;

/// How many folders a repository may lie below the served one.
const MAX_DEPTH: usize = 8;

/// How many folders are looked into: a shelf is not a whole file system.
const MAX_FOLDERS: usize = 65_536;

/// The layouts that are served, each under the name of a repository. Clones share them.
#[derive(Debug, Clone)]
pub struct Shelf(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    kind: Kind,
    /// All who ask for whatever layout share it: memory does not grow with their number.
    desk: Desk,
    warnings: Warnings,
}

/// Layouts are looked up by their path at each request: they may come, go and change places.
#[derive(Debug)]
enum Kind {
    One(Name),
    Many { folder: OwnedFd, names: Names },
}

impl Shelf {
    /// Opens a folder: a layout, which becomes the repository of the folder's name, or a folder of layouts, each
    /// of which becomes the repository of its path below it. Blocks while it looks.
    ///
    /// The path may itself be a link; below it none is followed. A folder whose name is not one of a repository
    /// (lower-case letters and digits, single separators between them) is not looked into, nor is a layout.
    /// Layouts that appear later are found too.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if there is no layout, or if a layout's own folder has a name that no
    /// repository can have; [`ErrorKind::TooLarge`] for a tree that is too large to be meant.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_watched(dir, Arc::<Blind>::default())
    }

    /// Does what [`open`](Self::open) does, and warns an observer of what cannot be served: layouts that are left out,
    /// and those that cannot be read when they are asked for, each once in a while.
    pub fn open_watched(dir: &Path, observer: Arc<dyn Observer>) -> Result<Self> {
        let warnings = Warnings::new(observer);
        let folder = rustix::fs::open(dir, FOLDER, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR => nothing_to_serve(dir).caused_by(std::io::Error::from(errno)),
            _ => Error::io(format!("cannot open the folder {}", dir.display()), errno.into()),
        })?;
        let kind = if is_layout(&folder) {
            Layout::open(dir)?;
            Kind::One(name_of(dir)?)
        } else {
            let found = scan(&folder, dir)?;
            match (found.names.is_empty(), &found.unfit) {
                (true, Some(unfit)) => return Err(unfit_name(unfit)),
                (true, None) => return Err(nothing_to_serve(dir)),
                (false, _) => found.tell(&warnings),
            }
            Kind::Many { folder, names: Names::default() }
        };
        Ok(Self(Arc::new(Inner { path: dir.to_owned(), kind, desk: Desk::new(), warnings })))
    }

    /// Lists the names of the repositories there are now, in no order; blocks while it looks.
    pub fn repositories(&self) -> Result<Vec<String>> {
        let Inner { path, kind, warnings, .. } = &*self.0;
        match kind {
            Kind::One(name) => Ok(vec![name.as_str().to_owned()]),
            Kind::Many { folder, .. } => {
                let found = scan(folder, path)?;
                found.tell(warnings);
                Ok(found.names)
            }
        }
    }

    /// Lists the same in the order of lists, as they were within the last second.
    pub(crate) async fn names(&self) -> Result<Arc<Vec<String>>, Refusal> {
        let this = self.clone();
        let list = move || this.repositories();
        let listed = match &self.0.kind {
            Kind::One(_) => list().map(Arc::new),
            Kind::Many { names, .. } => names.list(list).await,
        };
        listed.map_err(|error| Refusal::of(&error, Code::NameUnknown))
    }

    /// Finds the layout of a repository.
    pub(crate) async fn find(&self, name: &Name) -> Result<Layout, Refusal> {
        let (this, name) = (self.clone(), name.clone());
        let found = blocking(move || this.look_up(&name)).await?;
        found.ok_or_else(|| Refusal::new(Code::NameUnknown, "there is no such repository"))
    }

    pub(crate) fn warnings(&self) -> &Warnings {
        &self.0.warnings
    }

    fn look_up(&self, name: &Name) -> Result<Option<Layout>> {
        let Inner { path, kind, desk, .. } = &*self.0;
        let (found, path) = match kind {
            Kind::One(own) if own == name => (self.enter_one()?, path.clone()),
            Kind::Many { folder, .. } if name.components().count() <= MAX_DEPTH => {
                let path = path.join(name.as_str());
                (descend(folder, name, &path)?.filter(|folder| !is_half_made(folder)), path)
            }
            Kind::One(_) | Kind::Many { .. } => return Ok(None),
        };
        match found.map(|folder| Layout::from_folder(folder, &path)).transpose() {
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(None),
            decided => Ok(decided?.map(|layout| layout.at(desk))),
        }
    }

    /// Opens the one folder that is served, as it is now.
    fn enter_one(&self) -> Result<Option<OwnedFd>> {
        let path = &self.0.path;
        match rustix::fs::open(path, FOLDER, Mode::empty()) {
            Ok(folder) if is_layout(&folder) => Ok(Some(folder)),
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => {
                self.warnings().tell(&format!("{} is no OCI image layout any more", path.display()));
                Ok(None)
            }
            Err(errno) => Err(Error::io(format!("cannot open the folder {}", path.display()), errno.into())),
        }
    }
}

/// Goes down to the folder of a repository, if there is one.
fn descend(folder: &OwnedFd, name: &Name, path: &Path) -> Result<Option<OwnedFd>> {
    let mut found: Option<OwnedFd> = None;
    for component in name.components() {
        let Some(next) = enter(found.as_ref().unwrap_or(folder), component, path)? else {
            return Ok(None);
        };
        found = Some(next);
    }
    Ok(found)
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

fn nothing_to_serve(dir: &Path) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("{} is neither an OCI image layout nor a folder of them", dir.display()),
    )
}

fn unfit_name(layout: &Path) -> Error {
    let message =
        format!("the folder {} has a name that no repository can have, so it cannot be served", layout.display());
    Error::new(ErrorKind::InvalidInput, message)
}

/// Takes the name of a layout's folder as that of its repository.
fn name_of(dir: &Path) -> Result<Name> {
    // `.` and links have their own names, which are not meant.
    let real = std::fs::canonicalize(dir)
        .map_err(|cause| Error::io(format!("cannot tell the name of the folder {}", dir.display()), cause))?;
    let name = real.file_name().and_then(|name| name.to_str()).ok_or_else(|| unfit_name(&real))?;
    name.parse().map_err(|cause| unfit_name(&real).caused_by(cause))
}

fn is_layout(folder: &OwnedFd) -> bool {
    rustix::fs::statat(folder, "oci-layout", AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

/// Says whether a layout has no index yet, which is made last: it is no repository before.
fn is_half_made(layout: &OwnedFd) -> bool {
    rustix::fs::statat(layout, "index.json", AtFlags::SYMLINK_NOFOLLOW).is_err_and(|errno| errno == Errno::NOENT)
}

/// Opens a folder in a folder, if there is one of this name and it is no link.
fn enter(folder: &OwnedFd, name: impl Arg + Debug + Copy, path: &Path) -> Result<Option<OwnedFd>> {
    match rustix::fs::openat(folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
        Ok(folder) => Ok(Some(folder)),
        // A folder that may not be entered is not offered either.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::ACCESS) => Ok(None),
        Err(errno) => {
            Err(Error::io(format!("cannot open the folder {name:?} on the way to {}", path.display()), errno.into()))
        }
    }
}

fn scan<'a>(folder: &OwnedFd, path: &'a Path) -> Result<Scan<'a>> {
    let mut scan = Scan { path, names: Vec::new(), unfit: None, folders: 0 };
    scan.look_into(folder, "", MAX_DEPTH)?;
    Ok(scan)
}

/// A search for layouts below a folder.
struct Scan<'a> {
    path: &'a Path,
    names: Vec<String>,
    /// A layout whose name no repository can have.
    unfit: Option<PathBuf>,
    folders: usize,
}

impl Scan<'_> {
    /// Tells of a layout that is left out.
    fn tell(&self, warnings: &Warnings) {
        if let Some(unfit) = &self.unfit {
            warnings.tell(&unfit_name(unfit).to_string());
        }
    }

    /// Looks into the folders of a folder, at most so many below each other.
    fn look_into(&mut self, folder: &OwnedFd, prefix: &str, depth: usize) -> Result<()> {
        if depth == 0 {
            return Ok(());
        }
        let unreadable =
            |errno: Errno| Error::io(format!("cannot list {}", self.path.join(prefix).display()), errno.into());
        for entry in Dir::read_from(folder).map_err(unreadable)? {
            let entry =
                entry.map_err(|errno| Error::io(format!("cannot list {}", self.path.display()), errno.into()))?;
            if !matches!(entry.file_type(), FileType::Directory | FileType::Unknown) {
                continue;
            }
            let name = entry.file_name().to_str().ok().map(|name| join(prefix, name));
            let Some(name) = name.filter(|name| name.parse::<Name>().is_ok()) else {
                self.note_unfit(folder, prefix, entry.file_name())?;
                continue;
            };
            self.folders += 1;
            if self.folders > MAX_FOLDERS {
                let message = format!("{} has more than {MAX_FOLDERS} folders, too many to serve", self.path.display());
                return Err(Error::new(ErrorKind::TooLarge, message));
            }
            self.visit(folder, name, depth)?;
        }
        Ok(())
    }

    /// Remembers the first layout that is passed by for its name.
    fn note_unfit(&mut self, parent: &OwnedFd, prefix: &str, name: &CStr) -> Result<()> {
        let is_itself = matches!(name.to_bytes(), b"." | b"..");
        if is_itself || self.unfit.is_some() {
            return Ok(());
        }
        if enter(parent, name, self.path)?.is_some_and(|folder| is_layout(&folder)) {
            self.unfit = Some(self.path.join(prefix).join(OsStr::from_bytes(name.to_bytes())));
        }
        Ok(())
    }

    fn visit(&mut self, parent: &OwnedFd, name: String, depth: usize) -> Result<()> {
        let last = name.rsplit('/').next().unwrap_or(&name);
        let Some(folder) = enter(parent, last, self.path)? else {
            return Ok(());
        };
        if is_layout(&folder) {
            if !is_half_made(&folder) {
                self.names.push(name);
            }
            Ok(())
        } else {
            self.look_into(&folder, &name, depth - 1)
        }
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| Refusal::of(&error, Code::NameUnknown)),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Refusal::ending()),
        },
    }
}
