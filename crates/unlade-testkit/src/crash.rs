//! A power cut, under a program that really ran.
//!
//! [`record`] runs a command under strace and notes what it does to a folder. [`Recording::cut`] decides, by a seed,
//! what a disk may hold once the power has gone: what was synced is there; of everything else, any part. [`Disk`]
//! then becomes a folder, for the command to run on again.
//!
//! The disk is a harsher one than file systems have: data that was not synced may be there, torn, or lost, in any
//! order; so may lengths and modes; and a name is durable only once its folder was synced, whatever became of the
//! file. A renaming happens as a whole or not at all, as on every file system with a journal.

mod action;
mod cut;
mod disk;
mod scribe;
mod trace;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

pub use cut::Cut;
pub use disk::Disk;

use crate::process::{Outcome, Run};
use action::Action;
use disk::Node;

/// The calls that change files and names, and those that say which file a descriptor is.
const CALLS: &str = "trace=chmod,close,copy_file_range,creat,dup,dup2,dup3,fallocate,fchmod,fchmodat,fcntl,fdatasync,\
                     fsync,ftruncate,link,linkat,lseek,mkdir,mkdirat,open,openat,openat2,pwrite64,pwritev,pwritev2,\
                     rename,renameat,renameat2,rmdir,sendfile,splice,symlink,symlinkat,sync,syncfs,truncate,unlink,\
                     unlinkat,write,writev";

/// No program here writes more at once; strace shows that much of what is written.
const MAX_WRITE: &str = "16777216";

/// What a command did to a folder, and when.
#[derive(Debug)]
pub struct Recording {
    /// What was there before, all of it durable.
    start: Disk,
    /// The files and folders that were made.
    made: Vec<Node>,
    ops: Vec<Op>,
    /// A moment after all others.
    end: usize,
}

/// One change, and the moments between which it happened.
#[derive(Debug)]
struct Op {
    begin: usize,
    end: usize,
    action: Action,
}

/// Runs a command under strace, and records what it does to a folder.
///
/// `command` adds the program and its arguments. Fails if what was recorded does not come to what is in the folder
/// then: the program does something that the recorder does not know.
#[track_caller]
pub fn record(folder: &Path, command: impl FnOnce(Run) -> Run) -> (Outcome, Recording) {
    let folder = folder.canonicalize().expect("the folder is there");
    let start = Disk::read(&folder);
    let traces = tempfile::tempdir().expect("make a folder for a trace");
    let trace = traces.path().join("trace");
    let strace = Run::new("/usr/bin/strace").args(["-f", "-y", "-qq", "-xx", "-s", MAX_WRITE, "-e", CALLS, "-o"]);
    let outcome = command(strace.arg(&trace)).run();
    let file = File::open(&trace).expect("open what strace saw");
    let calls = trace::parse(BufReader::with_capacity(1 << 20, file));
    let recording = scribe::write_down(&folder, start, calls);
    let (seen, real) = (recording.replayed(), Disk::read(&folder));
    assert!(seen == real, "what was recorded is not what is there: {seen:?} instead of {real:?}");
    (outcome, recording)
}

impl Recording {
    /// Gives the disk before anything happens, with room for all that will be made.
    fn blank(&self) -> Disk {
        self.start.with(&self.made)
    }

    /// Gives what is there at the end if the power stays.
    fn replayed(&self) -> Disk {
        let mut disk = self.blank();
        for op in &self.ops {
            disk.apply(&op.action);
        }
        disk.reachable()
    }

    /// Tells what was done, a change a line, each with the moments between which it happened.
    pub fn told(&self) -> String {
        let line = |op: &Op| format!("{}..{} {:?}\n", op.begin, op.end, op.action);
        self.ops.iter().map(line).collect()
    }

    /// Counts what was done.
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Says whether nothing was done.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}

#[cfg(test)]
mod tests;
