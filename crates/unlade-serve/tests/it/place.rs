//! A served layout, read by the library: held to the conformance suite that every other place is held to.

use std::sync::Arc;

use tempfile::TempDir;
use unlade::Client;
use unlade::source::Catalog;

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
    type Kind = dyn Catalog;

    fn source(&self) -> Arc<dyn Catalog> {
        let reference = format!("{}/acme/disk", self.registry.address).parse().unwrap();
        Client::builder().build().unwrap().catalog(&reference).unwrap()
    }
}

conformance::source_suite!(served());
conformance::catalog_suite!(served());
