//! The way through a proxy.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;

use super::conduit::Conduit;
use super::failure::Phase;
use super::guard::AddressGuard;
use super::origin::Origin;
use super::proxy_failure::{ProxyFailure, ProxyFault};
use super::socks::{self, Target};
use super::tls::{self, Speech};
use super::tls_stream::TlsStream;
use super::tunnel::{self, Obstacle, unreachable};
use super::{Failure, FailureKind, Profile, Verification, resolver, tcp};
use crate::config::{Proxy, ProxyProtocol};

/// More addresses of one name are not tried through a proxy: each takes a connection to it.
const MAX_ADDRESSES: usize = 4;

/// A proxy, and how it is reached.
pub(super) struct Detour {
    proxy: Proxy,
    at: Origin,
    tls: Option<Arc<ClientConfig>>,
    /// Requests are given to the proxy, which hands them on.
    forwards: bool,
}

impl Detour {
    /// Reads the authorities, if the proxy is spoken to in TLS.
    ///
    /// A proxy has no part in what is agreed on with a server: it must always prove who it is, since it sees the login
    /// that is given for it, and it is shown no client certificate.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Tls`] if they cannot be read.
    pub(super) fn new(proxy: &Proxy, profile: &Profile, speech: Speech) -> Result<Self, Failure> {
        let tls = match proxy.protocol() {
            ProxyProtocol::Https => {
                let profile = profile.clone().identified(None).verification(Verification::Full);
                Some(Arc::new(tls::config(&profile)?))
            }
            _ => None,
        };
        let forwards = forwards(proxy, speech);
        Ok(Self { at: Origin::new(proxy.host().clone(), proxy.port())?, proxy: proxy.clone(), tls, forwards })
    }

    /// Opens the stream on which an origin is spoken to; says who is at its other end if that is known.
    ///
    /// What the guard forbids is not asked for: of a name that the proxy resolves, nothing is known.
    pub(super) async fn reach(
        &self,
        origin: &Origin,
        guard: &AddressGuard,
    ) -> Result<(Conduit, Option<SocketAddr>), Failure> {
        if let Some(address) = origin.address() {
            let forbidden = |peril| Failure::new(FailureKind::ForbiddenAddress(address, peril));
            guard.permits(address).map_err(forbidden)?;
        }
        match self.proxy.protocol() {
            ProxyProtocol::Socks5 => self.reach_address(resolver::resolve(origin, guard).await?).await,
            ProxyProtocol::Socks5h => {
                let opened = self.by_socks(Target::Origin(origin)).await;
                opened.map(|conduit| (conduit, None)).map_err(|obstacle| self.failure(obstacle))
            }
            ProxyProtocol::Http | ProxyProtocol::Https => {
                let opened = self.by_http(origin).await;
                opened.map(|conduit| (conduit, None)).map_err(|obstacle| self.failure(obstacle))
            }
        }
    }

    /// Returns the failure of a connection that did not come about in time.
    pub(super) fn late(&self) -> Failure {
        self.failure((ProxyFault::Late, None))
    }

    async fn by_http(&self, origin: &Origin) -> Result<Conduit, Obstacle> {
        let mut conduit = self.knock().await.map_err(unreachable)?;
        if !self.forwards {
            tunnel::open(&mut conduit, origin, &self.proxy).await?;
        }
        Ok(conduit)
    }

    async fn by_socks(&self, target: Target<'_>) -> Result<Conduit, Obstacle> {
        let conduit = self.knock().await.map_err(unreachable)?;
        socks::open(conduit, target, &self.proxy).await
    }

    /// Asks for one address after the other, until the proxy gets through to one.
    async fn reach_address(&self, addresses: Vec<SocketAddr>) -> Result<(Conduit, Option<SocketAddr>), Failure> {
        let mut failure = Failure::new(FailureKind::UnknownHost);
        for address in addresses.into_iter().take(MAX_ADDRESSES) {
            match self.by_socks(Target::Address(address)).await {
                Ok(conduit) => return Ok((conduit, Some(address))),
                Err(obstacle @ (ProxyFault::NoWay(_), _)) => failure = self.failure(obstacle),
                Err(obstacle) => return Err(self.failure(obstacle)),
            }
        }
        Err(failure)
    }

    /// Connects to the proxy itself, which the user named: it may be anywhere.
    async fn knock(&self) -> Result<Conduit, Failure> {
        let addresses = resolver::resolve(&self.at, &AddressGuard::Open).await?;
        let failed = |error: &std::io::Error| Failure::from_error(error, Phase::Connect);
        let stream = tcp::connect(addresses).await.map_err(|error| failed(&error))?;
        let Some(config) = &self.tls else { return Ok(Conduit::Tcp(stream)) };
        let secured = TlsStream::connect(Arc::clone(config), self.at.server_name()?, stream).await;
        Ok(Conduit::Tls(Box::new(secured.map_err(|error| failed(&error))?)))
    }

    fn failure(&self, (fault, cause): Obstacle) -> Failure {
        failure(&self.proxy, fault, cause)
    }
}

/// Says whether requests are given to a proxy, which hands them on: those in the clear, if it speaks HTTP.
pub(super) fn forwards(proxy: &Proxy, speech: Speech) -> bool {
    let http = matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
    http && speech == Speech::Plain
}

/// Makes the failure of a proxy.
pub(super) fn failure(proxy: &Proxy, fault: ProxyFault, cause: Option<Failure>) -> Failure {
    let kind = FailureKind::Proxy(Box::new(ProxyFailure { proxy: proxy.clone(), fault }));
    match cause {
        Some(cause) => Failure::caused_by(kind, cause),
        None => Failure::new(kind),
    }
}
