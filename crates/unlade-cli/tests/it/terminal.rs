//! The command as people and programs meet it: on a terminal, in JSON, under signals, with variables.

mod documents;
mod options;
mod screen;
mod signals;

use unlade_testkit::LyingRegistry;
use unlade_testkit::content::{bytes, digest as digest_of};
use unlade_testkit::document::Image;

/// The size of the blob of [`registry`].
const SIZE: usize = 300_000;

/// A registry that holds one titled blob under `a/disk:v1`.
fn registry() -> LyingRegistry {
    let registry = LyingRegistry::start();
    registry.publish("a/disk", "v1", &Image::titled("disk.img", bytes(1, SIZE)));
    registry
}

/// The digest of that blob.
fn digest() -> String {
    digest_of(&bytes(1, SIZE))
}
