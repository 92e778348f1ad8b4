//! Every way to name an artifact leads to the same bytes.

use std::fs;

use unlade_testkit::content::{digest, digest_by};
use unlade_testkit::document::{Document, Image};
use unlade_testkit::layout;
use unlade_testkit::{Binding, LyingRegistry};

use crate::common::{disk, folder, pull, refused, registry_of, unlade};

#[track_caller]
fn comes_through(reference: &str, document: &Document) {
    let folder = folder();
    pull(reference, folder.path()).run().assert_code(0);
    let came = fs::read(folder.path().join("out.img")).expect("read what came");
    assert!(came == *document.payload(), "{reference}: other bytes");
}

#[test]
fn every_form_of_a_reference_asks_for_the_right_manifest() {
    let disk = disk();
    let registry = registry_of(&disk);
    registry.publish("acme/disk", "latest", &disk);
    registry.publish("acme/disk", "other", &Image::titled("other", "other bytes"));
    let (host, digest) = (registry.host(), disk.digest());
    let port = registry.address().port();
    for (reference, asked) in [
        (format!("{host}/acme/disk:v1"), "v1"),
        (format!("{host}/acme/disk"), "latest"),
        (format!("{host}/acme/disk@{digest}"), &*digest),
        (format!("{host}/acme/disk:other@{digest}"), &digest),
        (format!("{host}/acme/disk:no-such-tag@{digest}"), &digest),
        (format!("{host}/acme/disk:@{digest}"), &digest),
        (format!("oci://{host}/acme/disk:v1"), "v1"),
        (format!("OCI://{host}/acme/disk:@{digest}"), &digest),
        (format!("docker://{host}/acme/disk:v1"), "v1"),
        (format!("Docker://{host}/acme/disk"), "latest"),
        (format!("localhost:{port}/acme/disk:v1"), "v1"),
        (format!("oci://LOCALHOST:{port}/acme/disk:v1"), "v1"),
    ] {
        registry.recorder().forget();
        comes_through(&reference, &disk);
        let paths: Vec<String> = registry.requests_for("*/manifests/*").into_iter().map(|asked| asked.path).collect();
        assert_eq!(paths, [format!("/v2/acme/disk/manifests/{asked}")], "{reference}");
    }
}

#[test]
fn a_registry_may_have_an_address_of_the_sixth_version() {
    let registry = LyingRegistry::builder().binding(Binding::V6).start();
    registry.publish("acme/disk", "v1", &disk());
    comes_through(&format!("oci://[::1]:{}/acme/disk:v1", registry.address().port()), &disk());
}

#[test]
fn a_layout_in_a_folder_is_a_source() {
    let disk = disk();
    let layouts = folder();
    let path = layouts.path().join("one");
    layout::write(&path, &[("v1", &disk)]);
    let path = path.display();
    for reference in
        [format!("ocidir://{path}"), format!("ocidir://{path}:v1"), format!("OCIDIR://{path}@{}", disk.digest())]
    {
        comes_through(&reference, &disk);
    }
    let blob = unlade().arg("blob").arg(format!("ocidir://{path}@{}", digest(disk.payload()))).run();
    assert!(blob.assert_code(0).stdout == *disk.payload(), "the blob of the layout is another");
}

#[test]
fn a_layout_of_several_tags_gives_latest() {
    let layouts = folder();
    let (old, new) = (Image::untitled("old"), Image::untitled("new"));
    layout::write(layouts.path(), &[("v1", &old), ("registry.example/acme/disk:latest", &new)]);
    let path = layouts.path().display();
    comes_through(&format!("ocidir://{path}"), &new);
    comes_through(&format!("ocidir://{path}:v1"), &old);
}

#[test]
fn a_layout_that_does_not_decide_is_not_guessed_at() {
    let layouts = folder();
    let (one, other) = (Image::untitled("one"), Image::untitled("other"));
    layout::write(layouts.path(), &[("v1", &one), ("v2", &other)]);
    let folder = folder();
    let run = pull(&format!("ocidir://{}", layouts.path().display()), folder.path());
    let error = refused(
        run,
        3,
        "NotFound",
        "error: ocidir://DIR has no manifest latest\n\
         hint: check the spelling of the repository, and of the tag or digest\n",
    );
    assert!(error["reference"].as_str().unwrap().starts_with("ocidir://"));
}

#[test]
fn longer_digests_are_verified_as_well() {
    let registry = LyingRegistry::start();
    let payload = "the bytes of a longer digest";
    for algorithm in ["sha384", "sha512"] {
        let digest = digest_by(algorithm, payload.as_bytes());
        let document = Image::new()
            .layer("application/octet-stream", payload)
            .override_layer("digest", digest.as_str().into())
            .build();
        registry.publish("acme/disk", algorithm, &document);
        registry.put_blob("acme/disk", &digest, payload);
        comes_through(&registry.reference(&format!("acme/disk:{algorithm}")), &document);

        registry.put_blob("acme/disk", &digest, "the bytes of a longer DIGEST");
        let folder = folder();
        let outcome = pull(&registry.reference(&format!("acme/disk:{algorithm}")), folder.path()).run();
        outcome.assert_code(5);
        assert!(outcome.stderr.contains(algorithm), "{}", outcome.stderr);
        assert!(!folder.path().join("out.img").exists());
    }
}
