//! The system's certificate authorities.

use std::fs::File;

use rustls::pki_types::CertificateDer;

use super::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::RootLoader;

/// Loads the system's authorities when the first TLS connection is made.
///
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` stand in for the system's. Where there are
/// none at all, as in a provisioning ramdisk, Mozilla's authorities that are built in do.
///
/// [`Environment::roots`] looks whether the file is there before anyone relies on it.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct SystemRoots;

impl Environment {
    /// Returns the loader of the system's authorities.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if `SSL_CERT_FILE` names a file that cannot be opened.
    pub fn roots(&self) -> Result<SystemRoots> {
        if let Some(path) = self.variable("SSL_CERT_FILE") {
            File::open(path).map_err(|error| {
                let text = format!("cannot read {}, which SSL_CERT_FILE names", path.display());
                Error::new(ErrorKind::InvalidInput, text).caused_by(error)
            })?;
        }
        Ok(SystemRoots)
    }
}

impl RootLoader for SystemRoots {
    fn load(&self) -> Vec<CertificateDer<'static>> {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::info!("cannot read some of the system's certificate authorities: {error}");
        }
        // Where the user chose, nothing stands in for the choice.
        let chosen = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some());
        if found.certs.is_empty() && !chosen {
            tracing::info!("the system has no certificate authorities: the built-in ones are used");
            return webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec();
        }
        found.certs
    }
}
