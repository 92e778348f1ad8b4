//! What a run leaves that is stopped, and what the next one makes of it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use unlade_testkit::content::{bytes, digest};
use unlade_testkit::document::{Document, Image};
use unlade_testkit::layout::assert_sound;
use unlade_testkit::process::{Run, Running, files};
use unlade_testkit::{Fault, LyingRegistry, Matcher, Which};

use crate::common::{document, events, folder, pull, registry_of, settled, unlade};
use crate::journal::wait_for_journal;

const KEPT: [&str; 2] = [".out.img.unlade-journal", ".out.img.unlade-partial"];

const MIB: usize = 1 << 20;

/// What had come when the first run was stopped: three whole MiB, and a bit that is lost.
const STOPPED: usize = 3 * MIB + 5000;

fn large() -> Document {
    Image::titled("disk.raw", bytes(3, 5 * MIB + 17))
}

/// A registry that stops in the middle of the first body.
fn stalling(document: &Document) -> LyingRegistry {
    let registry = registry_of(document);
    registry.script(Matcher::new(Which::Blob), Fault::StallBody { after: STOPPED });
    registry
}

fn run(registry: &LyingRegistry, folder: &Path) -> Run {
    pull(&registry.reference("acme/disk:v1"), folder).args(["--json", "--progress=json"])
}

/// Waits until all of it is with the hash, from where it reaches the disk also if the run is asked to stop.
#[track_caller]
fn in_the_middle(running: &Running) {
    running.stderr_line(&format!("\"bytes_verified\":{STOPPED}"));
}

/// Pulls once more, and holds the file to being right and to what was fetched for it.
#[track_caller]
fn goes_on(registry: &LyingRegistry, folder: &Path, document: &Document, resumed: usize) {
    let outcome = run(registry, folder).run();
    let file = self::document(outcome.assert_code(0))["files"][0].clone();
    let fetched = document.payload().len() - resumed;
    let expected: [Value; 3] = ["downloaded".into(), fetched.into(), resumed.into()];
    assert_eq!([&file["status"], &file["bytes_fetched"], &file["bytes_resumed"]].map(Value::clone), expected);
    assert!(fs::read(folder.join("out.img")).expect("read the file") == *document.payload());
    assert_eq!(files(folder), ["out.img"]);
}

#[test]
fn a_signal_leaves_what_the_next_run_goes_on_with_and_says_so() {
    let large = large();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (registry, folder) = (stalling(&large), folder());
        let running = run(&registry, folder.path()).start();
        in_the_middle(&running);
        running.signal(signal);
        let outcome = running.finish();
        outcome.assert_code(130);
        let told = outcome.stderr.lines().find(|line| line.contains("partial_kept")).expect("it says so");
        let told = &events(told)[0];
        assert_eq!(told["path"].as_str(), folder.path().join(KEPT[1]).to_str());
        assert_eq!(told["bytes"], 3 * MIB);
        assert_eq!(files(folder.path()), KEPT);
        goes_on(&registry, folder.path(), &large, 3 * MIB);
        let asked = registry.requests_for("*/blobs/*");
        assert_eq!(asked.last().and_then(|last| last.header("range")), Some("bytes=3145728-5242896"));
    }
}

#[test]
fn people_are_told_how_much_is_kept() {
    let (registry, folder) = (stalling(&large()), folder());
    let running = pull(&registry.reference("acme/disk:v1"), folder.path()).args(["--no-sync", "-vv"]).start();
    wait_for_journal(&folder.path().join(KEPT[0]), 3);
    running.signal(Signal::INT);
    let outcome = running.finish();
    outcome.assert_code(130);
    let text = settled(&outcome.stderr);
    let told = "kept the unfinished DIR/.out.img.unlade-partial, which holds 3.0 MiB; a new run goes on from there\n";
    assert!(text.contains(told), "{text}");
    assert!(text.ends_with("error: stopped on request\n"), "{text}");
}

#[test]
fn a_killed_run_is_gone_on_with() {
    let large = large();
    let (registry, folder) = (stalling(&large), folder());
    let running = run(&registry, folder.path()).start();
    wait_for_journal(&folder.path().join(KEPT[0]), 3);
    running.kill();
    assert_eq!(files(folder.path()), KEPT);
    goes_on(&registry, folder.path(), &large, 3 * MIB);
}

#[test]
fn a_second_signal_at_once_leaves_it_too() {
    let large = large();
    let (registry, folder) = (stalling(&large), folder());
    let running = run(&registry, folder.path()).start();
    wait_for_journal(&folder.path().join(KEPT[0]), 3);
    running.signal(Signal::INT);
    running.signal(Signal::TERM);
    running.finish().assert_code(130);
    assert_eq!(files(folder.path()), KEPT);
    goes_on(&registry, folder.path(), &large, 3 * MIB);
}

#[test]
fn a_failure_that_no_retry_mends_leaves_it_too() {
    let large = large();
    let (registry, folder) = (registry_of(&large), folder());
    registry.script(Matcher::new(Which::Blob), Fault::CutBody { after: STOPPED });
    let outcome = run(&registry, folder.path()).args(["--retries", "0"]).run();
    outcome.assert_code(6);
    assert!(outcome.stderr.contains("partial_kept"), "{}", outcome.stderr);
    assert_eq!(files(folder.path()), KEPT);
    goes_on(&registry, folder.path(), &large, 3 * MIB);
}

#[test]
fn who_wants_no_resume_leaves_nothing_and_starts_over() {
    let large = large();
    let (registry, folder) = (stalling(&large), folder());
    let running = run(&registry, folder.path()).arg("--no-resume").start();
    in_the_middle(&running);
    running.signal(Signal::INT);
    let outcome = running.finish();
    outcome.assert_code(130);
    assert!(outcome.stderr.contains("partial_removed"), "{}", outcome.stderr);
    assert!(files(folder.path()).is_empty());

    registry.script(Matcher::new(Which::Blob), Fault::StallBody { after: STOPPED });
    let running = run(&registry, folder.path()).start();
    in_the_middle(&running);
    running.signal(Signal::INT);
    running.finish().assert_code(130);
    let outcome = run(&registry, folder.path()).env("UNLADE_NO_RESUME", "1").run();
    assert_eq!(document(outcome.assert_code(0))["files"][0]["bytes_resumed"], 0);
    assert_eq!(files(folder.path()), ["out.img"]);
}

#[test]
fn a_tag_that_moved_starts_over() {
    let (old, new) = (large(), Image::titled("disk.raw", bytes(4, 5 * MIB + 17)));
    let (registry, folder) = (stalling(&old), folder());
    let running = run(&registry, folder.path()).start();
    in_the_middle(&running);
    running.signal(Signal::INT);
    running.finish().assert_code(130);
    registry.publish("acme/disk", "v1", &new);
    goes_on(&registry, folder.path(), &new, 0);
}

#[test]
fn a_lying_journal_and_a_changed_partial_cost_what_they_are_about() {
    let large = large();
    let (registry, folder) = (stalling(&large), folder());
    let running = run(&registry, folder.path()).start();
    in_the_middle(&running);
    running.signal(Signal::INT);
    running.finish().assert_code(130);
    let partial = folder.path().join(KEPT[1]);
    let mut held = fs::read(&partial).expect("read the partial");
    held[MIB + 7] ^= 1;
    fs::write(&partial, held).expect("write the partial");
    // The last record is torn.
    let journal = folder.path().join(KEPT[0]);
    let text = fs::read(&journal).expect("read the journal");
    fs::write(&journal, &text[..text.len() - 3]).expect("write the journal");
    goes_on(&registry, folder.path(), &large, MIB);
}

#[test]
fn a_blob_of_a_layout_is_gone_on_with_and_nothing_else_stays_in_it() {
    let large = large();
    let (registry, folder) = (registry_of(&large), folder());
    let layout = folder.path().join("layout");
    let output = format!("ocidir://{}", layout.display());
    let add =
        || unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", &output, "--json", "--progress=json"]);
    // The other blob is the configuration, of two bytes: its connection serves this one too, and must not stand still.
    let layer = format!("*/blobs/{}", digest(large.payload()));
    registry.script(Matcher::new(Which::Blob).path(&layer), Fault::StallBody { after: STOPPED });
    let running = add().start();
    running.stderr_line(&format!("\"bytes_verified\":{}", STOPPED + 2));
    running.signal(Signal::INT);
    running.finish().assert_code(130);
    let left = |suffix: &str| files(&layout).iter().filter(|name| name.ends_with(suffix)).count();
    assert_eq!((left(".unlade-journal"), left(".unlade-partial")), (1, 1), "{:?}", files(&layout));
    let outcome = add().run();
    let files = document(outcome.assert_code(0))["files"].clone();
    let resumed =
        files.as_array().expect("a list").iter().filter_map(|file| file["bytes_resumed"].as_u64()).sum::<u64>();
    assert_eq!(resumed, 3 << 20, "{files}");
    assert_eq!((left(".unlade-journal"), left(".unlade-partial")), (0, 0));
    assert!(assert_sound(&layout).contains(&large.digest()));
}

#[test]
fn sparse_files_have_holes_and_the_same_content() {
    let mut payload = bytes(5, 3 * MIB + 17);
    payload[MIB / 2..2 * MIB + 99].fill(0);
    let document = Image::titled("disk.raw", payload);
    let (registry, folder) = (registry_of(&document), folder());
    let outcome = run(&registry, folder.path()).arg("--sparse").run();
    outcome.assert_code(0);
    let path = folder.path().join("out.img");
    assert!(fs::read(&path).expect("read the file") == *document.payload());
    let taken = fs::metadata(&path).expect("look at the file").blocks() * 512;
    assert!(taken < 7 << 18, "{taken} bytes of room");
}
