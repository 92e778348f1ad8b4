//! Where a repository's requests go: to its registry, or to a mirror of it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use url::Url;

use super::api::Api;
use super::login::Login;
use super::shared::Registries;
use crate::auth::Found;
use crate::config::PlainHttp;
use crate::error::Result;
use crate::observe::Observer;
use crate::source::EndpointId;
use crate::spec::reference::Repository;
use crate::transport::Profile;

impl Api {
    /// Goes to the registry itself.
    pub(super) fn new(registries: Arc<Registries>, repository: Repository, observer: &dyn Observer) -> Result<Self> {
        let base = registries.base(&repository, None)?;
        let found = registries.credential(&repository, observer)?;
        Ok(Self::to(registries, repository, base, found))
    }

    /// Goes to a mirror of a registry, where the repository may have another name.
    pub(super) fn mirrored(
        registries: Arc<Registries>,
        repository: Repository,
        plain_http: Option<PlainHttp>,
        namespace: String,
    ) -> Result<Self> {
        let base = registries.base(&repository, plain_http)?;
        let found = registries.keychain.find_at_mirror(&repository)?;
        Ok(Self { namespace: Some(namespace), ..Self::to(registries, repository, base, found) })
    }

    fn to(registries: Arc<Registries>, repository: Repository, base: Url, found: Found) -> Self {
        let host = registries.host(&base);
        let login = Login::new(found, repository.name());
        let gives_manifests = AtomicBool::new(false);
        let targets = Arc::default();
        Self { registries, repository, host, base, namespace: None, login, gives_manifests, targets }
    }

    /// Returns the name of the place.
    pub(super) fn id(&self) -> EndpointId {
        EndpointId::new(&self.repository.registry().authority())
    }

    /// Returns the profile for the place's own host. A client certificate is the registry's alone.
    pub(super) fn home_profile(&self) -> Profile {
        if self.namespace.is_some() { self.registries.profile() } else { self.registries.home_profile() }
    }

    /// Notes that a mirror gave nothing of use. The registry itself is asked all the same.
    pub(super) fn note_illness(&self) {
        if self.namespace.is_some() {
            self.host.fell_ill();
        }
    }
}
