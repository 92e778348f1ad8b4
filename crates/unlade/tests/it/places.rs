//! The library's own places, held to the conformance suite.

use std::sync::Arc;

use tempfile::TempDir;
use unlade::Client;
use unlade::layout::Layout;
use unlade::source::memory::Memory;
use unlade::source::{Catalog, Store};
use unlade_testkit::archive::Tar;
use unlade_testkit::{Access, Bearer, LyingRegistry, Origin, document};

use crate::conformance::{self, Holdings, Place};

const REPOSITORY: &str = "acme/disk";

mod memory {
    use super::*;

    struct Filled(Arc<Memory>);

    async fn filled() -> Filled {
        let (memory, held) = (Memory::new(), Holdings::sample());
        for blob in &held.blobs {
            memory.insert_by(blob.digest.algorithm(), blob.bytes.clone());
        }
        for (number, document) in held.documents.iter().enumerate() {
            let raw =
                || unlade::spec::manifest::RawManifest::new(document.media_type.parse().ok(), document.bytes.clone());
            memory.put_manifest(raw(), None).await.unwrap();
            for (tag, _) in held.tags.iter().filter(|(_, of)| *of == number) {
                memory.put_manifest(raw(), Some(&tag.parse().unwrap())).await.unwrap();
            }
        }
        Filled(Arc::new(memory))
    }

    impl Place for Filled {
        type Kind = dyn Catalog;

        fn source(&self) -> Arc<dyn Catalog> {
            Arc::clone(&self.0) as Arc<dyn Catalog>
        }
    }

    struct Empty;

    impl Place for Empty {
        type Kind = dyn Store;

        fn source(&self) -> Arc<dyn Store> {
            Arc::new(Memory::new())
        }
    }

    conformance::source_suite!(filled().await);
    conformance::catalog_suite!(filled().await);
    conformance::store_suite!(Empty);
}

mod layout {
    use super::*;

    struct Folder(TempDir);

    fn folder() -> Folder {
        let folder = TempDir::new().unwrap();
        Holdings::sample().write_layout(folder.path());
        Folder(folder)
    }

    impl Place for Folder {
        type Kind = dyn Catalog;

        fn source(&self) -> Arc<dyn Catalog> {
            Arc::new(Layout::open(self.0.path()).unwrap())
        }
    }

    conformance::source_suite!(folder());
    conformance::catalog_suite!(folder());
}

mod archive {
    use super::*;

    struct Archive(TempDir);

    fn archive(prefix: &str) -> Archive {
        let (folder, place) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        Holdings::sample().write_layout(folder.path());
        std::fs::write(place.path().join("t.tar"), Tar::of_folder(folder.path(), prefix).finish()).unwrap();
        Archive(place)
    }

    impl Place for Archive {
        type Kind = dyn Catalog;

        fn source(&self) -> Arc<dyn Catalog> {
            Arc::new(Layout::open_archive(&self.0.path().join("t.tar")).unwrap())
        }
    }

    conformance::source_suite!(archive(""));
    conformance::catalog_suite!(archive("./"));
}

/// A repository of a registry, and the servers that stand behind it.
struct Remote {
    registry: LyingRegistry,
    _store: Option<Origin>,
}

impl Remote {
    fn fill(registry: LyingRegistry) -> Self {
        let held = Holdings::sample();
        let write = |text: &[u8]| String::from_utf8(text.to_vec()).unwrap();
        for (number, document) in held.documents.iter().enumerate() {
            let raw = document::Document::raw(document.media_type, write(&document.bytes));
            registry.put(REPOSITORY, &raw);
            for (tag, _) in held.tags.iter().filter(|(_, of)| *of == number) {
                registry.publish(REPOSITORY, tag, &raw);
            }
        }
        for blob in &held.blobs {
            registry.put_blob(REPOSITORY, &blob.digest.to_string(), blob.bytes.clone());
        }
        Self { registry, _store: None }
    }

    /// A registry that everybody may read.
    fn plain() -> Self {
        Self::fill(LyingRegistry::start())
    }

    /// A registry that wants a token for each request, and keeps its blobs in a store at another origin.
    fn behind_a_token_server() -> Self {
        let store = Origin::start();
        for blob in &Holdings::sample().blobs {
            store.offer(&format!("/signed/{REPOSITORY}/{}", blob.digest), blob.bytes.clone());
        }
        let access = Access::Bearer(Bearer::anonymous());
        let registry = LyingRegistry::builder().access(access).blobs_at(&store.url("")).start();
        Self { _store: Some(store), ..Self::fill(registry) }
    }
}

impl Place for Remote {
    type Kind = dyn Catalog;

    fn source(&self) -> Arc<dyn Catalog> {
        let reference = format!("{}/{REPOSITORY}", self.registry.host()).parse().unwrap();
        Client::builder().build().unwrap().catalog(&reference).unwrap()
    }
}

mod registry {
    use super::*;

    conformance::source_suite!(Remote::plain());
    conformance::catalog_suite!(Remote::plain());
}

mod registry_behind_a_token_server {
    use super::*;

    conformance::source_suite!(Remote::behind_a_token_server());
    conformance::catalog_suite!(Remote::behind_a_token_server());
}
