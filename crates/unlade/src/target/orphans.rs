//! What killed runs have left beside targets, and nobody fills any more.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{AtFlags, Dir, Mode, Stat, fstat, openat, unlinkat};
use rustix::io::Errno;

use super::directory::{Directory, same};
use super::lock::ask_system;
use super::names::{journal_name, name_limit, partial_name};
use super::own::{FLAGS, Origin, make, objection};
use super::title::{JOURNAL_SUFFIX, PARTIAL_SUFFIX};

/// Removes the partials and journals in a folder that nobody uses any more: those of targets that are named so, which
/// are surely what a killed run left. Whatever cannot be looked at or locked stays, and does no harm.
pub(super) fn remove_orphans(directory: &Directory, is_target: impl Fn(&str) -> bool) {
    let Ok(entries) = Dir::read_from(directory) else { return };
    for entry in entries.map_while(rustix::io::Result::ok) {
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        let hidden = name.to_str().and_then(|name| name.strip_prefix('.'));
        let target = hidden.and_then(|name| name.strip_suffix(PARTIAL_SUFFIX).or(name.strip_suffix(JOURNAL_SUFFIX)));
        if let Some(target) = target.filter(|target| is_target(target)) {
            sweep(directory, OsStr::new(target));
        }
    }
}

/// Removes the partial and the journal of a target, unless someone fills it; most often there is neither.
pub(super) fn sweep(directory: &Directory, target: &OsStr) {
    let limit = name_limit(directory);
    let (partial, journal) = (partial_name(target, limit), journal_name(target, limit));
    let is_there = |name: &OsStr| directory.look(name).is_ok_and(|found| found.is_some());
    if !is_there(&partial) && !is_there(&journal) {
        return;
    }
    // Its lock, which covers the journal, is held until both are gone: a run that waits for it then makes another.
    let Some(_lock) = claim(directory, &partial) else { return };
    if directory.look(&journal).is_ok_and(|found| found.is_some_and(|found| is_usable(&found))) {
        let _removed_or_left = unlinkat(directory, &journal, AtFlags::empty());
    }
    let _removed_or_left = unlinkat(directory, &partial, AtFlags::empty());
}

/// Locks a partial that a next run could use and that nobody uses now, or makes one to that end; the lock falls with
/// the file.
fn claim(directory: &Directory, name: &OsStr) -> Option<File> {
    match make(directory, name) {
        Ok(made) => lock(directory, name, made).or_else(|| {
            // It is in nobody's way where there are no locks, and must not stay.
            let _removed_or_left = unlinkat(directory, name, AtFlags::empty());
            None
        }),
        Err(Errno::EXIST) => {
            directory.look(name).ok()?.filter(is_usable)?;
            lock(directory, name, openat(directory, name, FLAGS, Mode::empty()).ok()?.into())
        }
        Err(_) => None,
    }
}

fn lock(directory: &Directory, name: &OsStr, file: File) -> Option<File> {
    ask_system(&file).ok()?;
    let found = fstat(&file).ok()?;
    let named = directory.look(name).ok()??;
    (is_usable(&found) && same(&named, &found)).then_some(file)
}

fn is_usable(found: &Stat) -> bool {
    objection(found, Origin::Found).is_none()
}
