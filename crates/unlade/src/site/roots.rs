//! The system's certificate authorities.

use rustls::pki_types::CertificateDer;

use crate::transport::RootLoader;

/// Loads the system's authorities when the first TLS connection is made.
///
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` stand in for the system's. Where there are
/// none at all, as in a provisioning ramdisk, Mozilla's authorities that are built in do.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SystemRoots;

impl RootLoader for SystemRoots {
    fn load(&self) -> Vec<CertificateDer<'static>> {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::info!("cannot read some of the system's certificate authorities: {error}");
        }
        if found.certs.is_empty() {
            tracing::info!("the system has no certificate authorities: the built-in ones are used");
            return webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec();
        }
        found.certs
    }
}
