//! Builders of the documents that registries hold: manifests, indexes, and old or broken forms of them.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::content::digest;

/// The media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of a Docker schema 2 manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The media type of a Docker schema 2 manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The media type of a signed Docker schema 1 manifest, which nobody should serve any more.
pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
/// The media type of an empty JSON object (image-spec v1.1.1, guidance for an empty descriptor).
pub const EMPTY_JSON: &str = "application/vnd.oci.empty.v1+json";
/// The media type of an image's configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The annotation that gives a layer its file name.
pub const TITLE: &str = "org.opencontainers.image.title";

/// A manifest or an index, with everything that it refers to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Document {
    /// What a registry announces as `Content-Type`.
    pub media_type: String,
    /// The document as it is stored, sent and hashed.
    pub bytes: Bytes,
    /// The blobs: configuration first, then the layers.
    pub blobs: Vec<Bytes>,
    /// The manifests and indexes below this one.
    pub children: Vec<Document>,
}

impl Document {
    /// Takes any text as a document: what no builder makes, and what no builder should.
    pub fn raw(media_type: &str, text: impl Into<String>) -> Self {
        Self {
            media_type: media_type.to_owned(),
            bytes: Bytes::from(text.into()),
            blobs: Vec::new(),
            children: Vec::new(),
        }
    }

    /// Makes a manifest with `"layers": null`, which Go programs write for an empty list.
    pub fn layers_null() -> Self {
        let config = Bytes::from_static(b"{}");
        let text = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(EMPTY_JSON, &config),
            "layers": null,
        });
        Self { blobs: vec![config], ..Self::raw(OCI_MANIFEST, text.to_string()) }
    }

    /// Makes a Docker schema 1 manifest, which clients refuse.
    pub fn schema1(name: &str) -> Self {
        let text = json!({
            "schemaVersion": 1,
            "name": name,
            "tag": "latest",
            "architecture": "amd64",
            "fsLayers": [{ "blobSum": digest(b"") }],
            "history": [{ "v1Compatibility": "{}" }],
            "signatures": [],
        });
        Self::raw(DOCKER_SCHEMA1, text.to_string())
    }

    /// Adds a blob that the document does not name, or names under its own terms.
    #[must_use]
    pub fn with_blob(mut self, blob: impl Into<Bytes>) -> Self {
        self.blobs.push(blob.into());
        self
    }

    /// Gives the digest under which a registry serves the document.
    pub fn digest(&self) -> String {
        digest(&self.bytes)
    }

    /// Gives the blob of the last layer: of a document with one layer, that layer.
    pub fn payload(&self) -> &Bytes {
        self.blobs.last().expect("a document was asked for its payload that has no blobs")
    }

    /// Gives the descriptor of the document: media type, digest, size.
    pub fn descriptor(&self) -> Value {
        descriptor(&self.media_type, &self.bytes)
    }

    /// Gives the document and all below it, itself last, as they would be uploaded.
    pub fn walk(&self) -> Vec<&Self> {
        let mut all: Vec<&Self> = self.children.iter().flat_map(Self::walk).collect();
        all.push(self);
        all
    }
}

/// The family whose media types a builder uses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Dialect {
    /// Docker image manifest version 2, schema 2.
    Docker,
    /// The OCI image specification.
    #[default]
    Oci,
}

/// Builds a manifest: an artifact, or an image.
#[derive(Clone, Debug, Default)]
pub struct Image {
    dialect: Dialect,
    artifact_type: Option<String>,
    config: Option<(String, Bytes)>,
    layers: Vec<(Value, Bytes)>,
    annotations: Map<String, Value>,
    subject: Option<Value>,
}

impl Image {
    /// Starts an OCI artifact without layers, with the empty configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// Builds the commonest artifact: one layer with a title.
    pub fn titled(title: &str, payload: impl Into<Bytes>) -> Document {
        Self::new().layer("application/octet-stream", payload).annotate_layer(TITLE, title).build()
    }

    /// Builds an artifact of one layer that has no title.
    pub fn untitled(payload: impl Into<Bytes>) -> Document {
        Self::new().layer("application/octet-stream", payload).build()
    }

    /// Chooses the family of media types.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Sets the manifest's `artifactType`.
    #[must_use]
    pub fn artifact_type(mut self, media_type: &str) -> Self {
        self.artifact_type = Some(media_type.to_owned());
        self
    }

    /// Sets the configuration blob.
    #[must_use]
    pub fn config(mut self, media_type: &str, bytes: impl Into<Bytes>) -> Self {
        self.config = Some((media_type.to_owned(), bytes.into()));
        self
    }

    /// Sets an image's configuration that names a platform.
    #[must_use]
    pub fn platform_config(self, architecture: &str, os: &str) -> Self {
        let config = json!({ "architecture": architecture, "os": os, "rootfs": { "type": "layers", "diff_ids": [] } });
        let media_type = match self.dialect {
            Dialect::Docker => "application/vnd.docker.container.image.v1+json",
            Dialect::Oci => OCI_CONFIG,
        };
        self.config(media_type, config.to_string())
    }

    /// Adds a layer.
    #[must_use]
    pub fn layer(mut self, media_type: &str, payload: impl Into<Bytes>) -> Self {
        let payload = payload.into();
        self.layers.push((descriptor(media_type, &payload), payload));
        self
    }

    /// Annotates the layer that was added last.
    #[must_use]
    pub fn annotate_layer(mut self, key: &str, value: &str) -> Self {
        let (layer, _) = self.layers.last_mut().expect("a layer is added before it is annotated");
        layer["annotations"][key] = json!(value);
        self
    }

    /// Changes any field of the last layer's descriptor: lies about its size, digest or URLs are made so.
    #[must_use]
    pub fn override_layer(mut self, key: &str, value: Value) -> Self {
        let (layer, _) = self.layers.last_mut().expect("a layer is added before it is changed");
        layer[key] = value;
        self
    }

    /// Annotates the manifest.
    #[must_use]
    pub fn annotate(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), json!(value));
        self
    }

    /// Makes the manifest a referrer of another document.
    #[must_use]
    pub fn subject(mut self, document: &Document) -> Self {
        self.subject = Some(document.descriptor());
        self
    }

    /// Builds the document.
    pub fn build(self) -> Document {
        let (config_type, config) = self.config.unwrap_or((EMPTY_JSON.to_owned(), Bytes::from_static(b"{}")));
        let media_type = match self.dialect {
            Dialect::Docker => DOCKER_MANIFEST,
            Dialect::Oci => OCI_MANIFEST,
        };
        let mut text = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": descriptor(&config_type, &config),
            "layers": self.layers.iter().map(|(layer, _)| layer).collect::<Vec<_>>(),
        });
        let optional = [("artifactType", self.artifact_type.map(Value::from)), ("subject", self.subject)];
        for (key, value) in optional.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            text[key] = value;
        }
        if !self.annotations.is_empty() {
            text["annotations"] = Value::Object(self.annotations);
        }
        let blobs = std::iter::once(config).chain(self.layers.into_iter().map(|(_, payload)| payload)).collect();
        Document { blobs, ..Document::raw(media_type, text.to_string()) }
    }
}

/// Builds an index (or a Docker manifest list) over other documents.
#[derive(Clone, Debug, Default)]
pub struct Index {
    dialect: Dialect,
    artifact_type: Option<String>,
    entries: Vec<Value>,
    children: Vec<Document>,
    annotations: Map<String, Value>,
}

impl Index {
    /// Starts an empty OCI index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Builds what image builders push: two architectures, and an attestation of platform `unknown/unknown`.
    pub fn two_architectures(amd64: Document, arm64: Document) -> Document {
        let attestation = Image::new().layer("application/vnd.in-toto+json", "{}").build();
        let subject = amd64.digest();
        Self::new()
            .entry(amd64)
            .platform("amd64", "linux")
            .entry(arm64)
            .platform("arm64", "linux")
            .entry(attestation)
            .platform("unknown", "unknown")
            .annotate_entry("vnd.docker.reference.type", "attestation-manifest")
            .annotate_entry("vnd.docker.reference.digest", &subject)
            .build()
    }

    /// Chooses the family of media types.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Sets the index's `artifactType`.
    #[must_use]
    pub fn artifact_type(mut self, media_type: &str) -> Self {
        self.artifact_type = Some(media_type.to_owned());
        self
    }

    /// Adds a document: a manifest, or another index.
    #[must_use]
    pub fn entry(mut self, document: Document) -> Self {
        self.entries.push(document.descriptor());
        self.children.push(document);
        self
    }

    /// Names the platform of the entry that was added last.
    #[must_use]
    pub fn platform(self, architecture: &str, os: &str) -> Self {
        self.override_entry("platform", json!({ "architecture": architecture, "os": os }))
    }

    /// Annotates the entry that was added last.
    #[must_use]
    pub fn annotate_entry(mut self, key: &str, value: &str) -> Self {
        let entry = self.entries.last_mut().expect("an entry is added before it is annotated");
        entry["annotations"][key] = json!(value);
        self
    }

    /// Changes any field of the last entry's descriptor.
    #[must_use]
    pub fn override_entry(mut self, key: &str, value: Value) -> Self {
        let entry = self.entries.last_mut().expect("an entry is added before it is changed");
        entry[key] = value;
        self
    }

    /// Annotates the index.
    #[must_use]
    pub fn annotate(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), json!(value));
        self
    }

    /// Builds the document.
    pub fn build(self) -> Document {
        let media_type = match self.dialect {
            Dialect::Docker => DOCKER_LIST,
            Dialect::Oci => OCI_INDEX,
        };
        let mut text = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": self.entries });
        if let Some(artifact_type) = self.artifact_type {
            text["artifactType"] = json!(artifact_type);
        }
        if !self.annotations.is_empty() {
            text["annotations"] = Value::Object(self.annotations);
        }
        Document { children: self.children, ..Document::raw(media_type, text.to_string()) }
    }
}

/// Gives the descriptor of some bytes.
pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(document: &Document) -> Value {
        serde_json::from_slice(&document.bytes).unwrap()
    }

    #[test]
    fn a_titled_artifact_names_its_layer() {
        let manifest = parse(&Image::titled("disk.raw", "payload"));
        assert_eq!(manifest["layers"][0]["annotations"][TITLE], "disk.raw");
        assert_eq!(manifest["layers"][0]["digest"], digest(b"payload"));
        assert_eq!(manifest["config"]["digest"], digest(b"{}"));
    }

    #[test]
    fn an_index_names_what_it_holds() {
        let index = Index::two_architectures(Image::untitled("a"), Image::untitled("b"));
        let text = parse(&index);
        assert_eq!(text["manifests"][1]["digest"], Image::untitled("b").digest());
        assert_eq!(text["manifests"][2]["platform"]["os"], "unknown");
        assert_eq!(index.walk().len(), 4);
        assert_eq!(Index::new().entry(index).build().walk().len(), 5);
    }

    #[test]
    fn docker_documents_use_the_types_of_docker() {
        let image = Image::new().dialect(Dialect::Docker).platform_config("arm64", "linux").build();
        assert_eq!(parse(&image)["mediaType"], DOCKER_MANIFEST);
        let list = Index::new().dialect(Dialect::Docker).entry(image).build();
        assert_eq!(list.media_type, DOCKER_LIST);
    }

    #[test]
    fn a_descriptor_lies_where_told_to() {
        let image = Image::new().layer("a/b", "abc").override_layer("size", json!(-1)).build();
        assert_eq!(parse(&image)["layers"][0]["size"], -1);
    }

    #[test]
    fn old_and_broken_forms_are_what_they_claim() {
        assert_eq!(parse(&Document::schema1("x"))["schemaVersion"], 1);
        assert!(parse(&Document::layers_null())["layers"].is_null());
    }
}
