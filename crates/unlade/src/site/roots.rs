//! The system's certificate authorities.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};

use super::Environment;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::RootLoader;

/// Loads the system's authorities when the first TLS connection is made.
///
/// `SSL_CERT_FILE` and `SSL_CERT_DIR` stand in for the system's. Where there are
/// none at all, as in a provisioning ramdisk, Mozilla's authorities that are built in do.
#[derive(Debug, Clone, Default)]
pub struct SystemRoots {
    file: Option<PathBuf>,
    folder: Option<PathBuf>,
}

impl Environment {
    /// Returns the loader of the system's authorities, or of those that the variables name.
    pub fn roots(&self) -> SystemRoots {
        let path = |name| self.variable(name).map(PathBuf::from);
        SystemRoots { file: path("SSL_CERT_FILE"), folder: path("SSL_CERT_DIR") }
    }
}

impl SystemRoots {
    /// Loads what the user chose: nothing stands in for it.
    fn chosen(&self) -> Result<Vec<CertificateDer<'static>>> {
        let found = load_certs_from_paths(self.file.as_deref(), self.folder.as_deref());
        if !found.certs.is_empty() {
            return Ok(found.certs);
        }
        let places: Vec<String> = self.file.iter().chain(&self.folder).map(|path| path.display().to_string()).collect();
        let text =
            format!("there is no certificate in {}, which SSL_CERT_FILE or SSL_CERT_DIR names", places.join(", "));
        let error = Error::new(ErrorKind::InvalidInput, text);
        Err(match found.errors.into_iter().next() {
            Some(cause) => error.caused_by(cause),
            None => error,
        })
    }
}

impl RootLoader for SystemRoots {
    fn load(&self) -> Result<Vec<CertificateDer<'static>>> {
        if self.file.is_some() || self.folder.is_some() {
            return self.chosen();
        }
        let CertificateResult { certs, errors, .. } = load_native_certs();
        for error in &errors {
            tracing::info!("cannot read some of the system's certificate authorities: {error}");
        }
        if certs.is_empty() {
            tracing::info!("the system has no certificate authorities: the built-in ones are used");
            return Ok(webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec());
        }
        Ok(certs)
    }
}
