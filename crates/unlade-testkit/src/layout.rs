//! Writes OCI image layouts into folders.
//!
//! image-spec v1.1.1, image layout: <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::content::{digest, digest_by};
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

/// Writes a file as if that were an hour ago, so that nobody takes it for one that is still being written.
pub fn write_long_ago(path: &Path, content: impl AsRef<[u8]>) {
    let written = fs::write(path, content).and_then(|()| {
        let file = fs::File::options().append(true).open(path)?;
        file.set_modified(SystemTime::now() - Duration::from_hours(1))
    });
    written.unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
}

/// Gives the path of a blob inside a layout.
pub fn blob_path(folder: &Path, digest: &str) -> std::path::PathBuf {
    let (algorithm, hex) = digest.split_once(':').expect("a digest has an algorithm and a colon");
    folder.join("blobs").join(algorithm).join(hex)
}

/// Holds a layout to its word: what its index names, and what that names, is there and is what it is named. Gives all
/// the digests that are named.
///
/// A layout whose index is not there yet names nothing.
pub fn assert_sound(folder: &Path) -> BTreeSet<String> {
    let (mut named, mut looked_into) = (BTreeSet::new(), BTreeSet::new());
    let index = folder.join("index.json");
    if !index.exists() {
        return named;
    }
    let version = read_json(&folder.join("oci-layout"));
    assert_eq!(version["imageLayoutVersion"], "1.0.0");
    let mut waiting = descriptors(&read_json(&index));
    while let Some(descriptor) = waiting.pop() {
        let digest = descriptor["digest"].as_str().expect("a descriptor has a digest").to_owned();
        let path = blob_path(folder, &digest);
        let content = fs::read(&path).unwrap_or_else(|error| panic!("{} is named: {error}", path.display()));
        assert_eq!(descriptor["size"], content.len(), "{}", path.display());
        let (algorithm, _) = digest.split_once(':').expect("a digest has an algorithm and a colon");
        assert_eq!(digest_by(algorithm, &content), digest, "{} is something else", path.display());
        let media_type = descriptor["mediaType"].as_str().unwrap_or_default();
        let is_manifest = ["manifest", "index"].iter().any(|kind| media_type.contains(kind));
        named.insert(digest.clone());
        // What is a layer in one place may be a manifest in another.
        if is_manifest && looked_into.insert(digest) {
            waiting.extend(descriptors(&read_json(&path)));
        }
    }
    named
}

/// Lists the descriptors of a manifest or an index, but for the subject's.
fn descriptors(document: &Value) -> Vec<Value> {
    let lists = ["manifests", "layers", "blobs"].iter().filter_map(|key| document[*key].as_array());
    lists.flatten().chain(document.get("config")).cloned().collect()
}

/// Reads a JSON document of a layout.
pub fn read_json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
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
        assert_eq!(assert_sound(folder.path()).len(), 3);
    }

    #[test]
    #[should_panic(expected = "is named")]
    fn what_is_a_layer_as_well_must_be_whole_as_a_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let inner = Image::titled("a", "payload");
        let outer = Image::new().layer("application/x", inner.bytes.clone()).build();
        write(folder.path(), &[("outer", &outer), ("inner", &inner)]);
        fs::remove_file(blob_path(folder.path(), &digest(b"payload"))).unwrap();
        assert_sound(folder.path());
    }

    #[test]
    #[should_panic(expected = "is something else")]
    fn a_layout_with_a_wrong_blob_is_not_sound() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[("v1", &Image::titled("a", "payload"))]);
        fs::write(blob_path(folder.path(), &digest(b"payload")), "another").unwrap();
        assert_sound(folder.path());
    }
}
