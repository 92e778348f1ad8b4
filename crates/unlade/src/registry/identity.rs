//! Who asks: the login of a repository, looked for at helpers once a server wants one.

use std::sync::LazyLock;

use tokio::sync::OnceCell;

use super::api::Api;
use super::request::Terms;
use crate::auth::{Credential, Found, Search, Secret};
use crate::error::{Advice, Result};
use crate::spec::reference::Repository;

/// As long as helpers were not asked, nobody in particular asks.
static NOBODY: LazyLock<Found> =
    LazyLock::new(|| Found::new(Credential::Anonymous, "a credential helper, which was not asked"));

/// The login of a repository.
#[derive(Debug)]
pub(super) struct Identity {
    search: Search,
    found: OnceCell<Found>,
}

impl Identity {
    /// Knows the login, unless helpers must be asked for it.
    pub(super) fn new(search: Search, repository: &Repository) -> Self {
        let found = search.at_once().cloned();
        if let Some(found) = &found {
            note(found, repository);
        }
        Self { search, found: OnceCell::new_with(found) }
    }

    /// Returns what is known by now.
    pub(super) fn known(&self) -> &Found {
        self.found.get().unwrap_or(&NOBODY)
    }

    /// Returns the login; asks helpers for it the first time. Whoever asks meanwhile waits for the same answer.
    pub(super) async fn settle(&self, api: &Api, terms: Terms<'_>) -> Result<&Found> {
        let ask = || async {
            let found = self.search.settle(&api.repository).await?;
            for warning in &found.warnings {
                api.warn(warning, terms.observer);
            }
            note(&found, &api.repository);
            Ok(found)
        };
        self.found.get_or_try_init(ask).await
    }

    /// Says what would help where there is no login.
    pub(super) fn login_advice(&self) -> Advice {
        match &self.known().failed_helper {
            Some(helper) => Advice::MendHelper(helper.name.clone()),
            None => Advice::LogIn,
        }
    }

    /// Returns the texts that no message may repeat, although a server may.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.known().credential.secrets()
    }
}

fn note(found: &Found, repository: &Repository) {
    if *found.credential == Credential::Anonymous {
        tracing::info!("no login is known for {repository}");
    } else {
        tracing::info!("the login for {repository} comes from {}", found.origin);
    }
}
