//! A reference resolved: a manifest and its layers.

pub(crate) mod download;
mod plan;
mod several;

use std::sync::Arc;

pub use self::download::{ArtifactDownload, Pulled, Unpack};
pub use self::plan::{Planned, Standing};
use crate::client::{Client, Found, told};
use crate::error::{Error, Result};
use crate::image::{self, Layers};
use crate::source::{Document, Source};
use crate::spec::descriptor::Descriptor;
use crate::spec::manifest::ImageManifest;
use crate::spec::reference::Reference;

/// The manifest of one artifact, verified, and where its blobs are.
#[derive(Debug, Clone)]
pub struct Artifact {
    client: Client,
    reference: Reference,
    source: Arc<dyn Source>,
    found: Found,
    manifest: ImageManifest,
}

impl Artifact {
    pub(crate) fn new(
        client: Client,
        reference: Reference,
        source: Arc<dyn Source>,
        found: Found,
        manifest: ImageManifest,
    ) -> Self {
        Self { client, reference, source, found, manifest }
    }

    /// Returns the reference as it was asked for.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Returns the manifest as received.
    pub fn document(&self) -> &Document {
        &self.found.document
    }

    /// Describes the manifest: what it says of itself, and the platform and whatever else only its index says.
    pub fn descriptor(&self) -> Descriptor {
        let mut descriptor = self.found.document.descriptor();
        descriptor.artifact_type.clone_from(&self.manifest.artifact_type);
        descriptor.annotations.clone_from(&self.manifest.annotations);
        if let Some(entry) = &self.found.entry {
            descriptor.artifact_type = descriptor.artifact_type.or_else(|| entry.artifact_type.clone());
            descriptor.platform.clone_from(&entry.platform);
            for (key, value) in &entry.annotations {
                descriptor.annotations.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        descriptor
    }

    /// Returns the manifest as read.
    pub fn manifest(&self) -> &ImageManifest {
        &self.manifest
    }

    /// Returns the place that the blobs are read from.
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// Chooses the layers that become files: the only one, and of several those that have a title.
    ///
    /// # Errors
    ///
    /// [`Ambiguous`](crate::ErrorKind::Ambiguous) if there are several and none has a title,
    /// [`NoCandidate`](crate::ErrorKind::NoCandidate) if there is none.
    pub fn layers(&self) -> Result<Layers<'_>> {
        image::layers(&self.manifest)
            .map_err(|error| self.named(error).making(format!("cannot choose the layers of {}", self.reference)))
    }

    /// Chooses the one layer that becomes a file or a stream.
    ///
    /// # Errors
    ///
    /// As [`layers`](Self::layers), and [`Ambiguous`](crate::ErrorKind::Ambiguous) if that gives several.
    pub fn layer(&self) -> Result<&Descriptor> {
        image::layer(&self.manifest)
            .map_err(|error| self.named(error).making(format!("cannot choose a layer of {}", self.reference)))
    }

    /// Says in an error's context what was worked on, and quotes nothing that its place was shown.
    fn named(&self, error: Error) -> Error {
        told(error, self.source.as_ref(), &self.reference)
    }

    /// Prepares the download of the layers, which are chosen when a target is named.
    pub fn download(&self) -> ArtifactDownload<'_> {
        ArtifactDownload::new(self)
    }
}
