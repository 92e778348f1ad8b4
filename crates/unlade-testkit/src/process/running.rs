//! A program that is still running.

use std::io::Read;
use std::process::{Child, ChildStderr};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Outcome, Run, wait};
use crate::server::lock;

/// A program that runs; it is killed when this value is dropped.
///
/// Its output is read as it comes, so that the program never waits for us.
pub struct Running {
    child: Child,
    stdout: Listener,
    stderr: Listener,
    /// A stderr that nobody reads, kept open.
    unread: Option<ChildStderr>,
    name: String,
    // Kept for as long as the program runs in it.
    _home: Arc<TempDir>,
}

impl Running {
    /// Gives the number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a line on stdout holds a text, and gives that line; fails if the program ends without it.
    #[track_caller]
    pub fn stdout_line(&self, text: &str) -> String {
        self.stdout.line(text).unwrap_or_else(|all| panic!("{} never said {text:?} on stdout:\n{all}", self.name))
    }

    /// Waits until a line on stderr holds a text, and gives that line; fails if the program ends without it.
    #[track_caller]
    pub fn stderr_line(&self, text: &str) -> String {
        self.stderr.line(text).unwrap_or_else(|all| panic!("{} never said {text:?} on stderr:\n{all}", self.name))
    }

    /// Waits until stderr holds a text, on a whole line or not, and gives all that was said.
    ///
    /// For what is drawn on a terminal, where lines do not end.
    #[track_caller]
    pub fn stderr_holds(&self, text: &str) -> String {
        self.stderr.text(text).unwrap_or_else(|all| panic!("{} never showed {text:?} on stderr:\n{all}", self.name))
    }

    /// Sends a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal)
            .unwrap_or_else(|error| panic!("send {signal:?} to {}: {error}", self.name));
    }

    /// Waits until the program ends by itself.
    #[track_caller]
    pub fn finish(mut self) -> Outcome {
        let code = wait(&mut self.child, PATIENCE, &self.name).code();
        let stdout = self.stdout.end();
        Outcome { code, stdout, stderr: String::from_utf8_lossy(&self.stderr.end()).into_owned() }
    }

    /// Says whether the program has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Kills the program, as a power cut would, and waits until it is gone.
    pub fn kill(mut self) {
        self.stop();
    }

    pub(super) fn new(mut child: Child, run: &Run) -> Self {
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        Self::listening(child, stdout, stderr, run)
    }

    /// Listens to nothing but stdout: the pipe of stderr fills, and what is written there then blocks.
    pub(super) fn half_heard(mut child: Child, run: &Run) -> Self {
        let (stdout, unread) = (child.stdout.take().expect("stdout is a pipe"), child.stderr.take());
        let mut running = Self::listening(child, stdout, std::io::empty(), run);
        running.unread = unread;
        running
    }

    /// Listens to a program at the other ends of its stdout and stderr.
    pub(super) fn listening(
        child: Child,
        stdout: impl Read + Send + 'static,
        stderr: impl Read + Send + 'static,
        run: &Run,
    ) -> Self {
        let (stdout, stderr) = (Listener::new(stdout), Listener::new(stderr));
        Self { child, stdout, stderr, unread: None, name: run.name(), _home: Arc::clone(&run.home) }
    }

    fn stop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How long a test waits for what a program should say or do: far longer than any does.
const PATIENCE: Duration = Duration::from_mins(1);

/// Reads the output of a program on a thread.
struct Listener {
    heard: Arc<Heard>,
    reader: Option<thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Heard {
    state: Mutex<(Vec<u8>, bool)>,
    more: Condvar,
}

impl Listener {
    fn new(mut pipe: impl Read + Send + 'static) -> Self {
        let heard = Arc::new(Heard::default());
        let shared = Arc::clone(&heard);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            loop {
                // A pipe that breaks has no more to say.
                let count = pipe.read(&mut buffer).unwrap_or(0);
                let mut state = lock(&shared.state);
                state.0.extend_from_slice(&buffer[..count]);
                state.1 = count == 0;
                shared.more.notify_all();
                if state.1 {
                    return;
                }
            }
        });
        Self { heard, reader: Some(reader) }
    }

    /// Waits for a whole line; the error is all that was said instead.
    fn line(&self, text: &str) -> Result<String, String> {
        self.find(|said| {
            said.split_inclusive('\n').find(|line| line.ends_with('\n') && line.contains(text)).map(str::to_owned)
        })
    }

    /// Waits for a text, and gives all that was said; the error is all that was said instead.
    fn text(&self, text: &str) -> Result<String, String> {
        self.find(|said| said.contains(text).then(|| said.to_owned()))
    }

    fn find(&self, find: impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let find = |bytes: &[u8]| find(&String::from_utf8_lossy(bytes));
        let state = lock(&self.heard.state);
        let waiting = |state: &mut (Vec<u8>, bool)| find(&state.0).is_none() && !state.1;
        let (state, _) =
            self.heard.more.wait_timeout_while(state, PATIENCE, waiting).unwrap_or_else(PoisonError::into_inner);
        find(&state.0).ok_or_else(|| String::from_utf8_lossy(&state.0).into_owned())
    }

    fn end(&mut self) -> Vec<u8> {
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of a pipe does not panic");
        }
        std::mem::take(&mut lock(&self.heard.state).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Running {
        Run::new("/bin/sh").args(["-c", script]).start()
    }

    #[test]
    fn a_started_program_can_be_killed() {
        let running = shell("exec sleep 600");
        assert!(running.id() > 0);
        running.kill();
    }

    #[test]
    fn a_program_is_listened_to_and_signalled() {
        let running = shell("trap 'echo bye; exit 3' TERM; echo ready for it >&2; while :; do sleep 0.01; done");
        assert_eq!(running.stderr_line("ready"), "ready for it\n");
        running.signal(Signal::TERM);
        assert_eq!(running.stdout_line("bye"), "bye\n");
        let outcome = running.finish();
        outcome.assert_code(3);
        assert_eq!((outcome.stdout_text().as_str(), outcome.stderr.as_str()), ("bye\n", "ready for it\n"));
    }

    #[test]
    fn a_program_heeds_signals_that_its_starter_ignores() {
        let this = std::env::current_exe().expect("a test has a path");
        if std::env::var_os("UNLADE_TESTKIT_CHILD").is_some() {
            let running = shell("echo ready; exec sleep 600");
            running.stdout_line("ready");
            running.signal(Signal::INT);
            assert_eq!(running.finish().code, None);
            return;
        }
        let name = "process::running::tests::a_program_heeds_signals_that_its_starter_ignores";
        let script = format!("trap '' INT; exec \"$0\" {name}");
        let run = Run::new("/bin/sh").args(["-c", &script]).arg(this).env("UNLADE_TESTKIT_CHILD", "1");
        run.run().assert_code(0);
    }

    #[test]
    fn what_does_not_end_a_line_is_heard() {
        let running = shell("printf 'half a' >&2; read -r line < /dev/null; exec sleep 600");
        assert_eq!(running.stderr_holds("half"), "half a");
    }

    #[test]
    #[should_panic(expected = "never said \"more\" on stdout:\nless")]
    fn a_program_that_ends_without_a_word_fails_the_test() {
        shell("echo less").stdout_line("more");
    }
}
