//! `unlade pick`.

use serde_json::{Value, json};
use unlade_testkit::LyingRegistry;
use unlade_testkit::document::{Document, Image, Index, OCI_MANIFEST};
use unlade_testkit::process::Run;

use super::{disk, everything, shown};
use crate::common::{document, fair_error, registry_of, settled, unlade};

fn pick(registry: &LyingRegistry, options: &[&str]) -> Run {
    unlade().args(["pick", &registry.reference("acme/disk:v1")]).args(options)
}

#[track_caller]
fn text(registry: &LyingRegistry, options: &[&str]) -> String {
    settled(&pick(registry, options).run().assert_code(0).stdout_text())
}

/// An index in an index: two architectures, one of them twice.
fn nested() -> Document {
    let arm = disk("machine.aarch64.raw.zst", 2, 200_000);
    let inner = Index::new()
        .entry(disk("machine.x86_64.qcow2.zst", 1, 300_000))
        .platform("x86_64", "linux")
        .entry(arm.clone())
        .platform("aarch64", "linux")
        .annotate_entry("disktype", "raw")
        .entry(arm)
        .override_entry("platform", json!({ "os": "linux", "architecture": "arm64", "variant": "v8" }))
        .build();
    Index::new().entry(inner).build()
}

#[test]
fn the_first_lines_are_for_programs() {
    let image = disk("disk.zst", 1, 300_000);
    let registry = registry_of(&image);
    let outcome = pick(&registry, &[]).run();
    let expected = format!(
        "{}@{}\n{}  293.0 KiB  application/zstd  disk.zst\nartifact type  application/vnd.example.disk\n",
        registry.reference("acme/disk"),
        image.digest(),
        unlade_testkit::content::digest(image.payload())
    );
    assert_eq!(outcome.assert_code(0).stdout_text(), expected);
    assert_eq!((outcome.stderr.as_str(), registry.requests().len()), ("", 1));
    let bare = registry_of(&Image::new().layer("", "x").build());
    assert_eq!(text(&bare, &[]), "HOST/acme/disk@DIGEST\nDIGEST  1 B  -  -\n");
}

#[test]
fn every_layer_that_would_be_pulled_has_a_line() {
    let title = "org.opencontainers.image.title";
    let several = Image::new()
        .layer("application/x-kernel", "kernel")
        .annotate_layer(title, "vmlinuz")
        .layer("application/x-notes", "notes")
        .layer("application/x-initrd", "initrd")
        .annotate_layer(title, "initrd.img");
    let registry = registry_of(&several.build());
    let expected = "\
HOST/acme/disk@DIGEST
DIGEST  6 B  application/x-kernel  vmlinuz
DIGEST  6 B  application/x-initrd  initrd.img
left out  1 layer without a title
";
    assert_eq!(text(&registry, &[]), expected);
    let described = document(&pick(&registry, &["--json"]).run());
    assert_eq!(described["chosen"]["layers"].as_array().unwrap().len(), 2);
    let untitled = registry_of(&Image::new().layer("a/b", "x").layer("a/b", "y").build());
    let error = fair_error(&pick(&untitled, &["--json"]).run());
    assert_eq!((&error["kind"], &error["exit_code"]), (&json!("Ambiguous"), &json!(8)));
}

#[test]
fn the_reference_that_is_picked_can_be_pulled() {
    let registry = registry_of(&nested());
    let outcome = pick(&registry, &["--arch=arm64"]).run();
    let pinned = outcome.assert_code(0).stdout_text().lines().next().unwrap().to_owned();
    let run = unlade().args(["pull", &pinned]);
    run.run().assert_code(0);
    assert_eq!(std::fs::read(run.home().join("machine.aarch64.raw.zst")).unwrap().len(), 200_000);
}

#[test]
fn the_choice_is_explained_step_by_step() {
    let registry = registry_of(&nested());
    let expected = "\
HOST/acme/disk@DIGEST
DIGEST  195.3 KiB  application/zstd  machine.aarch64.raw.zst
platform       linux/aarch64
disk type      raw
artifact type  application/vnd.example.disk

index DIGEST
VERDICT  DIGEST                                                                   REASONS
chosen   DIGEST  names no platform, which fits any; no other one fits

index DIGEST
VERDICT   DIGEST                                                                   PLATFORM        DISK TYPE  REASONS
rejected  DIGEST  linux/x86_64               architecture is x86_64, not arm64
chosen    DIGEST  linux/aarch64   raw        is for linux/aarch64; all that fit are the same content
chosen    DIGEST  linux/arm64/v8             is for linux/arm64/v8; all that fit are the same content
";
    assert_eq!(text(&registry, &["--arch=arm64", "--explain"]), expected);
}

#[test]
fn an_explanation_fits_the_terminal() {
    let registry = registry_of(&nested());
    let at = |columns| {
        let shown = shown(&pick(&registry, &["--arch=arm64", "--explain"]), columns);
        shown.rsplit_once("index DIGEST\n").unwrap().1.to_owned()
    };
    assert_eq!(
        at(200),
        "\
VERDICT   DIGEST        PLATFORM        DISK TYPE  REASONS
rejected  a1eb33730274  linux/x86_64               architecture is x86_64, not arm64
chosen    6bb274d580e7  linux/aarch64   raw        is for linux/aarch64; all that fit are the same content
chosen    6bb274d580e7  linux/arm64/v8             is for linux/arm64/v8; all that fit are the same content"
    );
    assert_eq!(
        at(80),
        "\
VERDICT   DIGEST        PLATFORM        DISK TYPE  REASONS
rejected  a1eb33730274  linux/x86_64               architecture is x86_64, not …
chosen    6bb274d580e7  linux/aarch64   raw        is for linux/aarch64; all th…
chosen    6bb274d580e7  linux/arm64/v8             is for linux/arm64/v8; all t…"
    );
    assert!(at(20).lines().all(|line| line.chars().count() <= 20), "{}", at(20));
}

#[test]
fn where_nothing_can_be_chosen_the_explanation_says_why() {
    let registry = registry_of(&everything());
    let outcome = pick(&registry, &["--arch=arm64", "--explain"]).run();
    outcome.assert_code(8);
    let expected = "\
index DIGEST
VERDICT   DIGEST                                                                   PLATFORM         DISK TYPE  REASONS
rejected  DIGEST  linux/x86_64     qemu       architecture is x86_64, not arm64
fits      DIGEST  linux/aarch64    raw        is for linux/aarch64; 2 fit, and nothing decides between them
rejected  DIGEST  linux/amd64                 architecture is amd64, not arm64
rejected  DIGEST  unknown/unknown             is an attestation
fits      DIGEST                              names no platform, which fits any; 2 fit, and nothing decides between them
rejected  DIGEST  linux/s390x                 architecture is s390x, not arm64
rejected  blake3:00                                                                linux/ppc64le               \
architecture is ppc64le, not arm64; cannot be used: its digest cannot be used
";
    assert_eq!(settled(&outcome.stdout_text()), expected);
    assert!(outcome.stderr.starts_with("error: cannot choose a manifest of "), "{}", outcome.stderr);
    let silent = pick(&registry, &["--arch=arm64"]).run();
    silent.assert_code(8);
    assert_eq!(silent.stdout_text(), "");
    let error = fair_error(&pick(&registry, &["--arch=arm64", "--explain", "--json"]).run());
    assert_eq!((&error["kind"], &error["exit_code"]), (&json!("Ambiguous"), &json!(8)));
    let candidates = error["candidates"].as_array().unwrap();
    assert_eq!(candidates.iter().filter(|one| one["accepted"] == true).count(), 2, "{error}");
    assert_eq!(candidates.len(), 7, "{error}");
    let first = json!([&candidates[0]["manifest"]["platform"], &candidates[0]["reasons"]]);
    assert_eq!(first, json!(["linux/x86_64", ["architecture is x86_64, not arm64"]]));
    let error = fair_error(&pick(&registry, &["--arch=mips", "--json"]).run());
    assert_eq!(
        (&error["kind"], error["candidates"].as_array().map(Vec::len)),
        (&json!("NoCandidate"), Some(8)),
        "those of the inner index too"
    );
}

#[test]
fn a_title_cannot_pass_for_another_column() {
    let registry = registry_of(&disk("good.img  9 B  evil/type", 1, 10));
    let layers = text(&registry, &[]);
    let layer: Vec<&str> = layers.lines().nth(1).unwrap().splitn(4, "  ").collect();
    assert_eq!(layer, ["DIGEST", "10 B", "application/zstd", "good.img  9 B  evil/type"]);
}

#[test]
fn one_manifest_needs_no_choice() {
    let registry = registry_of(&disk("disk.zst", 1, 10));
    let text = text(&registry, &["--explain"]);
    assert!(text.ends_with("\n\nchosen: is what the reference names\n"), "{text}");
}

#[test]
fn the_document_says_what_is_chosen_and_why() {
    let index = nested();
    let registry = registry_of(&index);
    let (x86, arm) = (disk("machine.x86_64.qcow2.zst", 1, 300_000), disk("machine.aarch64.raw.zst", 2, 200_000));
    let entry = |image: &Document, platform: &str| {
        let size = image.bytes.len();
        json!({ "media_type": OCI_MANIFEST, "digest": image.digest(), "size": size, "platform": platform })
    };
    let with = |mut value: Value, key: &str, more: Value| {
        value[key] = more;
        value
    };
    let inner = &index.children[0];
    let raw = json!({ "disktype": "raw" });
    let manifest = with(entry(&arm, "linux/aarch64"), "annotations", raw.clone());
    let title = "machine.aarch64.raw.zst";
    let same = "all that fit are the same content";
    let expected = json!({
        "reference": registry.reference("acme/disk:v1"),
        "chosen": {
            "manifest": with(manifest.clone(), "artifact_type", json!("application/vnd.example.disk")),
            "layers": [{
                "media_type": "application/zstd",
                "digest": unlade_testkit::content::digest(arm.payload()),
                "size": 200_000,
                "title": title,
                "annotations": { "org.opencontainers.image.title": title },
            }],
            "platform": "linux/aarch64",
            "disk_type": "raw",
            "disk_format": null,
            "compression": null,
        },
        "candidates": [
            {
                "manifest": {
                    "media_type": inner.media_type, "digest": inner.digest(), "size": inner.bytes.len(),
                },
                "accepted": true,
                "reasons": ["names no platform, which fits any", "no other one fits"],
            },
            {
                "manifest": entry(&x86, "linux/x86_64"),
                "accepted": false,
                "reasons": ["architecture is x86_64, not arm64"],
            },
            { "manifest": manifest, "accepted": true, "reasons": ["is for linux/aarch64", same] },
            { "manifest": entry(&arm, "linux/arm64/v8"), "accepted": true, "reasons": ["is for linux/arm64/v8", same] },
        ],
    });
    assert_eq!(document(&pick(&registry, &["--arch=arm64", "--json"]).run()), expected);
    let single = registry_of(&x86);
    let candidates = document(&pick(&single, &["--json"]).run())["candidates"].clone();
    assert_eq!(candidates[0]["reasons"], json!(["is what the reference names"]));
    assert_eq!((candidates.as_array().unwrap().len(), &candidates[0]["accepted"]), (1, &json!(true)));
}
