//! Titles and folders that cannot be had: nothing gets out of its folder, and nothing that was there is lost.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use unlade_testkit::LyingRegistry;
use unlade_testkit::archive::Tar;
use unlade_testkit::content::{bytes, digest};
use unlade_testkit::document::{Image, TITLE};
use unlade_testkit::process::{Run, files};
use unlade_testkit::real::{Lack, not_run};
use unlade_testkit::{Fault, Matcher, Which};

use super::targets::namespace;
use crate::common::{disk, document, fair_error, folder, refused, registry_of, settled, shell, unlade};
use crate::main_job::folders::artifact;

fn pull_to(registry: &LyingRegistry, output: impl AsRef<Path>) -> Run {
    unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o"]).arg(output.as_ref())
}

#[test]
fn titles_that_no_folder_can_hold_are_refused_before_the_first_byte() {
    let long = "x".repeat(256);
    let deep = "a/".repeat(2048) + "a";
    for titles in [
        &["ok", "../out"][..],
        &["ok", "/etc/out"],
        &["ok", "a/../../out"],
        &["ok", "."],
        &["ok", ".."],
        &["ok", "a//b"],
        &["ok", "a/"],
        &["ok", "nul\0"],
        &["ok", "line\nend"],
        &["ok", "a\u{1b}[2Jb"],
        &["ok", "a\u{202e}b"],
        &["ok", &long],
        &["ok", &deep],
        &["x", ".x.unlade-partial"],
        &["x", ".X.UNLADE-PARTIAL"],
        &["x", ".x.unlade-journal"],
        &["same", "same"],
        &["a", "a/b"],
        &["a/b/c", "ok", "a/b"],
    ] {
        // Each with content of its own.
        let layers: Vec<(&str, &[u8])> = titles.iter().map(|title| (*title, title.as_bytes())).collect();
        let layers: Vec<(&str, &[u8])> =
            layers.iter().enumerate().map(|(at, (title, _))| (*title, &b"abc"[..=at])).collect();
        let registry = registry_of(&artifact(&layers));
        for output in [&["-o", "out"][..], &["-o", "out/"], &[]] {
            let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "--json"]).args(output);
            let outcome = run.run();
            outcome.assert_code(1);
            assert_eq!(fair_error(&outcome)["kind"], "Malformed", "{titles:?}");
            assert!(!outcome.stderr.contains(['\u{1b}', '\u{202e}', '\0']), "{titles:?}");
            assert_eq!(fs::read_dir(run.home()).unwrap().count(), 0, "{titles:?}: {:?}", files(run.home()));
        }
        assert!(registry.requests_for("*/blobs/*").is_empty(), "{titles:?}");
    }
}

#[test]
fn titles_that_differ_in_case_alone_are_two_files_where_the_folder_tells_them_apart() {
    let registry = registry_of(&artifact(&[("Disk", b"1"), ("disk", b"2"), ("DISK/x", b"3")]));
    let folder = folder();
    pull_to(&registry, folder.path()).run().assert_code(0);
    assert_eq!(files(folder.path()), ["DISK/x", "Disk", "disk"], "and nothing of the question is left");
}

#[test]
fn titles_that_differ_in_case_alone_are_refused_where_the_folder_takes_them_for_one() {
    let registry = registry_of(&artifact(&[("Disk", b"1"), ("disk", b"2")]));
    let Some(namespace) = namespace() else { return };
    // A file system of the memory folds case since Linux 6.13, folder by folder.
    let setup =
        "mount -t tmpfs -o casefold tmpfs $OUT 2>/dev/null && mkdir $OUT/fold && chattr +F $OUT/fold 2>/dev/null";
    let try_out = shell(&format!("exec {namespace} sh -c '{setup}'"));
    fs::create_dir(try_out.home().join("out")).unwrap();
    let works = try_out.env("OUT", "out").run().code == Some(0);
    if !works {
        return not_run(&Lack::Kernel("no file system of this kernel folds case".to_owned()));
    }
    let folder = folder();
    let script = format!(
        "{setup} || exit 98; $UNLADE pull $REF -o $OUT/fold $0; code=$?; \
         [ -z \"$(ls -A $OUT/fold)\" ] || exit 99; exit $code"
    );
    refused(
        shell(&format!("exec {namespace} sh -c '{script}' \"$0\""))
            .env("REF", registry.reference("acme/disk:v1"))
            .env("OUT", folder.path()),
        2,
        "InvalidInput",
        "error: the titles \"Disk\" and \"disk\" exclude each other in DIR/fold, which does not tell upper case from \
         lower\nhint: name a folder, or another one, with -o FOLDER\n",
    );
    assert!(registry.requests_for("*/blobs/*").is_empty());
}

#[test]
fn links_in_a_folder_lead_nowhere() {
    let registry = registry_of(&artifact(&[("a", b"1"), ("boot/b", b"2"), ("c", b"3"), ("deep/er/d", b"4")]));
    let folder = folder();
    let (out, outside) = (folder.path().join("out"), folder.path().join("outside"));
    fs::create_dir_all(out.join("deep")).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("c"), "mine").unwrap();
    symlink(&outside, out.join("boot")).unwrap();
    symlink(&outside, out.join("deep/er")).unwrap();
    symlink(outside.join("c"), out.join("c")).unwrap();
    let outcome = pull_to(&registry, &out).arg("--json").run();
    outcome.assert_code(7);
    let error = fair_error(&outcome);
    let settled = settled(&outcome.stderr);
    for reason in [
        "out/boot/b: cannot enter the folder DIR/out/boot, which is a symbolic link: ",
        "out/c: cannot replace DIR/out/c, which is a symbolic link\n",
        "out/deep/er/d: cannot enter the folder DIR/out/deep/er, which is a symbolic link: ",
    ] {
        assert!(settled.contains(reason), "{reason}\n{settled}");
    }
    assert_eq!(error["message"].as_str().unwrap().split(" into ").next(), Some("3 of 4 files could not be pulled"));
    assert_eq!(files(&outside), ["c"]);
    assert_eq!(fs::read(outside.join("c")).unwrap(), b"mine");
    assert_eq!(fs::read(out.join("a")).unwrap(), b"1");
}

#[test]
fn a_link_that_is_planted_meanwhile_leads_nowhere() {
    // The large layer stands still, so that the small one behind the planted link comes while we look on.
    let registry = registry_of(&artifact(&[("a", &bytes(1, 50_000)), ("boot/b", &bytes(2, 60_000))]));
    let large = format!("*{}", digest(&bytes(2, 60_000)));
    registry.script(Matcher::new(Which::Blob).path(&large), Fault::StallBody { after: 100 });
    let folder = folder();
    let (out, outside) = (folder.path().join("out"), folder.path().join("outside"));
    fs::create_dir(&outside).unwrap();
    let running = pull_to(&registry, &out).args(["--progress=json", "--stall-timeout=2s"]).start();
    running.stderr_line("\"bytes_fetched\":50100");
    // What is being filled is known by its folder, not by that folder's name.
    fs::rename(out.join("boot"), out.join("moved")).unwrap();
    symlink(&outside, out.join("boot")).unwrap();
    let outcome = running.finish();
    outcome.assert_code(7);
    assert!(outcome.stderr.contains("which is a symbolic link"), "and that is no success: {}", outcome.stderr);
    assert!(files(&outside).is_empty());
    assert_eq!(files(&out), ["a", "boot", "moved/b"]);
}

#[test]
fn a_folder_or_a_file_in_the_way_costs_one_file() {
    let registry = registry_of(&artifact(&[("a", b"1"), ("b", b"2"), ("c/d", b"3")]));
    let folder = folder();
    fs::create_dir(folder.path().join("a")).unwrap();
    fs::write(folder.path().join("c"), "mine").unwrap();
    let outcome = pull_to(&registry, folder.path()).arg("--json").run();
    outcome.assert_code(7);
    let error = fair_error(&outcome);
    let reasons: Vec<_> = error["files"].as_array().unwrap().iter().map(|file| file["error"].as_str()).collect();
    let path = folder.path().display();
    assert_eq!(reasons[0], Some(&*format!("cannot replace {path}/a, which is a folder")));
    assert_eq!(reasons[1], None);
    assert!(reasons[2].unwrap().starts_with(&format!("cannot enter the folder {path}/c, which is a regular file: ")));
    assert_eq!(files(folder.path()), ["b", "c"]);
}

#[test]
fn what_is_no_folder_is_refused() {
    let registry = registry_of(&artifact(&[("a", b"1"), ("b", b"2")]));
    let folder = folder();
    let fifo = folder.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    for (output, code, text) in [
        (fifo.as_path(), 2, "error: cannot replace DIR/fifo, which is a FIFO: `-o -` writes to standard output\n"),
        (Path::new("/dev/null"), 2, "error: cannot replace /dev/null, which is a character device\n"),
        (Path::new("/dev/stdout"), 2, "error: cannot replace /dev/stdout, which is a stream: "),
        (Path::new("/dev/new/folder"), 2, "error: /dev/new/folder is no device, and a file there would fill"),
        (&folder.path().join("dangling"), 7, "error: cannot follow the link DIR/dangling, which leads nowhere\n"),
        (&fifo.join("below"), 7, "error: cannot look at DIR/fifo/below\n"),
        (Path::new("/proc/new"), 7, "error: cannot make the folder /proc/new\n"),
    ] {
        let outcome = pull_to(&registry, output).arg("--json").run();
        outcome.assert_code(code);
        fair_error(&outcome);
        assert!(settled(&outcome.stderr).starts_with(text), "{text}\n{}", outcome.stderr);
    }
    assert!(registry.requests_for("*/blobs/*").is_empty());
}

#[test]
fn a_disk_that_fills_up_costs_what_has_no_room() {
    let (first, second) = (bytes(1, 100_000), bytes(2, 110_000));
    let registry = registry_of(&artifact(&[("big/c", &bytes(3, 900_000)), ("a", &first), ("b", &second)]));
    let Some(namespace) = namespace() else { return };
    let folder = folder();
    let script = "mount -t tmpfs -o size=600k tmpfs $OUT || exit 98; $UNLADE pull $REF -o $OUT/out $0; code=$?; \
                  [ \"$(cd $OUT && find . -type f | sort | tr \"\\n\" \" \")\" = \"./out/a ./out/b \" ] || exit 99; \
                  exit $code";
    let run = shell(&format!("exec {namespace} sh -c '{script}' \"$0\""))
        .env("REF", registry.reference("acme/disk:v1"))
        .env("OUT", folder.path());
    let outcome = run.arg("--json").run();
    outcome.assert_code(7);
    let error = fair_error(&outcome);
    assert_eq!(error["kind"], "NoSpace");
    let status: Vec<_> = error["files"].as_array().unwrap().iter().map(|file| file["status"].as_str()).collect();
    assert_eq!(status, [Some("failed"), Some("downloaded"), Some("downloaded")]);
    assert_eq!(error["hint"], "free 878.9 KiB there, or choose another place with -o");
}

#[test]
fn what_is_verified_first_gives_not_a_byte_of_what_is_wrong() {
    let disk = disk();
    let blob = format!("acme/disk@{}", digest(disk.payload()));
    for (verb, rest) in [("pull", "acme/disk:v1"), ("blob", &*blob)] {
        let run = |registry: &LyingRegistry| {
            let run = unlade().args([verb, &registry.reference(rest), "--verify-first"]);
            if verb == "pull" { run.args(["-o", "-"]) } else { run }
        };
        let registry = registry_of(&disk);
        let good = run(&registry).run();
        assert!(good.assert_code(0).stdout == *disk.payload(), "{verb}");
        registry.script(Matcher::new(Which::Blob), Fault::FlipByte { at: 299_999 });
        let bad = run(&registry);
        let outcome = bad.run();
        outcome.assert_code(5);
        assert!(outcome.stdout.is_empty(), "{verb}: {} bytes", outcome.stdout.len());
        assert!(files(bad.home()).is_empty(), "{verb}: the temporary file is gone");
        if verb == "blob" {
            // No byte of the blob is there, so a document can be told.
            registry.script(Matcher::new(Which::Blob), Fault::FlipByte { at: 299_999 });
            let outcome = run(&registry).arg("--json").run();
            outcome.assert_code(5);
            assert_eq!(document(&outcome)["error"]["kind"], "Mismatch");
        }
    }
}

#[test]
fn a_place_for_temporary_files_that_is_none_is_named() {
    let registry = registry_of(&disk());
    let run = || unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "-", "--verify-first"]);
    let outcome = run().env("TMPDIR", "/not/there").run();
    outcome.assert_code(7);
    assert!(outcome.stderr.contains("error: cannot open the folder /not/there\n"), "{}", outcome.stderr);

    let Some(namespace) = namespace() else { return };
    let folder = folder();
    let script = "mount -t tmpfs -o size=100k tmpfs $TMPDIR && exec $UNLADE pull $REF -o - --verify-first";
    let outcome = shell(&format!("exec {namespace} sh -c '{script}'"))
        .env("REF", registry.reference("acme/disk:v1"))
        .env("TMPDIR", folder.path())
        .run();
    outcome.assert_code(7);
    assert_eq!(
        settled(&outcome.stderr),
        "error: a temporary file in DIR needs 300000 bytes, and its file system has 102400 left\n\
         hint: free 293.0 KiB there, or name another folder with the variable TMPDIR\n"
    );
    assert!(registry.requests_for("*/blobs/*").is_empty());
}

#[test]
fn a_reader_that_leaves_what_is_verified_first_is_named() {
    let registry = registry_of(&disk());
    let script = "{ $UNLADE pull \"$REF\" -o - --verify-first; echo \"code $?\" >&2; } | head -c 10 >/dev/null";
    let outcome = shell(script).env("REF", registry.reference("acme/disk:v1")).run();
    assert!(outcome.stderr.ends_with("code 7\n"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("error: the reader of stdout went away\n"), "{}", outcome.stderr);
}

#[test]
fn a_file_needs_no_verifying_first() {
    let registry = registry_of(&Image::titled("disk.raw", "cargo"));
    refused(
        unlade().args(["pull", &registry.reference("acme/disk:v1"), "--verify-first", "-o", "out.img"]),
        2,
        "InvalidInput",
        "error: --verify-first is for -o -: a file is always verified before it has its name\n",
    );
    assert!(registry.requests().is_empty());
}

#[test]
fn a_disk_that_fills_up_while_a_folder_is_unpacked_holds_nothing_of_it() {
    let tar = Tar::new().file("tree/large", &bytes(1, 900_000)).finish();
    let layer = Image::new().layer("application/x-tar", tar).annotate_layer(TITLE, "tree");
    let registry = registry_of(&layer.annotate_layer("io.deis.oras.content.unpack", "true").build());
    let Some(namespace) = namespace() else { return };
    let folder = folder();
    let script = "mount -t tmpfs -o size=1500k tmpfs $OUT || exit 98; $UNLADE pull $REF -o $OUT/out $0; code=$?; \
                  [ -z \"$(ls -A $OUT)\" ] || exit 99; exit $code";
    let run = shell(&format!("exec {namespace} sh -c '{script}' \"$0\""))
        .env("REF", registry.reference("acme/disk:v1"))
        .env("OUT", folder.path());
    let outcome = run.arg("--json").run();
    outcome.assert_code(7);
    let error = fair_error(&outcome);
    assert_eq!(error["kind"], "NoSpace", "{error}");
}
