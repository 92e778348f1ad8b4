//! One repository of a registry, as a source.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::api::Api;
use super::request::Terms;
use super::shared::Registries;
use super::{blob, manifest};
use crate::error::Result;
use crate::observe::{Event, Observer};
use crate::retry::Budget;
use crate::source::{Ask, Body, Source};
use crate::spec::descriptor::Content;
use crate::spec::manifest::RawManifest;
use crate::spec::reference::{Repository, Selector};

/// A repository of a registry.
#[derive(Debug)]
pub struct Remote {
    api: Api,
    observer: Arc<dyn Observer>,
}

impl Remote {
    /// Opens a repository; no request is made.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a malformed auth file would have decided.
    pub fn open(registries: Arc<Registries>, repository: Repository, observer: Arc<dyn Observer>) -> Result<Self> {
        let api = Api::new(registries, repository)?;
        for text in api.login.complaints() {
            if api.registries.is_news(text) {
                observer.notice(&Event::Warning { text: text.clone() });
            }
        }
        Ok(Self { api, observer })
    }
}

#[async_trait]
impl Source for Remote {
    async fn manifest_unverified(&self, selector: &Selector) -> Result<RawManifest> {
        let budget = Budget::new(self.api.registries.policy.clone(), None);
        let terms = Terms { budget: &budget, observer: self.observer.as_ref() };
        manifest::read(&self.api, selector, terms).await
    }

    async fn open_unverified(&self, blob: &Content, ask: Ask) -> Result<Body> {
        blob::open(&self.api, blob, &ask).await
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.api.repository)
    }
}
