//! Where a file goes: what the user asked for and what the publisher calls it, put together.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, lstat, stat};
use rustix::io::Errno;

use super::directory::describe;
use super::title::Title;
use crate::error::{Advice, Error, ErrorKind, Result};

/// Folders whose entries are open descriptors of the process itself.
const DESCRIPTOR_FOLDERS: [&str; 3] = ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"];

/// Names of the standard streams.
const STREAMS: [&str; 3] = ["/dev/stdin", "/dev/stdout", "/dev/stderr"];

/// Whether a file that exists may be replaced by another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Replace {
    /// It may: the user named it.
    Always,
    /// It may not: a server chose the name.
    #[default]
    Never,
}

/// The place of one regular file: a folder, a name in it, and who chose the name.
///
/// Made by [`resolve`] and [`resolve_titled`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The folder that the user chose, links followed; empty for the current one.
    pub(super) base: PathBuf,
    /// What to do if that folder is missing.
    pub(super) missing: Missing,
    /// The folders of the title, which are entered without following links.
    pub(super) folders: Vec<String>,
    /// The name in the innermost folder.
    pub(super) name: OsString,
    /// The path as the user knows it.
    pub(super) path: PathBuf,
    /// Whether a file that is there may be replaced.
    pub(super) replace: Replace,
}

/// What to do about a folder that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Fail,
    Make,
}

impl Place {
    /// Makes the place of a file whose name nobody chose for it: below a folder, in folders that are not to be links,
    /// all of which are made. A regular file that is there may be replaced.
    pub(crate) fn inside(base: &Path, folders: &[&str], name: &str) -> Self {
        let path = folders.iter().fold(base.to_owned(), |path, folder| path.join(folder)).join(name);
        Self {
            base: base.to_owned(),
            missing: Missing::Make,
            folders: folders.iter().map(|folder| (*folder).to_owned()).collect(),
            name: name.into(),
            path,
            replace: Replace::Always,
        }
    }

    /// Returns the path as the user knows it: as given, or the given folder and the title.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says whether a file that is there may be replaced.
    pub fn replace(&self) -> Replace {
        self.replace
    }
}

/// Decides which file a layer becomes, from what the user named and the layer's title.
///
/// An existing folder, or a name that ends in `/`, takes the file under its title;
/// such a folder is made when the target is prepared. Any other name is the file's
/// own; a link that leads to a file stays, and that file is the one replaced.
/// Looks at the file system, and changes nothing.
///
/// # Errors
///
/// [`InvalidInput`](ErrorKind::InvalidInput) for a device, a pipe or a socket, and where a title
/// is needed and there is none; [`Malformed`](ErrorKind::Malformed) for a title that could leave its
/// folder or mislead its reader; [`Io`](ErrorKind::Io) for a link that leads nowhere and a missing folder.
pub fn resolve(output: &Path, title: Option<&str>) -> Result<Place> {
    refuse_stream(output)?;
    match stat(output) {
        Ok(found) => match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => titled(output, title, Missing::Fail, Replace::Always),
            FileType::RegularFile => existing(output),
            other => Err(no_file(output, other)),
        },
        Err(Errno::NOENT) if names_folder(output) => titled(output, title, Missing::Make, Replace::Always),
        Err(Errno::NOENT) => new(output),
        Err(error) => Err(Error::io(format!("cannot look at {}", output.display()), error.into())),
    }
}

/// Decides which folder an archive becomes: the one that the user named, which is made if need be, or its title in the
/// current folder, in which nothing is replaced.
///
/// # Errors
///
/// [`InvalidInput`](ErrorKind::InvalidInput) for what is no folder, [`Malformed`](ErrorKind::Malformed) for a title that
/// could leave its folder, [`Io`](ErrorKind::Io) for a link that leads nowhere.
pub fn resolve_tree(output: Option<&Path>, title: Option<&str>) -> Result<Place> {
    let Some(output) = output else { return resolve_titled(title) };
    refuse_stream(output)?;
    let real = match stat(output) {
        Ok(found) => match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => own_name(output)?,
            FileType::RegularFile => {
                let message = format!("{} is a file, and the layer is a folder", output.display());
                return Err(Error::new(ErrorKind::InvalidInput, message).advise(Advice::NameFolder));
            }
            other => return Err(no_file(output, other)),
        },
        Err(Errno::NOENT) => {
            refuse_dangling(output)?;
            refuse_among_devices(output)?;
            output.to_owned()
        }
        Err(error) => return Err(Error::io(format!("cannot look at {}", output.display()), error.into())),
    };
    let (Some(base), Some(name)) = (real.parent(), real.file_name()) else {
        let message = format!("the path \"{}\" names no folder that can be filled", output.display());
        return Err(Error::new(ErrorKind::InvalidInput, message).advise(Advice::NameFolder));
    };
    Ok(Place {
        base: base.to_owned(),
        missing: Missing::Make,
        folders: Vec::new(),
        name: name.to_owned(),
        path: output.to_owned(),
        replace: Replace::Always,
    })
}

/// Returns the path of a folder by a name of its own: not a link's, and not `.`.
fn own_name(folder: &Path) -> Result<PathBuf> {
    if let (Some(base), Some(name)) = (folder.parent(), folder.file_name()) {
        // Without the slash at its end, which would follow a link.
        let named = base.join(name);
        if !is_link(&named) {
            return Ok(named);
        }
    }
    folder.canonicalize().map_err(|error| Error::io(format!("cannot look at {}", folder.display()), error))
}

/// Decides which file a layer becomes where the user named nothing: its title is the name in the current folder, and
/// replaces nothing.
///
/// # Errors
///
/// [`InvalidInput`](ErrorKind::InvalidInput) without a title, [`Malformed`](ErrorKind::Malformed) for one that could
/// leave its folder or mislead its reader.
pub fn resolve_titled(title: Option<&str>) -> Result<Place> {
    titled(Path::new(""), title, Missing::Fail, Replace::Never)
}

/// Returns the title of a layer that needs one.
///
/// # Errors
///
/// [`InvalidInput`](ErrorKind::InvalidInput) if it has none.
pub fn title(title: Option<&str>) -> Result<&str> {
    title.ok_or_else(|| {
        Error::new(ErrorKind::InvalidInput, "the layer has no title that could name its file")
            .advise(Advice::NameOutput)
    })
}

fn titled(folder: &Path, title: Option<&str>, missing: Missing, replace: Replace) -> Result<Place> {
    let title = Title::parse(self::title(title)?)?;
    Ok(Place {
        base: folder.to_owned(),
        missing,
        path: folder.join(title.to_path()),
        folders: title.folders,
        name: title.name.into(),
        replace,
    })
}

fn existing(path: &Path) -> Result<Place> {
    if !is_link(path) {
        return file(path, path);
    }
    let real =
        path.canonicalize().map_err(|error| Error::io(format!("cannot follow the link {}", path.display()), error))?;
    file(&real, path)
}

fn new(path: &Path) -> Result<Place> {
    refuse_dangling(path)?;
    file(path, path)
}

/// Refuses a link, of a path at which nothing was found.
pub(super) fn refuse_dangling(path: &Path) -> Result<()> {
    // Anything but a link has come into being just now, and is looked at when the target is prepared.
    if is_link(path) {
        let message = format!("cannot follow the link {}, which leads nowhere", path.display());
        return Err(Error::io(message, io::Error::from(Errno::NOENT)));
    }
    Ok(())
}

fn is_link(path: &Path) -> bool {
    lstat(path).is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Symlink)
}

/// Makes the place of a file at `real` that the user knows as `path`.
fn file(real: &Path, path: &Path) -> Result<Place> {
    let (Some(base), Some(name)) = (real.parent(), real.file_name()) else {
        return Err(Error::new(ErrorKind::InvalidInput, format!("the path \"{}\" names no file", path.display()))
            .advise(Advice::NameOutput));
    };
    let opened = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    let folder = opened.canonicalize().map_err(|error| unopened(opened, error))?;
    if holds_devices(&folder) {
        return Err(no_device(path));
    }
    Ok(Place {
        base: base.to_owned(),
        missing: Missing::Fail,
        folders: Vec::new(),
        name: name.to_owned(),
        path: path.to_owned(),
        replace: Replace::Always,
    })
}

fn unopened(folder: &Path, error: io::Error) -> Error {
    let missing = error.kind() == io::ErrorKind::NotFound;
    let error = Error::io(format!("cannot open the folder {}", folder.display()), error);
    if missing { error.advise(Advice::MakeFolder(folder.display().to_string())) } else { error }
}

/// Refuses a path to be made somewhere below a folder for devices.
pub(crate) fn refuse_among_devices(path: &Path) -> Result<()> {
    let above = path.ancestors().skip(1).find_map(|folder| folder.canonicalize().ok());
    if above.is_some_and(|folder| holds_devices(&folder)) { Err(no_device(path)) } else { Ok(()) }
}

fn no_device(path: &Path) -> Error {
    let message = format!("{} is no device, and a file there would fill the memory", path.display());
    Error::new(ErrorKind::InvalidInput, message).advise(Advice::WriteDevice)
}

/// Says whether a folder is for devices, where the name of a new file is a mistyped one.
fn holds_devices(folder: &Path) -> bool {
    folder.starts_with("/dev") && !folder.starts_with("/dev/shm")
}

fn names_folder(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    bytes.ends_with(b"/") || bytes.ends_with(b"/.")
}

pub(super) fn refuse_stream(path: &Path) -> Result<()> {
    let is_descriptor =
        path.parent().is_some_and(|parent| DESCRIPTOR_FOLDERS.iter().any(|folder| parent == Path::new(folder)));
    if is_descriptor || STREAMS.iter().any(|stream| path == Path::new(stream)) {
        // Where it leads to a file, a new file of the same name is not what was opened.
        return Err(stream(path, "a stream"));
    }
    Ok(())
}

pub(super) fn no_file(path: &Path, kind: FileType) -> Error {
    match kind {
        FileType::BlockDevice | FileType::CharacterDevice => {
            let message = format!("cannot replace {}, which is {}", path.display(), describe(kind));
            Error::new(ErrorKind::InvalidInput, message).advise(Advice::WriteDevice)
        }
        _ => stream(path, describe(kind)),
    }
}

fn stream(path: &Path, kind: &str) -> Error {
    let message = format!("cannot replace {}, which is {kind}: `-o -` writes to standard output", path.display());
    Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests;
