//! What is known of one host: where it is, and until when it wants to be left alone.

use std::net::SocketAddr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::transport::address::{AddressClass, classify};

/// The state of one host, shared by all requests to it: what one is told to wait for, all wait for.
#[derive(Debug, Default)]
pub(super) struct Host {
    quiet_until: Mutex<Option<Instant>>,
    class: OnceLock<AddressClass>,
}

impl Host {
    /// Asks all requests to this host to wait.
    pub(super) fn back_off(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut quiet = self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        *quiet = Some(quiet.map_or(until, |other| other.max(until)));
    }

    /// Waits until the host may be asked again.
    pub(super) async fn rest(&self) {
        loop {
            // Others may ask for more while this one waits.
            let until = *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
            match until.filter(|until| *until > Instant::now()) {
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => return,
            }
        }
    }

    /// Notes the address at which the host was reached; the first one counts.
    pub(super) fn reached(&self, peer: Option<SocketAddr>) {
        // Behind a proxy nothing is known: the strictest class stands.
        self.class.get_or_init(|| peer.map_or(AddressClass::Public, |peer| classify(peer.ip())));
    }

    /// Returns the class of the host's address; before it was reached, the strictest.
    pub(super) fn class(&self) -> AddressClass {
        self.class.get().copied().unwrap_or(AddressClass::Public)
    }
}
