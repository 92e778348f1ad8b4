//! A run that is killed, at every moment that can be told from outside.

use std::path::Path;
use std::thread;

use unlade_testkit::content::bytes;
use unlade_testkit::document::{Document, Image, Index};
use unlade_testkit::layout::{self, assert_sound};
use unlade_testkit::process::{Running, files};

use super::{add, assert_holds};
use crate::common::{folder, registry_of};

/// Several manifests and blobs, some of them large enough to be killed in the middle of, in indexes of their own: these
/// are copied one after the other.
fn index() -> Document {
    let image = |seed, architecture: &str| {
        let image = Image::new().platform_config(architecture, "linux");
        image.layer("application/x", bytes(seed, 900_000)).layer("application/x", bytes(seed + 1, 40)).build()
    };
    ["amd64", "arm64", "loong64", "ppc64le", "riscv64", "s390x"]
        .into_iter()
        .zip((1..).step_by(2))
        .map(|(architecture, seed)| {
            Index::new().entry(image(seed, architecture)).platform(architecture, "linux").build()
        })
        .fold(Index::new(), Index::entry)
        .build()
}

/// What changes on the disk while a run works: names that appear, and names that go.
fn look(layout: &Path) -> usize {
    let hash = |name: &String| name.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
    if layout.exists() { files(layout).iter().map(hash).fold(0, usize::wrapping_add) } else { 0 }
}

/// Watches the layout until it has changed so many times, or the run has ended.
fn watch(layout: &Path, run: &mut Running, changes: usize) -> bool {
    let (mut seen, mut last) = (0, look(layout));
    while seen < changes {
        if run.has_ended() {
            return false;
        }
        let now = look(layout);
        if now != last {
            (seen, last) = (seen + 1, now);
        }
        thread::yield_now();
    }
    true
}

#[test]
fn a_layout_is_whole_or_names_nothing_whenever_a_run_is_killed() {
    let (index, old) = (index(), Image::untitled("old"));
    let registry = registry_of(&index);
    let reference = registry.reference("acme/disk:v1");
    for is_new in [true, false] {
        let mut killed = 0;
        for changes in 0.. {
            let place = folder();
            let path = place.path().join("layout");
            if !is_new {
                layout::write(&path, &[("old", &old)]);
            }
            let mut run = add(&reference, &path, "").start();
            let is_early = watch(&path, &mut run, changes);
            run.kill();
            let named = assert_sound(&path);
            let is_done = named.contains(&index.digest());
            assert!(is_new || named.contains(&old.digest()), "after {changes} changes");
            assert!(is_done || named.len() == if is_new { 0 } else { 3 }, "after {changes} changes: {named:?}");
            killed += usize::from(!is_done);
            add(&reference, &path, "").run().assert_code(0);
            assert_holds(&path, &index);
            let left: Vec<_> = files(&path).into_iter().filter(|name| name.contains("partial")).collect();
            assert!(left.is_empty(), "after {changes} changes: {left:?}");
            if !is_early {
                break;
            }
        }
        assert!(killed > 10, "only {killed} runs were killed in time");
    }
}
