//! One run of a helper: off the runtime, with bounds on its time and on what it says, and ended when nobody waits.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use zeroize::Zeroizing;

/// So much may be written to stdout: passwords and tokens have some kilobytes at most, lists of servers a little more.
pub(super) const MAX_OUTPUT: usize = 256 << 10;

/// So much is kept of stderr; the rest is read and thrown away.
const MAX_ERRORS: usize = 8 << 10;

/// Where the kernel cannot tell of the end of a process (before Linux 5.3), it is looked for this often.
const TICK: Duration = Duration::from_millis(20);

/// What a program came to.
pub(super) struct Output {
    pub(super) status: ExitStatus,
    pub(super) stdout: Zeroizing<Vec<u8>>,
    stderr: Vec<u8>,
}

/// Why it came to nothing.
pub(super) enum Fault {
    /// It cannot be started, or spoken to.
    Io(io::Error),
    /// It took too long.
    Late,
    /// It wrote too much.
    TooMuch,
}

impl Output {
    /// Says whether the program said just this.
    pub(super) fn says(&self, words: &str) -> bool {
        [&*self.stdout, &self.stderr].iter().any(|said| said.trim_ascii() == words.as_bytes())
    }

    /// Returns what a program said that failed: helpers say so on stdout, those that break on stderr.
    pub(super) fn words(&self) -> Zeroizing<String> {
        let said = if self.stdout.trim_ascii().is_empty() { &self.stderr } else { &*self.stdout };
        Zeroizing::new(String::from_utf8_lossy(said).into_owned())
    }
}

/// Runs a program with one argument, and gives it its input. Whoever drops the future ends the program.
pub(super) async fn run(
    path: &Path,
    verb: &'static str,
    input: Zeroizing<Vec<u8>>,
    timeout: Duration,
) -> Result<Output, Fault> {
    let leash = Leash::default();
    let _ended_with_us = Ending(leash.clone());
    let mut command = Command::new(path);
    command.arg(verb).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, to be ended with all that it starts.
    command.process_group(0);
    let work = move || converse(command, &input, timeout, &leash);
    let outcome = tokio::task::spawn_blocking(work).await;
    outcome.unwrap_or_else(|error| Err(Fault::Io(io::Error::other(error))))
}

/// Ends a program when dropped.
struct Ending(Leash);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.pull();
    }
}

/// What ends a program, as long as its number is its own.
#[derive(Clone, Default)]
struct Leash(Arc<Mutex<State>>);

#[derive(Default)]
enum State {
    #[default]
    Unborn,
    Running(Pid),
    Over,
}

impl Leash {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, mut command: Command) -> io::Result<Child> {
        let mut state = self.lock();
        if matches!(*state, State::Over) {
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        let child = command.spawn()?;
        *state = State::Running(Pid::from_child(&child));
        Ok(child)
    }

    /// Says how the program ended, if it has. From then on its number may become another's.
    fn ended(&self, child: &mut Child) -> io::Result<Option<ExitStatus>> {
        let mut state = self.lock();
        let status = child.try_wait()?;
        if status.is_some() {
            *state = State::Over;
        }
        Ok(status)
    }

    fn pull(&self) {
        let mut state = self.lock();
        if let State::Running(pid) = *state {
            // It may have ended by itself: then there is nobody left to end.
            let _ended_or_gone = kill_process_group(pid, Signal::KILL);
        }
        *state = State::Over;
    }
}

/// Starts the program and talks with it until it ends.
fn converse(command: Command, input: &[u8], timeout: Duration, leash: &Leash) -> Result<Output, Fault> {
    let deadline = Instant::now() + timeout;
    let mut child = leash.start(command).map_err(Fault::Io)?;
    let outcome = Talk::begin(&mut child, input).and_then(|mut talk| {
        let status = talk.go_on(&mut child, deadline, leash)?;
        Ok(Output { status, stdout: talk.stdout, stderr: talk.stderr })
    });
    if outcome.is_err() {
        leash.pull();
        // On a thread: one that hangs in the kernel ends when it likes.
        thread::spawn(move || child.wait());
    }
    outcome
}

/// The three pipes of a program.
struct Talk<'a> {
    input: &'a [u8],
    to: Option<ChildStdin>,
    from: Option<ChildStdout>,
    errors: Option<ChildStderr>,
    process: Option<OwnedFd>,
    stdout: Zeroizing<Vec<u8>>,
    stderr: Vec<u8>,
}

impl<'a> Talk<'a> {
    fn begin(child: &mut Child, input: &'a [u8]) -> Result<Self, Fault> {
        let (to, from, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let pipes = [to.as_ref().map(AsFd::as_fd), from.as_ref().map(AsFd::as_fd), errors.as_ref().map(AsFd::as_fd)];
        for pipe in pipes.into_iter().flatten() {
            ioctl_fionbio(pipe, true).map_err(|errno| Fault::Io(errno.into()))?;
        }
        let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok();
        // All of it at once: what grows is moved, and leaves secrets where it was.
        let stdout = Zeroizing::new(Vec::with_capacity(MAX_OUTPUT + 1));
        Ok(Self { input, to, from, errors, process, stdout, stderr: Vec::new() })
    }

    /// Talks until the program ends. What it has started may go on, with its pipes: it is not waited for.
    fn go_on(&mut self, child: &mut Child, deadline: Instant, leash: &Leash) -> Result<ExitStatus, Fault> {
        loop {
            let ended = leash.ended(child).map_err(Fault::Io)?;
            self.exchange()?;
            if let Some(status) = ended {
                return Ok(status);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Fault::Late);
            }
            self.wait(left).map_err(|errno| Fault::Io(errno.into()))?;
        }
    }

    /// Waits until there is something to do.
    fn wait(&self, left: Duration) -> Result<(), Errno> {
        fn watched<'f>(pipe: Option<&'f impl AsFd>, flags: PollFlags) -> Option<PollFd<'f>> {
            let fd: BorrowedFd<'f> = pipe?.as_fd();
            Some(PollFd::from_borrowed_fd(fd, flags))
        }
        let mut all: Vec<PollFd<'_>> = [
            watched(self.to.as_ref(), PollFlags::OUT),
            watched(self.from.as_ref(), PollFlags::IN),
            watched(self.errors.as_ref(), PollFlags::IN),
            watched(self.process.as_ref(), PollFlags::IN),
        ]
        .into_iter()
        .flatten()
        .collect();
        let wait = if self.process.is_some() { left } else { left.min(TICK) };
        // As long as anybody waits is as good as for ever.
        let wait = Timespec::try_from(wait).ok();
        match poll(&mut all, wait.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Writes and reads what the pipes take and hold now.
    fn exchange(&mut self) -> Result<(), Fault> {
        if let Some(to) = &mut self.to {
            match feed(to, &mut self.input) {
                Ok(Pipe::Open) => {}
                // Some helpers answer without having read all: a closed pipe is no failure.
                Ok(Pipe::Done) | Err(_) => self.to = None,
            }
        }
        let (stdout, stderr) = (&mut self.stdout, &mut self.stderr);
        if drain(self.from.as_mut(), stdout, MAX_OUTPUT + 1)? == Pipe::Done {
            self.from = None;
        }
        if self.stdout.len() > MAX_OUTPUT {
            return Err(Fault::TooMuch);
        }
        if drain(self.errors.as_mut(), stderr, MAX_ERRORS)? == Pipe::Done {
            self.errors = None;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pipe {
    Open,
    Done,
}

fn feed(to: &mut ChildStdin, input: &mut &[u8]) -> io::Result<Pipe> {
    while !input.is_empty() {
        match to.write(input) {
            Ok(count) => *input = &input[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Pipe::Open),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Pipe::Done)
}

/// So many times a pipe is read before the clock is looked at: who writes without end must be late some time.
const MAX_READS: usize = 64;

/// Reads what a pipe holds; what goes beyond the limit is thrown away.
fn drain(from: Option<&mut impl Read>, into: &mut Vec<u8>, limit: usize) -> Result<Pipe, Fault> {
    let Some(from) = from else { return Ok(Pipe::Done) };
    let mut buffer = Zeroizing::new([0; 4096]);
    for _ in 0..MAX_READS {
        match from.read(&mut buffer[..]) {
            Ok(0) => return Ok(Pipe::Done),
            Ok(count) => into.extend_from_slice(&buffer[..count.min(limit - into.len())]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Fault::Io(error)),
        }
    }
    Ok(Pipe::Open)
}
