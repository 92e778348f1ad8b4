//! Patience with programs that write a layout's documents in place.
//!
//! skopeo, and whatever else is built on containers/image, writes `oci-layout` and `index.json` with Go's
//! `os.WriteFile`: it makes the file empty, then fills it, and locks nothing. Whoever reads between the two finds
//! nothing, or a part. So what cannot be used and is that new is looked at again before it is judged.

use std::thread;
use std::time::{Duration, SystemTime};

use super::entry::{Entry, Version};
use crate::error::{Error, ErrorKind, Result};

/// A file that was changed so long ago at most may be in the middle of being written.
const RECENT: Duration = Duration::from_secs(2);

/// The first pause before another look; each is longer than the one before by as much.
const PAUSE: Duration = Duration::from_millis(10);

/// The longest pause: short, so that a program that writes again and again is met at a good moment too.
const MAX_PAUSE: Duration = Duration::from_millis(50);

/// How often a file is looked at again: with the pauses, for two seconds in all.
const MAX_TURNS: u32 = 42;

/// Opens a file of a layout's folder and looks at it, again and again while it cannot be used and somebody may be
/// writing it. `None` is a file that is not there.
///
/// # Errors
///
/// What opening it says, and what the last look said.
pub(super) fn settled<T>(
    open: impl Fn() -> Result<Option<Entry>>,
    look: impl Fn(&Entry) -> Result<T>,
) -> Result<Option<(Entry, T)>> {
    settle(open, look, thread::sleep)
}

fn settle<T>(
    open: impl Fn() -> Result<Option<Entry>>,
    look: impl Fn(&Entry) -> Result<T>,
    mut pause: impl FnMut(Duration),
) -> Result<Option<(Entry, T)>> {
    let mut turn = 0;
    loop {
        let Some(entry) = open()? else {
            return Ok(None);
        };
        let error = match look(&entry) {
            Ok(found) => return Ok(Some((entry, found))),
            Err(error) => error,
        };
        let now = open()?.map(|entry| entry.version);
        let signs = Signs { changed: now != Some(entry.version), age: now.and_then(|version| age(&version)) };
        let Some(wait) = judge(&error, signs, turn) else {
            return Err(error);
        };
        pause(wait);
        turn += 1;
    }
}

/// What speaks for a file being written at this moment.
#[derive(Debug, Clone, Copy)]
struct Signs {
    /// It is another file, or has other content, than when it was opened for the look.
    changed: bool,
    /// How far from now it was changed, if that is known.
    age: Option<Duration>,
}

/// Decides whether a file that could not be used is looked at again, and after what pause.
fn judge(error: &Error, signs: Signs, turn: u32) -> Option<Duration> {
    // What is too large to be read does not become smaller by being written to its end.
    let may_pass = error.kind() != ErrorKind::TooLarge;
    let is_written = signs.changed || signs.age.is_some_and(|age| age <= RECENT);
    (may_pass && is_written && turn < MAX_TURNS).then(|| (PAUSE * (turn + 1)).min(MAX_PAUSE))
}

/// Returns how far from now a file was changed; clocks of file servers may be ahead.
fn age(version: &Version) -> Option<Duration> {
    let (now, changed) = (SystemTime::now(), version.modified()?);
    Some(now.duration_since(changed).unwrap_or_else(|ahead| ahead.duration()))
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::fs::{self, File};
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::layout::folder::Folder;

    const TEXT: &str = "whole";

    fn folder(path: &Path) -> Folder {
        Folder::new(OwnedFd::from(File::open(path).unwrap()), path)
    }

    /// Takes the whole text alone.
    fn look(entry: &Entry) -> Result<()> {
        let text = entry.read(1 << 10)?;
        if text == TEXT.as_bytes() { Ok(()) } else { Err(Error::new(ErrorKind::Malformed, "it is cut")) }
    }

    fn age_by(path: &Path, by: Duration) {
        File::options().append(true).open(path).unwrap().set_modified(SystemTime::now() - by).unwrap();
    }

    #[test]
    fn what_is_new_or_changes_is_looked_at_again_for_two_seconds() {
        let (second, hour) = (Some(Duration::from_secs(1)), Some(Duration::from_hours(1)));
        for (kind, changed, age, turn, expected) in [
            (ErrorKind::Malformed, false, second, 0, Some(10)),
            (ErrorKind::Malformed, false, second, 1, Some(20)),
            (ErrorKind::Malformed, false, second, 41, Some(50)),
            (ErrorKind::Malformed, false, second, 42, None),
            (ErrorKind::Malformed, false, Some(RECENT), 0, Some(10)),
            (ErrorKind::Malformed, false, Some(RECENT + Duration::from_nanos(1)), 0, None),
            (ErrorKind::Malformed, false, hour, 0, None),
            (ErrorKind::Malformed, false, None, 0, None),
            (ErrorKind::Malformed, true, None, 0, Some(10)),
            (ErrorKind::Malformed, true, hour, 0, Some(10)),
            (ErrorKind::Io, true, hour, 3, Some(40)),
            (ErrorKind::Io, true, hour, 42, None),
            (ErrorKind::InvalidInput, false, second, 0, Some(10)),
            (ErrorKind::TooLarge, true, second, 0, None),
        ] {
            let wait = judge(&Error::new(kind, "x"), Signs { changed, age }, turn);
            assert_eq!(wait, expected.map(Duration::from_millis), "{kind} {changed} {age:?} {turn}");
        }
        let always = |turn| judge(&Error::new(ErrorKind::Io, "x"), Signs { changed: true, age: None }, turn);
        let all: Duration = (0..).map_while(always).sum();
        assert_eq!(all, Duration::from_secs(2));
    }

    #[test]
    fn a_file_that_is_made_in_steps_is_read_once_it_is_whole() {
        let place = TempDir::new().unwrap();
        let (path, folder) = (place.path().join("file"), folder(place.path()));
        fs::write(&path, "").unwrap();
        let mut steps = ["wh", "who", TEXT].into_iter();
        let outcome =
            settle(|| folder.file("file"), look, |_| fs::write(&path, steps.next().unwrap()).unwrap()).unwrap();
        assert!(outcome.is_some());
        assert_eq!(steps.next(), None);
    }

    #[test]
    fn a_file_that_is_emptied_under_the_look_is_looked_at_again() {
        let place = TempDir::new().unwrap();
        let (path, folder) = (place.path().join("file"), folder(place.path()));
        fs::write(&path, TEXT).unwrap();
        age_by(&path, Duration::from_hours(1));
        let emptied = Cell::new(false);
        let steps = RefCell::new(Vec::new());
        let once_emptied = |entry: &Entry| {
            if !emptied.replace(true) {
                File::create(&path).unwrap();
                // However coarse the clock of the file system is, its size has changed.
                age_by(&path, Duration::from_hours(1));
            }
            look(entry)
        };
        let outcome = settle(
            || folder.file("file"),
            once_emptied,
            |wait| {
                steps.borrow_mut().push(wait);
                fs::write(&path, TEXT).unwrap();
            },
        );
        assert!(outcome.unwrap().is_some());
        assert_eq!(steps.into_inner(), [PAUSE]);
    }

    #[test]
    fn what_is_broken_and_old_or_not_there_is_not_waited_for() {
        let place = TempDir::new().unwrap();
        let (path, folder) = (place.path().join("file"), folder(place.path()));
        let wait = |_| panic!("it waits");
        assert!(settle(|| folder.file("file"), look, wait).unwrap().is_none());
        fs::write(&path, "wh").unwrap();
        age_by(&path, Duration::from_secs(3));
        let error = settle(|| folder.file("file"), look, wait).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(settle(|| folder.file("file"), look, wait).map(drop).unwrap_err().kind(), ErrorKind::Io);
    }

    #[test]
    fn what_stays_broken_is_refused_in_the_end() {
        let place = TempDir::new().unwrap();
        let (path, folder) = (place.path().join("file"), folder(place.path()));
        fs::write(&path, "wh").unwrap();
        let waited = Cell::new(Duration::ZERO);
        // Each look finds it new.
        let outcome = settle(
            || folder.file("file"),
            look,
            |wait| {
                waited.set(waited.get() + wait);
                fs::write(&path, "wh").unwrap();
            },
        );
        assert_eq!(
            (outcome.map(drop).unwrap_err().kind(), waited.get()),
            (ErrorKind::Malformed, Duration::from_secs(2))
        );
    }
}
