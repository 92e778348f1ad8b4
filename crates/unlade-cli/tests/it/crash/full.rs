//! The disk is full, or a file may not be longer, at every point: that is said, nothing wrong is there, and the next
//! run, with room, comes to its end.

use std::fs;
use std::path::Path;

use serde_json::Value;
use unlade_testkit::LyingRegistry;
use unlade_testkit::process::{Outcome, Run};
use unlade_testkit::real::{FileSystem, FileSystemKind, Plan};

use super::scene::Scene;
use crate::common::{fair_error, folder, registry_of, shell, unlade};

/// The calls that can find a disk full, each as often as it is made.
const CALLS: [&str; 7] = ["fallocate", "fchmod", "fsync", "ftruncate", "openat", "pwrite64", "renameat"];

/// An ext4 as small as it can be, with few inodes.
const FEW_INODES: &[&str] = &["-m", "0", "-b", "4096", "-O", "^has_journal", "-N", "64"];

/// More calls of one kind than any run here makes.
const MANY: u32 = 64;

fn scene() -> Scene {
    Scene::file(3_500_000)
}

/// Holds a run to the right file, or to an error that says there is no room, and says which it was.
#[track_caller]
fn assert_fair(scene: &Scene, root: &Path, outcome: &Outcome, kinds: &[&str], about: &str) -> bool {
    scene.assert_right(root, about);
    if outcome.code == Some(0) {
        assert_eq!(scene.wrong(true, |path| fs::read(root.join(path)).ok()), None, "{about}");
        return true;
    }
    assert_eq!(outcome.code, Some(7), "{about}: {}", outcome.stderr);
    let error: Value = fair_error(outcome);
    let kind = error["kind"].as_str().expect("a kind");
    assert!(kinds.contains(&kind), "{about}: {error}");
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("out.img") || message.contains("folder"), "{about}: {error}");
    false
}

/// Runs the command with room, on what the one without it left.
#[track_caller]
fn assert_goes_on(scene: &Scene, registry: &LyingRegistry, root: &Path, about: &str) {
    let outcome = scene.command(unlade(), &registry.host(), root).run();
    scene.assert_done(root, &outcome, about);
}

/// Runs the command, and lets one call fail: gives the outcome, and whether it came to that call.
fn failing(scene: &Scene, registry: &LyingRegistry, root: &Path, call: &str) -> (Outcome, bool) {
    let traces = folder();
    let trace = traces.path().join("trace");
    let [partial, journal] = ["partial", "journal"].map(|what| root.join(format!(".out.img.unlade-{what}")));
    let strace = Run::new("/usr/bin/strace").args(["-f", "-qq", "-e", "signal=none", "-e", call, "-P"]);
    let strace = strace.arg(root).arg("-P").arg(partial).arg("-P").arg(journal).arg("-o").arg(&trace);
    let outcome = scene.command(strace.arg(env!("CARGO_BIN_EXE_unlade")), &registry.host(), root).run();
    let seen = fs::read_to_string(&trace).expect("read what strace saw");
    (outcome, seen.contains("(INJECTED)"))
}

/// Mounts a file system; `None` where this machine mounts none, which is said.
#[track_caller]
fn mounted(plan: Plan) -> Option<FileSystem> {
    plan.mount().expect("./test installs it")
}

#[test]
fn a_disk_is_full_at_every_point() {
    let scene = scene();
    let registry = registry_of(&scene.document);
    let mut points = 0;
    for (error, kind) in [("ENOSPC", "NoSpace"), ("EDQUOT", "NoSpace"), ("EIO", "Io")] {
        for call in CALLS {
            for time in 1..MANY {
                let place = folder();
                let root = place.path().join("root");
                scene.start.write(&root);
                let point = format!("inject={call}:error={error}:when={time}");
                let (outcome, is_met) = failing(&scene, &registry, &root, &point);
                assert_fair(&scene, &root, &outcome, &[kind], &point);
                assert_goes_on(&scene, &registry, &root, &point);
                if !is_met {
                    break;
                }
                points += 1;
            }
        }
    }
    assert!(points >= 3 * 12, "only {points} calls failed");
}

#[test]
fn a_disk_of_any_size_is_too_small_or_large_enough() {
    let scene = scene();
    let registry = registry_of(&scene.document);
    let blocks = 3_500_000_u64.div_ceil(4096);
    let mut ends = Vec::new();
    for kib in [4, 64, 1024, 4 * (blocks - 1), 4 * blocks, 4 * (blocks + 1), 4 * (blocks + 2), 4 * (blocks + 8)] {
        let about = format!("{kib} KiB");
        let Some(mount) = mounted(FileSystem::plan(FileSystemKind::Tmpfs).size(kib << 10)) else { return };
        let outcome = scene.command(unlade(), &registry.host(), mount.path()).run();
        ends.push(assert_fair(&scene, mount.path(), &outcome, &["NoSpace"], &about));
        mount.resize(8 << 20);
        assert_goes_on(&scene, &registry, mount.path(), &about);
    }
    assert!(ends.is_sorted() && !ends[3] && ends[7], "the more room the better: {ends:?}");
}

#[test]
fn a_disk_with_blocks_and_inodes_of_its_own_is_too_small_or_large_enough() {
    let scene = scene();
    let registry = registry_of(&scene.document);
    for (mib, inodes_left, is_enough) in [(2, 8, false), (3, 8, false), (16, 0, false), (16, 8, true)] {
        let about = format!("{mib} MiB and {inodes_left} inodes");
        let plan = FileSystem::plan(FileSystemKind::Ext4).size(mib << 20).mkfs(FEW_INODES);
        let Some(mount) = mounted(plan) else { return };
        let root = mount.path().join("root");
        fs::create_dir(&root).expect("there is an inode for a folder");
        let others = (0..).map(|number| mount.path().join(format!("other-{number}")));
        let mut others: Vec<_> = others.take_while(|other| fs::write(other, "").is_ok()).collect();
        for other in others.drain(..inodes_left) {
            fs::remove_file(other).expect("remove what was just made");
        }
        let outcome = scene.command(unlade(), &registry.host(), &root).run();
        assert_eq!(assert_fair(&scene, &root, &outcome, &["NoSpace"], &about), is_enough, "{about}");
    }
}

#[test]
fn a_file_may_be_too_long_at_every_length() {
    let scene = scene();
    let registry = registry_of(&scene.document);
    // In blocks of 512 bytes, as POSIX counts them.
    let needed = 3_500_000_u64.div_ceil(512);
    for blocks in [0, 1, 2, 7, 1024, needed - 1, needed, needed + 1] {
        let about = format!("ulimit -f {blocks}");
        let place = folder();
        let root = place.path().join("root");
        scene.start.write(&root);
        let run = shell(&format!("{about}; exec \"$UNLADE\" \"$@\"")).arg("sh");
        // Into pipes: what it says is not to be too long for a file.
        let outcome = scene.command(run, &registry.host(), &root).start().finish();
        let is_done = assert_fair(&scene, &root, &outcome, &["NoSpace"], &about);
        assert_eq!(is_done, blocks >= needed, "{about}: {}", outcome.stderr);
        assert_goes_on(&scene, &registry, &root, &about);
    }
}
