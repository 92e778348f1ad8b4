//! The artifact that is shown: a disk image for two architectures, in a layout.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use unlade::spec::digest::Algorithm;
use unlade::verify::digest_of;

/// What the images are for.
const ARCHITECTURES: [&str; 2] = ["amd64", "arm64"];
/// The tag of the index.
pub(crate) const TAG: &str = "v1";
/// How many bytes an image has.
pub(crate) const IMAGE_SIZE: usize = 24 << 20;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Writes the layout into a folder that does not exist yet.
pub(crate) fn write(layout: &Path) -> io::Result<()> {
    fs::create_dir_all(layout.join("blobs/sha256"))?;
    let config = put(layout, EMPTY, b"{}")?;
    let mut manifests = Vec::new();
    for (seed, architecture) in (1..).zip(ARCHITECTURES) {
        let mut layer = put(layout, "application/vnd.unlade.demo.disk", &image(seed))?;
        layer["annotations"] = json!({ "org.opencontainers.image.title": format!("disk-{architecture}.img") });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": "application/vnd.unlade.demo",
            "config": config,
            "layers": [layer],
        });
        let mut entry = put(layout, MANIFEST, manifest.to_string().as_bytes())?;
        entry["platform"] = json!({ "os": "linux", "architecture": architecture });
        manifests.push(entry);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    let mut entry = put(layout, INDEX, index.to_string().as_bytes())?;
    entry["annotations"] = json!({ "org.opencontainers.image.ref.name": TAG });
    let root = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] });
    fs::write(layout.join("index.json"), root.to_string())?;
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
}

/// Adds a blob and returns its descriptor.
fn put(layout: &Path, media_type: &str, bytes: &[u8]) -> io::Result<Value> {
    let digest = digest_of(Algorithm::Sha256, bytes);
    fs::write(layout.join("blobs/sha256").join(digest.hex()), bytes)?;
    Ok(json!({ "mediaType": media_type, "digest": digest.to_string(), "size": bytes.len() }))
}

/// Makes bytes that no compressor shrinks and that depend on the seed alone.
fn image(seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; IMAGE_SIZE];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use unlade::layout::Layout;

    use super::*;

    #[test]
    fn what_is_written_is_a_layout() {
        let folder = tempfile::tempdir().unwrap();
        let layout = folder.path().join("layout");
        write(&layout).unwrap();
        Layout::open(&layout).unwrap();
        assert_eq!(fs::read_dir(layout.join("blobs/sha256")).unwrap().count(), 6);
    }
}
