//! Certificates of every kind that a client meets, and servers that show them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;

/// The names of every honest certificate: all ways to call a loopback server.
pub const LOOPBACK_NAMES: [&str; 3] = ["127.0.0.1", "localhost", "::1"];

/// A certificate and its key, in memory and in files.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Identity {
    /// The file with the certificate, PEM.
    pub certificate: PathBuf,
    /// The file with the key, PEM (PKCS #8).
    pub key: PathBuf,
    certificate_der: CertificateDer<'static>,
    key_der: Vec<u8>,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Validity {
    /// It was, long ago.
    Expired,
    /// It will be, in the far future.
    Future,
    /// Now.
    #[default]
    Now,
}

/// A certificate authority, with a folder for all that it makes.
pub struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// Makes a new authority; no two trust each other.
    pub fn new() -> Self {
        let mut params = parameters(&[], "unlade testkit authority", Validity::Now);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, key()).expect("the parameters of an authority are valid");
        let folder = tempfile::tempdir().expect("make a folder for certificates");
        fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("write the authority's certificate");
        Self { folder, issuer }
    }

    /// Gives the file with the authority's certificate, PEM: what `--ca-file` takes.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Makes a certificate for a server on loopback.
    pub fn server(&self) -> Identity {
        self.server_for(&LOOPBACK_NAMES, Validity::Now)
    }

    /// Makes a certificate for a server of these names and dates: also of the wrong ones.
    pub fn server_for(&self, names: &[&str], validity: Validity) -> Identity {
        let mut params = parameters(names, "unlade testkit server", validity);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    /// Makes a certificate that shows who a client is.
    pub fn client(&self, name: &str) -> Identity {
        let mut params = parameters(&[], name, Validity::Now);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    /// Makes what a plain `openssl req -x509` makes: a certificate that is its own authority, used by a server.
    pub fn self_signed(&self) -> Identity {
        self.self_signed_for(&LOOPBACK_NAMES, Validity::Now)
    }

    /// Makes a certificate that is its own authority, with these names and dates.
    pub fn self_signed_for(&self, names: &[&str], validity: Validity) -> Identity {
        let mut params = parameters(names, "unlade testkit self-signed", validity);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = key();
        let certificate = params.self_signed(&key).expect("the parameters of a certificate are valid");
        self.store(&certificate, &key)
    }

    /// Makes the configuration of a client that trusts this authority, for tests of servers.
    pub fn client_config(&self) -> Arc<ClientConfig> {
        let roots = self.roots();
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider speaks the default versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }

    /// Makes the configuration of a client that trusts this authority and shows a certificate.
    pub fn client_config_with(&self, identity: &Identity) -> Arc<ClientConfig> {
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider speaks the default versions")
            .with_root_certificates(self.roots())
            .with_client_auth_cert(vec![identity.certificate_der.clone()], identity.key_der())
            .expect("the key fits the certificate");
        Arc::new(config)
    }

    /// Makes the configuration of a server that wants to see a certificate of this authority from each client.
    pub fn requiring_clients(&self, identity: &Identity) -> Arc<ServerConfig> {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()), provider())
            .build()
            .expect("the authority's certificate is a root");
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider speaks the default versions")
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![identity.certificate_der.clone()], identity.key_der())
            .expect("the key fits the certificate");
        Arc::new(config)
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("the authority's certificate is a root");
        roots
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = key();
        let certificate = params.signed_by(&key, &self.issuer).expect("the parameters of a certificate are valid");
        self.store(&certificate, &key)
    }

    fn store(&self, certificate: &rcgen::Certificate, key: &KeyPair) -> Identity {
        let folder = tempfile::Builder::new().tempdir_in(self.folder.path()).expect("make a folder for a key").keep();
        let identity = Identity {
            certificate: folder.join("cert.pem"),
            key: folder.join("key.pem"),
            certificate_der: certificate.der().clone(),
            key_der: key.serialize_der(),
        };
        fs::write(&identity.certificate, certificate.pem()).expect("write a certificate");
        fs::write(&identity.key, key.serialize_pem()).expect("write a key");
        identity
    }
}

impl Identity {
    /// Makes the configuration of a server that shows this certificate, in TLS 1.2 and 1.3.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        self.server_config_of(rustls::ALL_VERSIONS)
    }

    /// Makes the configuration of a server that speaks nothing newer than TLS 1.2.
    pub fn server_config_tls12(&self) -> Arc<ServerConfig> {
        self.server_config_of(&[&rustls::version::TLS12])
    }

    /// Gives the certificate as it goes over the wire.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate_der
    }

    pub(crate) fn key_pkcs8(&self) -> &[u8] {
        &self.key_der
    }

    fn server_config_of(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .expect("the provider speaks these versions")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate_der.clone()], self.key_der())
            .expect("the key fits the certificate");
        Arc::new(config)
    }

    fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key_der.clone()).into()
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("generate a key")
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn parameters(names: &[&str], common_name: &str, validity: Validity) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("the names are host names or addresses");
    params.distinguished_name.push(DnType::CommonName, common_name);
    let (from, to) = match validity {
        Validity::Expired => (2001, 2002),
        Validity::Future => (2998, 2999),
        Validity::Now => (2020, 2090),
    };
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, LyingRegistry};

    fn ask(server: Arc<ServerConfig>, client: Arc<ClientConfig>) -> std::io::Result<u16> {
        let registry = LyingRegistry::builder().tls(server).start();
        let answer = Client::new(registry.address()).tls(client).get("/v2/").map(|answer| answer.status);
        if answer.is_ok() {
            assert_eq!(registry.requests().len(), 1);
        }
        answer
    }

    #[test]
    fn honest_certificates_are_accepted_in_both_versions() {
        let authority = Authority::new();
        let identity = authority.server();
        assert_eq!(ask(identity.server_config(), authority.client_config()).unwrap(), 200);
        assert_eq!(ask(identity.server_config_tls12(), authority.client_config()).unwrap(), 200);
    }

    #[test]
    fn dishonest_certificates_are_refused() {
        let authority = Authority::new();
        for identity in [
            authority.server_for(&LOOPBACK_NAMES, Validity::Expired),
            authority.server_for(&LOOPBACK_NAMES, Validity::Future),
            authority.server_for(&["example.com"], Validity::Now),
            authority.self_signed(),
            Authority::new().server(),
        ] {
            assert!(ask(identity.server_config(), authority.client_config()).is_err(), "{identity:?}");
        }
    }

    #[test]
    fn a_server_can_require_a_certificate_of_its_clients() {
        let authority = Authority::new();
        let server = authority.requiring_clients(&authority.server());
        assert!(ask(Arc::clone(&server), authority.client_config()).is_err());
        let registry = LyingRegistry::builder().tls(server).start();
        let config = authority.client_config_with(&authority.client("tester"));
        assert_eq!(Client::new(registry.address()).tls(config).get("/v2/").unwrap().status, 200);
        assert_eq!(registry.requests()[0].client_certificates, 1);
    }

    #[test]
    fn files_hold_what_the_servers_show() {
        let authority = Authority::new();
        let identity = authority.server();
        assert!(fs::read_to_string(&identity.certificate).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(fs::read_to_string(&identity.key).unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
        assert!(authority.file().is_file());
    }
}
