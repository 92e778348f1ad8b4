//! What a connection is made with: the key of a pool of connections.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, RootCertStore};

use super::guard::AddressGuard;
use crate::config::Proxy;
use crate::error::{Error, ErrorKind, Result};

/// How connections are made. Each profile has connections of its own: a client
/// certificate, say, is dropped by taking another profile, since an HTTP client has
/// it for all requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Profile {
    authorities: Authorities,
    guard: AddressGuard,
    identity: Option<Identity>,
    minimum: TlsMinimum,
    proxy: Option<Proxy>,
    verification: Verification,
}

/// The lowest version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsMinimum {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// Whether a server must prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verification {
    /// By a certificate.
    Full,
    /// Not at all.
    None,
}

/// Loads the system's certificate authorities, when they are first needed.
pub trait RootLoader: fmt::Debug + Send + Sync + 'static {
    /// Returns the authorities; those that cannot be used are left out later.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if the user chose authorities and none of them can be read.
    fn load(&self) -> Result<Vec<CertificateDer<'static>>>;
}

/// Whose signatures count.
#[derive(Clone)]
pub struct Authorities {
    system: Arc<dyn RootLoader>,
    extra: Arc<[CertificateDer<'static>]>,
}

/// A client's certificate and key.
#[derive(Clone)]
pub struct Identity(Arc<IdentityParts>);

struct IdentityParts {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Profile {
    /// Begins with the system's and the given authorities, and the safe choices.
    pub fn new(authorities: Authorities) -> Self {
        Self {
            authorities,
            guard: AddressGuard::Open,
            identity: None,
            minimum: TlsMinimum::Tls12,
            proxy: None,
            verification: Verification::Full,
        }
    }

    /// Sets which addresses may be connected to.
    #[must_use]
    pub fn guarded(mut self, guard: AddressGuard) -> Self {
        self.guard = guard;
        self
    }

    /// Sets or drops the client's certificate.
    #[must_use]
    pub fn identified(mut self, identity: Option<Identity>) -> Self {
        self.identity = identity;
        self
    }

    /// Sets or drops the proxy through which servers are reached.
    #[must_use]
    pub fn through(mut self, proxy: Option<Proxy>) -> Self {
        self.proxy = proxy;
        self
    }

    /// Sets the lowest version of TLS.
    #[must_use]
    pub fn minimum(mut self, minimum: TlsMinimum) -> Self {
        self.minimum = minimum;
        self
    }

    /// Sets whether servers must prove who they are.
    #[must_use]
    pub fn verification(mut self, verification: Verification) -> Self {
        self.verification = verification;
        self
    }

    /// Returns which addresses may be connected to.
    pub fn guard(&self) -> &AddressGuard {
        &self.guard
    }

    /// Returns the proxy through which servers are reached.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// Says whether servers must prove who they are.
    pub fn verifies(&self) -> bool {
        self.verification == Verification::Full
    }

    pub(super) fn authorities(&self) -> &Authorities {
        &self.authorities
    }

    pub(super) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    pub(super) fn tls_minimum(&self) -> TlsMinimum {
        self.minimum
    }
}

impl Authorities {
    /// Takes the system's authorities, and certificates from PEM files, each with the name it goes by in messages.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a file without a certificate.
    pub fn new<'a>(system: Arc<dyn RootLoader>, files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self> {
        let mut extra = Vec::new();
        for (name, text) in files {
            let found = certificates(name, text)?;
            let mut store = RootCertStore::empty();
            for certificate in &found {
                store.add(certificate.clone()).map_err(|error| {
                    let text = format!("{name} holds a certificate that cannot be read");
                    Error::new(ErrorKind::InvalidInput, text).caused_by(error)
                })?;
            }
            extra.extend(found);
        }
        Ok(Self { system, extra: extra.into() })
    }

    /// Returns the certificates that were given beside the system's.
    pub(super) fn extra(&self) -> &[CertificateDer<'static>] {
        &self.extra
    }

    pub(super) fn load_system(&self) -> Result<Vec<CertificateDer<'static>>> {
        self.system.load()
    }
}

/// Says why there is no key in a text.
fn lack_of_key(pem: &[u8]) -> &'static str {
    // PKCS#8's own mark, and that of OpenSSL's older form (RFC 1421).
    let marks: [&[u8]; 2] = [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];
    if marks.iter().any(|mark| pem.windows(mark.len()).any(|window| window == *mark)) {
        "holds an encrypted private key, which cannot be used: openssl pkey -in FILE writes it in clear"
    } else {
        "holds no private key in PEM"
    }
}

impl Identity {
    /// Reads a certificate chain and its key from PEM, each with the name it goes by in messages.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if one of them is missing or they do not fit.
    pub fn from_pem(certificate: (&str, &[u8]), key: (&str, &[u8])) -> Result<Self> {
        let chain = certificates(certificate.0, certificate.1)?;
        let secret = PrivateKeyDer::from_pem_slice(key.1).map_err(|_| {
            // The cause is left out: it may quote the file.
            Error::new(ErrorKind::InvalidInput, format!("{} {}", key.0, lack_of_key(key.1)))
        })?;
        let identity = Self(Arc::new(IdentityParts { chain, key: secret }));
        let certified = identity.certified(&rustls::crypto::aws_lc_rs::default_provider()).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, format!("the key in {} cannot be used", key.0)).caused_by(error)
        })?;
        match certified.keys_match() {
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the key in {} does not fit the certificate in {}", key.0, certificate.0),
            )),
            // A certificate of X.509's first version is not read here; servers read it.
            _ => Ok(identity),
        }
    }

    /// Puts certificate and key together for handshakes.
    ///
    /// # Errors
    ///
    /// What the provider has against the key.
    pub fn certified(&self, provider: &CryptoProvider) -> Result<CertifiedKey, rustls::Error> {
        let key = provider.key_provider.load_private_key(self.0.key.clone_key())?;
        Ok(CertifiedKey::new(self.0.chain.clone(), key))
    }
}

fn certificates(name: &str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let invalid = || Error::new(ErrorKind::InvalidInput, format!("{name} holds no certificate in PEM"));
    let found: Vec<_> =
        CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().map_err(|error| invalid().caused_by(error))?;
    if found.is_empty() { Err(invalid()) } else { Ok(found) }
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.system, &other.system) && self.extra == other.extra
    }
}

impl Eq for Authorities {}

impl Hash for Authorities {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for certificate in self.extra.iter() {
            certificate.as_ref().hash(state);
        }
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorities").field("system", &self.system).field("extra", &self.extra.len()).finish()
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.0.chain == other.0.chain && self.0.key.secret_der() == other.0.key.secret_der()
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for certificate in &self.0.chain {
            certificate.as_ref().hash(state);
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.0.chain.len()).finish_non_exhaustive()
    }
}
