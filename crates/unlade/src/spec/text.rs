//! Text that came from a server, made fit for a terminal, a document or a log.

use std::borrow::Cow;

/// Removes what could steer a terminal or turn text around.
///
/// Line breaks and tabs become one space; other control characters (C0, C1, DEL),
/// bidirectional controls, zero-width characters and separators of lines and
/// paragraphs are left out.
pub fn sanitise(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let kept = text.chars().filter_map(|c| match c {
        '\n' | '\r' | '\t' => Some(' '),
        c if is_steering(c) => None,
        c => Some(c),
    });
    Cow::Owned(kept.collect())
}

/// Says whether a text has none of the characters that [`sanitise`] changes.
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(is_steering)
}

fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_steers_is_taken_out() {
        for (text, expected) in [
            ("plain ünïcode 漢字", "plain ünïcode 漢字"),
            ("red \u{1b}[31malert", "red [31malert"),
            ("two\nlines\tand", "two lines and"),
            ("evil\u{202e}gpj.exe", "evilgpj.exe"),
            ("\u{9b}2J\u{7f}\u{0}", "2J"),
            ("a\u{200b}b\u{2066}c\u{feff}", "abc"),
        ] {
            assert_eq!(sanitise(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_comes_out_is_plain(text in any::<String>()) {
            prop_assert!(is_plain(&sanitise(&text)));
        }
    }
}
