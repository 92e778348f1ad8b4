//! One repository of a registry, as a source and a catalog.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream, TryStreamExt as _};

use super::api::Api;
use super::endpoints::Endpoints;
use super::request::Terms;
use super::shared::Registries;
use super::{blob, manifest, referrers, tags};
use crate::error::Result;
use crate::observe::Observer;
use crate::retry::Budget;
use crate::source::{Ask, Body, Catalog, EndpointId, Referrers, Source, SourceExt as _, Zeal};
use crate::spec::descriptor::{Content, Descriptor};
use crate::spec::digest::Digest;
use crate::spec::manifest::RawManifest;
use crate::spec::reference::{Repository, Selector};

/// A repository of a registry.
#[derive(Debug)]
pub struct Remote {
    endpoints: Endpoints,
    observer: Arc<dyn Observer>,
}

impl Remote {
    /// Opens a repository; no request is made.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a malformed auth file would have decided.
    pub fn open(registries: &Arc<Registries>, repository: &Repository, observer: Arc<dyn Observer>) -> Result<Self> {
        Ok(Self { endpoints: Endpoints::open(registries, repository, observer.as_ref())?, observer })
    }

    /// Returns the way to the registry itself: lists are read nowhere else.
    fn home(&self) -> &Arc<Api> {
        self.endpoints.home()
    }
}

#[async_trait]
impl Source for Remote {
    async fn manifest_unverified(&self, selector: &Selector) -> Result<RawManifest> {
        let budget = Budget::new(self.home().registries.policy.clone(), None);
        let terms = Terms::new(&budget, self.observer.as_ref());
        let digest = match selector {
            Selector::Digest(digest) => Some(digest),
            _ => None,
        };
        let mut round = self.endpoints.round(digest, &[], Zeal::Stubborn);
        while let Some((endpoint, zeal)) = round.next() {
            let terms = Terms { zeal, ..terms };
            let read = match zeal {
                Zeal::Spare => manifest::proven(&endpoint.api, selector, terms).await,
                Zeal::Stubborn => manifest::read(&endpoint.api, selector, terms).await,
            };
            match read {
                Ok(raw) => return Ok(raw),
                Err(error) => round.failed(&endpoint, error, self.observer.as_ref())?,
            }
        }
        Err(round.end())
    }

    async fn open_unverified(&self, blob: &Content, ask: Ask) -> Result<Body> {
        for endpoint in &ask.avoid {
            self.endpoints.note_wrong(endpoint);
        }
        let mut round = self.endpoints.round(Some(&blob.digest), &ask.avoid, ask.zeal);
        while let Some((endpoint, zeal)) = round.next() {
            match blob::open(&endpoint.api, blob, &ask, zeal).await {
                Ok(body) => return Ok(body),
                Err(error) => round.failed(&endpoint, error, ask.observer.as_ref())?,
            }
        }
        Err(round.end())
    }

    fn has_others(&self, blob: &Content, than: &[EndpointId]) -> bool {
        self.endpoints.has_others(&blob.digest, than)
    }

    fn lanes(&self) -> usize {
        self.home().registries.config.connections.get()
    }

    fn blot<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.endpoints.blot(text).into()
    }
}

#[async_trait]
impl Catalog for Remote {
    /// By the manifest itself: what a HEAD says of it could not be verified, and counts against limits all the same.
    async fn resolve(&self, selector: &Selector) -> Result<Descriptor> {
        Ok(self.manifest(selector).await?.descriptor())
    }

    fn tags(&self, after: Option<&str>) -> BoxStream<'static, Result<String>> {
        cleaned(self.home(), tags::list(self.home(), &self.observer, after))
    }

    async fn referrers(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Referrers> {
        let found = referrers::list(self.home(), &self.observer, subject, artifact_type).await;
        let found = found.map_err(|error| self.home().cleaned(error))?;
        Ok(Referrers::new(found.origin, cleaned(self.home(), found.entries)))
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
        write!(f, "{}", self.home().repository)
    }
}
