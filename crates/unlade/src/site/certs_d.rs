//! The folders of certificates of docker and containers: `certs.d/HOST[:PORT]/{*.crt, *.cert, *.key}`.
//!
//! <https://github.com/containers/image/blob/main/docs/containers-certs.d.5.md>

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::files;
use crate::config::{CertificateFolder, Certificates, Fault, Identity, Pem};

/// Reads the folders of all hosts below one.
pub(super) fn read(root: &Path) -> io::Result<Vec<CertificateFolder>> {
    let mut folders = Vec::new();
    for path in files::entries(root)?.into_iter().filter(|path| path.is_dir()) {
        if let Some(host) = path.file_name().and_then(|name| name.to_str()) {
            folders.push(CertificateFolder::new(host, path.display().to_string(), read_host(&path)));
        }
    }
    Ok(folders)
}

/// Reads the folder of one host.
pub(super) fn read_host(folder: &Path) -> Result<Certificates, Fault> {
    let mut found = Certificates::default();
    let paths = match files::entries(folder) {
        Ok(paths) => paths,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            found.warnings.push(format!("the certificates in {} are not read: {error}", folder.display()));
            return Ok(found);
        }
        Err(error) => return Err(unreadable(folder, &error)),
    };
    let mut pairs: BTreeMap<PathBuf, [bool; 2]> = BTreeMap::new();
    for path in paths {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("crt") => match pem(&path) {
                Ok(authority) => found.authorities.push(authority),
                // Distributions leave links to authorities that are gone.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    found.warnings.push(format!("{} leads nowhere", path.display()));
                }
                Err(error) => return Err(unreadable(&path, &error)),
            },
            Some("cert") => pairs.entry(path.with_extension("")).or_default()[0] = true,
            Some("key") => pairs.entry(path.with_extension("")).or_default()[1] = true,
            _ => {}
        }
    }
    found.identity = identity(pairs, &mut found.warnings)?;
    Ok(found)
}

/// Takes the first certificate that has a key.
fn identity(pairs: BTreeMap<PathBuf, [bool; 2]>, warnings: &mut Vec<String>) -> Result<Option<Identity>, Fault> {
    let mut first = None;
    for (stem, [certificate, key]) in pairs {
        let (cert, secret) = (with(&stem, "cert"), with(&stem, "key"));
        if !certificate || !key {
            let (there, missing) = if certificate { (cert, secret) } else { (secret, cert) };
            return Err(Fault::new(format!("{} belongs to {}, which is missing", there.display(), missing.display())));
        }
        if first.is_some() {
            warnings.push(format!("{} is not used: one certificate is shown", cert.display()));
            continue;
        }
        match (pem(&cert), pem(&secret)) {
            (Ok(certificate), Ok(key)) => first = Some(Identity::new(certificate, key)),
            // A key that is for docker's daemon alone.
            (_, Err(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                warnings.push(format!("{} is not read: {error}", secret.display()));
            }
            (Err(error), _) => return Err(unreadable(&cert, &error)),
            (_, Err(error)) => return Err(unreadable(&secret, &error)),
        }
    }
    Ok(first)
}

/// Reads a file of certificates or a key.
pub(super) fn pem(path: &Path) -> io::Result<Pem> {
    Ok(Pem::new(path.display().to_string(), files::read(path)?))
}

fn with(stem: &Path, extension: &str) -> PathBuf {
    let mut name = stem.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    Fault::new(format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let host = folder.path().join("r.example:5000");
        std::fs::create_dir(&host).unwrap();
        for name in names {
            std::fs::write(host.join(name), name).unwrap();
        }
        folder
    }

    fn content(names: &[&str]) -> Result<Certificates, Fault> {
        read(folder(names).path()).unwrap().remove(0).content
    }

    #[test]
    fn a_folder_has_authorities_and_one_certificate_with_its_key() {
        let folder = folder(&["b.crt", "a.crt", "me.cert", "me.key", "you.cert", "you.key", "README"]);
        let found = read(folder.path()).unwrap().remove(0);
        assert_eq!(found.host, "r.example:5000");
        let content = found.content.unwrap();
        let names: Vec<&[u8]> = content.authorities.iter().map(|pem| pem.text.as_slice()).collect();
        assert_eq!(names, [b"a.crt", b"b.crt"]);
        assert_eq!(content.identity.unwrap().key.text, b"me.key");
        assert_eq!(content.warnings.len(), 1, "{:?}", content.warnings);
        assert!(content.warnings[0].ends_with("you.cert is not used: one certificate is shown"));
    }

    #[test]
    fn a_key_and_a_certificate_belong_together() {
        for (names, expected) in
            [(["client.cert"], "client.cert belongs to "), (["client.key"], "client.key belongs to ")]
        {
            let fault = content(&names).unwrap_err().to_string();
            assert!(fault.contains(expected) && fault.ends_with(", which is missing"), "{fault}");
        }
    }

    #[test]
    fn a_link_to_nowhere_is_a_warning() {
        let folder = folder(&["a.crt"]);
        std::os::unix::fs::symlink("/nonexistent/ca", folder.path().join("r.example:5000/b.crt")).unwrap();
        let content = read(folder.path()).unwrap().remove(0).content.unwrap();
        assert_eq!((content.authorities.len(), content.warnings.len()), (1, 1));
    }
}
