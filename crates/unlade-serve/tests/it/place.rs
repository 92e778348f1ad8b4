//! A served layout, read by the library: held to the conformance suite that every other place is held to.

use std::sync::Arc;

use tempfile::TempDir;
use unlade::Client;
use unlade::source::Source;

use crate::conformance::{self, Holdings, Place};
use crate::world::Registry;

struct Served {
    registry: Registry,
    _folder: TempDir,
}

fn served() -> Served {
    let folder = TempDir::new().unwrap();
    let layout = folder.path().join("acme/disk");
    std::fs::create_dir_all(&layout).unwrap();
    Holdings::sample().write_layout(&layout);
    Served { registry: Registry::serve(folder.path()), _folder: folder }
}

impl Place for Served {
    type Kind = dyn Source;

    fn source(&self) -> Arc<dyn Source> {
        let reference = format!("{}/acme/disk", self.registry.address).parse().unwrap();
        Client::builder().build().unwrap().source(&reference).unwrap()
    }
}

conformance::source_suite!(served());
