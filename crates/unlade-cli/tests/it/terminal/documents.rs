//! JSON: the document on stdout, and the lines of progress on stderr.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use rustix::process::Signal;
use serde_json::{Value, json};
use unlade::spec::text::is_plain;
use unlade_testkit::document::{Document, Image, Index, OCI_MANIFEST};
use unlade_testkit::process::Outcome;
use unlade_testkit::{Fault, Matcher, RetryAfter, Which, layout};

use super::{SIZE, digest, digest_of, registry};
use crate::common::{error, folder, pull, unlade};

/// Reads stderr, where each line must be an object that names its event.
#[track_caller]
fn events(outcome: &Outcome) -> Vec<Value> {
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    let events: Vec<Value> = outcome.stderr.lines().map(read).collect();
    assert!(events.iter().all(|event| event["event"].is_string()), "{events:?}");
    events
}

fn names(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|event| event["event"].as_str()).collect()
}

#[test]
fn a_path_that_is_no_text_is_reported_all_the_same() {
    let (registry, folder) = (registry(), folder());
    let path = folder.path().join(OsStr::from_bytes(b"disk-\xff.img"));
    let run = unlade().args(["pull", &registry.reference("a/disk:v1"), "--json", "-o"]).arg(&path);
    let outcome = run.run();
    outcome.assert_code(0);
    let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(document["files"][0]["path"], path.to_string_lossy().as_ref());
    assert!(path.exists());
}

#[test]
fn a_command_line_that_cannot_be_read_has_a_document() {
    for words in [&["--json"] as &[&str], &["pull", "--json"], &["digest", "a", "--json", "--nonsense"]] {
        let outcome = unlade().args(words).run();
        outcome.assert_code(2);
        assert_eq!(error(&outcome)["kind"], "InvalidInput", "{words:?}");
        let outcome = unlade().args(words).args(["--progress", "json"]).run();
        outcome.assert_code(2);
        let events = events(&outcome);
        assert_eq!(names(&events), ["failed"], "{words:?}");
        assert_eq!(events[0]["error"], error(&outcome));
    }
}

#[test]
fn no_document_stands_behind_the_bytes_of_a_blob() {
    let registry = registry();
    let blob = |digest: &str| unlade().args(["blob", &registry.reference(&format!("a/disk@{digest}")), "--json"]).run();
    let outcome = blob(&digest_of(b"another"));
    outcome.assert_code(3);
    assert_eq!(error(&outcome)["kind"], "NotFound");
    registry.script(Matcher::new(Which::Blob), Fault::FlipByte { at: SIZE - 1 });
    let outcome = blob(&digest());
    outcome.assert_code(5);
    assert_eq!(outcome.stdout.len(), SIZE);
    assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
}

#[test]
fn a_server_says_in_a_document_where_it_listens() {
    let folder = folder();
    layout::write(&folder.path().join("disk"), &[("v1", &Image::titled("a", "b"))]);
    let run = unlade().args(["serve", "--json", "--listen", "127.0.0.1:0"]).arg(folder.path());
    let running = run.start();
    let document: Value = serde_json::from_str(&running.stdout_line("url")).unwrap();
    assert!(document["url"].as_str().is_some_and(|url| url.starts_with("http://127.0.0.1:")), "{document}");
    running.signal(Signal::TERM);
    let outcome = running.finish();
    outcome.assert_code(0);
    assert_eq!(outcome.stdout_text().lines().count(), 1);
}

#[test]
fn progress_for_programs_is_json_alone() {
    let (registry, folder) = (registry(), folder());
    let later = Fault::ServerError { status: 503, retry_after: RetryAfter::Seconds(0) };
    registry.script(Matcher::new(Which::Blob), later);
    let run = pull(&registry.reference("a/disk:v1"), folder.path()).args(["--progress", "json", "-v"]);
    let outcome = run.run();
    outcome.assert_code(0);
    let mut events = events(&outcome);
    assert!(events.iter().any(|event| event["event"] == "log" && event["level"] == "info"), "{events:?}");
    events.retain(|event| event["event"] != "log");
    assert_eq!(names(&events), ["resolved", "started", "retrying", "progress", "committed"]);
    let until = events[2]["until"].as_str().unwrap();
    assert!(until.starts_with("20") && until.contains('T') && until.ends_with('Z'), "{until}");
    assert_eq!((&events[3]["bytes_verified"], &events[3]["bytes_total"]), (&Value::from(SIZE), &Value::from(SIZE)));
}

#[test]
fn a_failure_is_an_event_with_all_that_is_known() {
    let (registry, folder) = (registry(), folder());
    let missing = pull(&registry.reference("a/disk:v2"), folder.path());
    let unreadable = pull(&registry.reference("a/disk:v1"), folder.path()).args(["--authfile", "/missing"]);
    for (run, code) in [(missing, 3), (unreadable, 2)] {
        let outcome = run.args(["--progress", "json", "--json"]).run();
        outcome.assert_code(code);
        let events = events(&outcome);
        let failed = events.last().unwrap();
        assert_eq!(failed["event"], "failed");
        assert_eq!(failed["error"], error(&outcome));
        let causes: Vec<&str> =
            failed["error"]["causes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let chain = [&[failed["error"]["message"].as_str().unwrap()], causes.as_slice()].concat();
        assert_eq!(failed["reason"].as_str().unwrap(), chain.join(": "));
    }
}

#[test]
fn quiet_leaves_errors_alone_in_every_form() {
    let (registry, folder) = (registry(), folder());
    for how in ["auto", "bar", "json", "none"] {
        let quiet = ["--quiet", "--progress", how];
        let outcome = pull(&registry.reference("a/disk:v1"), folder.path()).args(quiet).run();
        outcome.assert_code(0);
        assert_eq!(outcome.stderr, "", "{how}");
        let outcome = pull(&registry.reference("a/disk:v2"), folder.path()).args(quiet).run();
        outcome.assert_code(3);
        assert!(outcome.stderr.starts_with(if how == "json" { "{" } else { "error: " }), "{how}: {}", outcome.stderr);
    }
}

#[test]
fn without_progress_notes_are_still_made() {
    let (registry, folder) = (registry(), folder());
    let outcome = pull(&registry.reference("a/disk:v1"), folder.path()).args(["--progress", "none"]).run();
    outcome.assert_code(0);
    assert!(outcome.stderr.contains("out.img: 293.0 KiB from"), "{}", outcome.stderr);
}

#[test]
fn a_media_type_cannot_steer_a_terminal() {
    let folder = folder();
    let odd = Document::raw("a/b\u{202e}", "{}");
    layout::write(folder.path(), &[("v1", &odd)]);
    let layout = format!("ocidir://{}:v1", folder.path().display());
    for verb in ["digest", "manifest"] {
        let outcome = unlade().args([verb, &layout, "--json"]).run();
        outcome.assert_code(0);
        let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
        assert!(document["media_type"].as_str().is_some_and(is_plain), "{verb}: {document}");
    }
}

#[test]
fn a_manifest_is_described_with_all_that_is_known_of_it() {
    let (registry, folder) = (registry(), folder());
    let disk = Image::new().artifact_type("a/disk").layer("a/b", "disk").annotate("of", "manifest").build();
    let index = Index::new().entry(disk.clone()).platform("arm64", "linux").annotate_entry("of", "entry");
    registry.publish("a/disk", "index", &index.annotate_entry("by", "index").build());
    let reference = registry.reference("a/disk:index");
    let outcome = pull(&reference, folder.path()).args(["--json", "--arch", "aarch64"]).run();
    outcome.assert_code(0);
    let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    let expected = json!({
        "media_type": OCI_MANIFEST,
        "digest": disk.digest(),
        "size": disk.bytes.len(),
        "artifact_type": "a/disk",
        "annotations": { "of": "manifest", "by": "index" },
        "platform": "linux/arm64",
    });
    assert_eq!(document["manifest"], expected);
}

#[test]
fn a_drawing_is_no_part_of_a_message() {
    let outcome = unlade().args(["digest", "localhost:5000/Upper", "--json"]).run();
    outcome.assert_code(2);
    assert!(outcome.stderr.contains("\n    localhost:5000/Upper\n"), "{}", outcome.stderr);
    let message = error(&outcome)["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("separators (. _ __ -)"), "{message}");
}

#[test]
fn help_that_cannot_be_written_is_a_failure() {
    for (words, redirection, code) in [
        ("--help", ">/dev/full", 7),
        ("--version", ">/dev/full", 7),
        ("pull --help", ">&-", 7),
        ("--help", ">/dev/null", 0),
    ] {
        let script = format!("exec \"$0\" {words} {redirection}");
        let run = unlade_testkit::process::Run::new("/bin/sh");
        let outcome = run.args(["-c", &script, env!("CARGO_BIN_EXE_unlade")]).run();
        outcome.assert_code(code);
        assert_eq!(outcome.stderr.contains("stdout"), code != 0, "{words} {redirection}: {}", outcome.stderr);
    }
}
