//! What is known of one host: where it is, how much it bears, and until when it wants to be left alone.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::permits::{Permit, Permits};
use crate::source::Zeal;
use crate::transport::address::{AddressClass, classify};

/// The state of one host, shared by all requests to it: what one is told to wait for, all wait for.
#[derive(Debug)]
pub(super) struct Host {
    quiet_until: Mutex<Option<Instant>>,
    ill_until: Mutex<Option<Instant>>,
    class: OnceLock<AddressClass>,
    permits: Arc<Permits>,
}

/// So long a mirror is passed over that failed: long enough that a pull does not meet it at each layer, and short enough
/// that one which is started anew is soon of use.
const ILLNESS: Duration = Duration::from_mins(1);

/// How long a host wants to be left alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quiet {
    pub(super) until: Instant,
    pub(super) left: Duration,
}

impl Host {
    /// Knows nothing yet but how many bodies it may be asked for at once.
    pub(super) fn new(most: NonZeroUsize) -> Self {
        Self {
            quiet_until: Mutex::default(),
            ill_until: Mutex::default(),
            class: OnceLock::new(),
            permits: Arc::new(Permits::new(most)),
        }
    }

    /// Takes the right to one body; a spare one only if it is free now.
    pub(super) async fn permit(&self, zeal: Zeal) -> Option<Permit> {
        self.permits.take(zeal).await
    }

    /// Asks all requests to this host to wait.
    pub(super) fn back_off(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut quiet = self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        *quiet = Some(quiet.map_or(until, |other| other.max(until)));
    }

    /// Says until when the host wants to be left alone, if it does.
    pub(super) fn quiet(&self) -> Option<Quiet> {
        let until = (*self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner))?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(Quiet { until, left })
    }

    /// Notes that it gave nothing of use: where there are others, they are asked first for a while.
    pub(super) fn fell_ill(&self) {
        *self.ill_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + ILLNESS);
    }

    /// Says whether it gave what it was asked for, as far as is known, and wants to be asked.
    pub(super) fn is_well(&self) -> bool {
        let until = *self.ill_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_none_or(|until| until <= Instant::now()) && self.quiet().is_none()
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
