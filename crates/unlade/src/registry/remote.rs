//! One repository of a registry, as a source and a catalog.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream, TryStreamExt as _};

use super::api::Api;
use super::request::Terms;
use super::shared::Registries;
use super::{blob, manifest, referrers, tags};
use crate::error::Result;
use crate::observe::Observer;
use crate::retry::Budget;
use crate::source::{Ask, Body, Catalog, Referrers, Source, SourceExt as _};
use crate::spec::descriptor::{Content, Descriptor};
use crate::spec::digest::Digest;
use crate::spec::manifest::RawManifest;
use crate::spec::reference::{Repository, Selector};

/// A repository of a registry.
#[derive(Debug)]
pub struct Remote {
    api: Arc<Api>,
    observer: Arc<dyn Observer>,
}

impl Remote {
    /// Opens a repository; no request is made.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a malformed auth file would have decided.
    pub fn open(registries: Arc<Registries>, repository: Repository, observer: Arc<dyn Observer>) -> Result<Self> {
        Ok(Self { api: Arc::new(Api::new(registries, repository, observer.as_ref())?), observer })
    }
}

#[async_trait]
impl Source for Remote {
    async fn manifest_unverified(&self, selector: &Selector) -> Result<RawManifest> {
        let budget = Budget::new(self.api.registries.policy.clone(), None);
        let terms = Terms::new(&budget, self.observer.as_ref());
        manifest::read(&self.api, selector, terms).await.map_err(|error| self.api.cleaned(error))
    }

    async fn open_unverified(&self, blob: &Content, ask: Ask) -> Result<Body> {
        blob::open(&self.api, blob, &ask).await.map_err(|error| self.api.cleaned(error))
    }

    fn lanes(&self) -> usize {
        self.api.registries.config.connections.get()
    }

    fn blot<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.api.blot(text).into()
    }
}

#[async_trait]
impl Catalog for Remote {
    /// By the manifest itself: what a HEAD says of it could not be verified, and counts against limits all the same.
    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        Ok(self.manifest(selector).await?.descriptor())
    }

    fn tags(&self, after: Option<&str>) -> BoxStream<'static, Result<String>> {
        cleaned(&self.api, tags::list(&self.api, &self.observer, after))
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers> {
        let found = referrers::list(&self.api, &self.observer, subject, artifact_type).await;
        let found = found.map_err(|error| self.api.cleaned(error))?;
        Ok(Referrers::new(found.origin, cleaned(&self.api, found.entries)))
    }
}

/// Makes the errors of a list fit to be told. It ends after the first: streams that are made of streams go on.
fn cleaned<T: Send + 'static>(api: &Arc<Api>, list: BoxStream<'static, Result<T>>) -> BoxStream<'static, Result<T>> {
    let api = Arc::clone(api);
    let ending =
        stream::try_unfold(
            list,
            |mut list| async move { Ok(list.next().await.transpose()?.map(|entry| (entry, list))) },
        );
    ending.map_err(move |error| api.cleaned(error)).boxed()
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.api.repository)
    }
}
