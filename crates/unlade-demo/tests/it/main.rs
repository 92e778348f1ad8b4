//! How the demo ends before its end: without a word too many, and with nothing left behind.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;
use unlade_testkit::process::{Run, files};

const DEMO: &str = env!("CARGO_BIN_EXE_unlade-demo");

#[test]
fn a_terminal_that_goes_away_leaves_nothing_behind() {
    let folder = tempfile::tempdir().expect("make a folder");
    // In the place of the command stands one that never ends.
    let command = folder.path().join("unlade");
    fs::write(&command, "#!/bin/sh\nexec sleep 600\n").expect("write a script");
    fs::set_permissions(&command, fs::Permissions::from_mode(0o700)).expect("make it a program");
    let run = Run::new(DEMO).arg(&command);
    let running = run.start();
    running.stdout_line("$ unlade digest");
    assert!(!files(run.home()).is_empty());
    running.signal(Signal::HUP);
    let outcome = running.finish();
    outcome.assert_code(1);
    assert_eq!(outcome.stderr, "demo: interrupted\n");
    assert!(files(run.home()).is_empty());
}

#[test]
fn a_show_that_nobody_can_see_fails() {
    let run = Run::new("/bin/sh").args(["-c", "exec \"$0\" /bin/true > /dev/full", DEMO]);
    let outcome = run.run();
    outcome.assert_code(1);
    assert!(outcome.stderr.starts_with("demo: No space left on device"), "{}", outcome.stderr);
    assert!(files(run.home()).is_empty());
}
