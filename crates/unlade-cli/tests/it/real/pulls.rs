//! Real files out of `docker-registry`, however they came in.

use unlade_testkit::content::digest_by;
use unlade_testkit::document::{Dialect, Image, Index};
use unlade_testkit::layout;
use unlade_testkit::process::files;
use unlade_testkit::real::{DockerRegistry, http_push, http_push_blob, skopeo_copy, skopeo_push};

use super::{assert_is, assert_pulls, assert_refuses, here, image, initrd, ipxe, kernel, memtest, registry_with};
use crate::common::{folder, unlade};

#[test]
fn real_files_come_through_after_a_plain_upload() {
    let registry = here(DockerRegistry::plain());
    for (name, payload) in [("linux", kernel()), ("initrd.gz", initrd()), ("ipxe", ipxe()), ("memtest", memtest())] {
        let document = Image::titled(name, payload.clone());
        let repository = format!("site/files/{name}");
        http_push(&registry.client(), &repository, "v1", &document);
        let (host, digest) = (registry.host(), document.digest());
        assert_pulls(&format!("oci://{host}/{repository}:v1"), &[], &payload);
        assert_pulls(&format!("{host}/{repository}@{digest}"), &[], &payload);
    }
}

#[test]
fn real_files_come_through_after_skopeo() {
    let registry = here(DockerRegistry::plain());
    let (from_layout, from_folder) = (folder(), folder());
    let images = [("linux", kernel()), ("initrd", initrd()), ("ipxe", ipxe()), ("memtest", memtest())]
        .map(|(name, payload)| (name, image(name, "amd64", &payload)));
    let tagged: Vec<_> = images.iter().map(|(name, document)| (*name, document)).collect();
    layout::write(from_layout.path(), &tagged);
    for (name, document) in tagged {
        let target = format!("{}/site/{name}:v1", registry.host());
        here(skopeo_push(from_layout.path(), name, &target, None));
        assert_pulls(&target, &[], document.payload());
        // The same by way of skopeo's own folder format.
        let halfway = format!("dir:{}", from_folder.path().join(name).display());
        let target = format!("{}/folder/{name}:v1", registry.host());
        here(skopeo_copy(&[], &format!("oci:{}:{name}", from_layout.path().display()), &halfway));
        here(skopeo_copy(&["--preserve-digests"], &halfway, &format!("docker://{target}")));
        assert_pulls(&target, &[], document.payload());
    }
}

#[test]
fn every_form_of_reference_leads_to_the_file() {
    let payload = ipxe();
    let registry = registry_with(&payload);
    let digest = Image::titled("disk.img", payload.clone()).digest();
    let place = format!("{}/site/disk", registry.host());
    let wrong = Image::titled("other", "other").digest();
    for reference in [
        format!("{place}:v1"),
        format!("oci://{place}:v1"),
        format!("docker://{place}:v1"),
        format!("{place}@{digest}"),
        format!("{place}:@{digest}"),
        // The digest decides, even where the tag is none.
        format!("{place}:v1@{digest}"),
        format!("{place}:gone@{digest}"),
        format!("{place}:v1@{digest}").replace("127.0.0.1", "localhost"),
    ] {
        assert_pulls(&reference, &[], &payload);
    }
    assert_refuses(&format!("{place}:v1@{wrong}"), &[], "NotFound", 3);
    assert_refuses(&place, &[], "NotFound", 3);
    let near = assert_refuses(&format!("{place}:v2"), &[], "NotFound", 3);
    assert_eq!(near["hint"], "near names that exist: v1");
    let nowhere = assert_refuses(&format!("{}/site/nowhere:v1", registry.host()), &[], "NotFound", 3);
    assert_eq!(nowhere["status"], 404);
}

#[test]
fn the_file_gets_its_title_or_goes_to_stdout() {
    let payload = ipxe();
    let registry = registry_with(&payload);
    let reference = format!("{}/site/disk:v1", registry.host());
    let run = unlade().args(["pull", &reference]);
    run.run().assert_code(0);
    assert_eq!(files(run.home()), ["disk.img"]);
    assert_is(&run.home().join("disk.img"), &payload);
    let streamed = unlade().args(["pull", &reference, "-o", "-"]).run();
    streamed.assert_code(0);
    assert!(streamed.stdout == payload);
}

#[test]
fn an_index_gives_the_manifest_of_the_platform() {
    let registry = here(DockerRegistry::plain());
    let (amd64, arm64) = (memtest(), ipxe());
    let (one, two) = (image("memtest.iso", "amd64", &amd64), image("ipxe.iso", "arm64", &arm64));
    http_push(&registry.client(), "site/both", "uploaded", &Index::two_architectures(one.clone(), two.clone()));
    // skopeo would choke on the attestation, which is no image.
    let index =
        Index::new().entry(one).platform("amd64", "linux").entry(two.clone()).platform("arm64", "linux").build();
    let source = folder();
    layout::write(source.path(), &[("both", &index)]);
    here(skopeo_push(source.path(), "both", &format!("{}/site/both:copied", registry.host()), None));
    for tag in ["uploaded", "copied"] {
        let reference = format!("{}/site/both:{tag}", registry.host());
        for (options, payload) in [
            (&["--platform", "linux/amd64"][..], &amd64),
            (&["--platform", "linux/aarch64"], &arm64),
            (&["--arch", "x86_64"], &amd64),
            (&["--arch", "aarch64", "--os", "linux"], &arm64),
            (&["--arch=arm64"], &arm64),
        ] {
            assert_pulls(&reference, options, payload);
        }
        let undecided = assert_refuses(&reference, &[], "Ambiguous", 8);
        assert_eq!(undecided["candidates"].as_array().map(Vec::len), Some(2), "{undecided}");
        assert!(undecided["hint"].as_str().is_some_and(|hint| hint.contains("--platform")), "{undecided}");
        assert_refuses(&reference, &["--arch", "riscv64"], "NoCandidate", 8);
        assert_refuses(&reference, &["--platform", "windows/amd64"], "NoCandidate", 8);
    }
    assert_pulls(&format!("{}/site/both@{}", registry.host(), index.digest()), &["--arch=aarch64"], &arm64);
    assert_pulls(&format!("{}/site/both@{}", registry.host(), two.digest()), &[], &arm64);
}

#[test]
fn a_docker_list_that_was_uploaded_is_an_index() {
    let registry = here(DockerRegistry::plain());
    let image = |architecture: &str, payload| {
        let layer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        Image::new().dialect(Dialect::Docker).platform_config(architecture, "linux").layer(layer, payload).build()
    };
    let (amd64, arm64) = (memtest(), ipxe());
    let list = Index::new()
        .dialect(Dialect::Docker)
        .entry(image("amd64", amd64.clone()))
        .platform("amd64", "linux")
        .entry(image("arm64", arm64.clone()))
        .platform("arm64", "linux")
        .build();
    http_push(&registry.client(), "site/list", "v1", &list);
    let reference = format!("{}/site/list:v1", registry.host());
    assert_pulls(&reference, &["--arch", "x86_64"], &amd64);
    assert_pulls(&reference, &["--arch", "arm64"], &arm64);
}

#[test]
fn a_blob_that_is_stored_under_sha512_comes_through() {
    let registry = here(DockerRegistry::plain());
    let payload = memtest();
    let digest = digest_by("sha512", &payload);
    let document =
        Image::new().layer("application/octet-stream", payload.clone()).override_layer("digest", digest.clone().into());
    http_push_blob(&registry.client(), "site/sha512", &digest, &payload);
    http_push(&registry.client(), "site/sha512", "v1", &document.build());
    let outcome = assert_pulls(&format!("{}/site/sha512:v1", registry.host()), &["--json"], &payload);
    assert_eq!(super::document(&outcome)["files"][0]["digest"], digest);
    // This registry calls every blob by its sha256 in its headers, whatever it was asked for.
    let blob = unlade().args(["blob", &format!("{}/site/sha512@{digest}", registry.host())]).run();
    blob.assert_code(0);
    assert!(blob.stdout == payload);
}
