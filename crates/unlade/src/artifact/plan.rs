//! Which layer goes where, and what is there already.

use std::path::{Path, PathBuf};

use super::{Artifact, ArtifactDownload, Unpack};
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::observe::Event;
use crate::spec::descriptor::{Content, Descriptor};
use crate::target::file::{self, FileTarget, Place};
use crate::target::folder::{Folder, Probe, Slot};
use crate::target::tree::{self, Archive, TreeTarget};
use crate::transfer::Delivery;
use crate::transfer::survey::survey;

/// The annotation by which oras says that a layer is a folder, in an archive: its value is then `true`.
const UNPACK: &str = "io.deis.oras.content.unpack";

/// The annotation by which oras says the digest of what the archive is packed from: that of the tar.
const UNPACKED_DIGEST: &str = "io.deis.oras.content.digest";

/// A file that a download would make.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Planned {
    /// The layer that it is made of.
    pub layer: Descriptor,
    /// Where it goes.
    pub path: PathBuf,
    /// What is there now.
    pub standing: Standing,
}

/// What is in the place of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Nothing, or a file that may be replaced: the layer would be fetched.
    Planned,
    /// The right file.
    Present,
}

/// Where the layers of an artifact go.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// The folder that takes the files together, unless there is one file alone.
    pub(super) folder: Option<Folder>,
    /// The files.
    pub(super) files: Vec<Assignment<'a>>,
}

/// A layer and the place of its file.
#[derive(Debug, Clone)]
pub(super) struct Assignment<'a> {
    pub(super) layer: &'a Descriptor,
    pub(super) place: Place,
    pub(super) form: Form,
}

/// What a layer becomes.
#[derive(Debug, Clone)]
pub(super) enum Form {
    File,
    Tree(Archive),
}

impl Assignment<'_> {
    pub(super) fn content(&self) -> Content {
        Content::from(self.layer)
    }

    /// Returns what the publisher calls it; nothing for the one layer that has no title.
    pub(super) fn title(&self) -> &str {
        self.layer.title().unwrap_or_default()
    }
}

impl<'a> ArtifactDownload<'a> {
    /// Gives each layer its place: what the user named, or the titles in the current folder.
    pub(super) fn arrange(&self, output: Option<&Path>, probe: Probe) -> Result<Plan<'a>> {
        let layers = self.artifact.layers()?;
        let plan = match layers.taken.as_slice() {
            [layer] => self.alone(layer, output),
            several => {
                let folder = output.map_or_else(|| Ok(Folder::current()), Folder::resolve);
                folder.and_then(|folder| self.within(folder, several, probe))
            }
        };
        self.arranged(plan, layers.untitled)
    }

    /// Gives each layer its place in a folder, also if it is the only one.
    pub(super) fn arrange_folder(&self, folder: &Path, probe: Probe) -> Result<Plan<'a>> {
        let layers = self.artifact.layers()?;
        let plan = Folder::resolve(folder).and_then(|folder| self.within(folder, &layers.taken, probe));
        self.arranged(plan, layers.untitled)
    }

    fn arranged(&self, plan: Result<Plan<'a>>, untitled: usize) -> Result<Plan<'a>> {
        let plan = plan.map_err(|error| self.artifact.named(error))?;
        self.artifact.mention(untitled);
        Ok(plan)
    }

    fn alone(&self, layer: &'a Descriptor, output: Option<&Path>) -> Result<Plan<'a>> {
        let form = self.form(layer)?;
        let place = match (&form, output) {
            (Form::Tree(_), None) if layer.title() == Some(tree::ITSELF) => {
                let message = "the layer is a folder to which its publisher gave no name";
                return Err(Error::new(ErrorKind::InvalidInput, message).advise(Advice::NameFolder));
            }
            (Form::Tree(_), output) => tree::resolve_tree(output, layer.title()),
            (Form::File, Some(path)) => file::resolve(path, layer.title()),
            (Form::File, None) => file::resolve_titled(layer.title()),
        };
        Ok(Plan { folder: None, files: vec![Assignment { layer, place: place?, form }] })
    }

    fn within(&self, folder: Folder, layers: &[&'a Descriptor], probe: Probe) -> Result<Plan<'a>> {
        let mut named = Vec::with_capacity(layers.len());
        for layer in layers {
            named.push((file::title(layer.title())?, Content::from(*layer)));
        }
        let slots = folder.arrange(&named, probe)?;
        let mut files = Vec::with_capacity(layers.len());
        for (layer, slot) in layers.iter().zip(slots) {
            if let Slot::File(place) = slot {
                files.push(Assignment { layer, place, form: self.form(layer)? });
            }
        }
        Ok(Plan { folder: Some(folder), files })
    }

    /// Says what a layer becomes. One without a title has no folder that its members could lie in.
    fn form(&self, layer: &Descriptor) -> Result<Form> {
        match (self.unpack, layer.annotation(UNPACK), layer.title()) {
            (Unpack::Folders, Some("true"), Some(title)) => {
                Archive::new(title, layer.annotation(UNPACKED_DIGEST)).map(Form::Tree)
            }
            _ => Ok(Form::File),
        }
    }
}

impl Artifact {
    /// Says that layers are left out.
    fn mention(&self, untitled: usize) {
        let text = match untitled {
            0 => return,
            1 => "a layer has no title that could name its file, and is left out".to_owned(),
            more => format!("{more} layers have no title that could name their files, and are left out"),
        };
        self.client.tell(&Event::Warning { text });
    }
}

impl ArtifactDownload<'_> {
    /// Says what [`into_path`](Self::into_path) would do, without doing it: nothing is written, and no blob fetched.
    ///
    /// # Errors
    ///
    /// Those that `into_path` has before its first byte.
    pub async fn plan(&self, output: Option<&Path>) -> Result<Vec<Planned>> {
        let plan = self.arrange(output, Probe::Look)?;
        let found = self.survey(&plan.files).await?;
        let planned = plan.files.into_iter().zip(found).map(|(file, found)| Planned {
            layer: file.layer.clone(),
            path: file.place.path().to_owned(),
            standing: if found.is_some() { Standing::Present } else { Standing::Planned },
        });
        Ok(planned.collect())
    }

    /// Says of each file whether it is there already; fails if one is there that may not be replaced, or something that
    /// is no folder where an archive is to become one.
    pub(super) async fn survey(&self, files: &[Assignment<'_>]) -> Result<Vec<Option<Delivery>>> {
        let client = &self.artifact.client;
        let cancel = client.cancel().child();
        let _leash = cancel.leash();
        let target = |file: &Assignment<'_>| {
            let target = FileTarget::new(file.place.clone(), self.options.clone());
            (target, client.job(file.content(), cancel.clone()), self.progress.child())
        };
        for file in files {
            if let Form::Tree(archive) = &file.form {
                let target = TreeTarget::new(archive.clone(), file.place.clone(), self.options.clone());
                target.survey().map_err(|error| self.artifact.named(error))?;
            }
        }
        // What is in an archive shows only once it is here.
        let plain = files.iter().filter(|file| matches!(file.form, Form::File));
        let found = survey(plain.map(target).collect()).await;
        let mut found = found.map_err(|error: Error| self.artifact.named(error))?.into_iter();
        Ok(files
            .iter()
            .map(|file| if matches!(file.form, Form::File) { found.next().flatten() } else { None })
            .collect())
    }
}
