//! What a signal stops, and what two processes do that want the same file.

use std::fs;

use rustix::process::Signal;
use unlade_testkit::document::Document;
use unlade_testkit::process::{Running, files};
use unlade_testkit::{Fault, LyingRegistry, Matcher, Origin, Which};

use crate::common::{disk, document, error, events, fair_error, folder, pull, registry_of, settled, shell, unlade};

/// A registry that stops in the middle of the first body.
fn stalling(document: &Document) -> LyingRegistry {
    let registry = registry_of(document);
    registry.script(Matcher::new(Which::Blob), Fault::StallBody { after: 200_000 });
    registry
}

/// A store that the first body comes from, and that stops in its middle: once it ends, the rest comes from the registry.
fn stalling_store(registry: &LyingRegistry, document: &Document) -> Origin {
    let store = Origin::start();
    store.offer("/disk", document.payload().clone());
    store.script(Matcher::new(Which::Any), Fault::StallBody { after: 200_000 });
    registry.script(Matcher::new(Which::Blob), Fault::Redirect { status: 307, to: store.url("/disk") });
    store
}

/// Waits until bytes of the body have come.
#[track_caller]
fn in_the_middle(running: &Running) {
    running.stderr_line("\"bytes_fetched\":200000");
}

#[test]
fn a_signal_in_the_middle_of_a_body_leaves_nothing_behind_and_says_so() {
    for (signal, name) in [(Signal::INT, "INT"), (Signal::TERM, "TERM"), (Signal::HUP, "HUP")] {
        let registry = stalling(&disk());
        let folder = folder();
        let run = pull(&registry.reference("acme/disk:v1"), folder.path()).args(["--progress=json", "--json"]);
        let running = run.start();
        in_the_middle(&running);
        assert_eq!(files(folder.path()), [".out.img.unlade-partial"], "{name}");
        running.signal(signal);
        let outcome = running.finish();
        outcome.assert_code(130);
        let error = error(&outcome);
        assert_eq!((&error["kind"], &error["exit_code"]), (&"Interrupted".into(), &130.into()), "{name}");
        let told = outcome.stderr.lines().find(|line| line.contains("partial_removed"));
        let told = told.unwrap_or_else(|| panic!("{name}: nothing is said of the partial: {}", outcome.stderr));
        assert_eq!(events(told)[0]["path"].as_str(), folder.path().join(".out.img.unlade-partial").to_str(), "{name}");
        assert!(files(folder.path()).is_empty(), "{name}: {:?}", files(folder.path()));
    }
}

#[test]
fn a_signal_leaves_an_existing_target_as_it_was() {
    let registry = stalling(&disk());
    let folder = folder();
    fs::write(folder.path().join("out.img"), "old").unwrap();
    let running = pull(&registry.reference("acme/disk:v1"), folder.path()).arg("--progress=json").start();
    in_the_middle(&running);
    running.signal(Signal::INT);
    running.finish().assert_code(130);
    assert_eq!(files(folder.path()), ["out.img"]);
    assert_eq!(fs::read(folder.path().join("out.img")).unwrap(), b"old");
}

#[test]
fn people_are_told_that_the_unfinished_file_is_gone() {
    let registry = stalling(&disk());
    let folder = folder();
    // The notes say nothing while bytes come: the log does.
    let running = pull(&registry.reference("acme/disk:v1"), folder.path()).arg("-vv").start();
    running.stderr_line("/blobs/");
    running.signal(Signal::INT);
    let outcome = running.finish();
    outcome.assert_code(130);
    let text = settled(&outcome.stderr);
    assert!(text.contains("removed the unfinished DIR/.out.img.unlade-partial; a new run starts over\n"), "{text}");
    assert!(text.ends_with("error: stopped on request\n"), "{text}");
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_signal_that_is_ignored_stops_nothing() {
    let disk = disk();
    let registry = registry_of(&disk);
    let store = stalling_store(&registry, &disk);
    let script = "trap '' HUP INT; exec $UNLADE pull \"$REF\" -o out.img --progress=json";
    let run = shell(script).env("REF", registry.reference("acme/disk:v1"));
    let running = run.start();
    in_the_middle(&running);
    running.signal(Signal::HUP);
    running.signal(Signal::INT);
    drop(store);
    running.finish().assert_code(0);
    assert!(fs::read(run.home().join("out.img")).unwrap() == *disk.payload());
}

#[test]
fn a_signal_before_any_answer_stops_as_well() {
    let registry = registry_of(&disk());
    registry.script(Matcher::new(Which::Manifest), Fault::StallBeforeHeaders);
    let running = unlade().args(["digest", &registry.reference("acme/disk:v1")]).start();
    registry.recorder().wait_for("*/manifests/*");
    running.signal(Signal::TERM);
    let outcome = running.finish();
    assert_eq!(outcome.assert_code(130).stdout_text(), "");
}

#[test]
fn a_stream_is_stopped_and_judged_as_unfinished() {
    let registry = stalling(&disk());
    let reference = registry.reference("acme/disk:v1");
    let running = unlade().args(["pull", &reference, "-o", "-", "--progress=json"]).start();
    in_the_middle(&running);
    running.signal(Signal::INT);
    let outcome = running.finish();
    outcome.assert_code(130);
    assert!(outcome.stdout.len() <= 200_000);
}

#[test]
fn the_second_of_two_processes_waits_for_the_first_and_takes_its_file() {
    let disk = disk();
    let registry = registry_of(&disk);
    let store = stalling_store(&registry, &disk);
    let folder = folder();
    let run = || pull(&registry.reference("acme/disk:v1"), folder.path()).args(["--progress=json", "--json"]);
    let first = run().start();
    in_the_middle(&first);

    let second = run().start();
    let waiting = &events(&second.stderr_line("\"waiting\""))[0];
    let target = folder.path().join("out.img");
    let expected = format!("process {} is filling {}", first.id(), target.display());
    assert_eq!(waiting["reason"], expected);
    assert!(waiting["until"].as_str().is_some_and(|until| until.ends_with('Z')), "{waiting}");

    drop(store);
    let (first, second) = (first.finish(), second.finish());
    assert_eq!(document(first.assert_code(0))["files"][0]["status"], "downloaded");
    let file = document(second.assert_code(0))["files"][0].clone();
    assert_eq!((&file["status"], &file["bytes_fetched"]), (&"present".into(), &0.into()));
    assert!(fs::read(&target).unwrap() == *disk.payload());
    assert_eq!(files(folder.path()), ["out.img"]);
    assert_eq!(registry.requests_for("*/blobs/*").len(), 2, "a redirect and the rest, both of the first process");
}

#[test]
fn the_second_of_two_processes_goes_on_where_the_first_was_killed() {
    let disk = disk();
    let registry = stalling(&disk);
    let folder = folder();
    let first = pull(&registry.reference("acme/disk:v1"), folder.path()).arg("--progress=json").start();
    in_the_middle(&first);
    let second = pull(&registry.reference("acme/disk:v1"), folder.path()).arg("--progress=json").start();
    second.stderr_line("\"waiting\"");
    first.kill();
    second.finish().assert_code(0);
    assert!(fs::read(folder.path().join("out.img")).unwrap() == *disk.payload());
    assert_eq!(files(folder.path()), ["out.img"]);
}

#[test]
fn waiting_for_another_process_has_an_end() {
    let registry = stalling(&disk());
    let folder = folder();
    let first = pull(&registry.reference("acme/disk:v1"), folder.path()).arg("--progress=json").start();
    in_the_middle(&first);
    let second = pull(&registry.reference("acme/disk:v1"), folder.path()).args(["--lock-timeout", "20ms", "--json"]);
    let outcome = second.run();
    outcome.assert_code(7);
    let error = fair_error(&outcome);
    assert_eq!((&error["kind"], &error["hint"]), (&"Locked".into(), &"wait longer with --lock-timeout".into()));
    let expected = format!("process {} is filling ", first.id());
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with(&expected) && message.ends_with("did not end within 20ms"), "{message}");
    assert_eq!(files(folder.path()), [".out.img.unlade-partial"]);
}
