//! unlade's own file: what the files of the others cannot say.

use std::path::Path;

use super::certs_d;
use super::site_url::{self, ApiPath};
use super::toml_text::{Table, read};
use crate::config::{Fault, HostSettings, Identity, Pem, Scheme, Sourced, TlsVerification};

/// All keys of a host.
const KEYS: [&str; 7] =
    ["plain-http", "insecure-skip-tls-verify", "ca-file", "cert-file", "key-file", "trust-realm", "mirror"];

/// Reads the hosts of a file. The files that it names, from its own folder on, are read too.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<HostSettings>, Fault> {
    read(&path.display().to_string(), text, |root| {
        root.only(&["host"])?;
        let mut settings: Vec<HostSettings> = Vec::new();
        let hosts = root.table("host", "host")?.map(|hosts| hosts.keys()).unwrap_or_default();
        for (name, _) in hosts {
            let whole = format!("host.\"{name}\"");
            let missing = || root.fault_of("host", "expected a table");
            let table = root.table("host", "host")?.ok_or_else(missing)?.table(name, &whole)?.ok_or_else(missing)?;
            let found = host(&table, name, path.parent().unwrap_or(path))?;
            if let Some(other) = settings.iter().find(|other| other.host == found.host) {
                return Err(table.fault(&format!("{} is about the same host", other.origin)));
            }
            settings.push(found);
        }
        Ok(settings)
    })
}

fn host(table: &Table<'_>, name: &str, folder: &Path) -> Result<HostSettings, Fault> {
    table.only(&KEYS)?;
    let host = name.parse().map_err(|_| table.fault("expected HOST[:PORT]"))?;
    let mut settings = HostSettings::new(host, table.origin());
    let scheme = |plain| if plain { Scheme::Http } else { Scheme::Https };
    settings.scheme = table.bool("plain-http")?.map(|plain| Sourced::new(scheme(plain.value), plain.origin));
    let verification = |skip| if skip { TlsVerification::Skip } else { TlsVerification::Full };
    settings.verification =
        table.bool("insecure-skip-tls-verify")?.map(|skip| Sourced::new(verification(skip.value), skip.origin));
    for file in table.string_or_strings("ca-file")?.into_iter().flat_map(|list| list.value) {
        settings.authorities.push(pem(table, "ca-file", folder, &file)?);
    }
    settings.identity = match (table.string("cert-file")?, table.string("key-file")?) {
        (Some(certificate), Some(key)) => Some(Identity::new(
            pem(table, "cert-file", folder, &certificate.value)?,
            pem(table, "key-file", folder, &key.value)?,
        )),
        (None, None) => None,
        _ => return Err(table.fault("cert-file and key-file belong together")),
    };
    if let Some(realms) = table.string_or_strings("trust-realm")? {
        settings.realms = realms.value;
    }
    for mirror in table.string_or_strings("mirror")?.into_iter().flat_map(|list| list.value) {
        let server = site_url::read(&mirror, ApiPath::Completed).map_err(|what| table.fault_of("mirror", what))?;
        settings.mirrors.push(Sourced::new(server, table.origin()));
    }
    Ok(settings)
}

fn pem(table: &Table<'_>, key: &str, folder: &Path, file: &str) -> Result<Pem, Fault> {
    let path = folder.join(file);
    certs_d::pem(&path).map_err(|error| table.fault_of(key, &format!("cannot read {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_others_cannot_say() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), "ca").unwrap();
        let text = r#"
[host."r.example:5000"]
plain-http = true
trust-realm = ["auth.example"]
mirror = ["https://m.example"]

[host."docker.io"]
insecure-skip-tls-verify = true
ca-file = "ca.pem"
"#;
        let hosts = parse(&folder.path().join("config.toml"), text).unwrap();
        let names: Vec<String> = hosts.iter().map(|host| host.host.to_string()).collect();
        assert_eq!(names, ["r.example:5000", "docker.io"]);
        assert_eq!(hosts[0].scheme.as_ref().unwrap().value, Scheme::Http);
        assert_eq!(hosts[0].scheme.as_ref().unwrap().origin.line, Some(3));
        assert_eq!((hosts[0].realms.as_slice(), hosts[0].mirrors.len()), (["auth.example".to_owned()].as_slice(), 1));
        assert_eq!(hosts[1].verification.as_ref().unwrap().value, TlsVerification::Skip);
        assert_eq!(hosts[1].authorities[0].text, b"ca");
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_key() {
        for (text, expected) in [
            ("hosts = 1", "config.toml, line 1, key hosts: nothing has this name; there are host"),
            ("[host.'a b']", "line 1, key host.\"a b\": expected HOST[:PORT]"),
            (
                "[host.a]\nplain_http=true",
                "line 2, key host.\"a\".plain_http: nothing has this name; there are plain-http",
            ),
            ("[host.a]\nplain-http=1", "line 2, key host.\"a\".plain-http: expected true or false"),
            ("[host.a]\ncert-file='x'", "line 1, key host.\"a\": cert-file and key-file belong together"),
            ("[host.a]\nca-file='x'", "line 2, key host.\"a\".ca-file: cannot read /nonexistent/x: "),
            ("[host.a]\nmirror='ftp://x'", "key host.\"a\".mirror: expected a URL of http or https"),
            ("[host.a]\n[host.A]", "line 2, key host.\"A\": /nonexistent/config.toml:1 is about the same host"),
        ] {
            let fault = parse(Path::new("/nonexistent/config.toml"), text).unwrap_err().to_string();
            assert!(fault.contains(expected), "{text}: {fault}");
        }
    }
}
