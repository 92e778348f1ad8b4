//! A user at a terminal: types commands, and reads what they say.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

/// A folder in which commands are run and shown.
pub(crate) struct Terminal {
    folder: PathBuf,
    unlade: PathBuf,
}

/// What a command left behind.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
}

impl Terminal {
    pub(crate) fn new(folder: &Path, unlade: &Path) -> Self {
        Self { folder: folder.to_owned(), unlade: unlade.to_owned() }
    }

    /// Says what comes next.
    #[expect(clippy::unused_self, reason = "one talks to a terminal")]
    pub(crate) fn say(&self, text: &str) -> io::Result<()> {
        show(&format!("\n{text}\n"))
    }

    /// Shows a command, runs it and shows its output; words hold no blanks, so that a shell would read them alike.
    ///
    /// A command that is left to itself is killed.
    pub(crate) async fn run(&self, line: &str) -> io::Result<Outcome> {
        show(&format!("$ {line}\n"))?;
        let mut words = line.split(' ');
        let program = match words.next() {
            Some("unlade") => self.unlade.as_os_str(),
            program => program.unwrap_or_default().as_ref(),
        };
        let mut command = Command::new(program);
        command.args(words).current_dir(&self.folder).stdin(Stdio::null()).kill_on_drop(true);
        // The settings of whoever runs the demo are not part of it.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("UNLADE_") {
                command.env_remove(name);
            }
        }
        let output = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?.wait_with_output().await?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        // A manifest ends without a line end, as a prompt would show too.
        show(&stdout)?;
        show(if stdout.is_empty() || stdout.ends_with('\n') { "" } else { "\n" })?;
        Ok(Outcome { code: output.status.code(), stdout })
    }
}

/// Shows a text, or fails: nobody would see what comes after it either.
fn show(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
}
