//! A reference resolved: a manifest and its layers.

use std::path::Path;
use std::sync::Arc;

use crate::client::{Client, Found};
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::image;
use crate::source::{Document, Source};
use crate::spec::descriptor::{Content, Descriptor};
use crate::spec::manifest::ImageManifest;
use crate::spec::reference::Reference;
use crate::target::Target;
use crate::target::file::{self, FileOptions, FileTarget, Place};
use crate::transfer::{Delivery, Progress};

/// The manifest of one artifact, verified, and where its blobs are.
#[derive(Debug, Clone)]
pub struct Artifact {
    client: Client,
    reference: Reference,
    source: Arc<dyn Source>,
    found: Found,
    manifest: ImageManifest,
}

/// The download of one artifact's one layer.
#[derive(Debug)]
#[must_use = "nothing is downloaded before it is given a target"]
pub struct ArtifactDownload<'a> {
    artifact: &'a Artifact,
    options: FileOptions,
    progress: Arc<Progress>,
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

    /// Chooses the layer that a download takes.
    ///
    /// # Errors
    ///
    /// [`Ambiguous`](crate::ErrorKind::Ambiguous) if there are several,
    /// [`NoCandidate`](crate::ErrorKind::NoCandidate) if there is none.
    pub fn layer(&self) -> Result<&Descriptor> {
        image::layer(&self.manifest)
            .map_err(|error| self.named(error).making(format!("cannot choose a layer of {}", self.reference)))
    }

    /// Says in an error's context what was worked on.
    fn named(&self, error: Error) -> Error {
        error.with(|context| context.reference = Some(self.reference.to_string()))
    }

    /// Prepares the download of the layer, which is chosen when a target is named.
    pub fn download(&self) -> ArtifactDownload<'_> {
        ArtifactDownload { artifact: self, options: FileOptions::default(), progress: Arc::default() }
    }
}

impl ArtifactDownload<'_> {
    /// Sets how files are written.
    pub fn options(mut self, options: FileOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets where bytes are counted.
    pub fn progress(mut self, progress: Arc<Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Downloads into a file: `path` names it, or a folder in which it gets its title.
    ///
    /// The file appears under its name only after size and digest matched; what was
    /// there before stays until then.
    ///
    /// # Errors
    ///
    /// As [`Artifact::layer`]; [`Mismatch`](crate::ErrorKind::Mismatch) if the bytes are not the layer's,
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a path that is no file,
    /// [`Unavailable`](crate::ErrorKind::Unavailable) once the retries are spent.
    pub async fn into_file(self, path: impl AsRef<Path>) -> Result<Delivery> {
        let layer = self.artifact.layer()?;
        let place = file::resolve(path.as_ref(), layer.title()).map_err(|error| self.artifact.named(error))?;
        self.into_place(place).await
    }

    /// Downloads into the current folder, into a file that has the layer's title, as [`into_file`](Self::into_file)
    /// does.
    ///
    /// # Errors
    ///
    /// As [`into_file`](Self::into_file), and [`Exists`](crate::ErrorKind::Exists) if the name is taken by other
    /// content: it came from the publisher.
    pub async fn into_titled_file(self) -> Result<Delivery> {
        let layer = self.artifact.layer()?;
        let place = file::resolve_titled(layer.title()).map_err(|error| self.artifact.named(error))?;
        self.into_place(place).await
    }

    async fn into_place(self, place: Place) -> Result<Delivery> {
        let target = FileTarget::new(place, self.options.clone());
        self.into_target(Target::Positioned(Box::new(target))).await
    }

    /// Downloads into any target.
    ///
    /// # Errors
    ///
    /// As [`into_file`](Self::into_file).
    pub async fn into_target(self, target: Target) -> Result<Delivery> {
        let (artifact, layer) = (self.artifact, self.artifact.layer()?);
        artifact
            .client
            .download(Arc::clone(&artifact.source), Content::from(layer), self.progress)
            .into_target(target)
            .await
            .map_err(|error| artifact.named(incomplete(error)))
    }
}

/// Says what helps against a blob that is missing although a manifest names it.
fn incomplete(error: Error) -> Error {
    match (error.kind(), &error.context().advice) {
        (ErrorKind::NotFound, None) => error.advise(Advice::PushAgain),
        _ => error,
    }
}
