//! Scripts that do it right, and such that do it wrong, under the power cut.

use std::fs;

use tempfile::TempDir;

use super::*;

const NEW: &str = "new content, which is a little longer than the old";

/// Records what a shell script does in a folder that holds the file `out`.
fn recorded(script: &str) -> (TempDir, Recording) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("out"), "old").unwrap();
    let cd = format!("cd {} && {script}", folder.path().display());
    let (outcome, recording) = record(folder.path(), |strace| strace.args(["/bin/sh", "-c", &cd]));
    outcome.assert_code(0);
    (folder, recording)
}

/// Says which of the first so many seeds leave something else than what was there before and what shall be there.
fn wrong(recording: &Recording) -> Vec<u64> {
    let is_wrong = |seed: &u64| {
        let cut = recording.cut(*seed);
        let is_right = |content: &[u8]| content == NEW.as_bytes() || !cut.is_late && content == b"old";
        !cut.disk.file("out").is_some_and(is_right)
    };
    (0..200).filter(is_wrong).collect()
}

#[test]
fn what_is_synced_in_its_order_survives() {
    let (_folder, recording) =
        recorded(&format!("printf '{NEW}' | dd of=.part conv=fsync && mv .part out && sync -- ."));
    assert!(!recording.is_empty());
    assert_eq!(wrong(&recording), Vec::<u64>::new());
}

#[test]
fn whatever_is_left_out_is_noticed() {
    for script in [
        "printf 'NEW' > .part; mv .part out; sync -- .",
        "printf 'NEW' | dd of=.part conv=fsync; mv .part out",
        "printf 'NEW' > out; sync -- out .",
    ] {
        let (_folder, recording) = recorded(&script.replace("NEW", NEW));
        assert!(!wrong(&recording).is_empty(), "{script}: {:#?}", recording.ops);
    }
}

#[test]
fn a_seed_decides_everything() {
    let (_folder, recording) = recorded(&format!("printf '{NEW}' > a; mkdir $PWD/b; mv a b/c; rm out"));
    let disks: Vec<Disk> = (0..64).map(|seed| recording.cut(seed).disk).collect();
    for (seed, disk) in (0..).zip(&disks) {
        assert!(recording.cut(seed).disk == *disk, "{seed}");
    }
    assert!(disks.iter().any(|disk| disk.file("b/c") == Some(NEW.as_bytes()) && disk.file("out").is_none()));
    assert!(disks.iter().any(|disk| disk.file("b/c").is_none() && disk.file("out").is_some()));
}

#[test]
fn a_disk_is_read_and_written_alike() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    fs::create_dir_all(first.join("a/b")).unwrap();
    fs::write(first.join("a/file"), "content").unwrap();
    fs::hard_link(first.join("a/file"), first.join("a/b/link")).unwrap();
    let disk = Disk::read(&first);
    disk.write(&second);
    assert!(Disk::read(&second) == disk, "{disk:?}");
    assert_eq!(disk.file("a/b/link"), Some(&b"content"[..]));
    assert_eq!((disk.file("a"), disk.file("c")), (None, None));
}
