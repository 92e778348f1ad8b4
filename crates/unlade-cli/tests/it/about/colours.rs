//! Colours: on a terminal that can show them, unless nobody wants them.

use unlade_testkit::process::{Run, Stdout, screen};

use crate::common::unlade;

/// What a terminal of some kind is sent.
#[track_caller]
fn sent(run: &Run, code: i32) -> String {
    let outcome = run.start_on_terminal(100, Stdout::Terminal).finish();
    outcome.assert_code(code);
    outcome.stderr
}

/// Commands, with their codes, that show something that could be painted.
fn runs() -> [(Run, i32); 4] {
    [
        (unlade().arg("--help"), 0),
        (unlade().args(["pull", "-h"]), 0),
        (unlade().arg("pul"), 2),
        (unlade().args(["digest", "ocidir://missing"]), 2),
    ]
}

#[test]
fn a_terminal_is_shown_colours() {
    for (run, code) in runs() {
        let sent = sent(&run.env("TERM", "xterm"), code);
        assert!(sent.contains("\u{1b}[1m"), "{sent:?}");
    }
}

#[test]
fn colours_are_left_out_where_nobody_wants_them() {
    for (variable, value) in [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "")] {
        for (run, code) in runs() {
            let sent = sent(&run.env("TERM", "xterm").env("CI", "true").env(variable, value), code);
            assert!(!sent.contains('\u{1b}'), "{variable}={value}: {sent:?}");
        }
    }
}

#[test]
fn a_pipe_is_given_no_colours() {
    for (run, code) in runs() {
        let outcome = run.env("TERM", "xterm").env("CLICOLOR_FORCE", "1").run();
        outcome.assert_code(code);
        assert!(!outcome.stderr.contains('\u{1b}') && !outcome.stdout_text().contains('\u{1b}'), "{outcome:?}");
    }
}

#[test]
fn an_error_reads_the_same_in_colours() {
    let run = || unlade().args(["digest", "localhost:5000/Upper"]);
    let plain = run().run().stderr;
    let sent = sent(&run().env("TERM", "xterm"), 2);
    assert!(sent.starts_with("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m the reference "), "{sent:?}");
    assert_eq!(screen(&sent, 100), screen(&plain.replace('\n', "\r\n"), 100));
}
