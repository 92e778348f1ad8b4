//! Adding to layouts: `unlade pull REF -o ocidir://DIR`.

mod adding;
mod killed;
mod others;
mod parts;
mod refused;

use std::path::Path;

use unlade_testkit::document::{Document, Image, Index};
use unlade_testkit::layout::{assert_sound, blob_path};
use unlade_testkit::process::Run;

use crate::common::unlade;

/// A pull into a layout; `tag` is what stands behind its path: `:v1`, or nothing.
fn add(reference: &str, layout: &Path, tag: &str) -> Run {
    unlade().args(["pull", reference, "-o", &format!("ocidir://{}{tag}", layout.display())])
}

/// An index of two images, in which an index is nested.
fn index() -> Document {
    let nested = Index::new().entry(Image::titled("riscv64.raw", "for riscv")).platform("riscv64", "linux").build();
    Index::new()
        .entry(Image::titled("amd64.raw", "for amd64"))
        .platform("amd64", "linux")
        .entry(Image::titled("arm64.raw", "for arm64"))
        .platform("arm64", "linux")
        .entry(nested)
        .platform("riscv64", "linux")
        .build()
}

/// Holds a layout to having all of a document, byte for byte, besides being sound.
#[track_caller]
fn assert_holds(layout: &Path, document: &Document) {
    let named = assert_sound(layout);
    for part in document.walk() {
        assert!(named.contains(&part.digest()), "{} is not named", part.digest());
        assert_eq!(std::fs::read(blob_path(layout, &part.digest())).unwrap_or_default(), part.bytes);
    }
}
