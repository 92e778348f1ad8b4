//! Whom a connection is made to.

use std::net::IpAddr;

use http::HeaderValue;
use rustls::pki_types::ServerName;
use url::{Host, Url};

use super::{Failure, FailureKind};

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    host: Host,
    port: u16,
    /// As it stands in a request: without a port that goes without saying.
    authority: HeaderValue,
}

impl Origin {
    /// Reads where a URL leads.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Other`] if it leads to no host, or not over HTTP.
    pub(super) fn of(url: &Url) -> Result<Self, Failure> {
        let nowhere = || Failure::caused_by(FailureKind::Other, "a URL of another scheme than http is not asked");
        let (Some(host), Some(port), "http" | "https") = (url.host(), url.port_or_known_default(), url.scheme()) else {
            return Err(nowhere());
        };
        let authority = url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
        let authority = HeaderValue::try_from(authority).map_err(|_| nowhere())?;
        Ok(Self { host: host.to_owned(), port, authority })
    }

    /// Takes the host and port of a proxy.
    ///
    /// # Errors
    ///
    /// [`FailureKind::UnknownHost`] if no host can have that name.
    pub(super) fn new(host: Host, port: u16) -> Result<Self, Failure> {
        let authority = HeaderValue::try_from(format!("{host}:{port}"))
            .map_err(|error| Failure::caused_by(FailureKind::UnknownHost, error))?;
        Ok(Self { host, port, authority })
    }

    pub(super) fn host(&self) -> String {
        self.host.to_string()
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Returns what stands in the header `Host`.
    pub(super) fn authority(&self) -> HeaderValue {
        self.authority.clone()
    }

    /// Returns the address, if the host is one; no resolver is asked then.
    pub(super) fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    /// Returns the name that its certificate is for.
    ///
    /// # Errors
    ///
    /// [`FailureKind::UnknownHost`] if no host can have that name.
    pub(super) fn server_name(&self) -> Result<ServerName<'static>, Failure> {
        match (self.address(), &self.host) {
            (Some(address), _) => Ok(ServerName::IpAddress(address.into())),
            (None, host) => ServerName::try_from(host.to_string())
                .map_err(|error| Failure::caused_by(FailureKind::UnknownHost, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_origins() {
        for (url, authority, port) in [
            ("https://registry.example/v2/", "registry.example", 443),
            ("https://registry.example:443/v2/", "registry.example", 443),
            ("http://registry.example:443/", "registry.example:443", 443),
            ("http://[::1]:5000/", "[::1]:5000", 5000),
            ("http://127.0.0.1/", "127.0.0.1", 80),
        ] {
            let origin = Origin::of(&url.parse().unwrap()).unwrap();
            assert_eq!((origin.authority().to_str().unwrap(), origin.port()), (authority, port), "{url}");
        }
        for url in ["file:///etc/passwd", "ftp://registry.example/", "data:,x"] {
            assert_eq!(*Origin::of(&url.parse().unwrap()).unwrap_err().kind(), FailureKind::Other, "{url}");
        }
    }
}
