//! Names to addresses, within bounds, at the moment of connecting.

use std::io;
use std::net::SocketAddr;

use super::guard::AddressGuard;
use super::origin::Origin;
use super::{Failure, FailureKind};

/// Finds the addresses of an origin with the system's resolver and leaves out what the guard forbids: a name that
/// leads elsewhere now than a moment ago gains nothing.
///
/// # Errors
///
/// A [`Failure`] if there is none, or none that may be connected to.
pub(super) async fn resolve(origin: &Origin, guard: &AddressGuard) -> Result<Vec<SocketAddr>, Failure> {
    if let Some(address) = origin.address() {
        return permitted([SocketAddr::new(address, origin.port())].into_iter(), guard);
    }
    let found = tokio::net::lookup_host((origin.host(), origin.port())).await;
    permitted(found.map_err(|error| unresolved(&error))?, guard)
}

fn permitted(found: impl Iterator<Item = SocketAddr>, guard: &AddressGuard) -> Result<Vec<SocketAddr>, Failure> {
    let mut refused = None;
    let mut kept = Vec::new();
    for address in found {
        match guard.permits(address.ip()) {
            Ok(()) => kept.push(address),
            Err(peril) => refused = Some(FailureKind::ForbiddenAddress(address.ip(), peril)),
        }
    }
    match (kept.is_empty(), refused) {
        (false, _) => Ok(kept),
        (true, Some(refused)) => Err(Failure::new(refused)),
        (true, None) => Err(Failure::new(FailureKind::UnknownHost)),
    }
}

/// Tells a name that does not exist from a resolver that cannot say: the standard
/// library hides the code of `getaddrinfo`, but not its text.
fn unresolved(error: &io::Error) -> Failure {
    let text = error.to_string();
    let temporary = ["Temporary failure", "Try again", "Resource temporarily", "System error"];
    let kind = if temporary.iter().any(|sign| text.contains(sign)) {
        FailureKind::Unresolved
    } else {
        FailureKind::UnknownHost
    };
    Failure::caused_by(kind, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::address::{AddressClass, Peril};
    use crate::transport::guard::Bounds;

    #[test]
    fn forbidden_addresses_are_left_out() {
        let guard = AddressGuard::Named(Bounds::new(AddressClass::Public, [].into()));
        let addresses = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let kept = permitted(addresses(&["10.0.0.1:0", "8.8.8.8:0"]).into_iter(), &guard).unwrap();
        assert_eq!(kept, addresses(&["8.8.8.8:0"]));
        let failure = permitted(addresses(&["169.254.169.254:0"]).into_iter(), &guard).unwrap_err();
        assert_eq!(*failure.kind(), FailureKind::ForbiddenAddress([169, 254, 169, 254].into(), Peril::Metadata));
        let failure = permitted(std::iter::empty(), &guard).unwrap_err();
        assert_eq!(*failure.kind(), FailureKind::UnknownHost);
    }
}
