//! The download of what an artifact holds.

use std::path::Path;
use std::sync::Arc;

use super::plan::{Form, Plan};
use super::{Artifact, several};
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::spec::descriptor::{Content, Descriptor};
use crate::target::file::{self, FileOptions, FileTarget, Place};
use crate::target::folder::Probe;
use crate::target::tree::TreeTarget;
use crate::target::{Positioned, Target};
use crate::transfer::{Delivery, Progress};

/// The download of the layers of one artifact.
#[derive(Debug)]
#[must_use = "nothing is downloaded before it is given a target"]
pub struct ArtifactDownload<'a> {
    pub(super) artifact: &'a Artifact,
    pub(super) options: FileOptions,
    pub(super) progress: Arc<Progress>,
    pub(super) unpack: Unpack,
}

/// What becomes of layers that are folders in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Unpack {
    /// They are unpacked.
    #[default]
    Folders,
    /// They stay the archives that they are.
    Nothing,
}

/// A layer that became a file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Pulled {
    /// The layer.
    pub layer: Descriptor,
    /// The file, and how it came there.
    pub delivery: Delivery,
}

impl Pulled {
    /// Puts a layer and what it became together.
    pub fn new(layer: Descriptor, delivery: Delivery) -> Self {
        Self { layer, delivery }
    }
}

impl<'a> ArtifactDownload<'a> {
    pub(super) fn new(artifact: &'a Artifact) -> Self {
        Self { artifact, options: FileOptions::default(), progress: Arc::default(), unpack: Unpack::default() }
    }

    /// Sets how files are written.
    pub fn options(mut self, options: FileOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets what becomes of folders in archives, where files are written.
    pub fn unpack(mut self, unpack: Unpack) -> Self {
        self.unpack = unpack;
        self
    }

    /// Sets where bytes are counted.
    pub fn progress(mut self, progress: Arc<Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Downloads into a file, as it is: `path` names it, or a folder in which it gets its title.
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

    /// Downloads all layers that have a title into a folder, which is made if need be, a few at a time.
    ///
    /// Each file is there as a whole or not at all, as with [`into_file`](Self::into_file). What two layers with the
    /// same content need is fetched once. A layer that is an archive of a folder becomes that folder, unless
    /// [`unpack`](Self::unpack) says otherwise: see [`TreeTarget`](crate::target::tree::TreeTarget).
    ///
    /// # Errors
    ///
    /// Before the first byte: as [`Artifact::layers`], [`Malformed`](crate::ErrorKind::Malformed) for titles that could
    /// leave the folder or exclude each other, [`InvalidInput`](crate::ErrorKind::InvalidInput) for a path that is no
    /// folder. After it: the error of the first layer that failed, once the others are done; what became of each is in
    /// [`Context::files`](crate::error::Context::files).
    pub async fn into_folder(self, path: impl AsRef<Path>) -> Result<Vec<Pulled>> {
        let plan = self.arrange_folder(path.as_ref(), Probe::Write)?;
        self.carry_out(plan).await
    }

    /// Downloads to where the command `unlade pull` does: a single layer as [`into_file`](Self::into_file) or
    /// [`into_titled_file`](Self::into_titled_file), several as [`into_folder`](Self::into_folder) or, without a path,
    /// into the current folder. There nothing is replaced unless the options say so. The path names the folder that a
    /// single layer becomes, if it is an archive of one.
    ///
    /// # Errors
    ///
    /// As those. [`Exists`](crate::ErrorKind::Exists), without a path: before the first byte of any layer, except for what
    /// is in the way of what an archive holds, which shows once that is unpacked.
    pub async fn into_path(self, path: Option<&Path>) -> Result<Vec<Pulled>> {
        let plan = self.arrange(path, Probe::Write)?;
        self.carry_out(plan).await
    }

    /// Downloads the one layer into any target.
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

    async fn into_place(self, place: Place) -> Result<Delivery> {
        let target = FileTarget::new(place, self.options.clone());
        self.into_target(Target::Positioned(Box::new(target))).await
    }

    async fn carry_out(self, plan: Plan<'a>) -> Result<Vec<Pulled>> {
        let Plan { folder, mut files } = plan;
        if let Some(folder) = folder {
            return several::pull(&self, &folder, &files).await;
        }
        let file = files.pop().expect("a plan without a folder has one file");
        let layer = file.layer.clone();
        let target: Box<dyn Positioned> = match file.form {
            Form::File => Box::new(FileTarget::new(file.place, self.options.clone())),
            Form::Tree(archive) => Box::new(TreeTarget::new(archive, file.place, self.options.clone())),
        };
        let delivery = self.into_target(Target::Positioned(target)).await?;
        Ok(vec![Pulled { layer, delivery }])
    }
}

/// Says what helps against a blob that is missing although a manifest names it.
pub(crate) fn incomplete(error: Error) -> Error {
    match (error.kind(), &error.context().advice) {
        (ErrorKind::NotFound, None) => error.advise(Advice::PushAgain),
        _ => error,
    }
}
