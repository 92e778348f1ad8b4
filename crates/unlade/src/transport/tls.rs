//! TLS by a profile.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};

use super::cipher::provider;
use super::failure::is_authority_as_server;
use super::{Failure, FailureKind, Profile, TlsFault, TlsMinimum};

/// Whether connections speak TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Speech {
    Plain,
    Tls,
}

/// Makes the settings of a profile's TLS connections.
pub(super) fn config(profile: &Profile) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(provider());
    let verifier: Arc<dyn ServerCertVerifier> = if profile.verifies() {
        Arc::new(Verifier::new(profile, Arc::clone(&provider))?)
    } else {
        Arc::new(Believer(Arc::clone(&provider)))
    };
    let versions: &[&SupportedProtocolVersion] = match profile.tls_minimum() {
        TlsMinimum::Tls12 => &[&TLS13, &TLS12],
        TlsMinimum::Tls13 => &[&TLS13],
    };
    let fault = |error: Error| Failure::caused_by(FailureKind::Tls(TlsFault::Other), error);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(fault)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match profile.identity() {
        Some(identity) => builder
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.certified(&provider).map_err(fault)?))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Verifies as webpki does, and accepts besides a server whose certificate is byte
/// for byte one that the user gave: what a plain `openssl req -x509` makes is marked
/// as an authority, which webpki does not take for a server.
#[derive(Debug)]
struct Verifier {
    /// Missing where there is no authority at all.
    inner: Option<Arc<WebPkiServerVerifier>>,
    given: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(profile: &Profile, provider: Arc<CryptoProvider>) -> Result<Self, Failure> {
        let authorities = profile.authorities();
        let mut roots = RootCertStore::empty();
        // Real stores hold a few that cannot be parsed; the others are as good without them.
        let system = authorities.load_system();
        let system = system.map_err(|error| Failure::caused_by(FailureKind::Tls(TlsFault::Authorities), error))?;
        roots.add_parsable_certificates(system);
        roots.add_parsable_certificates(authorities.extra().iter().cloned());
        let inner = if roots.is_empty() {
            None
        } else {
            let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
            Some(builder.build().map_err(|error| Failure::caused_by(FailureKind::Tls(TlsFault::Other), error))?)
        };
        Ok(Self { inner, given: authorities.extra().to_vec(), provider })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let inner = self.inner.as_ref().ok_or(CertificateError::UnknownIssuer)?;
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // Dates are checked before mark and issuer are looked at; the name is not, so it is checked here.
            Err(Error::InvalidCertificate(error))
                if is_about_trust(&error) && self.given.iter().any(|given| given == end_entity) =>
            {
                rustls::client::verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Says whether nothing is wrong with a certificate but that no authority vouches for it.
fn is_about_trust(error: &CertificateError) -> bool {
    match error {
        CertificateError::Other(other) => is_authority_as_server(other),
        error => *error == CertificateError::UnknownIssuer,
    }
}

/// Takes the signature of a certificate that cannot be read as good: whoever answers is believed.
fn believed(outcome: Result<HandshakeSignatureValid, Error>) -> Result<HandshakeSignatureValid, Error> {
    match outcome {
        Err(Error::InvalidCertificate(CertificateError::BadEncoding | CertificateError::Other(_))) => {
            Ok(HandshakeSignatureValid::assertion())
        }
        outcome => outcome,
    }
}

/// Believes any certificate, as `--insecure-skip-tls-verify` asks; the handshake must still be signed with its key.
#[derive(Debug)]
struct Believer(Arc<CryptoProvider>);

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        believed(verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        believed(verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
