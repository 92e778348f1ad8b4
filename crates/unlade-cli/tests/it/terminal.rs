//! The command as people and programs meet it: on a terminal, in JSON, under signals, with variables.

mod documents;
mod screen;

use unlade_testkit::LyingRegistry;
use unlade_testkit::content::bytes;
use unlade_testkit::document::Image;

/// A registry that holds one titled blob under `a/disk:v1`.
fn registry() -> LyingRegistry {
    let registry = LyingRegistry::start();
    registry.publish("a/disk", "v1", &Image::titled("disk.img", bytes(1, 300_000)));
    registry
}
