//! Certificates as people make them by hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Missing, program};

/// Makes a self-signed certificate with a plain `openssl req -x509`; gives its file and that of its key.
///
/// Extensions are written as openssl wants them, such as `subjectAltName=IP:127.0.0.1,DNS:localhost`.
///
/// # Errors
///
/// [`Missing`] where openssl is not installed.
#[track_caller]
pub fn openssl_self_signed(folder: &Path, extensions: &[&str]) -> Result<(PathBuf, PathBuf), Missing> {
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    let output = Command::new(program("openssl", "openssl")?)
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=registry"])
        .args(extensions.iter().flat_map(|extension| ["-addext", extension]))
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("run openssl");
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    Ok((certificate, key))
}
