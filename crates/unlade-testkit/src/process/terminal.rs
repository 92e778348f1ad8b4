//! A program on a terminal, and what a person would see there.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::{Run, Running};

/// Where the stdout of a program on a terminal goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stdout {
    /// To the test, as by a redirection.
    Pipe,
    /// To the terminal too.
    Terminal,
}

impl Run {
    /// Starts the program on a terminal of its own, this many columns wide: what it shows there is its stderr.
    #[track_caller]
    pub fn start_on_terminal(&self, columns: u16, stdout: Stdout) -> Running {
        let (terminal, program_end) = open(columns);
        let share = || Stdio::from(program_end.try_clone().expect("share a terminal"));
        let mut child = match stdout {
            Stdout::Pipe => self.spawn(self.signalled(), Stdio::piped(), share()),
            Stdout::Terminal => self.spawn(self.signalled(), share(), share()),
        };
        let redirected: Box<dyn Read + Send> = match child.stdout.take() {
            Some(pipe) => Box::new(pipe),
            None => Box::new(std::io::empty()),
        };
        Running::listening(child, redirected, File::from(terminal), self)
    }
}

/// Opens a terminal, and gives both of its ends.
#[track_caller]
fn open(columns: u16) -> (OwnedFd, File) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let terminal = openpt(flags).expect("open a terminal");
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("unlock a terminal");
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).expect("set the size of a terminal");
    let name = ptsname(&terminal, Vec::new()).expect("name a terminal").into_string().expect("its name is text");
    let program_end = OpenOptions::new().read(true).write(true).open(Path::new(&name)).expect("open a terminal");
    (terminal, program_end)
}

/// Draws what was sent to a terminal of so many columns: the lines that a person sees in the end.
///
/// Knows as much of terminals as progress bars use: moving the cursor, erasing, and wrapping of long lines.
pub fn screen(sent: &str, columns: usize) -> String {
    let mut screen = Screen { columns, ..Screen::default() };
    let mut rest = sent;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\u{1b}' => rest = screen.command(rest),
            '\r' => screen.column = 0,
            '\n' => screen.row += 1,
            c => screen.put(c),
        }
    }
    let lines: Vec<String> =
        screen.rows.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned()).collect();
    lines.join("\n").trim_end().to_owned()
}

#[derive(Default)]
struct Screen {
    columns: usize,
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    fn put(&mut self, c: char) {
        // A full line wraps with the next character, not with its last one.
        if self.column == self.columns {
            self.row += 1;
            self.column = 0;
        }
        let column = self.column;
        let row = self.line();
        if row.len() <= column {
            row.resize(column + 1, ' ');
        }
        row[column] = c;
        self.column += 1;
    }

    fn line(&mut self) -> &mut Vec<char> {
        if self.rows.len() <= self.row {
            self.rows.resize(self.row + 1, Vec::new());
        }
        &mut self.rows[self.row]
    }

    /// Obeys a command, such as `[2K`, and gives what comes after it.
    fn command<'a>(&mut self, rest: &'a str) -> &'a str {
        let end = rest.find(|c: char| c.is_ascii_alphabetic()).expect("a command has an end");
        let (parameters, command) = (&rest[1..end], &rest[end..=end]);
        let number = parameters.parse().unwrap_or(1);
        match command {
            "A" => self.row = self.row.saturating_sub(number),
            "B" => self.row += number,
            "K" if parameters == "2" => self.line().clear(),
            "K" => {
                let column = self.column;
                self.line().truncate(column);
            }
            "J" => {
                let column = self.column;
                self.line().truncate(column);
                self.rows.truncate(self.row + 1);
            }
            "m" => {}
            _ => panic!("this terminal does not know the command {:?}", &rest[..=end]),
        }
        &rest[end + 1..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_shows_what_is_left() {
        for (sent, expected) in [
            ("one\r\ntwo", "one\ntwo"),
            ("bar\r\u{1b}[2Kdone\r\n", "done"),
            ("abcdef", "abcd\nef"),
            ("abcd\r\nx", "abcd\nx"),
            ("a\r\nb\u{1b}[1A\r\u{1b}[Kc", "c\nb"),
            ("a\r\nb\u{1b}[1A\r\u{1b}[Jc", "c"),
        ] {
            assert_eq!(screen(sent, 4), expected, "{sent:?}");
        }
    }

    #[test]
    fn a_program_sees_a_terminal() {
        let script = "test -t 2 && echo seen; test -t 1 && echo both >&2; stty size < /dev/stderr >&2";
        let running = Run::new("/bin/sh").args(["-c", script]).start_on_terminal(77, Stdout::Pipe);
        let outcome = running.finish();
        assert_eq!((outcome.stdout_text().as_str(), outcome.stderr.as_str()), ("seen\n", "24 77\r\n"));
        let running = Run::new("/bin/sh").args(["-c", script]).start_on_terminal(80, Stdout::Terminal);
        assert_eq!(screen(&running.finish().stderr, 80), "seen\nboth\n24 80");
    }
}
