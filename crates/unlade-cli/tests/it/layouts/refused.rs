//! What is no place for a layout, or no artifact that could be added.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;
use unlade_testkit::content::digest;
use unlade_testkit::document::{Image, Index};
use unlade_testkit::layout;
use unlade_testkit::process::files;

use super::{add, index};
use crate::common::{disk, folder, refused, registry_of, unlade};

#[test]
fn what_holds_other_things_is_refused_and_untouched() {
    let registry = registry_of(&disk());
    let reference = registry.reference("acme/disk:v1");
    let place = folder();
    let path = |name: &str| place.path().join(name);
    fs::create_dir_all(path("things/blobs")).unwrap();
    fs::write(path("things/notes"), "mine").unwrap();
    fs::write(path("file"), "mine").unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    layout::write(&path("newer"), &[]);
    fs::write(path("newer/oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    layout::write(&path("broken"), &[]);
    layout::write_long_ago(&path("broken/index.json"), "{");
    layout::write(&path("linked"), &[]);
    fs::remove_file(path("linked/index.json")).unwrap();
    symlink("../newer/index.json", path("linked/index.json")).unwrap();
    let before = files(place.path());
    let no_layout = |name: &str, cause: &str| {
        format!("error: ocidir://DIR/{name} is not an OCI image layout\n  caused by: {cause}\n")
    };
    for (name, code, kind, text) in [
        ("things", 2, "InvalidInput", no_layout("things", "it holds other things, and no file oci-layout")),
        ("newer", 2, "InvalidInput", no_layout("newer", "oci-layout names another version than 1.0.0")),
        (
            "file",
            2,
            "InvalidInput",
            "error: DIR/file is not an OCI image layout\n  caused by: Not a directory (os error 20)\n".to_owned(),
        ),
        (
            "dangling",
            2,
            "InvalidInput",
            "error: DIR/dangling is not an OCI image layout\n  caused by: No such file or directory (os error 2)\n"
                .to_owned(),
        ),
        (
            "broken",
            1,
            "Malformed",
            "error: index.json of ocidir://DIR/broken cannot be used\n  caused by: the document cannot be read\n  \
             caused by: EOF while parsing an object at line 1 column 1\n"
                .to_owned(),
        ),
        ("linked", 7, "Io", "error: index.json of ocidir://DIR/linked is a link, which is not followed\n".to_owned()),
    ] {
        refused(add(&reference, &path(name), ""), code, kind, &text);
        assert_eq!(files(place.path()), before, "{name}");
    }
    assert!(registry.requests().is_empty(), "it is known before anything is asked for");
}

#[test]
fn links_in_a_layout_are_not_written_through() {
    let disk = disk();
    let registry = registry_of(&disk);
    let (elsewhere, blob) = (folder(), digest(disk.payload()));
    let hex = blob.trim_start_matches("sha256:");
    fs::write(elsewhere.path().join(hex), "mine").unwrap();
    for planted in ["blobs", "blobs/sha256", &format!("blobs/sha256/{hex}")] {
        let layout = folder();
        let path = layout.path().join(planted);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let target = if planted.ends_with(hex) { elsewhere.path().join(hex) } else { elsewhere.path().to_owned() };
        symlink(target, &path).unwrap();
        let outcome = add(&registry.reference("acme/disk:v1"), layout.path(), "").run();
        outcome.assert_code(7);
        assert!(outcome.stderr.contains("a symbolic link"), "{planted}: {}", outcome.stderr);
        assert!(!layout.path().join("index.json").exists(), "{planted}");
        assert_eq!(files(elsewhere.path()), [hex], "{planted}");
        assert_eq!(fs::read(elsewhere.path().join(hex)).unwrap(), b"mine", "{planted}");
    }
}

#[test]
fn a_part_that_is_missing_is_named_and_nothing_becomes_a_layout() {
    let index = index();
    let registry = unlade_testkit::LyingRegistry::start();
    let mut sparse = index.clone();
    let missing = sparse.children.remove(1);
    registry.publish("acme/disk", "v1", &sparse);
    let place = folder();
    let layout = place.path().join("layout");
    let error = refused(
        add(&registry.reference("acme/disk:v1"), &layout, ""),
        3,
        "NotFound",
        "error: an index names a manifest that is not there\n  caused by: cannot read the manifest DIGEST of \
         HOST/acme/disk: HOST answered 404 not found; MANIFEST_UNKNOWN: manifest unknown\nhint: choose one with \
         --platform OS/ARCH, or name its digest\n",
    );
    assert!(error["causes"][0].as_str().unwrap().contains(&missing.digest()), "{error}");
    assert!(!layout.join("index.json").exists() && !layout.join("oci-layout").exists());
    add(&registry.reference("acme/disk:v1"), &layout, "").arg("--arch=amd64").run().assert_code(0);

    // What is not there at all leaves no folder.
    let nowhere = place.path().join("nowhere/layout");
    add(&registry.reference("acme/disk:v2"), &nowhere, "").run().assert_code(3);
    assert!(!place.path().join("nowhere").exists());
}

#[test]
fn outputs_that_cannot_be_meant_are_refused() {
    let registry = registry_of(&disk());
    let reference = registry.reference("acme/disk:v1");
    let pinned = format!("ocidir://layout@{}", digest(b""));
    for (output, text) in [
        (
            "ocitar://layout.tar",
            "error: ocitar://layout.tar is a layout in a tar, which can only be read: name a folder, ocidir://DIR\n",
        ),
        (&pinned, "error: ocidir://layout@DIGEST names a digest, which is for the artifact itself to say\n"),
    ] {
        let run = unlade().args(["pull", &reference, "-o", output]);
        refused(run, 2, "InvalidInput", text);
    }
    let run = unlade().args(["pull", &reference, "-o", "ocidir:///dev/layouts/disk"]);
    assert_eq!(crate::common::fair_error(&run.arg("--json").run())["kind"], "InvalidInput");
    let run = unlade().args(["pull", &reference, "-o", "ocidir://layout", "--verify-first"]);
    let text = "error: --verify-first is for -o -: a blob is always verified before it has its name\n";
    refused(run, 2, "InvalidInput", text);
    let run = unlade().args(["pull", &reference, "-o", "ocidir://layout", "--overwrite"]);
    let text = "error: --overwrite is for files: in a layout, blobs that are wrong are replaced, and so are tags\n";
    refused(run, 2, "InvalidInput", text);
    let text = "error: --referrers adds to a layout: name one with -o ocidir://DIR\n";
    refused(unlade().args(["pull", &reference, "--referrers", "-o", "out.img"]), 2, "InvalidInput", text);
    assert!(registry.requests().is_empty());
}

#[test]
fn descriptors_that_contradict_each_other_are_refused() {
    let image = Image::new().layer("application/x", "one").layer("application/x", "one");
    let registry = registry_of(&image.override_layer("size", json!(4)).build());
    let layout = folder();
    let outcome = add(&registry.reference("acme/disk:v1"), layout.path(), "").run();
    outcome.assert_code(5);
    assert!(outcome.stderr.contains("is promised with 3 bytes and with 4"), "{}", outcome.stderr);
}

#[test]
fn indexes_that_fill_the_memory_are_refused() {
    let large = |inner| Index::new().entry(inner).annotate("org.example.filler", &"x".repeat(3 << 20)).build();
    let registry = registry_of(&large(large(large(Image::untitled("bottom")))));
    let layout = folder();
    let outcome = add(&registry.reference("acme/disk:v1"), layout.path(), "").arg("--json").run();
    outcome.assert_code(1);
    assert_eq!(crate::common::fair_error(&outcome)["kind"], "TooLarge");
}

#[test]
fn indexes_that_nest_without_end_are_refused() {
    let deep = (0..9).fold(Image::untitled("bottom"), |inner, _| Index::new().entry(inner).build());
    let registry = registry_of(&deep);
    let layout = folder();
    let outcome = add(&registry.reference("acme/disk:v1"), layout.path(), "").arg("--json").run();
    outcome.assert_code(1);
    assert_eq!(crate::common::fair_error(&outcome)["message"], "indexes are nested more than 8 deep");
    assert!(!layout.path().join("index.json").exists());
}
