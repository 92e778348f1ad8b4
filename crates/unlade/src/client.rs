//! The client: where the parts come together.

pub mod copy;
mod explain;
mod inspect;
mod listing;

use std::fmt;
use std::sync::Arc;

pub use self::explain::{Explanation, Quotes, Step};
pub use self::inspect::{Body, Inspection, Node};
pub use self::listing::ReferrerList;
use crate::artifact::Artifact;
use crate::auth::Keychain;
use crate::cancel::Cancel;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::image::{self, Selection};
use crate::layout::Layout;
use crate::observe::{Blind, Event, Observer};
use crate::registry::{Registries, Remote};
use crate::retry::Policy;
use crate::site::SystemRoots;
use crate::source::{Catalog, Document, Source, SourceExt as _};
use crate::spec::descriptor::{Content, Descriptor};
use crate::spec::digest::Digest;
use crate::spec::manifest::{Index, MAX_NESTING, Manifest};
use crate::spec::reference::{Place, Reference, Selector};
use crate::target::{Job, Resume};
use crate::transfer::{Buffers, Crew, Download, Progress};
use crate::transport::{Pool, RootLoader, Transport};

/// Reads from registries and layouts. Clones share connections, tokens and settings.
#[derive(Clone)]
pub struct Client {
    config: Arc<Config>,
    registries: Arc<Registries>,
    observer: Arc<dyn Observer>,
    cancel: Cancel,
}

/// A manifest, and what the index says of it that led to it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) document: Document,
    pub(crate) entry: Option<Descriptor>,
}

/// Puts a [`Client`] together.
#[derive(Debug)]
pub struct ClientBuilder {
    config: Config,
    credentials: Keychain,
    observer: Arc<dyn Observer>,
    cancel: Cancel,
    transport: Option<Arc<dyn Transport>>,
    roots: Arc<dyn RootLoader>,
}

impl Client {
    /// Begins with the defaults: no credentials, the system's certificate authorities.
    pub fn builder() -> ClientBuilder {
        ClientBuilder {
            config: Config::default(),
            credentials: Keychain::default(),
            observer: Arc::new(Blind),
            cancel: Cancel::new(),
            transport: None,
            roots: Arc::new(SystemRoots::default()),
        }
    }

    /// Opens the place that a reference names; no request is made to a registry yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a folder or a tar that is no layout.
    pub fn source(&self, reference: &Reference) -> Result<Arc<dyn Source>> {
        Ok(self.catalog(reference)?)
    }

    /// Opens the place that a reference names, to be asked for what it has; no request is made to a registry yet.
    ///
    /// # Errors
    ///
    /// As [`source`](Self::source).
    pub fn catalog(&self, reference: &Reference) -> Result<Arc<dyn Catalog>> {
        Ok(match reference.place() {
            Place::Archive(path) => Arc::new(Layout::open_archive(path)?),
            Place::Layout(path) => Arc::new(Layout::open(path)?),
            Place::Registry(repository) => {
                Arc::new(Remote::open(&self.registries, repository, Arc::clone(&self.observer))?)
            }
        })
    }

    /// Reads the manifest that a reference names, or the one in its index that fits the selection.
    ///
    /// An index is returned as it is unless a platform is asked for.
    pub async fn manifest(&self, reference: &Reference, selection: &Selection) -> Result<Document> {
        let source = self.source(reference)?;
        self.manifest_in(source.as_ref(), reference, selection).await
    }

    /// Does so in a place that is open already.
    async fn manifest_in(&self, source: &dyn Source, reference: &Reference, selection: &Selection) -> Result<Document> {
        let root = self.root(source, reference).await?;
        if *selection == Selection::default() {
            return Ok(root);
        }
        let descent = self.descend(source, root, selection, |_, _| {}).await;
        Ok(descent.map_err(|error| unchosen(error, source, reference))?.document)
    }

    /// Resolves a reference to the manifest of one artifact.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Ambiguous`] and [`ErrorKind::NoCandidate`] if an index does not lead to
    /// exactly one manifest; [`ErrorKind::Malformed`] for what is no manifest.
    pub async fn artifact(&self, reference: &Reference, selection: &Selection) -> Result<Artifact> {
        self.resolve(reference, selection, |_, _| {}).await
    }

    /// Prepares the download of one blob of a source, with resume.
    pub fn download(&self, source: Arc<dyn Source>, content: Content, progress: Arc<Progress>) -> Download {
        Download {
            source,
            content,
            policy: policy(&self.config),
            lock_wait: self.config.lock_timeout,
            resume: Resume::default(),
            cancel: self.cancel.clone(),
            observer: Arc::clone(&self.observer),
            progress,
            buffers: Buffers::default(),
            crew: Crew::default(),
        }
    }

    /// Describes a blob that is about to be put into a target, for work that ends when `cancel` says so.
    pub(crate) fn job(&self, content: Content, cancel: Cancel) -> Job {
        Job::new(content, self.config.lock_timeout, cancel, Arc::clone(&self.observer))
    }

    /// Returns the request to stop that everything the client does obeys.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Tells whoever watches of an event.
    pub(crate) fn tell(&self, event: &Event) {
        self.observer.notice(event);
    }

    async fn root(&self, source: &dyn Source, reference: &Reference) -> Result<Document> {
        let document = self.cancel.guard(source.manifest(&reference.selector())).await;
        let document = document.map_err(|error| told(error, source, reference))?;
        self.observer.notice(&Event::Resolved { reference: reference.to_string(), digest: document.digest().clone() });
        Ok(document)
    }

    /// Goes from an index to the one manifest in it that fits; each index on the way is handed over.
    async fn descend(
        &self,
        source: &dyn Source,
        root: Document,
        selection: &Selection,
        mut seen: impl FnMut(&Digest, Box<Index>),
    ) -> Result<Found> {
        let mut found = Found { document: root, entry: None };
        for _ in 0..MAX_NESTING {
            let Manifest::Index(index) = found.document.parse()? else {
                return Ok(found);
            };
            let chosen = image::manifest(&index, selection).cloned();
            seen(found.document.digest(), index);
            let chosen = chosen?;
            let selector = Selector::Digest(chosen.digest.clone());
            let document = self.cancel.guard(source.manifest(&selector)).await?;
            document.check(&chosen)?;
            found = Found { document, entry: Some(chosen) };
        }
        Err(Error::new(ErrorKind::Malformed, format!("indexes are nested more than {MAX_NESTING} deep")))
    }
}

impl ClientBuilder {
    /// Sets how the client behaves.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets where credentials come from.
    #[must_use]
    pub fn credentials(mut self, credentials: Keychain) -> Self {
        self.credentials = credentials;
        self
    }

    /// Sets who is told what happens.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// Sets the request to stop that everything the client does obeys.
    #[must_use]
    pub fn cancel(mut self, cancel: Cancel) -> Self {
        self.cancel = cancel;
        self
    }

    /// Replaces the HTTP connections.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Replaces the system's certificate authorities.
    #[must_use]
    pub fn roots(mut self, roots: Arc<dyn RootLoader>) -> Self {
        self.roots = roots;
        self
    }

    /// Checks the settings and makes the client; no file is read and no request made.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for certificates that cannot be read and keys that do not fit.
    pub fn build(self) -> Result<Client> {
        let config = Arc::new(self.config);
        let transport = self.transport.unwrap_or_else(|| Arc::new(Pool::new()));
        let registries =
            Registries::new(Arc::clone(&config), policy(&config), self.credentials, transport, self.roots)?;
        Ok(Client { config, registries: Arc::new(registries), observer: self.observer, cancel: self.cancel })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("config", &self.config).finish_non_exhaustive()
    }
}

fn policy(config: &Config) -> Policy {
    Policy::default().with_retries(config.retries)
}

/// Names the reference in which no manifest could be chosen.
fn unchosen(error: Error, source: &dyn Source, reference: &Reference) -> Error {
    let error = told(error, source, reference);
    match error.kind() {
        ErrorKind::Ambiguous | ErrorKind::NoCandidate => {
            error.making(format!("cannot choose a manifest of {reference}"))
        }
        _ => error,
    }
}

/// Makes an error about a place fit to be told: the reference is named, and what the place was shown is not quoted.
/// All that is made of what a place gave leaves the client through here.
pub(crate) fn told(error: Error, source: &dyn Source, reference: &Reference) -> Error {
    let error = error.reworded_throughout(&|text| source.blot(text).into_owned());
    error.with(|context| context.reference = Some(reference.to_string()))
}
