//! Whether a registry takes a login.

use std::sync::Arc;

use super::api::Api;
use super::request::{Request, Terms};
use super::shared::Registries;
use crate::auth::scope::Scope;
use crate::auth::{Credential, Found, Namespace, Search};
use crate::error::Result;
use crate::observe::Observer;
use crate::retry::Budget;
use crate::spec::reference::Repository;

/// What a registry says to a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It takes it.
    Accepted,
    /// It lets everybody in, and so does not look at it.
    Unasked,
}

/// Shows a login to a registry: to all of it, since a path need not be a repository.
///
/// # Errors
///
/// As a request to read would give: [`Unauthorized`](crate::ErrorKind::Unauthorized) for a login that is refused,
/// [`Denied`](crate::ErrorKind::Denied) for one that may not be shown.
pub(crate) async fn check(
    registries: &Arc<Registries>,
    namespace: &Namespace,
    login: Credential,
    observer: &dyn Observer,
) -> Result<Verdict> {
    let registry = namespace.registry();
    let search = Search::known(Found::new(login, "what was given to log in with"));
    let whole = Repository::below(registry.clone(), "");
    let base = registries.base(&whole, None)?;
    let api = Api::to(Arc::clone(registries), (whole, base), search, Scope::nothing());
    let request = Request::new("/v2/".to_owned(), format!("log in to {registry}"));
    let budget = Budget::new(registries.policy.clone(), None);
    let outcome = api.send(&request, Terms::new(&budget, observer)).await;
    let verdict = outcome.and_then(|_| api.login.verdict(&request.what));
    verdict.map_err(|error| api.cleaned(error))
}
