//! Documents byte for byte, and the forms that Docker's own tools write.

use serde_json::{Value, json};
use unlade_testkit::content::digest;
use unlade_testkit::document::{
    DOCKER_LIST, DOCKER_MANIFEST, Document, Image, Index, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, TITLE,
};
use unlade_testkit::layout;
use unlade_testkit::process::{Outcome, Run};
use unlade_testkit::real::{DockerRegistry, http_push, skopeo_copy};

use super::{assert_pulls, assert_refuses, document, here, image, initrd, ipxe, kernel};
use crate::common::{folder, unlade};

/// The media type of a layer that skopeo takes as compressed already.
const PACKED_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

#[track_caller]
fn ask(verb: &str, reference: &str, options: &[&str]) -> Outcome {
    let outcome = unlade().args([verb, reference]).args(options).run();
    outcome.assert_code(0);
    outcome
}

#[test]
fn manifests_blobs_and_digests_are_what_was_uploaded() {
    let registry = here(DockerRegistry::plain());
    let (amd64, arm64) = (image("linux", "amd64", &kernel()), image("ipxe.iso", "arm64", &ipxe()));
    let index = Index::two_architectures(amd64.clone(), arm64.clone());
    http_push(&registry.client(), "site/both", "v1", &index);
    let place = format!("{}/site/both", registry.host());
    for (reference, options, uploaded) in [
        (format!("{place}:v1"), &[][..], &index),
        (format!("{place}:v1"), &["--arch=x86_64"], &amd64),
        (format!("{place}:v1"), &["--platform=linux/arm64"], &arm64),
        (format!("{place}@{}", arm64.digest()), &[], &arm64),
    ] {
        assert_eq!(ask("manifest", &reference, options).stdout, uploaded.bytes);
        assert_eq!(ask("digest", &reference, options).stdout_text(), format!("{}\n", uploaded.digest()));
        assert_described(&reference, options, uploaded);
    }
    for blob in amd64.blobs.iter().chain(&arm64.blobs) {
        assert!(ask("blob", &format!("{place}@{}", digest(blob)), &[]).stdout == *blob);
    }
    let absent = digest(b"absent");
    unlade().args(["blob", &format!("{place}@{absent}")]).run().assert_code(3);
    // The document is there, but not as a blob of this name.
    unlade().args(["manifest", &format!("{place}@{absent}")]).run().assert_code(3);
}

#[track_caller]
fn assert_described(reference: &str, options: &[&str], uploaded: &Document) {
    let json = [options, &["--json"]].concat();
    let described = document(&ask("manifest", reference, &json));
    let digested = document(&ask("digest", reference, &json));
    for answer in [&described, &digested] {
        assert_eq!(answer["digest"], uploaded.digest());
        assert_eq!(answer["media_type"], uploaded.media_type);
        assert_eq!(answer["size"], uploaded.bytes.len());
    }
    let text = serde_json::from_slice::<Value>(&uploaded.bytes).expect("a document is JSON");
    assert_eq!(described["manifest"], text);
}

/// An image whose layer is compressed already: skopeo keeps its bytes, whatever it makes of the manifest.
fn packed_image(architecture: &str, payload: bytes::Bytes) -> Document {
    Image::new()
        .platform_config(architecture, "linux")
        .layer(PACKED_LAYER, payload)
        .annotate_layer(TITLE, "initrd.gz")
        .build()
}

#[test]
fn what_skopeo_makes_of_an_image_for_docker_comes_through() {
    let registry = here(DockerRegistry::plain());
    let (initrd, kernel) = (initrd(), kernel());
    let (amd64, arm64) = (packed_image("amd64", initrd.clone()), image("linux", "arm64", &kernel));
    let index = Index::new().entry(amd64.clone()).platform("amd64", "linux").entry(arm64).platform("arm64", "linux");
    let source = folder();
    layout::write(source.path(), &[("one", &amd64), ("both", &index.build())]);
    let place = format!("{}/site/docker", registry.host());
    let from = |tag: &str| format!("oci:{}:{tag}", source.path().display());
    here(skopeo_copy(&["--format=v2s2"], &from("one"), &format!("docker://{place}:one")));
    here(skopeo_copy(&["--format=v2s2", "--all"], &from("both"), &format!("docker://{place}:both")));
    for (tag, options, media_type) in
        [("one", &[][..], DOCKER_MANIFEST), ("both", &[], DOCKER_LIST), ("both", &["--arch=x86_64"], DOCKER_MANIFEST)]
    {
        let json = [options, &["--json"]].concat();
        let described = document(&ask("digest", &format!("{place}:{tag}"), &json));
        assert_eq!(described["media_type"], media_type, "{tag} {options:?}");
    }
    assert_pulls(&format!("{place}:one"), &[], &initrd);
    assert_pulls(&format!("{place}:both"), &["--arch=x86_64"], &initrd);
    // skopeo compresses what was not compressed: what comes out of the registry unpacks to the kernel.
    let pulled = unlade().args(["pull", &format!("{place}:both"), "--arch=aarch64", "-o", "-"]).run();
    pulled.assert_code(0);
    let unpacked = Run::new("/bin/gzip").arg("-dc").stdin(pulled.stdout).run();
    unpacked.assert_code(0);
    assert!(unpacked.stdout == kernel);
}

#[test]
fn what_skopeo_makes_of_a_docker_image_for_others_comes_through() {
    let registry = here(DockerRegistry::plain());
    let payload = initrd();
    let source = folder();
    let amd64 = packed_image("amd64", payload.clone());
    layout::write(
        source.path(),
        &[("one", &amd64), ("both", &Index::new().entry(amd64.clone()).platform("amd64", "linux").build())],
    );
    let place = format!("{}/site/oci", registry.host());
    let from = |tag: &str| format!("oci:{}:{tag}", source.path().display());
    here(skopeo_copy(&["--format=v2s2"], &from("one"), &format!("docker://{place}:docker")));
    here(skopeo_copy(&["--format=oci"], &format!("docker://{place}:docker"), &format!("docker://{place}:one")));
    here(skopeo_copy(&["--all"], &from("both"), &format!("docker://{place}:both")));
    for (tag, media_type) in [("one", OCI_MANIFEST), ("both", OCI_INDEX)] {
        let described = document(&ask("digest", &format!("{place}:{tag}"), &["--json"]));
        assert_eq!(described["media_type"], media_type);
        assert_pulls(&format!("{place}:{tag}"), &[], &payload);
    }
}

#[test]
fn what_skopeo_makes_of_an_image_for_old_docker_is_refused() {
    let registry = here(DockerRegistry::with_schema1());
    let source = folder();
    let rootfs = json!({ "type": "layers", "diff_ids": [digest(b"unpacked")] });
    let config = json!({
        "architecture": "amd64", "os": "linux", "rootfs": rootfs, "history": [{ "created_by": "nobody" }],
    });
    let old = Image::new().config(OCI_CONFIG, config.to_string()).layer(PACKED_LAYER, initrd()).build();
    layout::write(source.path(), &[("old", &old)]);
    let place = format!("{}/site/old", registry.host());
    here(skopeo_copy(
        &["--format=v2s1"],
        &format!("oci:{}:old", source.path().display()),
        &format!("docker://{place}:v1"),
    ));
    // The registry knows it by the digest of what was signed, which is less than its bytes.
    let client = registry.client().header("Accept", "application/vnd.docker.distribution.manifest.v1+prettyjws");
    let stored = client.get("/v2/site/old/manifests/v1").expect("ask the registry");
    let signed = stored.header("docker-content-digest").expect("the registry names a digest").to_owned();
    assert_ne!(signed, digest(&stored.body));
    for reference in [format!("{place}:v1"), format!("{place}@{signed}")] {
        let refused = assert_refuses(&reference, &[], "Unsupported", 1);
        assert!(refused["causes"].to_string().contains("schema 1"), "{refused}");
    }
}
