//! Layers that are folders in an archive, as oras pushes them.

mod standing;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;

use rustix::process::Signal;
use serde_json::json;
use unlade_testkit::archive::Tar;
use unlade_testkit::content::{bytes, digest, gzip_stored};
use unlade_testkit::document::{Document, Image, TITLE};
use unlade_testkit::process::{Run, files};
use unlade_testkit::{Fault, LyingRegistry, Matcher, Which};

use crate::common::{document, fair_error, folder, registry_of, settled, unlade};

const UNPACK: &str = "io.deis.oras.content.unpack";
const CONTENT: &str = "io.deis.oras.content.digest";
const PACKED: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A folder with a bit of everything.
fn tree() -> Tar {
    Tar::new()
        .with(0o755, 1_000_000_000)
        .folder("tree")
        .with(0o6711, 1_000_000_001)
        .file("tree/run", b"#!/bin/sh\n")
        .with(0o640, 1_000_000_002)
        .file("tree/etc/deep/config", &bytes(7, 300_000))
        .with(0o777, 1_000_000_003)
        .link("tree/etc/run", b'2', "../run")
        .link("tree/again", b'1', "tree/run")
        .with(0o750, 1_000_000_004)
        .folder("tree/empty/")
}

const TREE: [&str; 4] = ["again", "etc/deep/config", "etc/run", "run"];

/// An artifact of one folder, packed, with the digest of its tar.
fn packed(tar: &[u8]) -> Image {
    let content = digest(tar);
    Image::new()
        .layer(PACKED, gzip_stored(tar))
        .annotate_layer(TITLE, "tree")
        .annotate_layer(UNPACK, "true")
        .annotate_layer(CONTENT, &content)
}

fn pull(registry: &LyingRegistry) -> Run {
    unlade().args(["pull", &registry.reference("acme/disk:v1"), "--json"])
}

/// Everything below a folder, folders too.
fn all(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).expect("list a folder").map(|entry| entry.expect("list a folder").path());
    entries.map(|path| if path.is_dir() && !path.is_symlink() { 1 + all(&path) } else { 1 }).sum()
}

#[test]
fn a_folder_is_unpacked_where_it_is_wanted() {
    let registry = registry_of(&packed(&tree().finish()).build());
    for (options, expected) in [
        (&[][..], "tree"),
        (&["-o", "mine"], "mine"),
        (&["-o", "mine/"], "mine"),
        (&["-o", "new/er/mine"], "new/er/mine"),
        (&["-o", "there"], "there"),
        (&["-o", "there/"], "there"),
        (&["-o", "link"], "there"),
        (&["--no-sync"], "tree"),
    ] {
        let run = pull(&registry).args(options);
        fs::create_dir(run.home().join("there")).unwrap();
        symlink("there", run.home().join("link")).unwrap();
        let pulled = document(run.run().assert_code(0));
        let out = run.home().join(expected);
        assert_eq!(files(&out), TREE, "{options:?}");
        assert_eq!(all(&out), 7, "{options:?}");
        assert!(fs::read(out.join("etc/deep/config")).unwrap() == bytes(7, 300_000), "{options:?}");
        let file = &pulled["files"][0];
        assert_eq!((&file["status"], &file["title"]), (&json!("downloaded"), &json!("tree")), "{options:?}");
        let hidden: Vec<String> = files(run.home()).into_iter().filter(|name| name.contains(".unlade")).collect();
        assert!(hidden.is_empty(), "{options:?}: {hidden:?}");
    }
}

#[test]
fn modes_times_and_links_are_kept_and_no_more() {
    let registry = registry_of(&packed(&tree().finish()).build());
    let folder = folder();
    let out = folder.path().join("out");
    let shell = crate::common::shell("umask 022; exec $UNLADE pull \"$REF\" -o \"$OUT\"");
    shell.env("REF", registry.reference("acme/disk:v1")).env("OUT", &out).run().assert_code(0);
    let of = |name: &str| fs::symlink_metadata(out.join(name)).unwrap();
    for (name, mode, time) in [
        ("", 0o755, 1_000_000_000),
        ("run", 0o711, 1_000_000_001),
        ("etc/deep/config", 0o640, 1_000_000_002),
        ("empty", 0o750, 1_000_000_004),
    ] {
        assert_eq!((of(name).mode() & 0o7777, of(name).mtime()), (mode, time), "{name}");
    }
    // Folders that the archive does not speak of are like any that are made.
    assert_eq!(of("etc").mode() & 0o7777, 0o755);
    assert_eq!(of("etc/run").mtime(), 1_000_000_003);
    assert_eq!(fs::read_link(out.join("etc/run")).unwrap(), Path::new("../run"));
    assert_eq!((of("again").ino(), of("run").nlink()), (of("run").ino(), 2));
    assert_eq!(of("run").uid(), rustix::process::geteuid().as_raw());
}

#[test]
fn an_archive_stays_one_for_those_who_want_that() {
    let tar = tree().finish();
    let registry = registry_of(&packed(&tar).build());
    for (options, expected) in [(&["-o", "tree.tgz"][..], "tree.tgz"), (&[], "tree"), (&["-o", "new/"], "new/tree")] {
        let run = pull(&registry).arg("--no-unpack").args(options);
        run.run().assert_code(0);
        assert_eq!(fs::read(run.home().join(expected)).unwrap(), gzip_stored(&tar), "{options:?}");
    }
    let outcome = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "-"]).run();
    assert_eq!(outcome.assert_code(0).stdout, gzip_stored(&tar), "a stream is never unpacked");
}

#[test]
fn folders_and_files_go_into_one_folder_together() {
    let image = packed(&tree().finish()).layer("a/b", "a file").annotate_layer(TITLE, "other/file").build();
    let registry = registry_of(&image);
    let run = pull(&registry).args(["-o", "out"]);
    let pulled = document(run.run().assert_code(0));
    let expected: Vec<String> =
        ["other/file".to_owned()].into_iter().chain(TREE.map(|name| format!("tree/{name}"))).collect();
    assert_eq!(files(&run.home().join("out")), expected);
    assert_eq!(pulled["files"][0]["path"], "out/tree");
    let planned = document(pull(&registry).args(["-o", "out", "--dry-run"]).run().assert_code(0));
    assert_eq!(planned["files"][0]["status"], "planned");
}

#[test]
fn an_archive_that_is_not_packed_or_packed_in_pieces_is_read_too() {
    let tar = tree().finish();
    let (one, other) = tar.split_at(100_000);
    let pieces = [gzip_stored(one), gzip_stored(other)].concat();
    let padded = [gzip_stored(&tar), vec![0; 1000]].concat();
    for payload in [tar.clone(), pieces, padded, gzip_stored(&[&tar[..], &[0; 9000]].concat())] {
        let image = Image::new().layer(PACKED, payload).annotate_layer(TITLE, "tree").annotate_layer(UNPACK, "true");
        let registry = registry_of(&image.build());
        let run = pull(&registry);
        run.run().assert_code(0);
        assert_eq!(files(&run.home().join("tree")), TREE);
    }
}

#[test]
fn a_folder_without_a_name_goes_where_the_user_says() {
    let tar = Tar::new().folder(".").file("x", b"cargo").file("sub/y", b"cargo").finish();
    let image = packed(&tar).annotate_layer(TITLE, ".").build();
    let registry = registry_of(&image);
    let run = pull(&registry).args(["-o", "out"]);
    run.run().assert_code(0);
    assert_eq!(files(&run.home().join("out")), ["sub/y", "x"]);
    let outcome = pull(&registry).run();
    outcome.assert_code(2);
    let error = fair_error(&outcome);
    assert_eq!(
        (&error["kind"], &error["hint"]),
        (&json!("InvalidInput"), &json!("name a folder, or another one, with -o FOLDER"))
    );
    let outcome = pull(&registry).args(["-o", "out/"]).run();
    outcome.assert_code(0);
}

/// Pulls an archive that must be refused, and gives the error.
#[track_caller]
fn refused(payload: Vec<u8>, code: i32, kind: &str) -> serde_json::Value {
    let image = Image::new().layer(PACKED, payload).annotate_layer(TITLE, "tree").annotate_layer(UNPACK, "true");
    refused_image(&image.build(), code, kind)
}

#[track_caller]
fn refused_image(image: &Document, code: i32, kind: &str) -> serde_json::Value {
    let registry = registry_of(image);
    let run = pull(&registry).args(["-o", "deep/er/out"]);
    let outcome = run.run();
    outcome.assert_code(code);
    let error = fair_error(&outcome);
    assert_eq!(error["kind"], kind, "{error}");
    assert!(!outcome.stderr.contains(['\u{1b}', '\u{202e}']));
    assert_eq!(all(run.home()), 0, "left behind: {:?}", files(run.home()));
    error
}

#[test]
fn an_archive_that_leaves_its_folder_is_refused_and_nothing_is_published() {
    let start = || Tar::new().folder("tree").file("tree/good", b"good");
    for tar in [
        start().file("out", b"x"),
        start().file("../out", b"x"),
        start().file("/tmp/out", b"x"),
        start().file("tree/../out", b"x"),
        start().file("tree/a/../../../out", b"x"),
        start().file("treehouse", b"x"),
        start().records(&[("path", "tree/../../out")]).file("x", b"x"),
        start().member("././@LongLink", b'L', b"../out\0").file("tree/x", b"x"),
        start().file("tree/a\u{1b}[2Jb", b"x"),
        start().file("tree/.x.unlade-partial", b"x"),
        // Through links, and over them.
        start().link("tree/l", b'2', "..").file("tree/l/out", b"x"),
        start().link("tree/l", b'2', "/").file("tree/l/tmp/out", b"x"),
        start().link("tree/l", b'2', "good").file("tree/l", b"x"),
        start().link("tree/l", b'2', ".").file("tree/l/x", b"x"),
        start().link("tree/l", b'2', "../../out"),
        start().link("tree/a/l", b'2', "b/../../../out"),
        start().link("tree/l", b'1', "/etc/passwd"),
        start().link("tree/l", b'1', "tree/later").file("tree/later", b"x"),
        start().link("tree/s", b'2', "good").link("tree/l", b'1', "tree/s"),
        start().records(&[("linkpath", "../../out")]).link("tree/l", b'2', "good"),
        // Twice, and as two things.
        start().file("tree/good", b"x"),
        start().folder("tree/good"),
        start().folder("tree"),
        start().file("tree/good/x", b"x"),
        // What no folder should get from a stranger.
        start().member("tree/null", b'3', b""),
        start().member("tree/sda", b'4', b""),
        start().member("tree/fifo", b'6', b""),
        Tar::new().file("tree", b"a file"),
        Tar::new().link("tree", b'2', "x"),
    ] {
        let error = refused(gzip_stored(&tar.finish()), 1, "Malformed");
        assert_eq!(error["hint"], "take the archive as it is with --no-unpack", "{error}");
    }
}

#[test]
fn a_broken_archive_is_refused_and_nothing_is_published() {
    let tar = tree().finish();
    let packed = gzip_stored(&tar);
    let mut flipped = tar.clone();
    flipped[600] ^= 1;
    for payload in [
        packed[..packed.len() - 5].to_vec(),
        packed[..1000].to_vec(),
        [&packed[..], b"garbage"].concat(),
        gzip_stored(&tar[..tar.len() - 1024]),
        gzip_stored(&tar[..tar.len() - 512]),
        gzip_stored(&tar[..2000]),
        gzip_stored(&[&tar[..], b"garbage"].concat()),
        gzip_stored(b"no tar at all"),
        gzip_stored(&flipped),
        b"neither".to_vec(),
        Vec::new(),
    ] {
        refused(payload, 1, "Malformed");
    }
    refused(b"\x28\xb5\x2f\xfd and so on".to_vec(), 1, "Unsupported");
    refused(gzip_stored(&Tar::new().member("tree/sparse", b'S', b"").finish()), 1, "Unsupported");
    let huge = Tar::new().folder("tree").header("tree/huge", b'0', (1 << 33) - 1).unfinished();
    refused(gzip_stored(&huge), 1, "TooLarge");
    refused(huge, 1, "Malformed");
}

#[test]
fn a_digest_of_the_content_that_differs_is_found() {
    let tar = tree().finish();
    let image = packed(&tar).annotate_layer(CONTENT, &digest(b"something else")).build();
    let error = refused_image(&image, 5, "Mismatch");
    assert!(error["causes"][0].as_str().unwrap().starts_with("the archive unpacks to sha256:"), "{error}");
    let image = packed(&tar).annotate_layer(CONTENT, "sha256:none").build();
    let registry = registry_of(&image);
    let outcome = pull(&registry).run();
    outcome.assert_code(1);
    let error = fair_error(&outcome);
    assert_eq!(
        (&error["kind"], &error["hint"]),
        (&json!("Malformed"), &json!("take the archive as it is with --no-unpack"))
    );
    assert!(registry.requests_for("*/blobs/*").is_empty());
}

#[test]
fn wrong_bytes_are_never_unpacked() {
    let registry = registry_of(&packed(&tree().finish()).build());
    registry.script(Matcher::new(Which::Blob), Fault::FlipByte { at: 1000 });
    let run = pull(&registry);
    let outcome = run.run();
    outcome.assert_code(5);
    assert!(settled(&outcome.stderr).contains("are not the blob DIGEST"), "{}", outcome.stderr);
    assert_eq!(all(run.home()), 0);
}

#[test]
fn a_signal_leaves_nothing_of_a_folder() {
    let registry = registry_of(&packed(&tree().finish()).build());
    registry.script(Matcher::new(Which::Blob), Fault::StallBody { after: 200_000 });
    let run = pull(&registry).args(["-o", "new/out", "--progress=json"]);
    let running = run.start();
    running.stderr_line("\"bytes_fetched\":200000");
    assert_eq!(files(run.home()), ["new/.out.unlade-partial"]);
    running.signal(Signal::INT);
    running.finish().assert_code(130);
    assert_eq!(all(run.home()), 0);
}
