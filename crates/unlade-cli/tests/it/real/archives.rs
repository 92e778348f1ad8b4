//! Layouts in tars as other programs write them: skopeo, and tar in each of its formats.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use unlade_testkit::content::digest;
use unlade_testkit::document::{Document, Index};
use unlade_testkit::layout;
use unlade_testkit::real::skopeo_copy;

use super::{assert_pulls, assert_refuses, here, image, ipxe, kernel, memtest};
use crate::common::{folder, unlade};

/// A layout with an index under `both` and a manifest under `single`.
fn layout_of_both() -> (TempDir, Document, Document) {
    let (one, two) = (image("linux", "amd64", &kernel()), image("memtest.iso", "arm64", &memtest()));
    let index = Index::new().entry(one).platform("amd64", "linux").entry(two).platform("arm64", "linux").build();
    let (single, folder) = (image("ipxe.iso", "amd64", &ipxe()), folder());
    layout::write(folder.path(), &[("both", &index), ("single", &single)]);
    (folder, index, single)
}

#[test]
fn what_skopeo_packs_is_read() {
    let (layout, index, single) = layout_of_both();
    let place = folder();
    for (tag, document) in [("both", &index), ("single", &single)] {
        let path = place.path().join(format!("{tag}.tar"));
        let from = format!("oci:{}:{tag}", layout.path().display());
        here(skopeo_copy(&["--all", "--preserve-digests"], &from, &format!("oci-archive:{}:{tag}", path.display())));
        let reference = format!("ocitar://{}", path.display());
        let printed = unlade().args(["manifest", &reference]).run();
        assert_eq!(printed.assert_code(0).stdout, document.bytes);
        let named = unlade().args(["digest", &format!("{reference}:{tag}")]).run();
        assert_eq!(named.assert_code(0).stdout_text(), format!("{}\n", document.digest()));
    }
    let place = place.path().display();
    assert_pulls(&format!("ocitar://{place}/both.tar"), &["--arch=x86_64"], &kernel());
    assert_pulls(&format!("ocitar://{place}/both.tar@{}", index.children[1].digest()), &[], &memtest());
    assert_pulls(&format!("ocitar://{place}/single.tar:single"), &[], &ipxe());
}

#[test]
fn what_tar_packs_is_read_in_each_of_its_formats() {
    let (layout, index, _) = layout_of_both();
    let place = folder();
    for format in ["gnu", "oldgnu", "pax", "posix", "ustar", "v7"] {
        let path = place.path().join(format!("{format}.tar"));
        tar(&["-c", &format!("--format={format}"), "-f"], &path, layout.path());
        let reference = format!("ocitar://{}:both", path.display());
        let printed = unlade().args(["manifest", &reference]).run();
        assert_eq!(printed.assert_code(0).stdout, index.bytes, "{format}");
        assert_pulls(&reference, &["--arch=arm64"], &memtest());
    }
}

#[test]
fn members_that_tar_makes_links_are_refused() {
    let (layout, _, single) = layout_of_both();
    let blob = layout::blob_path(layout.path(), &digest(single.payload()));
    std::fs::hard_link(&blob, layout.path().join("another")).unwrap();
    let path = folder();
    let path = path.path().join("links.tar");
    // Whichever of the two comes second is the link.
    tar(&["--sort=name", "-cf"], &path, layout.path());
    let error = assert_refuses(&format!("ocitar://{}:single", path.display()), &[], "Malformed", 1);
    let cause = error["causes"][0].as_str().unwrap();
    assert!(cause.ends_with("is a hard link, where a regular file has to be"), "{cause}");
}

#[test]
fn dockers_own_format_is_told_from_a_layout() {
    let (layout, _, _) = layout_of_both();
    let path = folder();
    let path = path.path().join("docker.tar");
    let from = format!("oci:{}:single", layout.path().display());
    here(skopeo_copy(&[], &from, &format!("docker-archive:{}:acme/disk:v1", path.display())));
    let error = assert_refuses(&format!("ocitar://{}", path.display()), &[], "InvalidInput", 2);
    assert!(error["causes"][0].as_str().unwrap().ends_with("docker's own format"), "{error}");
}

#[track_caller]
fn tar(options: &[&str], archive: &Path, folder: &Path) {
    let output =
        Command::new("tar").args(options).arg(archive).arg("-C").arg(folder).arg(".").output().expect("run tar");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
