//! The verbs that show what there is: their tables in a pipe and on terminals of several widths, and their documents.

mod inspect;
mod pick;

use serde_json::json;
use unlade_testkit::content::bytes;
use unlade_testkit::document::{Document, Image, Index};
use unlade_testkit::process::{Run, Stdout, screen};

use crate::common::settled;

/// A disk image, compressed, as builders of them push it.
fn disk(title: &str, seed: u64, size: usize) -> Document {
    Image::new()
        .artifact_type("application/vnd.example.disk")
        .layer("application/zstd", bytes(seed, size))
        .annotate_layer("org.opencontainers.image.title", title)
        .build()
}

/// A container image of so many layers.
fn container(layers: usize) -> Document {
    let image = Image::new().platform_config("amd64", "linux");
    let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
    (0..layers).fold(image, |image, number| image.layer(layer, bytes(number as u64, 100 + number))).build()
}

/// An index of everything that one can hold: disk images, a container image, an attestation, an index, and entries that
/// are not there or cannot be read.
fn everything() -> Document {
    let attestation = Image::new().layer("application/vnd.in-toto+json", "{}").build();
    let inner = Index::new().entry(disk("inner.raw.zst", 3, 3000)).platform("riscv64", "linux").build();
    let mut index = Index::new()
        .artifact_type("application/vnd.example.machine")
        .annotate("org.opencontainers.image.created", "2026-01-02T03:04:05Z")
        .entry(disk("machine.x86_64.qcow2.zst", 1, 300_000))
        .platform("x86_64", "linux")
        .annotate_entry("disktype", "qemu")
        .entry(disk("machine.aarch64.raw.zst", 2, 200_000))
        .platform("aarch64", "linux")
        .annotate_entry("disktype", "raw")
        .entry(container(9))
        .platform("amd64", "linux")
        .entry(attestation)
        .platform("unknown", "unknown")
        .entry(inner)
        .entry(disk("gone", 4, 10))
        .platform("s390x", "linux")
        .entry(disk("strange", 5, 10))
        .override_entry("digest", json!("blake3:00"))
        .platform("ppc64le", "linux")
        .build();
    // Those are listed and not there.
    index.children.truncate(5);
    index
}

/// What a run shows on a terminal of so many columns.
#[track_caller]
fn shown(run: &Run, columns: u16) -> String {
    let outcome = run.start_on_terminal(columns, Stdout::Terminal).finish();
    outcome.assert_code(0);
    settled(&screen(&outcome.stderr, columns.into()))
}

/// The digest of a document as a terminal is shown it.
fn short(document: &Document) -> String {
    document.digest()[7..19].to_owned()
}
