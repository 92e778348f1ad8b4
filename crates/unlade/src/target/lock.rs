//! The lock on a partial, and the patience with whoever holds it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Stat, flock, fstat, major, minor};
use rustix::io::Errno;

use super::Job;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Event;

/// The pauses between two tries. `flock` knows no timeout, so that waiting means
/// asking again; a request to stop is obeyed within the longest pause.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Asks the system for the lock of a file, without waiting for it.
pub(super) type Ask = fn(&File) -> rustix::io::Result<()>;

/// Asks for the lock that other processes on this machine, and often those on others, ask for too.
pub(super) fn ask_system(file: &File) -> rustix::io::Result<()> {
    flock(file, FlockOperation::NonBlockingLockExclusive)
}

/// What came of asking for a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// Nobody else has it until the file is closed.
    Locked,
    /// The file system has no locks: whoever else opened the file cannot be told from nobody.
    Unknowable,
}

/// What one preparation is still willing to wait, over all the files that it tries to lock.
#[derive(Debug)]
pub(super) struct Patience<'a> {
    ask: Ask,
    job: &'a Job,
    target: PathBuf,
    /// `None` is further away than the clock can tell.
    deadline: Option<Instant>,
    told: bool,
}

impl<'a> Patience<'a> {
    /// Begins to count.
    pub(super) fn new(job: &'a Job, target: &Path, ask: Ask) -> Self {
        let deadline = Instant::now().checked_add(job.lock_wait);
        Self { ask, job, target: target.to_owned(), deadline, told: false }
    }

    /// Locks a file, waiting for whoever holds it; says so, and warns the observer, where nothing can be locked.
    pub(super) fn lock(&mut self, file: &File, path: &Path) -> Result<Hold> {
        let mut pause = SHORTEST_PAUSE;
        loop {
            self.job.cancel.check()?;
            match (self.ask)(file) {
                Ok(()) => return Ok(Hold::Locked),
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => {
                    thread::sleep(self.ration(file, pause)?);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    let target = self.target.display();
                    let text = format!("the file system of {target} has no locks: another process may fetch it too");
                    self.job.observer.notice(&Event::Warning { text });
                    return Ok(Hold::Unknowable);
                }
                Err(error) => return Err(Error::io(format!("cannot lock {}", path.display()), error.into())),
            }
        }
    }

    /// Makes the error for a lock that could not be had.
    pub(super) fn spent(&self, holder: &str) -> Error {
        let target = self.target.display();
        let message = if self.job.lock_wait.is_zero() {
            format!("{holder} is filling {target}")
        } else {
            format!("{holder} is filling {target}, and did not end within {:?}", self.job.lock_wait)
        };
        Error::new(ErrorKind::Locked, message)
    }

    /// Returns how long to pause, at most what is left.
    fn ration(&mut self, file: &File, pause: Duration) -> Result<Duration> {
        let left = match self.deadline {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None => pause,
        };
        if left.is_zero() {
            return Err(self.spent(&name_holder(file)));
        }
        if !self.told {
            self.told = true;
            let reason = format!("{} is filling {}", name_holder(file), self.target.display());
            self.job.observer.notice(&Event::Waiting { reason, wait: self.deadline.map(|_| left) });
        }
        Ok(left.min(pause))
    }
}

/// Locks a file that stands for a target, waiting for whoever holds it as long as the job says; the lock falls with
/// the file. Where the file system has no locks, the observer is warned.
pub(crate) fn lock_file(file: &File, path: &Path, target: &Path, job: &Job) -> Result<()> {
    Patience::new(job, target, ask_system).lock(file, path).map(drop)
}

/// Names the process that holds the lock of a file, as well as the system tells it.
fn name_holder(file: &File) -> String {
    let process = fstat(file).ok().and_then(|found| find_holder(&std::fs::read_to_string("/proc/locks").ok()?, &found));
    match process {
        Some(process) => format!("process {process}"),
        None => "another process".to_owned(),
    }
}

/// Finds the holder of a file's lock in the text of `/proc/locks`.
///
/// <https://man7.org/linux/man-pages/man5/proc_locks.5.html>. A process of another
/// namespace has no number here; one that waits has an arrow before its entry.
fn find_holder(locks: &str, file: &Stat) -> Option<u32> {
    let place = format!("{:02x}:{:02x}:{}", major(file.st_dev), minor(file.st_dev), file.st_ino);
    locks.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (kind, process) = (words.next()?, words.nth(2)?);
        let process = process.parse().ok().filter(|process| *process != 0)?;
        (kind == "FLOCK" && words.next()? == place).then_some(process)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_the_one_that_does_not_wait() {
        let file = tempfile::tempfile().unwrap();
        let found = fstat(&file).unwrap();
        let place = format!("{:02x}:{:02x}:{}", major(found.st_dev), minor(found.st_dev), found.st_ino);
        for (locks, expected) in [
            (format!("1: FLOCK  ADVISORY  WRITE 1234 {place} 0 EOF\n"), Some(1234)),
            (format!("1: POSIX  ADVISORY  WRITE 1234 {place} 0 EOF\n"), None),
            (format!("1: -> FLOCK  ADVISORY  WRITE 1234 {place} 0 EOF\n"), None),
            (format!("1: FLOCK  ADVISORY  WRITE -1 {place} 0 EOF\n"), None),
            (format!("1: FLOCK  ADVISORY  WRITE 0 {place} 0 EOF\n"), None),
            (format!("1: FLOCK ADVISORY WRITE 7 00:00:1 0 EOF\n2: FLOCK ADVISORY WRITE 8 {place} 0 EOF"), Some(8)),
            ("\n1:\n1: FLOCK\n\u{0}".to_owned(), None),
        ] {
            assert_eq!(find_holder(&locks, &found), expected, "{locks}");
        }
    }
}
