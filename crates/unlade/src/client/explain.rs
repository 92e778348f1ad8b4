//! How a reference was resolved, or why it was not.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::{Client, told, unchosen};
use crate::artifact::Artifact;
use crate::error::{Error, ErrorKind, Result};
use crate::image::explain::Candidate;
use crate::image::{self, Selection};
use crate::source::Source;
use crate::spec::digest::Digest;
use crate::spec::manifest::{Index, Manifest};
use crate::spec::reference::Reference;

/// The way from a reference to the manifest of one artifact.
#[non_exhaustive]
pub struct Explanation {
    /// The indexes that were gone through, the outermost first; none if the reference names a manifest.
    pub steps: Vec<Step>,
    /// Where it led.
    pub outcome: Result<Artifact>,
    quotes: Quotes,
}

/// What a message may quote of a place: not what the place was shown, and may repeat.
#[derive(Debug, Clone)]
pub struct Quotes(Option<Arc<dyn Source>>);

impl Quotes {
    /// Takes out of a text what must not be quoted, as [`Source::blot`] does.
    pub fn blot<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.0.as_ref().map_or(Cow::Borrowed(text), |source| source.blot(text))
    }
}

impl Explanation {
    /// Returns what a message may quote of the steps: what is found there is the registry's word.
    pub fn quotes(&self) -> Quotes {
        self.quotes.clone()
    }
}

/// One index on the way, and what was asked of it.
#[derive(Debug, Clone)]
pub struct Step {
    digest: Digest,
    index: Box<Index>,
    selection: Selection,
}

impl Step {
    /// Returns the digest of the index.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns the entries of the index, with what speaks for or against each: that is what decided.
    pub fn candidates(&self) -> Vec<Candidate<'_>> {
        image::weigh(&self.index, &self.selection)
    }
}

impl Client {
    /// Resolves a reference as [`artifact`](Client::artifact) does, and keeps what the choices were made of.
    pub async fn explain(&self, reference: &Reference, selection: &Selection) -> Explanation {
        let mut steps = Vec::new();
        let seen = |digest: &Digest, index| {
            steps.push(Step { digest: digest.clone(), index, selection: selection.clone() });
        };
        let (outcome, source) = match self.source(reference) {
            Ok(source) => (self.resolve_in(Arc::clone(&source), reference, selection, seen).await, Some(source)),
            Err(error) => (Err(error), None),
        };
        Explanation { steps, outcome, quotes: Quotes(source) }
    }

    /// Resolves a reference, and hands over each index that is gone through, also where that leads nowhere.
    pub(super) async fn resolve(
        &self,
        reference: &Reference,
        selection: &Selection,
        seen: impl FnMut(&Digest, Box<Index>),
    ) -> Result<Artifact> {
        self.resolve_in(self.source(reference)?, reference, selection, seen).await
    }

    async fn resolve_in(
        &self,
        source: Arc<dyn Source>,
        reference: &Reference,
        selection: &Selection,
        seen: impl FnMut(&Digest, Box<Index>),
    ) -> Result<Artifact> {
        let root = self.root(source.as_ref(), reference).await?;
        let descent = self.descend(source.as_ref(), root, selection, seen).await;
        let found = descent.map_err(|error| unchosen(error, source.as_ref(), reference))?;
        match found.document.parse().map_err(|error| told(error, source.as_ref(), reference))? {
            Manifest::Image(image) => Ok(Artifact::new(self.clone(), reference.clone(), source, found, *image)),
            Manifest::Index(_) => {
                Err(Error::new(ErrorKind::Malformed, format!("{reference} is not a manifest of one artifact")))
            }
        }
    }
}

impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explanation")
            .field("steps", &self.steps.len())
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
