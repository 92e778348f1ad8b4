//! What is asked of the user, on the terminal that the command was started from.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use unlade::auth::Secret;
use unlade::{Error, ErrorKind, Result};

/// The longest answer: what a terminal takes in one line.
const MAX_LINE: u64 = 4096;

/// The terminal.
pub(crate) struct Terminal(File);

/// Whether an answer is seen as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    Hidden,
    Seen,
}

/// Lets the terminal show again what is typed, however the question ended.
struct Hiding {
    terminal: File,
    before: Termios,
}

impl Drop for Hiding {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing anyway.
        let _shown_or_gone = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

impl Terminal {
    /// Opens the terminal, wherever stdin and stderr lead; `None` where there is none.
    pub(crate) fn open() -> Option<Self> {
        OpenOptions::new().read(true).write(true).open("/dev/tty").ok().map(Self)
    }

    /// Asks a question, and waits for a line. May be dropped: then nobody waits, and what is typed is seen again.
    pub(crate) async fn ask(&self, question: &str, echo: Echo) -> Result<Secret> {
        let failed = |error| Error::io("cannot ask on the terminal", error);
        let _hiding = match echo {
            Echo::Hidden => Some(self.hide().map_err(failed)?),
            Echo::Seen => None,
        };
        let mut terminal = self.0.try_clone().map_err(failed)?;
        terminal.write_all(question.as_bytes()).map_err(failed)?;
        let read = move || -> io::Result<Secret> {
            let mut line = String::new();
            BufReader::new(terminal.take(MAX_LINE)).read_line(&mut line)?;
            Ok(Secret::new(line))
        };
        let line = tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| Err(io::Error::other(error)));
        let line = line.map_err(failed)?;
        match line.expose().strip_suffix('\n') {
            Some(answer) => Ok(Secret::new(answer.trim_end_matches('\r'))),
            None => Err(Error::new(ErrorKind::InvalidInput, "the question on the terminal was not answered")),
        }
    }

    fn hide(&self) -> io::Result<Hiding> {
        let before = tcgetattr(&self.0)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        // The end of the line is seen.
        hidden.local_modes.insert(LocalModes::ECHONL);
        let hiding = Hiding { terminal: self.0.try_clone()?, before };
        // What was typed before was not meant for a question that nobody had asked.
        tcsetattr(&self.0, OptionalActions::Flush, &hidden)?;
        Ok(hiding)
    }
}
