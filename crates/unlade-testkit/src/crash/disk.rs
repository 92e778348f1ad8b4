//! What a folder holds: read from a real one, changed, and made real again.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::action::Action;
use crate::content::digest;

/// The number of the folder itself among the files and folders.
pub(super) const ROOT: usize = 0;

/// The files and folders in a folder, with their names.
#[derive(Clone, Eq, PartialEq)]
pub struct Disk {
    nodes: Vec<Node>,
}

/// A file or a folder, which may have any number of names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Node {
    pub(super) mode: u32,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    File(Vec<u8>),
    Folder(BTreeMap<OsString, usize>),
}

impl Disk {
    /// Reads a real folder. Of other things than files and folders it takes no notice.
    #[track_caller]
    pub fn read(folder: &Path) -> Self {
        let mut disk = Self { nodes: vec![Node::folder(mode(folder))] };
        let mut known = BTreeMap::new();
        disk.read_folder(ROOT, folder, &mut known);
        disk
    }

    fn read_folder(&mut self, node: usize, path: &Path, known: &mut BTreeMap<u64, usize>) {
        let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("list {}: {error}", path.display()));
        let mut names: Vec<OsString> = entries.map(|entry| entry.expect("list a folder").file_name()).collect();
        names.sort();
        for name in names {
            let path = path.join(&name);
            let found = path.symlink_metadata().unwrap_or_else(|error| panic!("look at {}: {error}", path.display()));
            let inner = if found.is_dir() {
                let inner = self.add(Node::folder(mode(&path)));
                self.read_folder(inner, &path, known);
                inner
            } else if found.is_file() {
                *known.entry(found.ino()).or_insert_with(|| {
                    let content = fs::read(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
                    self.add(Node { mode: mode(&path), kind: Kind::File(content) })
                })
            } else {
                continue;
            };
            self.entries_mut(node).insert(name, inner);
        }
    }

    /// Makes a real folder of it, which is not there yet.
    #[track_caller]
    pub fn write(&self, folder: &Path) {
        let mut files = BTreeMap::new();
        self.write_folder(ROOT, folder, &mut files);
    }

    fn write_folder(&self, node: usize, path: &Path, files: &mut BTreeMap<usize, PathBuf>) {
        fs::create_dir(path).unwrap_or_else(|error| panic!("make {}: {error}", path.display()));
        for (name, inner) in self.entries(node) {
            let path = path.join(name);
            match &self.nodes[*inner].kind {
                Kind::Folder(_) => self.write_folder(*inner, &path, files),
                Kind::File(content) => {
                    let made = match files.get(inner) {
                        Some(first) => fs::hard_link(first, &path),
                        None => fs::write(&path, content),
                    };
                    made.unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
                    files.entry(*inner).or_insert_with(|| path.clone());
                }
            }
            set_mode(&path, self.nodes[*inner].mode);
        }
    }

    /// Gives what a file holds, by its path in the folder; `None` if there is no file.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        match &self.nodes[self.find(ROOT, Path::new(path))?].kind {
            Kind::File(content) => Some(content),
            Kind::Folder(_) => None,
        }
    }

    /// Finds what a path stands for, from a folder on.
    pub(super) fn find(&self, folder: usize, path: &Path) -> Option<usize> {
        path.iter().try_fold(folder, |node, name| match &self.nodes[node].kind {
            Kind::Folder(_) if name == "." => Some(node),
            Kind::Folder(_) if name == ".." => self.parent(node),
            Kind::Folder(entries) => entries.get(name).copied(),
            Kind::File(_) => None,
        })
    }

    fn parent(&self, node: usize) -> Option<usize> {
        let holds =
            |folder: &Node| matches!(&folder.kind, Kind::Folder(names) if names.values().any(|inner| *inner == node));
        self.nodes.iter().position(holds)
    }

    /// Adds a file or a folder, without a name.
    pub(super) fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Gives the same with more files and folders, without names.
    pub(super) fn with(&self, more: &[Node]) -> Self {
        Self { nodes: self.nodes.iter().chain(more).cloned().collect() }
    }

    /// Gives those that were added after the first so many, as they were made: empty.
    pub(super) fn made_after(&self, count: usize) -> Vec<Node> {
        self.nodes[count..].iter().map(Node::emptied).collect()
    }

    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Gives the length of a file.
    pub(super) fn length(&self, node: usize) -> usize {
        match &self.nodes[node].kind {
            Kind::File(content) => content.len(),
            Kind::Folder(_) => 0,
        }
    }

    /// Makes a change. What a name stands for is looked at: another one may have been lost before.
    pub(super) fn apply(&mut self, action: &Action) {
        match action {
            Action::Extend { node, length } => {
                let content = self.content_mut(*node);
                content.resize(content.len().max(*length), 0);
            }
            Action::Link { folder, name, node } => drop(self.entries_mut(*folder).insert(name.clone(), *node)),
            Action::Mode { node, mode } => self.nodes[*node].mode = *mode,
            Action::Rename { from: (from, old), to: (to, new), node } => {
                self.unlink(*from, old, *node);
                self.entries_mut(*to).insert(new.clone(), *node);
            }
            Action::Resize { node, length } => self.content_mut(*node).resize(*length, 0),
            Action::Sync { .. } => {}
            Action::Unlink { folder, name, node } => self.unlink(*folder, name, *node),
            Action::Write { node, offset, bytes } => {
                let content = self.content_mut(*node);
                content.resize(content.len().max(offset + bytes.len()), 0);
                content[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
        }
    }

    fn unlink(&mut self, folder: usize, name: &OsStr, node: usize) {
        let entries = self.entries_mut(folder);
        if entries.get(name) == Some(&node) {
            entries.remove(name);
        }
    }

    /// Gives it without what has no name, numbered as it would be read.
    pub(super) fn reachable(&self) -> Self {
        let mut disk = Self { nodes: vec![self.nodes[ROOT].emptied()] };
        self.copy_folder(ROOT, ROOT, &mut disk, &mut BTreeMap::new());
        disk
    }

    fn copy_folder(&self, from: usize, to: usize, disk: &mut Self, known: &mut BTreeMap<usize, usize>) {
        for (name, inner) in self.entries(from) {
            let copy = match (&self.nodes[*inner].kind, known.get(inner)) {
                (Kind::File(_), Some(copy)) => *copy,
                (Kind::File(_), None) => disk.add(self.nodes[*inner].clone()),
                (Kind::Folder(_), _) => {
                    let copy = disk.add(self.nodes[*inner].emptied());
                    self.copy_folder(*inner, copy, disk, known);
                    copy
                }
            };
            known.insert(*inner, copy);
            disk.entries_mut(to).insert(name.clone(), copy);
        }
    }

    pub(super) fn entries(&self, folder: usize) -> &BTreeMap<OsString, usize> {
        match &self.nodes[folder].kind {
            Kind::Folder(entries) => entries,
            Kind::File(_) => panic!("a file has no entries"),
        }
    }

    fn entries_mut(&mut self, folder: usize) -> &mut BTreeMap<OsString, usize> {
        match &mut self.nodes[folder].kind {
            Kind::Folder(entries) => entries,
            Kind::File(_) => panic!("a file has no entries"),
        }
    }

    fn content_mut(&mut self, file: usize) -> &mut Vec<u8> {
        match &mut self.nodes[file].kind {
            Kind::File(content) => content,
            Kind::Folder(_) => panic!("a folder has no content"),
        }
    }
}

impl Node {
    pub(super) fn file(mode: u32) -> Self {
        Self { mode, kind: Kind::File(Vec::new()) }
    }

    pub(super) fn folder(mode: u32) -> Self {
        Self { mode, kind: Kind::Folder(BTreeMap::new()) }
    }

    fn emptied(&self) -> Self {
        match self.kind {
            Kind::File(_) => Self::file(self.mode),
            Kind::Folder(_) => Self::folder(self.mode),
        }
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = formatter.debug_list();
        let mut waiting = vec![(ROOT, PathBuf::new())];
        while let Some((node, path)) = waiting.pop() {
            match &self.nodes[node] {
                Node { mode, kind: Kind::File(content) } => {
                    let short = &digest(content)[..15];
                    list.entry(&format_args!("{} {mode:o} {} {short}", path.display(), content.len()));
                }
                Node { mode, kind: Kind::Folder(entries) } => {
                    list.entry(&format_args!("{}/ {mode:o}", path.display()));
                    waiting.extend(entries.iter().map(|(name, inner)| (*inner, path.join(name))));
                }
            }
        }
        list.finish()
    }
}

fn mode(path: &Path) -> u32 {
    let found = path.symlink_metadata().unwrap_or_else(|error| panic!("look at {}: {error}", path.display()));
    found.mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .unwrap_or_else(|error| panic!("set the mode of {}: {error}", path.display()));
}
