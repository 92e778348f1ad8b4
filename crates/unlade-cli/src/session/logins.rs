//! Where logins are kept, by the options and the environment.

use std::path::PathBuf;

use unlade::Result;
use unlade::auth::{AuthDocument, Found, Helper, Helpers, Keychain, Namespace};
use unlade::cancel::Cancel;
use unlade::site::{AuthStore, Environment};

/// Where logins are kept.
pub(crate) struct Logins {
    authfile: Option<PathBuf>,
    environment: Environment,
    helpers: Helpers,
    patience: std::time::Duration,
    cancel: Cancel,
}

/// The place of one login.
pub(crate) struct Keeping {
    pub(crate) store: AuthStore,
    /// The helper that keeps it, and the place that names it; otherwise the file does.
    pub(crate) helper: Option<(Helper, String)>,
}

impl Logins {
    pub(super) fn new(
        options: &crate::options::Common,
        environment: Environment,
        helpers: Helpers,
        cancel: Cancel,
    ) -> Self {
        let patience = options.lock_timeout;
        Self { authfile: options.authfile.clone(), environment, helpers, patience, cancel }
    }

    /// Says where the login of a registry is kept.
    pub(crate) fn keeping(&self, namespace: &Namespace) -> Result<Keeping> {
        let store = self.environment.auth_store(self.authfile.as_deref())?;
        let helper = match store.read()?.keeper(namespace)? {
            Some((name, place)) => Some((self.helpers.find(&name).map_err(|error| named(&error, &place))?, place)),
            None => None,
        };
        Ok(Keeping { store, helper })
    }

    /// Changes the auth file, on a thread that may wait.
    pub(crate) async fn edit<T: Send + 'static>(
        &self,
        store: &AuthStore,
        change: impl FnOnce(&mut AuthDocument) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (store, patience, cancel) = (store.clone(), self.patience, self.cancel.clone());
        let work = move || store.edit(patience, &cancel, change);
        tokio::task::spawn_blocking(work)
            .await
            .unwrap_or_else(|error| Err(unlade::Error::io("cannot change the auth file", std::io::Error::other(error))))
    }

    /// Finds the login that a pull would use.
    pub(crate) async fn find(&self, namespace: &Namespace) -> Result<Found> {
        let files = self.environment.auth_files(self.authfile.as_deref());
        Keychain::new(files)?.with_helpers(self.helpers.clone()).find(namespace.as_repository()).await
    }
}

fn named(error: &unlade::Error, place: &str) -> unlade::Error {
    unlade::Error::new(error.kind(), format!("{error}; {place} names it"))
}
