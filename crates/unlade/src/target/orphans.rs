//! What killed runs have left beside targets, and nobody fills any more.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Dir, Mode, Stat, fstat, openat, unlinkat};
use rustix::io::Errno;

use super::directory::{Directory, length, same};
use super::journal::{Heading, Journal};
use super::lock::ask_system;
use super::names::{journal_name, name_limit, partial_name};
use super::own::{FLAGS, Origin, make, objection};
use super::partial::is_published;
use super::title::{JOURNAL_SUFFIX, PARTIAL_SUFFIX};
use crate::spec::digest::Digest;

/// So long is a partial kept that a run of another blob, or of another image, could go on with: whoever wanted it has
/// forgotten it by then.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// What there is of a target, beside which something was left.
#[derive(Debug, Clone, Copy)]
pub(super) enum Done<'a> {
    /// All that it will ever hold.
    All,
    /// The file that a run has just found right. Its name may stand for another blob tomorrow.
    Blob(&'a Digest),
    Nothing,
}

/// Removes the partials and journals in a folder that nobody uses any more: those of targets that are named so, and
/// that hold the same whoever makes them. Of a target that is not there, what a later run would go on with stays.
/// Whatever cannot be looked at or locked stays, and does no harm.
pub(super) fn remove_orphans(directory: &Directory, is_target: impl Fn(&str) -> bool) {
    let Ok(entries) = Dir::read_from(directory) else { return };
    for entry in entries.map_while(rustix::io::Result::ok) {
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        let hidden = name.to_str().and_then(|name| name.strip_prefix('.'));
        let target = hidden.and_then(|name| name.strip_suffix(PARTIAL_SUFFIX).or(name.strip_suffix(JOURNAL_SUFFIX)));
        if let Some(target) = target.filter(|target| is_target(target)).map(OsStr::new) {
            let done = if is_there(directory, target) { Done::All } else { Done::Nothing };
            sweep(directory, target, done);
        }
    }
}

/// Removes the partial and the journal of a target, unless someone fills it or could go on with it; most often there is
/// neither.
pub(super) fn sweep(directory: &Directory, target: &OsStr, done: Done) {
    let limit = name_limit(directory);
    let (partial, journal) = (partial_name(target, limit), journal_name(target, limit));
    if !is_there(directory, &partial) && !is_there(directory, &journal) {
        return;
    }
    // Its lock, which covers the journal, is held until both are gone: a run that waits for it then makes another.
    let Some((_lock, found)) = claim(directory, &partial, target) else { return };
    let is_published = is_published(directory, target, &found);
    if !is_published && is_of_use(&found, Journal::glance(directory, &journal).as_ref(), done, SystemTime::now()) {
        return;
    }
    if directory.look(&journal).is_ok_and(|found| found.is_some_and(|found| is_usable(&found))) {
        let _removed_or_left = unlinkat(directory, &journal, AtFlags::empty());
    }
    let _removed_or_left = unlinkat(directory, &partial, AtFlags::empty());
}

/// Decides whether a later run would go on with a partial, by the heading of a journal that has records.
fn is_of_use(partial: &Stat, journal: Option<&Heading>, done: Done, now: SystemTime) -> bool {
    let wanted = journal.is_some_and(|heading| match done {
        Done::All => false,
        Done::Blob(digest) => !heading.is_of(digest),
        Done::Nothing => true,
    });
    let changed = u64::try_from(partial.st_mtime).ok().map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
    // One that was changed later than now tells of a clock that was set, and not of its age.
    let is_old = changed.and_then(|changed| now.duration_since(changed).ok()).is_some_and(|age| age > KEPT);
    wanted && !is_old && journal.is_some_and(|heading| heading.size() == length(partial))
}

fn is_there(directory: &Directory, name: &OsStr) -> bool {
    directory.look(name).is_ok_and(|found| found.is_some())
}

/// Locks a partial that a next run could use and that nobody uses now, or makes one to that end; the lock falls with
/// the file.
fn claim(directory: &Directory, name: &OsStr, target: &OsStr) -> Option<(File, Stat)> {
    let is_ours = |found: &Stat| is_usable(found) || is_published(directory, target, found);
    let (file, origin) = match make(directory, name) {
        Ok(made) => (made, Origin::Made),
        Err(Errno::EXIST) => {
            directory.look(name).ok()?.filter(is_ours)?;
            (openat(directory, name, FLAGS, Mode::empty()).ok()?.into(), Origin::Found)
        }
        Err(_) => return None,
    };
    match ask_system(&file) {
        Ok(()) => {}
        // It is in nobody's way where there are no locks, and must not stay.
        Err(Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP) if origin == Origin::Made => {
            let _removed_or_left = unlinkat(directory, name, AtFlags::empty());
            return None;
        }
        // Who came in between has it locked, and fills it.
        Err(_) => return None,
    }
    let found = fstat(&file).ok()?;
    let named = directory.look(name).ok()??;
    (is_ours(&found) && same(&named, &found)).then_some((file, found))
}

fn is_usable(found: &Stat) -> bool {
    objection(found, Origin::Found).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::digest::Algorithm;
    use crate::target::GRANULE;
    use crate::verify::digest_of;

    #[test]
    fn a_partial_stays_as_long_as_someone_may_come_back_for_it() {
        let (this, other) = (digest_of(Algorithm::Sha256, b"this"), digest_of(Algorithm::Sha256, b"other"));
        let size = 3 * GRANULE;
        let file = tempfile::tempfile().unwrap();
        file.set_len(size).unwrap();
        let partial = fstat(&file).unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(u64::try_from(partial.st_mtime).unwrap());
        let heading = Heading::new(&this, size);
        let short = Heading::new(&this, size - 1);
        for (journal, done, now, expected) in [
            (Some(&heading), Done::Nothing, now, true),
            (Some(&heading), Done::Blob(&other), now, true),
            (Some(&heading), Done::Blob(&this), now, false),
            (Some(&heading), Done::All, now, false),
            (Some(&heading), Done::Nothing, now + KEPT, true),
            (Some(&heading), Done::Nothing, now + KEPT + Duration::from_secs(1), false),
            (Some(&heading), Done::Nothing, UNIX_EPOCH, true),
            (Some(&short), Done::Nothing, now, false),
            (None, Done::Nothing, now, false),
        ] {
            assert_eq!(is_of_use(&partial, journal, done, now), expected, "{journal:?} {done:?} {now:?}");
        }
    }
}
