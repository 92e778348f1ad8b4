//! Layouts that others read and write, with us.

use serde_json::Value;
use unlade_testkit::document::{Image, Index};
use unlade_testkit::layout::{self, assert_sound};
use unlade_testkit::process::files;
use unlade_testkit::real::{Missing, skopeo, skopeo_copy};

use super::{add, assert_holds};
use crate::common::{disk, folder, registry_of};

/// Takes a component, or fails and names the one that is missing.
#[track_caller]
fn here<T>(component: Result<T, Missing>) -> T {
    component.unwrap_or_else(|missing| panic!("{missing}; ./test installs it"))
}

#[test]
fn skopeo_reads_what_was_added_and_adds_to_it() {
    // skopeo takes no index in an index.
    let index = Index::two_architectures(Image::untitled("for amd64"), Image::untitled("for arm64"));
    let disk = disk();
    let (registry, other) = (registry_of(&index), registry_of(&disk));
    let place = folder();
    let layout = place.path().join("layout");
    add(&registry.reference("acme/disk:v1"), &layout, "").run().assert_code(0);
    let here_it_is = format!("oci:{}:v1", layout.display());
    let raw = here(skopeo(&["inspect", "--raw", &here_it_is]));
    assert_eq!(raw, index.bytes);
    let copy = place.path().join("copy");
    let target = format!("oci:{}:copied", copy.display());
    here(skopeo_copy(&["--all", "--preserve-digests"], &here_it_is, &target));
    assert_holds(&copy, &index);

    // Each adds to what the other wrote.
    add(&other.reference("acme/disk:v1"), &copy, ":disk").run().assert_code(0);
    let again = format!("oci:{}:again", layout.display());
    here(skopeo_copy(&["--all", "--preserve-digests"], &format!("oci:{}:disk", copy.display()), &again));
    for layout in [&layout, &copy] {
        assert_holds(layout, &index);
        assert_holds(layout, &disk);
        assert_sound(layout);
    }
    let index: Value = unlade_testkit::layout::read_json(&layout.join("index.json"));
    assert_eq!(index["manifests"].as_array().map(Vec::len), Some(2));
    assert!(files(&layout).iter().all(|file| !file.contains("partial")));
}

#[test]
fn skopeo_may_add_to_a_layout_at_the_same_time() {
    let index = Index::two_architectures(Image::untitled("for amd64"), Image::untitled("for arm64"));
    let disk = disk();
    let (registry, place) = (registry_of(&index), folder());
    let (layout, source) = (place.path().join("layout"), place.path().join("source"));
    layout::write(&source, &[("disk", &disk)]);
    layout::write(&layout, &[("old", &Image::untitled("old"))]);
    let from = format!("oci:{}:disk", source.display());
    for turn in 0..8 {
        let running = add(&registry.reference("acme/disk:v1"), &layout, &format!(":u{turn}")).start();
        here(skopeo_copy(&["--preserve-digests"], &from, &format!("oci:{}:s{turn}", layout.display())));
        running.finish().assert_code(0);
        // skopeo locks nothing: of two entries that are written at the same moment one is lost, and nothing else.
        let named = assert_sound(&layout);
        assert!(named.contains(&index.digest()) || named.contains(&disk.digest()), "{named:?}");
    }
    add(&registry.reference("acme/disk:v1"), &layout, "").run().assert_code(0);
    here(skopeo_copy(&["--preserve-digests"], &from, &format!("oci:{}:disk", layout.display())));
    assert_holds(&layout, &index);
    assert_holds(&layout, &disk);
}
