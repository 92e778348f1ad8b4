//! The choice among the manifests of an index and the layers of a manifest.

use std::fs;

use serde_json::json;
use unlade_testkit::LyingRegistry;
use unlade_testkit::document::{Dialect, Document, Image, Index};

use crate::common::{document, fair_error, folder, pull, refused, registry_of, unlade};

/// An index as builders push them, with two variants of one architecture and an attestation.
fn platforms() -> Document {
    let attestation = Image::new().layer("application/vnd.in-toto+json", "{}").build();
    Index::new()
        .entry(Image::titled("disk", "for amd64"))
        .platform("amd64", "linux")
        .entry(Image::titled("disk", "for arm64"))
        .platform("arm64", "linux")
        .entry(Image::titled("disk", "for arm v6"))
        .override_entry("platform", json!({ "architecture": "arm", "os": "linux", "variant": "v6" }))
        .entry(Image::titled("disk", "for arm v7"))
        .override_entry("platform", json!({ "architecture": "arm", "os": "linux", "variant": "v7" }))
        .entry(Image::titled("disk", "for windows"))
        .platform("amd64", "windows")
        .entry(attestation)
        .platform("unknown", "unknown")
        .build()
}

/// Pulls with some options, and gives what came.
#[track_caller]
fn pulled(registry: &LyingRegistry, options: &[&str]) -> String {
    let folder = folder();
    pull(&registry.reference("acme/disk:v1"), folder.path()).args(options).run().assert_code(0);
    fs::read_to_string(folder.path().join("out.img")).expect("read what came")
}

#[test]
fn options_choose_the_platform() {
    let registry = registry_of(&platforms());
    for (options, expected) in [
        (&["--platform", "linux/amd64"][..], "for amd64"),
        (&["--platform=linux/x86_64"], "for amd64"),
        (&["--platform", "linux/arm64"], "for arm64"),
        (&["--platform", "linux/arm/v7"], "for arm v7"),
        (&["--platform", "windows/amd64"], "for windows"),
        (&["--arch", "arm64"], "for arm64"),
        (&["--arch", "aarch64"], "for arm64"),
        (&["--arch", "x86_64", "--os", "linux"], "for amd64"),
        (&["--arch", "arm", "--variant", "v6"], "for arm v6"),
        (&["--os", "windows"], "for windows"),
    ] {
        assert_eq!(pulled(&registry, options), expected, "{options:?}");
    }
}

#[test]
fn the_hosts_own_platform_is_taken_where_it_is_asked_for() {
    let other = if std::env::consts::ARCH == "x86_64" { "arm64" } else { "amd64" };
    let index = Index::new()
        .entry(Image::untitled("for another machine"))
        .platform(other, "linux")
        .entry(Image::untitled("for this machine"))
        .platform(std::env::consts::ARCH, std::env::consts::OS)
        .build();
    assert_eq!(pulled(&registry_of(&index), &["--platform", "host"]), "for this machine");
}

#[test]
fn an_attestation_is_no_candidate() {
    let index = Index::new()
        .entry(Image::new().layer("application/vnd.in-toto+json", "{}").build())
        .platform("unknown", "unknown")
        .entry(Image::untitled("the only image"))
        .platform("riscv64", "linux")
        .build();
    assert_eq!(pulled(&registry_of(&index), &[]), "the only image");
}

#[test]
fn entries_of_one_digest_are_one_candidate() {
    let image = Image::untitled("for both");
    let index = Index::new().entry(image.clone()).platform("amd64", "linux").entry(image).platform("arm64", "linux");
    assert_eq!(pulled(&registry_of(&index.build()), &[]), "for both");
}

#[test]
fn nested_indexes_are_gone_through() {
    let inner = Index::new()
        .entry(Image::untitled("inner amd64"))
        .platform("amd64", "linux")
        .entry(Image::untitled("inner arm64"))
        .platform("arm64", "linux")
        .build();
    let middle = Index::new().entry(inner).build();
    let registry = registry_of(&Index::new().entry(middle).build());
    assert_eq!(pulled(&registry, &["--arch", "aarch64"]), "inner arm64");
    assert_eq!(registry.requests().len(), 5, "three indexes, a manifest and a blob");
}

#[test]
fn lists_and_manifests_of_docker_are_read() {
    let image = |text: &str, architecture| {
        let layer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
        Image::new().dialect(Dialect::Docker).platform_config(architecture, "linux").layer(layer, text.to_owned())
    };
    let list = Index::new()
        .dialect(Dialect::Docker)
        .entry(image("docker amd64", "amd64").build())
        .platform("amd64", "linux")
        .entry(image("docker arm64", "arm64").build())
        .platform("arm64", "linux")
        .build();
    assert_eq!(pulled(&registry_of(&list), &["--arch", "arm64"]), "docker arm64");
}

#[test]
fn several_candidates_are_listed_and_none_is_guessed() {
    let registry = registry_of(&platforms());
    let folder = folder();
    let run = pull(&registry.reference("acme/disk:v1"), folder.path()).args(["--os", "linux"]);
    let error = refused(
        run,
        8,
        "Ambiguous",
        "error: cannot choose a manifest of HOST/acme/disk:v1\n  \
           caused by: 4 manifests of the index fit, and nothing decides between them\n    \
             DIGEST  linux/amd64  application/vnd.oci.image.manifest.v1+json\n    \
             DIGEST  linux/arm64  application/vnd.oci.image.manifest.v1+json\n    \
             DIGEST  linux/arm/v6  application/vnd.oci.image.manifest.v1+json\n    \
             DIGEST  linux/arm/v7  application/vnd.oci.image.manifest.v1+json\n\
         hint: choose one with --platform OS/ARCH, or name its digest\n",
    );
    assert_eq!(error["candidates"].as_array().unwrap().len(), 4);
    assert_eq!(registry.requests().len(), 1);
    assert!(unlade_testkit::process::files(folder.path()).is_empty());
}

#[test]
fn a_platform_that_there_is_not_is_refused_with_those_that_there_are() {
    let registry = registry_of(&platforms());
    let folder = folder();
    let run = pull(&registry.reference("acme/disk:v1"), folder.path()).args(["--platform", "linux/s390x"]);
    let error = refused(
        run,
        8,
        "NoCandidate",
        "error: cannot choose a manifest of HOST/acme/disk:v1\n  \
           caused by: none of the 5 manifests of the index is for linux/s390x\n    \
             DIGEST  linux/amd64  application/vnd.oci.image.manifest.v1+json\n    \
             DIGEST  linux/arm64  application/vnd.oci.image.manifest.v1+json\n    \
             DIGEST  linux/arm/v6  application/vnd.oci.image.manifest.v1+json\n    \
             DIGEST  linux/arm/v7  application/vnd.oci.image.manifest.v1+json\n    \
             DIGEST  windows/amd64  application/vnd.oci.image.manifest.v1+json\n\
         hint: choose one with --platform OS/ARCH, or name its digest\n",
    );
    assert_eq!(error["candidates"].as_array().unwrap().len(), 5);
}

#[test]
fn several_layers_without_a_title_are_listed_and_none_is_guessed() {
    let image = Image::new().layer("application/x-kernel", "kernel").layer("application/x-initrd", "initrd").build();
    let registry = registry_of(&image);
    let folder = folder();
    refused(
        pull(&registry.reference("acme/disk:v1"), folder.path()),
        8,
        "Ambiguous",
        "error: cannot choose the layers of HOST/acme/disk:v1\n  \
           caused by: the manifest has 2 layers, and none of them has a title\n    \
             DIGEST  application/x-kernel\n    \
             DIGEST  application/x-initrd\n\
         hint: take one of them by its digest: unlade blob REPO@DIGEST > FILE\n",
    );
}

#[test]
fn a_manifest_without_layers_has_nothing_to_pull() {
    for document in [Document::layers_null(), Image::new().build(), Index::new().build()] {
        let registry = registry_of(&document);
        let folder = folder();
        let run = pull(&registry.reference("acme/disk:v1"), folder.path());
        let what = if document.media_type.contains("index") {
            "error: cannot choose a manifest of HOST/acme/disk:v1\n  caused by: the index holds no manifests\n"
        } else {
            "error: cannot choose the layers of HOST/acme/disk:v1\n  caused by: the manifest has no layers\n"
        };
        refused(run, 8, "NoCandidate", what);
    }
}

#[test]
fn manifests_of_the_first_schema_are_refused_by_name() {
    let registry = registry_of(&Document::schema1("acme/disk"));
    let folder = folder();
    let outcome = pull(&registry.reference("acme/disk:v1"), folder.path()).arg("--json").run();
    outcome.assert_code(1);
    let error = fair_error(&outcome);
    assert_eq!(error["kind"], "Unsupported");
    assert!(outcome.stderr.contains("schema 1"), "{}", outcome.stderr);
    assert_eq!(error["reference"], registry.reference("acme/disk:v1"));
}

#[test]
fn an_index_is_given_as_it_is_unless_a_platform_is_asked_for() {
    let index = platforms();
    let registry = registry_of(&index);
    let reference = registry.reference("acme/disk:v1");
    let arm64 = &index.children[1];
    for (options, expected) in [(&[][..], &index), (&["--arch", "arm64"], arm64)] {
        let digest = unlade().args(["digest", &reference]).args(options).run();
        assert_eq!(digest.assert_code(0).stdout_text(), format!("{}\n", expected.digest()), "{options:?}");
        let manifest = unlade().args(["manifest", &reference]).args(options).run();
        assert_eq!(manifest.assert_code(0).stdout, expected.bytes, "{options:?}");
    }
    let described = document(&unlade().args(["digest", &reference, "--arch=arm64", "--json"]).run());
    assert_eq!(described["digest"], arm64.digest());
}
