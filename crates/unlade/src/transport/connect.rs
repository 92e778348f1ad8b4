//! How a connection comes about.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::time::timeout;

use super::conduit::Conduit;
use super::connection::Connection;
use super::detour::Detour;
use super::failure::Phase;
use super::guard::AddressGuard;
use super::origin::Origin;
use super::stream::Stream;
use super::tls::{self, Speech};
use super::tls_stream::TlsStream;
use super::{Failure, FailureKind, Profile, resolver, tcp};

/// Makes connections by a profile.
pub(super) struct Connector {
    detour: Option<Detour>,
    guard: AddressGuard,
    /// Shared by all its connections, and with it the sessions that servers resume.
    tls: Option<Arc<ClientConfig>>,
    timeout: Duration,
}

impl Connector {
    /// Reads the authorities, if connections are to be in TLS.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Tls`] if they cannot be read.
    pub(super) fn new(profile: &Profile, speech: Speech, timeout: Duration) -> Result<Self, Failure> {
        let tls = match speech {
            Speech::Plain => None,
            Speech::Tls => Some(Arc::new(tls::config(profile)?)),
        };
        let detour = profile.proxy().map(|proxy| Detour::new(proxy, profile, speech)).transpose()?;
        Ok(Self { detour, guard: profile.guard().clone(), tls, timeout })
    }

    /// Connects to an origin, handshake included.
    ///
    /// # Errors
    ///
    /// A [`Failure`] that says what stood in the way.
    pub(super) async fn connect(&self, origin: &Origin) -> Result<Connection, Failure> {
        timeout(self.timeout, self.connect_at_leisure(origin)).await.unwrap_or_else(|_| Err(self.late()))
    }

    fn late(&self) -> Failure {
        self.detour.as_ref().map_or_else(|| Failure::new(FailureKind::ConnectTimeout), Detour::late)
    }

    async fn connect_at_leisure(&self, origin: &Origin) -> Result<Connection, Failure> {
        let (stream, peer) = self.reach(origin).await?;
        let stream = match &self.tls {
            None => Stream::plain(stream),
            Some(config) => {
                let secured = TlsStream::connect(Arc::clone(config), origin.server_name()?, stream).await;
                Stream::tls(secured.map_err(|error| failed(&error))?)
            }
        };
        Connection::open(stream, peer).await.map_err(|error| Failure::from_error(&error, Phase::Connect))
    }

    /// Opens the stream on which an origin is spoken to, and says who is at its other end. A way through
    /// a proxy begins and ends here: what comes after does not care.
    async fn reach(&self, origin: &Origin) -> Result<(Conduit, Option<SocketAddr>), Failure> {
        if let Some(detour) = &self.detour {
            return detour.reach(origin, &self.guard).await;
        }
        let addresses = resolver::resolve(origin, &self.guard).await?;
        let stream = tcp::connect(addresses).await.map_err(|error| failed(&error))?;
        let peer = stream.peer_addr().map_err(|error| failed(&error))?;
        Ok((Conduit::Tcp(stream), Some(peer)))
    }
}

fn failed(error: &io::Error) -> Failure {
    Failure::from_error(error, Phase::Connect)
}
