//! From a reference to a file, by the calls that most programs make.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;
use unlade::artifact::Artifact;
use unlade::error::Advice;
use unlade::image::Selection;
use unlade::target::Status;
use unlade::{Client, ErrorKind, Result};
use unlade_testkit::content::digest;
use unlade_testkit::document::{Document, Image, Index, OCI_MANIFEST};
use unlade_testkit::layout;

async fn artifact(folder: &Path, document: &Document) -> Result<Artifact> {
    layout::write(folder, &[("v1", document)]);
    let reference = format!("ocidir://{}:v1", folder.display()).parse().unwrap();
    Client::builder().build()?.artifact(&reference, &Selection::default()).await
}

#[tokio::test]
async fn a_layer_becomes_a_file() {
    let folder = TempDir::new().unwrap();
    let image = artifact(&folder.path().join("layout"), &Image::titled("disk.img", "cargo")).await.unwrap();
    for (output, expected) in [("other.img", "other.img"), ("new/", "new/disk.img")] {
        let delivery = image.download().into_file(folder.path().join(output)).await.unwrap();
        let path = folder.path().join(expected);
        assert_eq!((delivery.receipt.path.as_ref(), delivery.receipt.status), (Some(&path), Status::Downloaded));
        assert_eq!(std::fs::read(path).unwrap(), b"cargo");
    }
}

#[tokio::test]
async fn an_entry_leads_to_what_it_is_named_as_or_nowhere() {
    let image = Image::titled("disk.img", "cargo");
    for (index, expected) in [
        (Index::new().entry(image.clone()), None),
        (Index::new().entry(Index::new().entry(image.clone()).build()), None),
        (
            Index::new()
                .entry(Index::new().entry(image.clone()).build())
                .override_entry("mediaType", json!(OCI_MANIFEST)),
            Some(ErrorKind::Malformed),
        ),
        (Index::new().entry(image).override_entry("size", json!(1)), Some(ErrorKind::Mismatch)),
    ] {
        let folder = TempDir::new().unwrap();
        let outcome = artifact(folder.path(), &index.build()).await;
        assert_eq!(outcome.err().map(|error| error.kind()), expected);
    }
}

#[tokio::test]
async fn a_blob_that_is_missing_is_the_publishers_to_push_again() {
    let folder = TempDir::new().unwrap();
    let layout = folder.path().join("layout");
    let image = artifact(&layout, &Image::titled("disk.img", "cargo")).await.unwrap();
    std::fs::remove_file(layout::blob_path(&layout, &digest(b"cargo"))).unwrap();
    let error = image.download().into_file(folder.path().join("disk.img")).await.unwrap_err();
    assert_eq!((error.kind(), &error.context().advice), (ErrorKind::NotFound, &Some(Advice::PushAgain)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left but the layout");
}
