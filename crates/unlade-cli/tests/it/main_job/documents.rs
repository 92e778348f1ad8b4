//! What `--json` and `--progress json` print: their keys are a contract.

use serde_json::{Value, json};
use unlade_testkit::content::digest;
use unlade_testkit::document::{Image, OCI_INDEX, OCI_MANIFEST};
use unlade_testkit::{Fault, Matcher, Which};

use crate::common::{disk, document, error, events, folder, keys, pull, registry_of, unlade};

#[test]
fn a_pull_is_described() {
    let disk = disk();
    let registry = registry_of(&disk);
    let folder = folder();
    let reference = registry.reference("acme/disk:v1");
    let described = document(&pull(&reference, folder.path()).arg("--json").run());
    assert_eq!(keys(&described), ["elapsed_seconds", "endpoints", "files", "manifest", "reference"]);
    assert_eq!(described["reference"], reference);
    assert_eq!(described["endpoints"], json!([registry.host()]));
    assert!(described["elapsed_seconds"].as_f64().unwrap() > 0.0);
    let size = disk.bytes.len();
    assert_eq!(described["manifest"], json!({ "media_type": OCI_MANIFEST, "digest": disk.digest(), "size": size }));
    assert_eq!(
        described["files"],
        json!([{
            "path": folder.path().join("out.img"),
            "title": "disk.raw",
            "digest": digest(disk.payload()),
            "size": 300_000,
            "media_type": "application/octet-stream",
            "status": "downloaded",
            "bytes_fetched": 300_000,
            "bytes_resumed": 0,
        }])
    );

    let again = document(&pull(&reference, folder.path()).arg("--json").run());
    assert_eq!(keys(&again), keys(&described));
    assert_eq!(keys(&again["files"][0]), keys(&described["files"][0]));
    assert_eq!((&again["files"][0]["status"], &again["endpoints"]), (&json!("present"), &json!([])));
}

#[test]
fn what_is_not_known_is_null() {
    let registry = registry_of(&Image::untitled("payload"));
    let folder = folder();
    let described = document(&pull(&registry.reference("acme/disk:v1"), folder.path()).arg("--json").run());
    assert_eq!(described["files"][0]["title"], Value::Null);
}

#[test]
fn a_resume_is_counted() {
    let disk = disk();
    let registry = registry_of(&disk);
    registry.script(Matcher::new(Which::Blob), Fault::CutBody { after: 200_000 });
    let folder = folder();
    let described = document(&pull(&registry.reference("acme/disk:v1"), folder.path()).arg("--json").run());
    let file = &described["files"][0];
    assert_eq!((&file["bytes_fetched"], &file["bytes_resumed"]), (&json!(300_000), &json!(200_000)));
}

#[test]
fn a_digest_and_a_manifest_are_described() {
    let disk = disk();
    let registry = registry_of(&disk);
    let reference = registry.reference("acme/disk:v1");
    let mut expected = json!({
        "reference": reference,
        "digest": disk.digest(),
        "media_type": OCI_MANIFEST,
        "size": disk.bytes.len(),
    });
    assert_eq!(document(&unlade().args(["digest", &reference, "--json"]).run()), expected);
    expected["manifest"] = serde_json::from_slice(&disk.bytes).unwrap();
    assert_eq!(document(&unlade().args(["manifest", "--json", &reference]).run()), expected);

    let index = unlade_testkit::document::Index::new().entry(disk).build();
    let registry = registry_of(&index);
    let described = document(&unlade().args(["digest", &registry.reference("acme/disk:v1"), "--json"]).run());
    assert_eq!(described["media_type"], OCI_INDEX);
}

#[test]
fn progress_is_told_in_lines() {
    let disk = disk();
    let registry = registry_of(&disk);
    registry.script(Matcher::new(Which::Blob), Fault::CutBody { after: 200_000 });
    let folder = folder();
    let reference = registry.reference("acme/disk:v1");
    let outcome = pull(&reference, folder.path()).args(["--progress", "json"]).run();
    let events = events(&outcome.assert_code(0).stderr);
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["resolved", "started", "retrying", "resumed", "progress", "committed"]);
    let blob = digest(disk.payload());
    assert_eq!(events[0], json!({ "event": "resolved", "reference": reference, "digest": disk.digest() }));
    assert_eq!(events[1], json!({ "event": "started", "digest": blob, "bytes_total": 300_000 }));
    assert_eq!(keys(&events[2]), ["event", "reason", "until"]);
    assert!(events[2]["reason"].as_str().unwrap().contains("the connection broke"), "{}", events[2]);
    assert_eq!((keys(&events[3]).len(), &events[3]["bytes_resumed"]), (3, &json!(200_000)));
    // What came may be on its way to the hash.
    assert!(events[3]["bytes_verified"].as_u64().unwrap() <= 200_000, "{}", events[3]);
    let target = folder.path().join("out.img");
    assert_eq!((&events[4]["bytes_verified"], &events[4]["bytes_total"]), (&json!(300_000), &json!(300_000)));
    assert_eq!(events[4]["bytes_resumed"], 200_000);
    assert!(events[4]["rate"].as_u64().unwrap() > 0, "however short it took: {}", events[4]);
    assert_eq!(events[5], json!({ "event": "committed", "target": target, "digest": blob }));
}

#[test]
fn bytes_on_the_way_are_told_in_lines() {
    let registry = registry_of(&disk());
    registry.script(Matcher::new(Which::Blob), Fault::StallBody { after: 250_000 });
    let folder = folder();
    let running = pull(&registry.reference("acme/disk:v1"), folder.path()).args(["--progress", "json"]).start();
    let line = running.stderr_line("\"progress\"");
    running.kill();
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        keys(&event),
        ["bytes_fetched", "bytes_resumed", "bytes_total", "bytes_verified", "connections", "event", "rate"]
    );
    assert_eq!((&event["bytes_fetched"], &event["bytes_total"]), (&json!(250_000), &json!(300_000)));
}

#[test]
fn a_failure_is_told_in_lines_as_well() {
    let registry = registry_of(&disk());
    registry.script(Matcher::new(Which::Blob), Fault::FlipByte { at: 10 });
    let folder = folder();
    let outcome = pull(&registry.reference("acme/disk:v1"), folder.path()).args(["--progress", "json", "--json"]).run();
    outcome.assert_code(5);
    let lines: Vec<&str> = outcome.stderr.lines().take_while(|line| line.starts_with('{')).collect();
    let events = events(&lines.join("\n"));
    let last = events.last().unwrap();
    assert_eq!(last["event"], "failed");
    assert!(last["reason"].as_str().unwrap().contains("are not the blob"), "{last}");
    assert_eq!(error(&outcome)["kind"], "Mismatch");
}

#[test]
fn quiet_says_nothing_but_errors() {
    let registry = registry_of(&disk());
    let folder = folder();
    let outcome = pull(&registry.reference("acme/disk:v1"), folder.path()).arg("-q").run();
    assert_eq!((outcome.assert_code(0).stderr.as_str(), outcome.stdout_text().as_str()), ("", ""));
    let outcome = pull(&registry.reference("acme/disk:v2"), folder.path()).arg("--quiet").run();
    outcome.assert_code(3);
    assert!(outcome.stderr.starts_with("error: "), "{}", outcome.stderr);
}

#[test]
fn more_is_said_where_more_is_asked_for() {
    let registry = registry_of(&disk());
    let reference = registry.reference("acme/disk:v1");
    let lines = |option: &str| unlade().args(["digest", &reference, option]).run().assert_code(0).stderr.clone();
    assert_eq!(lines("-v"), "");
    let debug = lines("-vv");
    assert!(debug.contains("DEBUG answer url=http://") && debug.contains("status=200"), "{debug}");
    assert!(!debug.contains('\u{1b}'), "colours where there is no terminal: {debug:?}");
}
