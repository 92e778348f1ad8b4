//! Runs the built command as a user would, and looks at what it left behind.

mod running;
mod terminal;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tempfile::TempDir;

pub use running::Running;
pub use terminal::{Stdout, screen};

/// One run of a program, with a clean environment and a home of its own.
pub struct Run {
    program: PathBuf,
    arguments: Vec<std::ffi::OsString>,
    environment: BTreeMap<String, std::ffi::OsString>,
    input: Vec<u8>,
    timeout: Duration,
    // Shared with the program while it runs: it is its folder, and its home.
    home: Arc<TempDir>,
}

/// What a run came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The exit code; `None` when a signal ended the program.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr, as text.
    pub stderr: String,
}

impl Outcome {
    /// Gives stdout as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Fails unless the program ended with a code; the message shows what it wrote.
    #[track_caller]
    pub fn assert_code(&self, code: i32) -> &Self {
        let (stdout, stderr) = (self.stdout_text(), &self.stderr);
        assert_eq!(self.code, Some(code), "exit code; stdout:\n{stdout}\nstderr:\n{stderr}");
        self
    }
}

impl Run {
    /// Will run a program: pass `env!("CARGO_BIN_EXE_unlade")`, which cargo sets for the tests of its own package.
    pub fn new(program: impl AsRef<Path>) -> Self {
        let home = Arc::new(tempfile::tempdir().expect("make a home for a run"));
        // `PATH` is all that a program gets from the machine: no proxies, no credentials, no configuration.
        let path = OsStr::new("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").to_owned();
        let environment = BTreeMap::from([
            ("HOME".to_owned(), home.path().as_os_str().to_owned()),
            ("PATH".to_owned(), path),
            ("TMPDIR".to_owned(), home.path().as_os_str().to_owned()),
        ]);
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment,
            input: Vec::new(),
            timeout: Duration::from_mins(1),
            home,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: AsRef<OsStr>>(self, arguments: impl IntoIterator<Item = S>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.to_owned(), value.as_ref().to_owned());
        self
    }

    /// Sets what the program reads from stdin, which is empty otherwise.
    #[must_use]
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Sets after how long the program is killed, and the test fails: one minute otherwise.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Gives the folder that is the program's home, to put configuration there.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs the program to its end.
    #[track_caller]
    pub fn run(&self) -> Outcome {
        let (mut stdout, mut stderr) = (spool(), spool());
        let mut child = self.spawn(Command::new(&self.program), share(&stdout), share(&stderr));
        let code = wait(&mut child, self.timeout, &self.name()).code();
        let stderr = String::from_utf8_lossy(&read_back(&mut stderr)).into_owned();
        Outcome { code, stdout: read_back(&mut stdout), stderr }
    }

    /// Starts the program and gives it back running: for tests that talk to it, send it signals or kill it.
    #[track_caller]
    pub fn start(&self) -> Running {
        let child = self.spawn(self.signalled(), Stdio::piped(), Stdio::piped());
        Running::new(child, self)
    }

    /// Starts the program as [`start`](Self::start) does, with a stderr that is a pipe which nobody ever reads.
    #[track_caller]
    pub fn start_half_heard(&self) -> Running {
        let child = self.spawn(self.signalled(), Stdio::piped(), Stdio::piped());
        Running::half_heard(child, self)
    }

    /// Says in messages what was run.
    fn name(&self) -> String {
        format!("{} {:?}", self.program.display(), self.arguments)
    }

    /// Makes a command that heeds signals, also where whoever started the tests ignores some: `nohup`, or a script.
    fn signalled(&self) -> Command {
        let mut command = Command::new("/usr/bin/env");
        command.arg("--default-signal=HUP,INT,TERM").arg(&self.program);
        command
    }

    #[track_caller]
    fn spawn(&self, mut command: Command, stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Child {
        let mut input = spool();
        std::io::Write::write_all(&mut input, &self.input).expect("write the input of a run");
        input.rewind().expect("go to the start of the input");
        command
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.home.path())
            .stdin(Stdio::from(input))
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("start {}: {error}", self.program.display()))
    }
}

/// Waits on a thread that can be told to kill, so that the end is noticed at once and nobody polls.
#[track_caller]
fn wait(child: &mut Child, timeout: Duration, name: &str) -> ExitStatus {
    let pid = Pid::from_child(child);
    // A descriptor of the process, unlike its number, can never come to mean another one.
    let process = pidfd_open(pid, PidfdFlags::empty()).expect("open a child of our own");
    let (done, ended) = channel::<()>();
    let guard = thread::spawn(move || {
        let late = ended.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout);
        if late {
            // It may have ended this very moment: then there is nothing to kill.
            pidfd_send_signal(&process, Signal::KILL).unwrap_or_default();
        }
        late
    });
    let status = child.wait().unwrap_or_else(|error| panic!("wait for {name}: {error}"));
    drop(done);
    let late = guard.join().expect("the guard does not panic");
    assert!(!late, "{name} did not end within {timeout:?}");
    status
}

/// Lists the files below a folder, by their paths in it, sorted: what a run left behind.
#[track_caller]
pub fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap_or_else(|error| panic!("list {}: {error}", next.display())) {
            let path = entry.unwrap_or_else(|error| panic!("list {}: {error}", next.display())).path();
            if path.is_dir() && !path.is_symlink() {
                folders.push(path);
            } else {
                let inner = path.strip_prefix(folder).expect("an entry is below its folder");
                found.push(inner.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// Makes a file without a name: unlike a pipe, it never makes the program wait for us.
fn spool() -> File {
    tempfile::tempfile().expect("make a file for the output of a run")
}

fn share(file: &File) -> Stdio {
    Stdio::from(file.try_clone().expect("share the output of a run"))
}

fn read_back(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("read the output of a run");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Run {
        Run::new("/bin/sh").args(["-c", script])
    }

    #[test]
    fn a_run_gives_code_and_output() {
        let outcome = shell("cat; echo bad >&2; exit 7").stdin("good").run();
        outcome.assert_code(7);
        assert_eq!((outcome.stdout_text().as_str(), outcome.stderr.as_str()), ("good", "bad\n"));
    }

    #[test]
    fn the_environment_is_clean_and_the_home_is_its_own() {
        let run = shell("env; pwd").env("UNLADE_TEST", "x");
        let text = run.run().stdout_text();
        assert!(!text.contains("CARGO") && text.contains("UNLADE_TEST=x"), "{text}");
        assert!(text.contains(&format!("HOME={}", run.home().display())));
    }

    #[test]
    #[should_panic(expected = "did not end within")]
    fn a_run_that_hangs_is_killed() {
        shell("exec sleep 600").timeout(Duration::from_millis(50)).run();
    }

    #[test]
    fn files_are_listed_by_their_paths() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        fs::write(folder.path().join("b/c"), "").unwrap();
        fs::write(folder.path().join("a"), "").unwrap();
        assert_eq!(files(folder.path()), ["a", "b/c"]);
    }
}
