//! TLS: what the server proves itself with, and how a connection begins.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use unlade::transport::Identity;
use unlade::{Error, ErrorKind, Result};

use crate::gate::Connection;

/// A certificate chain and its key, for a server that speaks TLS 1.2 and 1.3.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

impl Tls {
    /// Reads a certificate chain, the server's own first, and its key from PEM, each with the name it goes by in
    /// messages.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if one of them is missing or cannot be used, or if they do not fit.
    pub fn from_pem(certificate: (&str, &[u8]), key: (&str, &[u8])) -> Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let unusable = |error: rustls::Error| {
            let message = format!("the certificate in {} cannot be used with the key in {}", certificate.0, key.0);
            Error::new(ErrorKind::InvalidInput, message).caused_by(error)
        };
        let certified = Identity::from_pem(certificate, key)?.certified(&provider).map_err(unusable)?;
        if let Err(error @ rustls::Error::InvalidCertificate(CertificateError::BadEncoding)) = certified.keys_match() {
            let message = format!("{} holds a certificate that cannot be read", certificate.0);
            return Err(Error::new(ErrorKind::InvalidInput, message).caused_by(error));
        }
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// Shakes hands with a client, unless it speaks something else.
    pub(crate) async fn greet(&self, connection: Connection) -> io::Result<Greeting> {
        // What begins with a letter is a request in plain HTTP, whose sender is better told than cut off: no record of
        // TLS does (RFC 8446, section 5.1).
        if connection.first_byte().await?.is_some_and(|byte| byte.is_ascii_alphabetic()) {
            return Ok(Greeting::Plain(connection));
        }
        let stream = TlsAcceptor::from(Arc::clone(&self.0)).accept(connection).await?;
        Ok(Greeting::Encrypted(Box::new(stream)))
    }
}

/// How a client of a server with TLS begins.
pub(crate) enum Greeting {
    Encrypted(Box<TlsStream<Connection>>),
    Plain(Connection),
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
