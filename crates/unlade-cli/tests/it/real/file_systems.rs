//! Files on the file systems that sites have: published, gone on with after a kill, sparse, and refused early.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::json;
use unlade_testkit::content::bytes;
use unlade_testkit::document::{Document, Image};
use unlade_testkit::process::files;
use unlade_testkit::real::{FileSystem, FileSystemKind};
use unlade_testkit::{Fault, LyingRegistry, Matcher, Which};

use super::here;
use crate::common::{document, error, pull, registry_of};
use crate::journal::wait_for_journal;

const MIB: usize = 1 << 20;

const JOURNAL: &str = ".out.img.unlade-journal";

/// Runs a case on each file system that can be mounted here.
#[track_caller]
fn on_each(case: impl Fn(&FileSystem, FileSystemKind)) {
    for kind in FileSystemKind::ALL {
        if let Some(system) = here(FileSystem::plan(kind).mount()) {
            case(&system, kind);
        }
    }
}

fn disk() -> Document {
    Image::titled("disk.raw", bytes(6, 5 * MIB + 17))
}

/// Kills a pull once three of its MiB are noted, by a registry that stops after them.
#[track_caller]
fn killed(registry: &LyingRegistry, folder: &Path, options: &[&str]) {
    registry.script(Matcher::new(Which::Blob), Fault::StallBody { after: 3 * MIB + 5000 });
    let running = pull(&registry.reference("acme/disk:v1"), folder).args(options).start();
    wait_for_journal(&folder.join(JOURNAL), 3);
    running.kill();
}

/// Pulls into a folder, and returns how many bytes of an earlier run were of use.
#[track_caller]
fn pulled(registry: &LyingRegistry, folder: &Path) -> u64 {
    let outcome = pull(&registry.reference("acme/disk:v1"), folder).arg("--json").run();
    document(outcome.assert_code(0))["files"][0]["bytes_resumed"].as_u64().expect("a number")
}

#[track_caller]
fn assert_published(system: &FileSystem, document: &Document, kind: FileSystemKind) {
    let mut there = files(system.path());
    there.retain(|name| !name.starts_with("lost+found") && name != "filler");
    assert_eq!(there, ["out.img"], "{kind:?}");
    assert!(fs::read(system.path().join("out.img")).expect("read it") == *document.payload(), "{kind:?}");
}

#[test]
fn a_published_file_is_there_after_the_file_system_was_away() {
    let disk = disk();
    let registry = registry_of(&disk);
    on_each(|system, kind| {
        assert_eq!(pulled(&registry, system.path()), 0, "{kind:?}");
        system.mount_again();
        assert_published(system, &disk, kind);
    });
}

#[test]
fn a_killed_pull_is_gone_on_with_on_each() {
    let disk = disk();
    let registry = registry_of(&disk);
    on_each(|system, kind| {
        killed(&registry, system.path(), &[]);
        system.mount_again();
        assert_eq!(pulled(&registry, system.path()), 3 << 20, "{kind:?}");
        assert_published(system, &disk, kind);
    });
}

#[test]
fn room_that_was_taken_is_not_asked_for_again() {
    let disk = disk();
    let registry = registry_of(&disk);
    on_each(|system, kind| {
        // Nothing is taken ahead in memory, nor can it be on the other.
        if matches!(kind, FileSystemKind::Ext3 | FileSystemKind::Tmpfs) {
            return;
        }
        killed(&registry, system.path(), &[]);
        system.fill_up(1 << 20);
        assert_eq!(pulled(&registry, system.path()), 3 << 20, "{kind:?}");
        assert_published(system, &disk, kind);
    });
}

#[test]
fn holes_stay_holes_and_are_gone_on_with() {
    let mut payload = bytes(7, 5 * MIB + 17);
    payload[MIB + 5000..3 * MIB].fill(0);
    let disk = Image::titled("disk.raw", payload);
    let registry = registry_of(&disk);
    on_each(|system, kind| {
        killed(&registry, system.path(), &["--sparse"]);
        let outcome = pull(&registry.reference("acme/disk:v1"), system.path()).args(["--sparse", "--json"]).run();
        assert_eq!(document(outcome.assert_code(0))["files"][0]["bytes_resumed"], 3 << 20, "{kind:?}");
        system.mount_again();
        assert_published(system, &disk, kind);
        let taken = fs::metadata(system.path().join("out.img")).expect("look at it").blocks() * 512;
        assert!(taken < 7 << 19, "{kind:?}: {taken}");
    });
}

#[test]
fn what_does_not_fit_is_refused_before_the_first_byte() {
    let huge = Image::new().layer("application/x", bytes(8, 100)).override_layer("size", json!(1 << 30)).build();
    let registry = registry_of(&huge);
    on_each(|system, kind| {
        for options in [&[][..], &["--sparse"]] {
            let outcome = pull(&registry.reference("acme/disk:v1"), system.path()).args(options).arg("--json").run();
            let error = error(outcome.assert_code(7));
            assert_eq!(error["kind"], "NoSpace", "{kind:?}");
            assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("free")), "{kind:?}: {error}");
            assert!(!system.path().join("out.img").exists(), "{kind:?}");
        }
    });
    assert!(registry.requests_for("*/blobs/*").is_empty());
}
