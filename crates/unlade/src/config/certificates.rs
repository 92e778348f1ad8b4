//! Certificates for one host, from a folder of `certs.d`.
//!
//! <https://github.com/containers/image/blob/main/docs/containers-certs.d.5.md>

use super::origin::Fault;
use super::{Identity, Pem};

/// The folder of one host below a `certs.d`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateFolder {
    /// `HOST[:PORT]`, the folder's name.
    pub host: String,
    /// The folder, as messages name it.
    pub folder: String,
    /// What is in it, or what is wrong with it.
    pub content: Result<Certificates, Fault>,
}

/// Certificates of and for one host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Certificates {
    /// Those to trust there.
    pub authorities: Vec<Pem>,
    /// The client's own, and its key.
    pub identity: Option<Identity>,
    /// What was left out, and why.
    pub warnings: Vec<String>,
}

impl CertificateFolder {
    /// Names a folder and what is in it.
    pub fn new(host: impl Into<String>, folder: impl Into<String>, content: Result<Certificates, Fault>) -> Self {
        Self { host: host.into(), folder: folder.into(), content }
    }
}
