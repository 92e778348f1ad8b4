//! Which files the calls were about, and what they did to them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use super::action::Action;
use super::disk::{Disk, Node, ROOT};
use super::trace::{Call, unescaped, unquoted};
use super::{Op, Recording};

/// Follows a program through its calls.
struct Scribe<'a> {
    root: &'a Path,
    /// What is taken from the modes of what it makes: the program has it from the tests.
    mask: u32,
    /// What the folder holds by now.
    disk: Disk,
    descriptors: HashMap<u64, Open>,
    ops: Vec<Op>,
}

/// What a descriptor stands for.
#[derive(Clone, Copy)]
struct Open {
    node: usize,
    /// Where the next `write` goes; `None` if that is the end, always.
    position: Option<usize>,
}

/// Writes down what the calls did to the folder.
pub(super) fn write_down(root: &Path, start: Disk, mut calls: Vec<Call>) -> Recording {
    // A descriptor is free once its closing begins; all else is so once it has ended.
    calls.sort_by_key(|call| if call.name == "close" { call.begin } else { call.end });
    let ended = calls.iter().map(|call| call.end).filter(|end| *end < usize::MAX).max();
    let mut scribe = Scribe { root, mask: mask(), disk: start.clone(), descriptors: HashMap::new(), ops: Vec::new() };
    for call in &calls {
        scribe.note(call);
    }
    let made = scribe.disk.made_after(start.count());
    Recording { start, made, ops: scribe.ops, end: ended.unwrap_or(0) + 1 }
}

impl Scribe<'_> {
    fn note(&mut self, call: &Call) {
        // What failed changed nothing, but for the name that a closing takes away in any case.
        if call.name == "close" {
            self.descriptors.remove(&descriptor(&call.arguments[0]));
            return;
        }
        let Some(result) = call.result else { return };
        let arguments: Vec<&str> = call.arguments.iter().map(String::as_str).collect();
        match (call.name.as_str(), &arguments[..]) {
            ("open" | "creat", [path, rest @ ..]) => {
                self.open(call, result, self.place("AT_FDCWD", path), &rest.join(","));
            }
            ("openat" | "openat2", [folder, path, rest @ ..]) => {
                self.open(call, result, self.place(folder, path), &rest.join(","));
            }
            ("mkdir", [path, mode]) => self.make_folder(call, "AT_FDCWD", path, mode),
            ("mkdirat", [folder, path, mode]) => self.make_folder(call, folder, path, mode),
            ("rename", [old, new]) => self.rename(call, ("AT_FDCWD", old), ("AT_FDCWD", new)),
            ("renameat" | "renameat2", [from, old, to, new, ..]) => self.rename(call, (from, old), (to, new)),
            ("link", [old, new]) => self.link(call, ("AT_FDCWD", old), ("AT_FDCWD", new)),
            ("linkat", [from, old, to, new, ..]) => self.link(call, (from, old), (to, new)),
            ("unlink" | "rmdir", [path]) => self.unlink(call, "AT_FDCWD", path),
            ("unlinkat", [folder, path, ..]) => self.unlink(call, folder, path),
            ("chmod", [path, mode]) => self.change_mode(call, "AT_FDCWD", path, mode),
            ("fchmodat", [folder, path, mode, ..]) => self.change_mode(call, folder, path, mode),
            ("dup" | "dup2" | "dup3", [old, ..]) | ("fcntl", [old, "F_DUPFD" | "F_DUPFD_CLOEXEC", ..]) => {
                if let Some(open) = self.descriptors.get(&descriptor(old)).copied() {
                    self.descriptors.insert(result, open);
                }
            }
            ("fcntl", _) => {}
            (_, [first, rest @ ..]) => {
                if let Some(open) = self.descriptors.get(&descriptor(first)).copied() {
                    self.change(call, result, open, rest);
                }
            }
            (name, []) => panic!("{name} makes everything durable: the recorder does not know that"),
        }
    }

    /// Notes a call on an open file of the folder.
    fn change(&mut self, call: &Call, result: u64, open: Open, arguments: &[&str]) {
        let Open { node, position } = open;
        let action = match (call.name.as_str(), arguments) {
            ("write", [bytes, _]) => {
                let bytes = written(bytes, result);
                let offset = position.unwrap_or_else(|| self.disk.length(node));
                self.move_to(call, position.map(|position| position + bytes.len()));
                Action::Write { node, offset, bytes }
            }
            ("pwrite64", [bytes, _, offset]) => {
                Action::Write { node, offset: number(offset), bytes: written(bytes, result) }
            }
            ("lseek", _) => return self.move_to(call, position.map(|_| usize::try_from(result).expect("a position"))),
            ("ftruncate", [length]) => Action::Resize { node, length: number(length) },
            ("fallocate", ["0", start, length]) => Action::Extend { node, length: number(start) + number(length) },
            ("fsync" | "fdatasync", []) => Action::Sync { node },
            ("fchmod", [mode]) => Action::Mode { node, mode: octal(mode) },
            (name, _) => panic!("the recorder does not know {name} {arguments:?}"),
        };
        self.act(call, action);
    }

    fn act(&mut self, call: &Call, action: Action) {
        self.disk.apply(&action);
        self.ops.push(Op { begin: call.begin, end: call.end, action });
    }

    fn move_to(&mut self, call: &Call, position: Option<usize>) {
        if let Some(open) = self.descriptors.get_mut(&descriptor(&call.arguments[0])) {
            open.position = position;
        }
    }

    fn open(&mut self, call: &Call, result: u64, place: Option<PathBuf>, how: &str) {
        let Some(path) = place else { return };
        let node = match self.disk.find(ROOT, &path) {
            Some(node) => {
                if how.contains("O_TRUNC") {
                    self.act(call, Action::Resize { node, length: 0 });
                }
                node
            }
            None if how.contains("O_TMPFILE") => self.disk.add(Node::file(0o600)),
            None if how.contains("O_CREAT") => {
                let mode = how.rsplit(['=', ',']).find_map(|part| u32::from_str_radix(part.trim(), 8).ok());
                let node = self.disk.add(Node::file(mode.expect("who makes a file says its mode") & !self.mask));
                self.name(call, &path, node);
                node
            }
            // Something that is neither file nor folder.
            None => return,
        };
        let position = (!how.contains("O_APPEND")).then_some(0);
        self.descriptors.insert(result, Open { node, position });
    }

    fn make_folder(&mut self, call: &Call, folder: &str, path: &str, mode: &str) {
        if let Some(path) = self.place(folder, path) {
            let node = self.disk.add(Node::folder(octal(mode) & !self.mask));
            self.name(call, &path, node);
        }
    }

    /// Notes that a path in the folder stands for something new.
    fn name(&mut self, call: &Call, path: &Path, node: usize) {
        let (folder, name) = self.entry(path);
        self.act(call, Action::Link { folder, name, node });
    }

    fn link(&mut self, call: &Call, old: (&str, &str), new: (&str, &str)) {
        let (Some(old), Some(new)) = (self.place(old.0, old.1), self.place(new.0, new.1)) else { return };
        let node = self.known(&old);
        self.name(call, &new, node);
    }

    fn unlink(&mut self, call: &Call, folder: &str, path: &str) {
        if let Some(path) = self.place(folder, path) {
            let node = self.known(&path);
            let (folder, name) = self.entry(&path);
            self.act(call, Action::Unlink { folder, name, node });
        }
    }

    fn rename(&mut self, call: &Call, old: (&str, &str), new: (&str, &str)) {
        let (Some(old), Some(new)) = (self.place(old.0, old.1), self.place(new.0, new.1)) else { return };
        assert!(
            !call.arguments.iter().any(|argument| argument.contains("RENAME_EXCHANGE")),
            "exchanged: {}",
            new.display()
        );
        let node = self.known(&old);
        self.act(call, Action::Rename { from: self.entry(&old), to: self.entry(&new), node });
    }

    fn change_mode(&mut self, call: &Call, folder: &str, path: &str, mode: &str) {
        if let Some(path) = self.place(folder, path) {
            self.act(call, Action::Mode { node: self.known(&path), mode: octal(mode) });
        }
    }

    /// Gives the path within the folder that a call names; `None` if it leads elsewhere.
    fn place(&self, folder: &str, path: &str) -> Option<PathBuf> {
        let path = PathBuf::from(OsString::from_vec(unquoted(path)));
        if path.is_absolute() {
            return Some(path.strip_prefix(self.root).ok()?.to_owned());
        }
        // The path that strace gives a descriptor is the one that its folder has by now.
        let (_, base) = folder.split_once('<').unwrap_or_else(|| panic!("from where on is {}?", path.display()));
        let base = PathBuf::from(OsString::from_vec(unescaped(base.strip_suffix('>')?)?));
        Some(base.join(path).strip_prefix(self.root).ok()?.to_owned())
    }

    #[track_caller]
    fn known(&self, path: &Path) -> usize {
        self.disk.find(ROOT, path).unwrap_or_else(|| panic!("nothing is known of {}", path.display()))
    }

    /// Splits a path into the folder that it is in, and its name there.
    #[track_caller]
    fn entry(&self, path: &Path) -> (usize, OsString) {
        let folder = path.parent().unwrap_or_else(|| panic!("the folder itself is changed"));
        (self.known(folder), path.file_name().expect("a path ends in a name").to_owned())
    }
}

/// Gives the umask of the tests.
fn mask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").expect("the system tells of a process");
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    octal(line.expect("the system tells the umask").trim())
}

/// Gives the number of a descriptor.
fn descriptor(argument: &str) -> u64 {
    // AT_FDCWD stands for none.
    argument.split('<').next().and_then(|number| number.parse().ok()).unwrap_or(u64::MAX)
}

fn number(argument: &str) -> usize {
    argument.parse().unwrap_or_else(|_| panic!("no number: {argument}"))
}

fn octal(argument: &str) -> u32 {
    u32::from_str_radix(argument, 8).unwrap_or_else(|_| panic!("no mode: {argument}"))
}

/// Gives as much of what was to be written as was written.
fn written(bytes: &str, result: u64) -> Vec<u8> {
    let mut bytes = unquoted(bytes);
    bytes.truncate(usize::try_from(result).expect("no more than was to be written"));
    bytes
}
