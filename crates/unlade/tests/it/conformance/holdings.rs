//! What a place holds while it is tested.

use std::path::Path;
use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Value, json};
use unlade::spec::descriptor::Content;
use unlade::spec::digest::{Algorithm, Digest};
use unlade::spec::media_type::{DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use unlade::spec::reference::{Selector, Tag};
use unlade::verify::digest_of;

/// The content of a repository.
#[derive(Debug)]
pub(crate) struct Holdings {
    /// Of several sizes, by several algorithms.
    pub(crate) blobs: Vec<Blob>,
    /// The manifests and indexes, each after those that it names.
    pub(crate) documents: Vec<Document>,
    /// The tags, each with the number of its document.
    pub(crate) tags: Vec<(String, usize)>,
}

/// A blob.
#[derive(Debug, Clone)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) bytes: Bytes,
}

/// A manifest or an index.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) media_type: &'static str,
    pub(crate) digest: Digest,
    pub(crate) bytes: Bytes,
    /// What it speaks of, and as what.
    pub(crate) refers_to: Option<(Digest, &'static str)>,
}

impl Blob {
    fn new(algorithm: Algorithm, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { digest: digest_of(algorithm, &bytes), bytes }
    }

    /// Returns the blob's size.
    pub(crate) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Names the blob, and its size.
    pub(crate) fn content(&self) -> Content {
        Content { digest: self.digest.clone(), size: Some(self.size()) }
    }

    /// Names the blob alone.
    pub(crate) fn unsized_content(&self) -> Content {
        Content { size: None, ..self.content() }
    }
}

impl Document {
    fn new(media_type: &'static str, document: &Value, refers_to: Option<(Digest, &'static str)>) -> Self {
        // Spaces that no writer of ours would make: whoever writes the document anew is found out.
        let bytes = Bytes::from(format!("{{ \"schemaVersion\" : 2 ,\n{}\n", &document.to_string()[1..]));
        Self { media_type, digest: digest_of(Algorithm::Sha256, &bytes), bytes, refers_to }
    }

    /// Selects the document by its digest.
    pub(crate) fn selector(&self) -> Selector {
        Selector::Digest(self.digest.clone())
    }

    fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}

impl Holdings {
    /// Makes what the suite knows of: put all of it into the place, and nothing else.
    pub(crate) fn sample() -> &'static Self {
        static SAMPLE: LazyLock<Holdings> = LazyLock::new(Holdings::make);
        &SAMPLE
    }

    fn make() -> Self {
        let mut blobs: Vec<Blob> = [0, 1, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, (3 << 20) + 7]
            .into_iter()
            .map(|size| Blob::new(Algorithm::Sha256, noise(size)))
            .collect();
        blobs.push(Blob::new(Algorithm::Sha384, noise(4000)));
        blobs.push(Blob::new(Algorithm::Sha512, noise(70_000)));
        let config = Blob::new(Algorithm::Sha256, "{}");
        let image = |media_type, layer: &Blob, subject: Option<(&Document, &'static str)>| {
            let mut document = json!({
                "mediaType": media_type,
                "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": config.digest, "size": 2 },
                "layers": [{ "mediaType": "application/x-disk", "digest": layer.digest, "size": layer.size() }],
                "org.example.unknown": { "kept": true },
            });
            if let Some((subject, artifact_type)) = subject {
                document["subject"] = subject.descriptor();
                document["artifactType"] = json!(artifact_type);
            }
            Document::new(media_type, &document, subject.map(|(subject, kind)| (subject.digest.clone(), kind)))
        };
        let amd64 = image(OCI_MANIFEST, &blobs[5], None);
        let arm64 = image(OCI_MANIFEST, &blobs[4], None);
        let entry = |document: &Document, architecture: &str| {
            let mut entry = document.descriptor();
            entry["platform"] = json!({ "os": "linux", "architecture": architecture });
            entry
        };
        let entries = [entry(&amd64, "amd64"), entry(&arm64, "arm64")];
        let index = Document::new(OCI_INDEX, &json!({ "mediaType": OCI_INDEX, "manifests": entries }), None);
        let docker = image(DOCKER_MANIFEST, &blobs[2], None);
        let sbom = image(OCI_MANIFEST, &blobs[0], Some((&amd64, "application/x-sbom")));
        let signature = image(OCI_MANIFEST, &blobs[1], Some((&amd64, "application/x-signature")));
        let other = image(OCI_MANIFEST, &blobs[1], Some((&index, "application/x-signature")));
        blobs.push(config);
        let tags = [("latest", 2), ("v1", 2), ("1.0_amd64-RC.1", 0), ("docker", 3), (&"x".repeat(128), 1)];
        Self {
            documents: vec![amd64, arm64, index, docker, sbom, signature, other],
            tags: tags.map(|(tag, document)| (tag.to_owned(), document)).to_vec(),
            blobs,
        }
    }

    /// Returns the blob that is the largest: many chunks of any size.
    pub(crate) fn large(&self) -> &Blob {
        self.blobs.iter().max_by_key(|blob| blob.bytes.len()).unwrap()
    }

    /// Lists what each tag names.
    pub(crate) fn tagged(&self) -> impl Iterator<Item = (Selector, &Document)> {
        self.tags.iter().map(|(tag, number)| (Selector::Tag(tag.parse::<Tag>().unwrap()), &self.documents[*number]))
    }

    /// Returns what the tag `latest` names.
    pub(crate) fn latest(&self) -> &Document {
        self.tagged().find(|(selector, _)| selector.to_string() == "latest").unwrap().1
    }

    /// Names content that the place does not have, by each algorithm.
    pub(crate) fn absent() -> [Digest; 3] {
        [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512].map(|algorithm| digest_of(algorithm, b"not there"))
    }

    /// Writes all of it into a folder, as an OCI image layout.
    pub(crate) fn write_layout(&self, folder: &Path) {
        let put = |digest: &Digest, bytes: &[u8]| {
            let blobs = folder.join("blobs").join(digest.algorithm().name());
            std::fs::create_dir_all(&blobs).unwrap();
            std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
        };
        self.blobs.iter().for_each(|blob| put(&blob.digest, &blob.bytes));
        self.documents.iter().for_each(|document| put(&document.digest, &document.bytes));
        let tagged = self.tags.iter().map(|(tag, number)| {
            let mut entry = self.documents[*number].descriptor();
            entry["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
            entry
        });
        let referrers = self.documents.iter().filter(|document| document.refers_to.is_some());
        let entries: Vec<Value> = tagged.chain(referrers.map(Document::descriptor)).collect();
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
        std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
        std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    }
}

/// Makes bytes that differ from their neighbours and from those a power of two away.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ size as u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state >> 16).to_le_bytes()[..6]);
    }
    bytes.truncate(size);
    bytes
}
