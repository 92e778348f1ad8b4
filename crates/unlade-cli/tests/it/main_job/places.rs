//! Where a file goes, and what happens to what was there.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use unlade_testkit::LyingRegistry;
use unlade_testkit::content::bytes;
use unlade_testkit::document::Image;
use unlade_testkit::process::files;

use crate::common::{disk, document, error, fair_error, folder, pull, refused, registry_of, shell, unlade};

fn blobs(registry: &LyingRegistry) -> usize {
    registry.requests_for("*/blobs/*").len()
}

#[test]
fn a_path_names_the_file_or_the_folder() {
    let disk = disk();
    let registry = registry_of(&disk);
    for (output, expected) in [
        ("mine.img", "mine.img"),
        ("there", "there/disk.raw"),
        ("there/", "there/disk.raw"),
        ("there/mine.img", "there/mine.img"),
        ("new/", "new/disk.raw"),
        ("new/er/", "new/er/disk.raw"),
        (".", "disk.raw"),
    ] {
        let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", output]);
        fs::create_dir(run.home().join("there")).unwrap();
        run.run().assert_code(0);
        assert_eq!(files(run.home()), [expected], "-o {output}");
        assert!(fs::read(run.home().join(expected)).unwrap() == *disk.payload(), "-o {output}: other bytes");
    }
}

#[test]
fn without_a_path_the_title_is_the_name_in_the_current_folder() {
    let registry = registry_of(&disk());
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1")]);
    let outcome = run.run();
    outcome.assert_code(0);
    assert_eq!(files(run.home()), ["disk.raw"]);
    assert!(outcome.stderr.starts_with("disk.raw: 293.0 KiB from "), "{}", outcome.stderr);
    assert_eq!(outcome.stdout_text(), "");
}

#[test]
fn folders_of_a_title_are_made_below_the_chosen_one() {
    let registry = registry_of(&Image::titled("boot/x86_64/vmlinuz", "kernel"));
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "there/"]);
    run.run().assert_code(0);
    assert_eq!(files(run.home()), ["there/boot/x86_64/vmlinuz"]);
}

#[test]
fn a_title_that_leaves_its_folder_is_refused() {
    for title in
        ["../out.img", "/etc/out.img", "a/../../out.img", ".out.img.unlade-partial", "a\u{202e}b", "a\u{1b}[2J"]
    {
        let registry = registry_of(&Image::titled(title, "payload"));
        let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "--json", "-o", "deep/er/"]);
        let outcome = run.run();
        outcome.assert_code(1);
        assert_eq!(fair_error(&outcome)["kind"], "Malformed", "{title:?}");
        assert!(files(run.home()).is_empty(), "{title:?}: {:?}", files(run.home()));
        assert!(!outcome.stderr.contains(['\u{1b}', '\u{202e}']), "{title:?}");
        assert_eq!(blobs(&registry), 0, "{title:?}");
    }
}

#[test]
fn without_a_title_the_file_must_be_named() {
    let registry = registry_of(&Image::untitled("payload"));
    for options in [&[][..], &["-o", "there"], &["-o", "new/"]] {
        let run = unlade().args(["pull", &registry.reference("acme/disk:v1")]).args(options);
        fs::create_dir(run.home().join("there")).unwrap();
        let home = run.home().to_owned();
        let kept = refused_and_kept(run, &home);
        assert_eq!(kept, Vec::<String>::new(), "{options:?}");
    }
    let named = folder();
    pull(&registry.reference("acme/disk:v1"), named.path()).run().assert_code(0);
}

/// Holds a run to asking for `-o`, and lists the files below its home while it still exists.
#[track_caller]
fn refused_and_kept(run: unlade_testkit::process::Run, home: &Path) -> Vec<String> {
    let run = run.arg("--json");
    let outcome = run.run();
    outcome.assert_code(2);
    let error = fair_error(&outcome);
    assert_eq!(error["kind"], "InvalidInput");
    assert_eq!(error["message"], "the layer has no title that could name its file");
    assert_eq!(error["hint"], "name the file with -o FILE");
    files(home)
}

#[test]
fn a_name_that_the_publisher_chose_replaces_nothing() {
    let registry = registry_of(&disk());
    let reference = registry.reference("acme/disk:v1");
    let script = "echo mine > disk.raw; $UNLADE pull \"$REF\" --json; code=$?; cat disk.raw >&2; exit $code";
    let outcome = shell(script).env("REF", &reference).run();
    outcome.assert_code(7);
    assert_eq!(error(&outcome)["kind"], "Exists");
    assert_eq!(
        outcome.stderr,
        "error: disk.raw exists already, and is not what was asked for\n\
         hint: replace it with --overwrite, or name another file with -o FILE\nmine\n"
    );
    assert_eq!(blobs(&registry), 0, "the file differs in size: nothing needs to be fetched to know it");

    let run = shell("echo mine > disk.raw; $UNLADE pull \"$REF\" --overwrite").env("REF", &reference);
    run.run().assert_code(0);
    assert_eq!(files(run.home()), ["disk.raw"]);
    assert!(fs::read(run.home().join("disk.raw")).unwrap() == *disk().payload());
}

#[test]
fn a_name_that_the_publisher_chose_replaces_no_file_of_the_same_size_either() {
    let registry = registry_of(&Image::titled("disk.raw", "theirs"));
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "--json"]);
    fs::write(run.home().join("disk.raw"), "myself").unwrap();
    let outcome = run.run();
    outcome.assert_code(7);
    assert_eq!(error(&outcome)["kind"], "Exists");
    assert_eq!(fs::read(run.home().join("disk.raw")).unwrap(), b"myself");
    assert_eq!(files(run.home()), ["disk.raw"]);
}

#[test]
fn a_file_that_is_right_already_is_not_fetched() {
    let disk = disk();
    let registry = registry_of(&disk);
    for options in [&[][..], &["-o", "disk.raw"], &["-o", "."]] {
        let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "--json"]).args(options);
        let path = run.home().join("disk.raw");
        fs::write(&path, disk.payload()).unwrap();
        let before = fs::metadata(&path).unwrap();
        let outcome = run.run();
        let file = document(outcome.assert_code(0))["files"][0].clone();
        assert_eq!((&file["status"], &file["bytes_fetched"]), (&"present".into(), &0.into()), "{options:?}");
        let after = fs::metadata(&path).unwrap();
        assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()), "{options:?}: touched");
        assert_eq!(files(run.home()), ["disk.raw"]);
    }
    assert_eq!(blobs(&registry), 0);
}

#[test]
fn a_file_that_the_user_named_is_replaced() {
    let disk = disk();
    let registry = registry_of(&disk);
    for (name, content) in [("of another size", b"old".to_vec()), ("of the same size", bytes(9, disk.payload().len()))]
    {
        let folder = folder();
        let path = folder.path().join("out.img");
        fs::write(&path, content).unwrap();
        pull(&registry.reference("acme/disk:v1"), folder.path()).run().assert_code(0);
        assert!(fs::read(&path).unwrap() == *disk.payload(), "{name}");
        assert_eq!(files(folder.path()), ["out.img"], "{name}");
    }
}

#[test]
fn a_new_file_has_the_mode_of_the_umask_and_a_replaced_one_keeps_its_own() {
    let registry = registry_of(&disk());
    for (setup, expected) in [
        ("umask 022", 0o644),
        ("umask 027", 0o640),
        ("umask 077", 0o600),
        ("umask 000", 0o666),
        ("umask 022; echo old > out.img; chmod 600 out.img", 0o600),
        ("umask 077; echo old > out.img; chmod 664 out.img", 0o664),
    ] {
        let run = shell(&format!("{setup}; exec $UNLADE pull \"$REF\" -o out.img"));
        let run = run.env("REF", registry.reference("acme/disk:v1"));
        run.run().assert_code(0);
        let mode = fs::metadata(run.home().join("out.img")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, expected, "{setup}");
    }
}

#[test]
fn a_link_to_a_file_stays_and_the_file_is_replaced() {
    let disk = disk();
    let registry = registry_of(&disk);
    let folder = folder();
    fs::create_dir(folder.path().join("real")).unwrap();
    fs::write(folder.path().join("real/disk"), "old").unwrap();
    symlink("real/disk", folder.path().join("out.img")).unwrap();
    pull(&registry.reference("acme/disk:v1"), folder.path()).run().assert_code(0);
    assert_eq!(fs::read_link(folder.path().join("out.img")).unwrap(), Path::new("real/disk"));
    assert!(fs::read(folder.path().join("real/disk")).unwrap() == *disk.payload());
    assert_eq!(files(folder.path()), ["out.img", "real/disk"]);
}

#[test]
fn an_empty_layer_becomes_an_empty_file() {
    let registry = registry_of(&Image::titled("empty", ""));
    let folder = folder();
    fs::write(folder.path().join("out.img"), "old").unwrap();
    pull(&registry.reference("acme/disk:v1"), folder.path()).run().assert_code(0);
    assert_eq!(fs::read(folder.path().join("out.img")).unwrap(), b"");
    pull(&registry.reference("acme/disk:v1"), folder.path()).run().assert_code(0);
}

#[test]
fn a_link_that_leads_nowhere_is_refused() {
    let registry = registry_of(&disk());
    let folder = folder();
    symlink("nowhere", folder.path().join("out.img")).unwrap();
    refused(
        pull(&registry.reference("acme/disk:v1"), folder.path()),
        7,
        "Io",
        "error: cannot follow the link DIR/out.img, which leads nowhere\n  \
           caused by: No such file or directory (os error 2)\n",
    );
    assert_eq!(files(folder.path()), ["out.img"]);
}

#[test]
fn without_sync_the_file_is_as_right() {
    let registry = registry_of(&disk());
    let folder = folder();
    pull(&registry.reference("acme/disk:v1"), folder.path()).arg("--no-sync").run().assert_code(0);
    assert!(fs::read(folder.path().join("out.img")).unwrap() == *disk().payload());
}
