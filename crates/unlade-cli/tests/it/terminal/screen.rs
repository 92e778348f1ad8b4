//! What is seen on a terminal.

use unlade_testkit::process::{Run, Stdout, screen};

use super::registry;
use crate::common::{folder, pull};

const COLUMNS: u16 = 80;

/// Runs to the end on a terminal, and gives the exit code and what is on the screen then.
#[track_caller]
fn shown(run: &Run, stdout: Stdout) -> (Option<i32>, String) {
    let outcome = run.start_on_terminal(COLUMNS, stdout).finish();
    (outcome.code, screen(&outcome.stderr, COLUMNS.into()))
}

#[test]
fn a_log_is_shown_without_colours() {
    let (registry, folder) = (registry(), folder());
    let run = pull(&registry.reference("a/disk:v1"), folder.path()).arg("-vv");
    let outcome = run.start_on_terminal(COLUMNS, Stdout::Terminal).finish();
    outcome.assert_code(0);
    assert!(outcome.stderr.contains("DEBUG"), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains("\u{1b}[3"), "{:?}", outcome.stderr);
}
