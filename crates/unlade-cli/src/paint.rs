//! Colour: for the eyes of people on a terminal, and nowhere else.

use std::ffi::OsStr;
use std::io::IsTerminal;

use clap::builder::styling::{AnsiColor, Style};

/// Whether text is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Coloured,
    Plain,
}

/// What lines begin with that say how it went, and how that looks.
const LABELS: [(&str, Style); 4] = [
    ("error:", AnsiColor::Red.on_default().bold()),
    ("  caused by:", AnsiColor::Red.on_default()),
    ("hint:", AnsiColor::Green.on_default().bold()),
    ("warning:", AnsiColor::Yellow.on_default().bold()),
];

impl Paint {
    /// Decides for a stream of this process.
    pub(crate) fn on(stream: &impl IsTerminal) -> Self {
        let variable = |name| std::env::var_os(name);
        decide(stream.is_terminal(), variable("NO_COLOR").as_deref(), variable("TERM").as_deref())
    }

    /// Paints the labels that lines begin with.
    pub(crate) fn labels(self, text: &str) -> String {
        match self {
            Self::Coloured => text.split_inclusive('\n').map(painted).collect(),
            Self::Plain => text.to_owned(),
        }
    }
}

/// Says whether a stream is painted: <https://no-color.org>. A terminal that does not say what it is gets no colours.
fn decide(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> Paint {
    let refused = no_color.is_some_and(|value| !value.is_empty());
    let able = term.is_some_and(|term| !term.is_empty() && term != "dumb");
    if is_terminal && able && !refused { Paint::Coloured } else { Paint::Plain }
}

fn painted(line: &str) -> String {
    let found = LABELS.iter().find_map(|(label, style)| Some((label, style, line.strip_prefix(label)?)));
    found.map_or_else(|| line.to_owned(), |(label, style, rest)| format!("{style}{label}{style:#}{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        for (is_terminal, no_color, term, expected) in [
            (true, None, Some("xterm"), Paint::Coloured),
            (true, Some(""), Some("xterm-256color"), Paint::Coloured),
            (true, Some("1"), Some("xterm"), Paint::Plain),
            (true, None, Some("dumb"), Paint::Plain),
            (true, None, Some(""), Paint::Plain),
            (true, None, None, Paint::Plain),
            (false, None, Some("xterm"), Paint::Plain),
        ] {
            let decided = decide(is_terminal, no_color.map(OsStr::new), term.map(OsStr::new));
            assert_eq!(decided, expected, "{is_terminal} {no_color:?} {term:?}");
        }
    }

    #[test]
    fn labels_are_painted_and_nothing_else() {
        let text = "error: a\n  caused by: b\n    error: of a list\nhint: c\nwarning";
        let expected = "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m a\n\u{1b}[31m  caused by:\u{1b}[0m b\n    \
                        error: of a list\n\u{1b}[1m\u{1b}[32mhint:\u{1b}[0m c\nwarning";
        assert_eq!(Paint::Coloured.labels(text), expected);
        assert_eq!(Paint::Plain.labels(text), text);
    }
}
