//! Copies an artifact into a layout: all that its manifest names, and on request what refers to it.

mod carrier;
mod report;
mod stored;
mod walk;

use std::sync::Arc;

use super::{Client, Found, told, unchosen};
use crate::error::{Error, ErrorKind, Result};
use crate::image::Selection;
use crate::layout::{LayoutWriter, Terms};
use crate::spec::descriptor::{Descriptor, REF_NAME};
use crate::spec::manifest::Manifest;
use crate::spec::reference::{Reference, Selector, Tag};
use crate::transfer::{Buffers, Progress};
use carrier::{Carrier, Read};
pub use report::{Copied, CopiedFile, Fate, Tally};
use walk::Walk;

/// What is copied besides what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Company {
    /// Nothing.
    #[default]
    Nobody,
    /// What refers to it, such as signatures, and to that, each whole.
    Referrers,
}

/// Whether anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Intent {
    /// It is.
    #[default]
    Copy,
    /// Nothing is, and no blob fetched: what is asked for is what would be copied, and what is there already.
    Look,
}

/// How an artifact is copied.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CopyOptions {
    /// The tag that it gets; unless one is given, that of the reference.
    pub tag: Option<Tag>,
    /// What is copied besides.
    pub company: Company,
    /// Whether anything is written.
    pub intent: Intent,
    /// Where bytes are counted.
    pub progress: Arc<Progress>,
}

impl CopyOptions {
    /// Sets the tag that it gets.
    #[must_use]
    pub fn tag(mut self, tag: Option<Tag>) -> Self {
        self.tag = tag;
        self
    }

    /// Sets what is copied besides.
    #[must_use]
    pub fn company(mut self, company: Company) -> Self {
        self.company = company;
        self
    }

    /// Sets whether anything is written.
    #[must_use]
    pub fn intent(mut self, intent: Intent) -> Self {
        self.intent = intent;
        self
    }

    /// Sets where bytes are counted.
    #[must_use]
    pub fn progress(mut self, progress: Arc<Progress>) -> Self {
        self.progress = progress;
        self
    }
}

impl Client {
    /// Copies what a reference names into a layout: a manifest with its blobs, an index with all that it names; or the
    /// one manifest in it that fits, if the selection asks for a platform.
    ///
    /// Each file is verified before it has its name, and the layout's index names the artifact once everything is
    /// there. What is there already and right is not fetched again. A layer that its registry does not have and that
    /// names other places to get it from is left out, with a warning.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if a part of it is missing in its place, [`ErrorKind::Mismatch`] if bytes are not what
    /// names them, [`ErrorKind::Ambiguous`] and [`ErrorKind::NoCandidate`] as for [`artifact`](Self::artifact),
    /// [`ErrorKind::TooLarge`] for more than any artifact has; and whatever place and layout report. What was put into
    /// the layout by then stays, unnamed, and need not be fetched again.
    pub async fn copy_into(
        &self,
        reference: &Reference,
        selection: &Selection,
        layout: &LayoutWriter,
        options: CopyOptions,
    ) -> Result<Copied> {
        let catalog = self.catalog(reference)?;
        let root = self.root(&*catalog, reference).await?;
        let found = if *selection == Selection::default() {
            Found { document: root, entry: None }
        } else {
            let descent = self.descend(&*catalog, root, selection, |_, _| {}).await;
            descent.map_err(|error| unchosen(error, &*catalog, reference))?
        };
        let tag = options.tag.clone().or_else(|| tag_of(reference));
        let manifest = entry(&found, tag.as_ref()).map_err(|error| told(error, &*catalog, reference))?;
        let terms = Terms::new(self.config.lock_timeout, self.cancel.clone(), Arc::clone(&self.observer));
        let intent = options.intent;
        let target = layout.clone();
        let mut capacity = blocking(move || target.capacity()).await?;
        capacity.take(&manifest)?;
        let client = self.clone();
        let carrier = Carrier {
            client,
            catalog: Arc::clone(&catalog),
            layout: layout.clone(),
            terms: terms.clone(),
            options,
            buffers: Buffers::default(),
        };
        let mut walk = Walk::new(carrier, capacity);
        let fetched = found.document.raw().bytes.len() as u64;
        let root = Read { document: found.document, fetched };
        let referrers = walk.run(root).await.map_err(|error| told(error, &*catalog, reference))?;
        let (stored, report) = walk.into_parts();
        if intent == Intent::Copy {
            let entries: Vec<Descriptor> = std::iter::once(&manifest).chain(&referrers).cloned().collect();
            let layout = layout.clone();
            blocking(move || layout.publish(&entries, stored.into_contents(), &terms)).await?;
        }
        Ok(report.of(manifest, tag, referrers))
    }
}

/// Returns the tag that a reference asks by; a registry's has one even where none is written.
fn tag_of(reference: &Reference) -> Option<Tag> {
    match reference.selector() {
        Selector::Tag(tag) => Some(tag),
        _ => reference.tag().cloned(),
    }
}

/// Describes a manifest for a layout's index.
fn entry(found: &Found, tag: Option<&Tag>) -> Result<Descriptor> {
    let mut entry = found.document.descriptor();
    entry.artifact_type = match found.document.parse()? {
        Manifest::Image(image) => image.artifact_type,
        Manifest::Index(index) => index.artifact_type,
    };
    entry.platform = found.entry.as_ref().and_then(|entry| entry.platform.clone());
    entry.annotations.extend(tag.map(|tag| (REF_NAME.to_owned(), tag.to_string())));
    Ok(entry)
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(cancelled) => {
                Err(Error::new(ErrorKind::Interrupted, "writing a layout ended with its runtime").caused_by(cancelled))
            }
        },
    }
}
