//! Options: where they stand, and what the environment says in their stead.

use std::fs;

use unlade_testkit::document::{Image, Index};
use unlade_testkit::process::files;

use crate::common::{disk, document, events, registry_of, unlade};

#[test]
fn options_stand_before_or_after_the_reference() {
    let registry = registry_of(&disk());
    let reference = registry.reference("acme/disk:v1");
    for words in [
        ["--json", "--retries=1", "pull", "-o", "out.img", &reference],
        ["pull", "--json", "-o", "out.img", "--retries=1", &reference],
        ["pull", &reference, "--retries=1", "-o", "out.img", "--json"],
        ["--retries=1", "pull", &reference, "-oout.img", "--no-sync", "--json"],
    ] {
        let run = unlade().args(words);
        let outcome = run.run();
        assert_eq!(document(outcome.assert_code(0))["files"][0]["path"], "out.img", "{words:?}");
        assert_eq!(files(run.home()), ["out.img"]);
    }
}

#[test]
fn the_help_says_once_how_variables_are_named() {
    let text = |words: &[&str]| unlade().args(words).run().assert_code(0).stdout_text();
    // That the rule holds for every option is a test beside the options.
    assert!(text(&["--help"]).contains("UNLADE_CA_FILE for --ca-file"));
    for verb in ["pull", "manifest", "digest", "blob", "serve"] {
        let run = unlade().args([verb, "--help"]).env("UNLADE_AUTHFILE", "of-this-machine.json");
        let help = run.run().assert_code(0).stdout_text();
        assert!(help.contains("Examples:") && help.contains("--stall-timeout"), "{help}");
        assert!(!help.contains("[env:") && !help.contains("of-this-machine.json"), "{help}");
    }
}

#[test]
fn variables_stand_for_options() {
    let index = Index::two_architectures(Image::titled("disk", "for amd64"), Image::titled("disk", "for arm64"));
    let registry = registry_of(&index);
    let run = unlade()
        .args(["pull", &registry.reference("acme/disk:v1")])
        .env("UNLADE_OUTPUT", "mine.img")
        .env("UNLADE_ARCH", "aarch64")
        .env("UNLADE_NO_SYNC", "yes")
        .env("UNLADE_JSON", "1")
        .env("UNLADE_PROGRESS", "json")
        .env("UNLADE_RETRIES", "0")
        .env("UNLADE_STALL_TIMEOUT", "500ms")
        .env("UNLADE_PLAIN_HTTP", "on");
    let outcome = run.run();
    document(outcome.assert_code(0));
    assert_eq!(events(&outcome.stderr).len(), 4);
    assert_eq!(fs::read_to_string(run.home().join("mine.img")).unwrap(), "for arm64");
}

#[test]
fn a_variable_that_is_empty_is_none() {
    let registry = registry_of(&disk());
    let run = ["OUTPUT", "JSON", "PLATFORM", "RETRIES", "CA_FILE", "AUTHFILE", "PLAIN_HTTP", "VERBOSE", "QUIET"]
        .iter()
        .fold(unlade(), |run, name| run.env(&format!("UNLADE_{name}"), ""));
    let run = run.args(["pull", &registry.reference("acme/disk:v1")]);
    run.run().assert_code(0);
    assert_eq!(files(run.home()), ["disk.raw"]);
}

#[test]
fn the_command_line_decides_against_the_environment() {
    let index = Index::two_architectures(Image::titled("disk", "for amd64"), Image::titled("disk", "for arm64"));
    let registry = registry_of(&index);
    let reference = registry.reference("acme/disk:v1");
    for (variable, value, options) in [
        ("UNLADE_ARCH", "amd64", &["--arch", "arm64"][..]),
        ("UNLADE_PLATFORM", "linux/amd64", &["--platform", "linux/arm64"]),
        ("UNLADE_PLATFORM", "linux/amd64", &["--arch", "arm64"]),
        ("UNLADE_ARCH", "amd64", &["--platform", "linux/arm64"]),
    ] {
        let outcome = unlade().args(["digest", &reference]).args(options).env(variable, value).run();
        let expected = format!("{}\n", index.children[1].digest());
        assert_eq!(outcome.assert_code(0).stdout_text(), expected, "{variable}={value} {options:?}");
    }
    let quiet = unlade().args(["digest", &reference, "-vv"]).env("UNLADE_QUIET", "1").run();
    assert!(quiet.assert_code(0).stderr.contains("DEBUG"), "{}", quiet.stderr);
    let verbose = unlade().args(["digest", &reference, "-q"]).env("UNLADE_VERBOSE", "2").run();
    assert_eq!(verbose.assert_code(0).stderr, "");
}

#[test]
fn what_contradicts_itself_is_refused() {
    let registry = registry_of(&disk());
    let reference = registry.reference("acme/disk:v1");
    for run in [
        unlade().args(["digest", &reference, "--platform=linux/arm64", "--arch=amd64"]),
        unlade().args(["digest", &reference, "-q", "-v"]),
        unlade().args(["digest", &reference]).env("UNLADE_PLATFORM", "linux/arm64").env("UNLADE_OS", "linux"),
    ] {
        let outcome = run.run();
        outcome.assert_code(2);
        assert!(outcome.stderr.contains("contradict each other"), "{}", outcome.stderr);
    }
    assert!(registry.requests().is_empty());
}

#[test]
fn help_and_version_go_to_stdout() {
    for (words, expected) in
        [(&["--version"][..], "unlade 0.1.0\n"), (&["--help"], "Exit codes:"), (&["pull", "-h"], "--overwrite")]
    {
        let outcome = unlade().args(words).run();
        assert!(outcome.assert_code(0).stdout_text().contains(expected), "{words:?}");
        assert_eq!(outcome.stderr, "", "{words:?}");
    }
}
