//! Writes OCI image layouts into folders.
//!
//! image-spec v1.1.1, image layout: <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::content::digest;
use crate::document::{Document, OCI_INDEX};

/// The annotation by which a layout names a tag.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Writes a layout that holds the documents under their tags.
///
/// An existing layout in the folder is added to: blobs stay, and the index is made anew from `tagged` alone.
pub fn write(folder: &Path, tagged: &[(&str, &Document)]) {
    let blobs = folder.join("blobs").join("sha256");
    fs::create_dir_all(&blobs).unwrap_or_else(|error| panic!("make {}: {error}", blobs.display()));
    let entries: Vec<Value> = tagged.iter().map(|(tag, document)| entry(tag, document)).collect();
    for document in tagged.iter().flat_map(|(_, document)| document.walk()) {
        for content in document.blobs.iter().chain([&document.bytes]) {
            put(&blob_path(folder, &digest(content)), content);
        }
    }
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
    put(&folder.join("index.json"), index.to_string().as_bytes());
    put(&folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#);
}

/// Gives the path of a blob inside a layout.
pub fn blob_path(folder: &Path, digest: &str) -> std::path::PathBuf {
    let (algorithm, hex) = digest.split_once(':').expect("a digest has an algorithm and a colon");
    folder.join("blobs").join(algorithm).join(hex)
}

fn entry(tag: &str, document: &Document) -> Value {
    let mut entry = document.descriptor();
    entry["annotations"] = json!({ REF_NAME: tag });
    entry
}

fn put(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Image;

    #[test]
    fn a_layout_holds_each_blob_under_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let image = Image::titled("a", "payload");
        write(folder.path(), &[("v1", &image), ("latest", &image)]);
        assert_eq!(fs::read(blob_path(folder.path(), &digest(b"payload"))).unwrap(), b"payload");
        let index: Value = serde_json::from_slice(&fs::read(folder.path().join("index.json")).unwrap()).unwrap();
        assert_eq!(index["manifests"][1]["annotations"][REF_NAME], "latest");
        assert_eq!(index["manifests"][0]["digest"], image.digest());
        assert!(folder.path().join("oci-layout").is_file());
    }
}
