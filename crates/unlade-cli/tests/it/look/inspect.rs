//! `unlade inspect`.

use serde_json::{Value, json};
use unlade_testkit::content::{bytes, digest};
use unlade_testkit::document::{Document, EMPTY_JSON, Image, Index, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use unlade_testkit::{Fault, LyingRegistry, Matcher, Which, layout};

use super::{container, disk, everything, short, shown};
use crate::common::{document, folder, registry_of, settled, unlade};

/// What a pipe is given of a reference, with some options.
#[track_caller]
fn text(registry: &LyingRegistry, options: &[&str]) -> String {
    let run = unlade().args(["inspect", &registry.reference("acme/disk:v1")]).args(options);
    settled(&run.run().assert_code(0).stdout_text())
}

/// The document of what a registry has as `acme/disk:v1`.
#[track_caller]
fn described(registry: &LyingRegistry) -> Value {
    document(&unlade().args(["inspect", "--json", &registry.reference("acme/disk:v1")]).run())
}

#[test]
fn an_index_is_shown_with_all_that_is_in_it() {
    let registry = registry_of(&everything());
    assert_eq!(
        text(&registry, &[]),
        "\
HOST/acme/disk:v1
DIGEST
type           application/vnd.oci.image.index.v1+json
size           1.5 KiB
artifact type  application/vnd.example.machine
annotations    org.opencontainers.image.created=2026-01-02T03:04:05Z

NAME                                               PLATFORM         DISK TYPE  SIZE       TYPE                                        DIGEST
manifest                                           linux/x86_64     qemu       293.0 KiB  application/vnd.example.disk                DIGEST
  machine.x86_64.qcow2.zst                                                     293.0 KiB  application/zstd                            DIGEST
manifest                                           linux/aarch64    raw        195.3 KiB  application/vnd.example.disk                DIGEST
  machine.aarch64.raw.zst                                                      195.3 KiB  application/zstd                            DIGEST
manifest                                           linux/amd64                 936 B      application/vnd.oci.image.config.v1+json    DIGEST
  9 layers
attestation                                        unknown/unknown             2 B                                                    DIGEST
  layer 1                                                                      2 B        application/vnd.in-toto+json                DIGEST
index                                                                                                                                 DIGEST
  manifest                                         linux/riscv64               2.9 KiB    application/vnd.example.disk                DIGEST
    inner.raw.zst                                                              2.9 KiB    application/zstd                            DIGEST
manifest (missing)                                 linux/s390x                                                                        DIGEST
entry (cannot be used: its digest cannot be used)  linux/ppc64le                          application/vnd.oci.image.manifest.v1+json  blake3:00
"
    );
    assert_eq!(registry.requests().len(), 8, "an index, its five manifests, that of the inner index, one that is gone");
}

#[test]
fn a_wide_terminal_is_shown_short_digests_and_types() {
    let registry = registry_of(&everything());
    let run = unlade().args(["inspect", &registry.reference("acme/disk:v1")]);
    assert_eq!(
        shown(&run, 200),
        "\
HOST/acme/disk:v1
DIGEST
type           application/vnd.oci.image.index.v1+json
size           1.5 KiB
artifact type  application/vnd.example.machine
annotations    org.opencontainers.image.created=2026-01-02T03:04:05Z

NAME                                               PLATFORM         DISK TYPE  SIZE       TYPE                            DIGEST
manifest                                           linux/x86_64     qemu       293.0 KiB  vnd.example.disk                a1eb33730274
  machine.x86_64.qcow2.zst                                                     293.0 KiB  zstd                            4b92926f9f89
manifest                                           linux/aarch64    raw        195.3 KiB  vnd.example.disk                6bb274d580e7
  machine.aarch64.raw.zst                                                      195.3 KiB  zstd                            ba323fa39c04
manifest                                           linux/amd64                 936 B      vnd.oci.image.config.v1+json    a36b409390fd
  9 layers
attestation                                        unknown/unknown             2 B                                        2567c8f1d563
  layer 1                                                                      2 B        vnd.in-toto+json                44136fa355b3
index                                                                                                                     40860127c166
  manifest                                         linux/riscv64               2.9 KiB    vnd.example.disk                c6026bbd935a
    inner.raw.zst                                                              2.9 KiB    zstd                            e9624ae84b06
manifest (missing)                                 linux/s390x                                                            641639c6d6bb
entry (cannot be used: its digest cannot be used)  linux/ppc64le                          vnd.oci.image.manifest.v1+json  blake3:00"
    );
    assert_eq!(short(&disk("machine.x86_64.qcow2.zst", 1, 300_000)), "a1eb33730274");
}

#[test]
fn a_usual_terminal_has_room_for_titles_rather_than_types() {
    let registry = registry_of(&everything());
    let run = unlade().args(["inspect", &registry.reference("acme/disk:v1")]);
    assert_eq!(
        shown(&run, 80),
        "\
HOST/acme/disk:v1
DIGEST
type           application/vnd.oci.image.index.v1+json
size           1.5 KiB
artifact type  application/vnd.example.machine
annotations    org.opencontainers.image.created=2026-01-02T03:04:05Z

NAME                         PLATFORM         DISK TYPE  SIZE       DIGEST
manifest                     linux/x86_64     qemu       293.0 KiB  a1eb33730274
  machine.x86_64.qcow2.zst                               293.0 KiB  4b92926f9f89
manifest                     linux/aarch64    raw        195.3 KiB  6bb274d580e7
  machine.aarch64.raw.zst                                195.3 KiB  ba323fa39c04
manifest                     linux/amd64                 936 B      a36b409390fd
  9 layers
attestation                  unknown/unknown             2 B        2567c8f1d563
  layer 1                                                2 B        44136fa355b3
index                                                               40860127c166
  manifest                   linux/riscv64               2.9 KiB    c6026bbd935a
    inner.raw.zst                                        2.9 KiB    e9624ae84b06
manifest (missing)           linux/s390x                            641639c6d6bb
entry (cannot be used: its…  linux/ppc64le                          blake3:00"
    );
}

#[test]
fn a_narrow_terminal_is_shown_fewer_columns() {
    let registry = registry_of(&everything());
    let run = unlade().args(["inspect", &registry.reference("acme/disk:v1")]);
    assert_eq!(
        shown(&run, 20),
        "\
HOST/acm…
DIGEST…
type       applicat…
size       1.5 KiB
artifact…  applicat…
annotati…  org.open…

NAME       PLATFORM
manifest   linux/x8…
  machin…
manifest   linux/aa…
  machin…
manifest   linux/am…
  9 laye…
attestat…  unknown/…
  layer 1
index
  manife…  linux/ri…
    inne…
manifest…  linux/s3…
entry (c…  linux/pp…"
    );
}

#[test]
fn one_manifest_is_shown_with_its_layers() {
    let image = Image::new()
        .artifact_type("application/vnd.example.boot")
        .layer("application/x-kernel", bytes(1, 2048))
        .annotate_layer("org.opencontainers.image.title", "vmlinuz")
        .layer("", "initrd")
        .layer("application/x-broken", "x")
        .override_layer("size", json!(-1))
        .build();
    let expected = "\
HOST/acme/disk:v1
DIGEST
type           application/vnd.oci.image.manifest.v1+json
size           714 B
artifact type  application/vnd.example.boot

NAME                                                         SIZE     TYPE                  DIGEST
vmlinuz                                                      2.0 KiB  application/x-kernel  DIGEST
layer 2                                                      6 B                            DIGEST
layer 3 (cannot be used: its size is not a number of bytes)           application/x-broken  DIGEST
";
    assert_eq!(text(&registry_of(&image), &[]), expected);
    let empty = registry_of(&Image::new().build());
    let expected = "HOST/acme/disk:v1\nDIGEST\ntype  application/vnd.oci.image.manifest.v1+json\nsize  239 B\n";
    assert_eq!(text(&empty, &[]), expected);
    // As many layers as there are: nothing else was asked for.
    let many = text(&registry_of(&container(30)), &[]);
    assert!(many.contains("\nlayer 30  129 B  "), "{many}");
}

#[test]
fn a_platform_chooses_what_is_shown() {
    let index = Index::new()
        .entry(disk("a", 1, 10))
        .platform("amd64", "linux")
        .annotate_entry("disktype", "qemu")
        .entry(disk("b", 2, 10))
        .platform("arm64", "linux");
    let expected = "\
HOST/acme/disk:v1
DIGEST
type           application/vnd.oci.image.manifest.v1+json
size           463 B
artifact type  application/vnd.example.disk
platform       linux/amd64
annotations    disktype=qemu

NAME  SIZE  TYPE              DIGEST
a     10 B  application/zstd  DIGEST
";
    assert_eq!(text(&registry_of(&index.build()), &["--arch=x86_64"]), expected);
}

/// What a descriptor in a document is described as.
fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "media_type": media_type, "digest": digest(content), "size": content.len() })
}

/// What a manifest is described as, of one titled layer or of several without.
fn manifest(image: &Document, titled: Option<&str>) -> Value {
    let (config_type, layer_type) = match titled {
        Some(_) => (EMPTY_JSON, "application/zstd"),
        None => (OCI_CONFIG, "application/vnd.oci.image.layer.v1.tar+gzip"),
    };
    let mut layers: Vec<Value> = image.blobs[1..].iter().map(|layer| descriptor(layer_type, layer)).collect();
    if let Some(title) = titled {
        layers[0]["title"] = json!(title);
        layers[0]["annotations"] = json!({ "org.opencontainers.image.title": title });
    }
    json!({
        "digest": image.digest(),
        "media_type": OCI_MANIFEST,
        "size": image.bytes.len(),
        "artifact_type": titled.map(|_| "application/vnd.example.disk"),
        "platform": null,
        "annotations": {},
        "config": descriptor(config_type, &image.blobs[0]),
        "layers": layers,
        "manifests": [],
    })
}

/// What an index is described as, with what is below it.
fn index(index: &Document, manifests: &[Value]) -> Value {
    json!({
        "digest": index.digest(),
        "media_type": OCI_INDEX,
        "size": index.bytes.len(),
        "artifact_type": null,
        "platform": null,
        "annotations": {},
        "config": null,
        "layers": [],
        "manifests": manifests,
    })
}

#[test]
fn the_document_holds_the_whole_tree() {
    let everything = everything();
    let registry = registry_of(&everything);
    let with = |mut node: Value, platform: &str, disk_type: Option<&str>| {
        node["platform"] = json!(platform);
        if let Some(disk_type) = disk_type {
            node["annotations"]["disktype"] = json!(disk_type);
        }
        node
    };
    let (x86, arm) = (disk("machine.x86_64.qcow2.zst", 1, 300_000), disk("machine.aarch64.raw.zst", 2, 200_000));
    let (inner, innermost) = (&everything.children[4], disk("inner.raw.zst", 3, 3000));
    let mut attested = with(manifest(&everything.children[3], None), "unknown/unknown", None);
    attested["config"] = descriptor(EMPTY_JSON, b"{}");
    attested["layers"] = json!([descriptor("application/vnd.in-toto+json", b"{}")]);
    let nothing = |digest: &str, size: Option<usize>, platform: &str| {
        json!({
            "digest": digest, "media_type": OCI_MANIFEST, "size": size, "artifact_type": null, "platform": platform,
            "annotations": {}, "config": null, "layers": null, "manifests": null,
        })
    };
    let gone = disk("gone", 4, 10);
    let mut missing = nothing(&gone.digest(), Some(gone.bytes.len()), "linux/s390x");
    missing["missing"] = json!(true);
    let mut strange = nothing("blake3:00", None, "linux/ppc64le");
    strange["fault"] = json!("its digest cannot be used");
    let children = [
        with(manifest(&x86, Some("machine.x86_64.qcow2.zst")), "linux/x86_64", Some("qemu")),
        with(manifest(&arm, Some("machine.aarch64.raw.zst")), "linux/aarch64", Some("raw")),
        with(manifest(&container(9), None), "linux/amd64", None),
        attested,
        index(inner, &[with(manifest(&innermost, Some("inner.raw.zst")), "linux/riscv64", None)]),
        missing,
        strange,
    ];
    let mut expected = index(&everything, &children);
    expected["reference"] = json!(registry.reference("acme/disk:v1"));
    expected["artifact_type"] = json!("application/vnd.example.machine");
    expected["annotations"]["org.opencontainers.image.created"] = json!("2026-01-02T03:04:05Z");
    assert_eq!(described(&registry), expected);
}

#[test]
fn what_a_manifest_says_of_itself_comes_before_what_its_index_says() {
    let image = Image::new().annotate("disktype", "raw").annotate("of", "manifest").layer("a/b", "x").build();
    let index = Index::new().entry(image).annotate_entry("disktype", "qemu").annotate_entry("by", "index").build();
    let described = described(&registry_of(&index));
    let expected = json!({ "disktype": "raw", "of": "manifest", "by": "index" });
    assert_eq!(described["manifests"][0]["annotations"], expected);
}

#[test]
fn of_many_manifests_some_are_not_read_and_it_is_said_how_many() {
    let many = (0..130).fold(Index::new(), |index, at| index.entry(Image::untitled(format!("{at}"))));
    let registry = registry_of(&many.build());
    let outcome = unlade().args(["inspect", &registry.reference("acme/disk:v1")]).run();
    outcome.assert_code(0);
    assert_eq!(outcome.stderr, "2 manifests were not read: they are too large, too deep in the tree, or too many\n");
    assert_eq!(outcome.stdout_text().matches("\nmanifest (not read)  ").count(), 2);
    assert_eq!(registry.requests().len(), 129);
    let described = described(&registry);
    let unread = described["manifests"].as_array().unwrap().iter().filter(|node| node["unread"] == true).count();
    assert_eq!((unread, &described["manifests"][129]["layers"]), (2, &Value::Null));
}

#[test]
fn one_that_is_too_large_leaves_the_others_to_be_read() {
    let crowd = (0..30_000).fold(Index::new(), |index, _| {
        index.entry(Image::untitled("x")).override_entry("digest", json!("blake3:00")).override_entry("size", json!(1))
    });
    let mut crowd = crowd.build();
    crowd.children.clear();
    let padded = disk("padded.zst", 2, 10);
    // Of a size that is promised, and then not kept to. The requests come in any order.
    let long = Matcher::new(Which::Manifest).path(&format!("*/{}", padded.digest()));
    let index = Index::new()
        .entry(disk("promised.zst", 1, 10))
        .override_entry("size", json!(5 << 20))
        .entry(padded)
        .entry(crowd)
        .entry(disk("last.zst", 3, 10));
    let registry = registry_of(&index.build());
    registry.script(long, Fault::HugeManifest { bytes: 5 << 20 });
    let outcome = unlade().args(["inspect", &registry.reference("acme/disk:v1")]).run();
    outcome.assert_code(0);
    assert_eq!(outcome.stderr, "3 manifests were not read: they are too large, too deep in the tree, or too many\n");
    let text = outcome.stdout_text();
    assert_eq!(text.matches(" (not read)  ").count(), 3, "{text}");
    assert_eq!(registry.requests().len(), 4, "what is promised to be too large is not asked for");
}

#[test]
fn of_a_deep_tree_the_upper_part_is_read() {
    let deep = (0..10).fold(Image::untitled("x"), |inner, _| Index::new().entry(inner).build());
    let registry = registry_of(&deep);
    let outcome = unlade().args(["inspect", &registry.reference("acme/disk:v1")]).run();
    outcome.assert_code(0);
    assert_eq!(outcome.stderr, "1 manifest was not read: it is too large, too deep in the tree, or one of too many\n");
    assert_eq!(registry.requests().len(), 9);
}

#[test]
fn a_layout_is_shown_too() {
    let folder = folder();
    layout::write(folder.path(), &[("v1", &disk("a.zst", 1, 10))]);
    let outcome = unlade().args(["inspect", &format!("ocidir://{}:v1", folder.path().display())]).run();
    let text = settled(&outcome.assert_code(0).stdout_text());
    assert!(text.starts_with("ocidir://DIR:v1\nDIGEST\n") && text.contains("\na.zst  10 B  "), "{text}");
}

#[test]
fn quiet_leaves_the_note_out() {
    let deep = (0..10).fold(Image::untitled("x"), |inner, _| Index::new().entry(inner).build());
    let registry = registry_of(&deep);
    let outcome = unlade().args(["inspect", "-q", &registry.reference("acme/disk:v1")]).run();
    assert_eq!(outcome.assert_code(0).stderr, "");
}
