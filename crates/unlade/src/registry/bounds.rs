//! Where the registry, and what its servers name, may be.

use std::sync::Arc;

use url::{Host, Url};

use super::api::Api;
use crate::transport::guard::{AddressGuard, Bounds, Exemption};

impl Api {
    /// Returns the guard for the registry itself: the user named it, and it may be anywhere, unless we speak plain
    /// http to it only because its name is one of this machine.
    pub(super) fn home_guard(&self) -> AddressGuard {
        let presumed = self.registries.presumes_plain_http(self.repository.registry());
        if presumed { AddressGuard::ThisMachine } else { AddressGuard::Open }
    }

    /// Returns the bounds for what this registry's servers name.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds::new(self.host.class(), Arc::clone(&self.registries.allow_nets))
    }

    /// Returns the bounds for a URL that a server named. The exemption is for names behind verified TLS.
    pub(super) fn bounds_for(&self, url: &Url, exemption: Exemption) -> Bounds {
        let proven = url.scheme() == "https"
            && self.registries.profile().verifies()
            && matches!(url.host(), Some(Host::Domain(_)));
        self.bounds().exempt(if proven { exemption } else { Exemption::None })
    }
}
