//! What strace writes, read: one value for each call, whole, though others came in between.

use std::collections::HashMap;
use std::io::BufRead;

/// A system call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Call {
    /// The line at which it began.
    pub(super) begin: usize,
    /// The line at which it ended; the last possible one if it never did.
    pub(super) end: usize,
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    /// What it gave; `None` if it failed, or never ended.
    pub(super) result: Option<u64>,
}

/// A call that has begun, and the text of it so far.
struct Begun {
    line: usize,
    text: String,
}

/// Reads what `strace -f -y -xx` wrote, in the order in which the calls began.
pub(super) fn parse(trace: impl BufRead) -> Vec<Call> {
    let (mut begun, mut calls) = (HashMap::<String, Begun>::new(), Vec::new());
    for (line, text) in trace.lines().map(|line| line.expect("a trace is text")).enumerate() {
        let (thread, text) = text.split_once(' ').unwrap_or_else(|| panic!("no thread: {}", shown(&text)));
        let text = text.trim_start();
        if text.starts_with("+++") || text.starts_with("---") {
            continue;
        }
        // A thread that is detached ends with the program, in the middle of a call.
        if let Some(text) = text.strip_suffix(" <unfinished ...>").or_else(|| text.strip_suffix(" <detached ...>")) {
            begun.insert(thread.to_owned(), Begun { line, text: text.to_owned() });
        } else if let Some(rest) = text.strip_prefix("<... ") {
            let (_, rest) = rest.split_once(" resumed>").unwrap_or_else(|| panic!("not resumed: {}", shown(text)));
            let start = begun.remove(thread).unwrap_or_else(|| panic!("never begun: {}", shown(text)));
            calls.push(call(start.line, line, &(start.text + rest)));
        } else {
            calls.push(call(line, line, text));
        }
    }
    // What a thread was in when the program ended may have happened, or not.
    calls.extend(begun.into_values().map(|start| call(start.line, usize::MAX, &(start.text + ") = ?"))));
    calls.sort_by_key(|call| call.begin);
    calls
}

fn call(begin: usize, end: usize, text: &str) -> Call {
    let parts = || {
        let (name, rest) = text.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        let arguments = arguments.trim_end().strip_suffix(')')?;
        // A descriptor is followed by its path, an error by its name.
        let number = result.split(['<', ' ']).next().unwrap_or_default();
        let result = match number.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        };
        Some(Call { begin, end, name: name.to_owned(), arguments: split(arguments), result })
    };
    parts().unwrap_or_else(|| panic!("no call: {}", shown(text)))
}

/// Splits arguments at the commas between them, but not within lists and structures.
fn split(text: &str) -> Vec<String> {
    let (mut depth, mut parts, mut start) = (0_usize, Vec::new(), 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(text[start..at].trim().to_owned());
                start = at + 1;
            }
            _ => {}
        }
    }
    if !text.is_empty() {
        parts.push(text[start..].trim().to_owned());
    }
    parts
}

/// Gives the bytes that a string stands for: all of them are in hexadecimal.
#[track_caller]
pub(super) fn unquoted(argument: &str) -> Vec<u8> {
    let inner = argument.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.and_then(unescaped).unwrap_or_else(|| panic!("no whole string: {}", shown(argument)))
}

/// Gives the bytes that `\x2f\x74` stands for.
pub(super) fn unescaped(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(text.len() / 4);
    for code in text.as_bytes().chunks(4) {
        match code {
            [b'\\', b'x', high, low] => bytes.push((digit(*high)? << 4) | digit(*low)?),
            _ => return None,
        }
    }
    Some(bytes)
}

/// The begin of a text, for messages: a write has a long one.
fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(200)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_several_threads_are_put_together() {
        let trace = "1  fsync(3<\\x61> <unfinished ...>\n2  close(4) = 0\n1  <... fsync resumed>)   = 0\n\
                     2  +++ exited with 0 +++\n3 openat(3<\\x61>, \"\\x78\", {flags=O_RDWR, mode=0600}, 24) = 5<\\x62>\n\
                     1 close(9) = -1 EBADF (Bad file descriptor)\n1 fsync(3 <unfinished ...>\n2 close(4<\\x61> <detached ...>\n";
        let calls = parse(trace.as_bytes());
        let seen: Vec<_> = calls.iter().map(|call| (call.name.as_str(), call.begin, call.end, call.result)).collect();
        let expected = [
            ("fsync", 0, 2, Some(0)),
            ("close", 1, 1, Some(0)),
            ("openat", 4, 4, Some(5)),
            ("close", 5, 5, None),
            ("fsync", 6, usize::MAX, None),
            ("close", 7, usize::MAX, None),
        ];
        assert_eq!(seen, expected);
        assert_eq!(calls[2].arguments, ["3<\\x61>", "\"\\x78\"", "{flags=O_RDWR, mode=0600}", "24"]);
    }

    #[test]
    fn strings_are_read_back() {
        assert_eq!(unquoted("\"\\x00\\xff\\x41\""), [0, 255, 65]);
    }

    #[test]
    #[should_panic(expected = "no whole string")]
    fn a_string_that_was_cut_is_noticed() {
        unquoted("\"\\x00\"...");
    }
}
