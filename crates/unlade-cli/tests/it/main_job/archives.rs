//! Layouts in tars, as sources of every verb.

use std::fs;
use std::path::Path;

use rustix::fs::{CWD, Mode, mkfifoat};
use unlade_testkit::archive::Tar;
use unlade_testkit::content::{digest, gzip_stored};
use unlade_testkit::document::{Document, Image, Index};
use unlade_testkit::layout;

use crate::common::{disk, folder, pull, refused, unlade};

/// Writes a tar of a layout.
fn archive(path: &Path, tagged: &[(&str, &Document)]) -> Vec<u8> {
    let layout = folder();
    layout::write(layout.path(), tagged);
    let bytes = Tar::of_folder(layout.path(), "").finish();
    fs::write(path, &bytes).expect("write a tar");
    bytes
}

#[test]
fn every_verb_reads_a_layout_in_a_tar() {
    let (disk, other) = (disk(), Image::untitled("arm"));
    let index = Index::two_architectures(disk.clone(), other.clone());
    let place = folder();
    archive(&place.path().join("layout.tar"), &[("v1", &index), ("arm", &other)]);
    let reference = format!("ocitar://{}/layout.tar", place.path().display());

    let run = |verb: &str, rest: &str| unlade().args([verb, &format!("{reference}{rest}")]).run();
    assert_eq!(run("digest", ":v1").assert_code(0).stdout_text(), format!("{}\n", index.digest()));
    assert_eq!(run("manifest", ":v1").assert_code(0).stdout, index.bytes);
    assert_eq!(run("manifest", &format!("@{}", other.digest())).assert_code(0).stdout, other.bytes);
    assert!(run("blob", &format!("@{}", digest(disk.payload()))).assert_code(0).stdout == *disk.payload());

    let target = folder();
    let outcome = pull(&format!("{reference}:v1"), target.path()).arg("--arch=amd64").run();
    outcome.assert_code(0);
    assert!(fs::read(target.path().join("out.img")).unwrap() == *disk.payload());
    assert!(outcome.stderr.contains(&format!("from {reference}:v1")), "{}", outcome.stderr);
}

#[test]
fn what_cannot_be_used_is_named_with_the_way_out() {
    let place = folder();
    let path = |name: &str| place.path().join(name);
    let whole = archive(&path("whole.tar"), &[("v1", &disk())]);
    fs::write(path("cut.tar"), &whole[..100_000]).unwrap();
    fs::write(path("whole.tar.gz"), gzip_stored(&whole)).unwrap();
    fs::write(path("docker.tar"), Tar::new().file("manifest.json", b"[]").finish()).unwrap();
    fs::write(path("link.tar"), Tar::new().member("index.json", b'2', b"").finish()).unwrap();
    mkfifoat(CWD, path("fifo"), Mode::from_raw_mode(0o600)).unwrap();
    let run = |name: &str| pull(&format!("ocitar://{}", path(name).display()), place.path());
    for (name, code, kind, text) in [
        (
            "cut.tar",
            1,
            "Malformed",
            "error: ocitar://DIR/cut.tar cannot be used\n  caused by: the tar is truncated: it ends within the member \
             BLOB\n",
        ),
        (
            "whole.tar.gz",
            1,
            "Unsupported",
            "error: ocitar://DIR/whole.tar.gz is compressed with gzip\nhint: decompress it first: gzip -d \
             DIR/whole.tar.gz\n",
        ),
        (
            "docker.tar",
            2,
            "InvalidInput",
            "error: ocitar://DIR/docker.tar is not an OCI image layout\n  caused by: there is no file oci-layout in \
             it, but a manifest.json: it is docker's own format\n",
        ),
        (
            "link.tar",
            1,
            "Malformed",
            "error: ocitar://DIR/link.tar cannot be used\n  caused by: the member index.json is a symbolic link, where \
             a regular file has to be\n",
        ),
        (
            "fifo",
            2,
            "InvalidInput",
            "error: ocitar://DIR/fifo is not an OCI image layout\n  caused by: it is not a regular file\n",
        ),
        (
            "missing",
            2,
            "InvalidInput",
            "error: ocitar://DIR/missing is not an OCI image layout\n  caused by: No such file or directory (os error \
             2)\n",
        ),
    ] {
        let blob = format!("blobs/sha256/{}", &digest(disk().payload())["sha256:".len()..]);
        refused(run(name), code, kind, &text.replace("BLOB", &blob));
    }
}
