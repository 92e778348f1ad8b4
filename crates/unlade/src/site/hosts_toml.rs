//! containerd's `hosts.toml`.
//!
//! <https://github.com/containerd/containerd/blob/main/docs/hosts.md>

use std::path::{Path, PathBuf};

use super::certs_d;
use super::site_url::{self, ApiPath};
use super::toml_text::{Table, read};
use crate::config::{
    Capabilities, Fault, Header, HostEntry, Identity, Pem, Pull, Resolve, Sourced, Standing, TlsVerification,
};

/// Reads the hosts of a file in their order, the upstream last. The files that it names are read too.
pub(super) fn parse(path: &Path, text: &str) -> Result<Vec<HostEntry>, Fault> {
    let folder = path.parent().unwrap_or(path);
    read(&path.display().to_string(), text, |root| {
        let mut entries = Vec::new();
        if let Some(hosts) = root.table("host", "host")? {
            for (name, _) in hosts.keys() {
                // A login in it is a secret.
                let shown = if name.contains('@') { "***" } else { name };
                let whole = format!("host.\"{shown}\"");
                // The order of the file is that of the hosts.
                read_host(&root, name, &whole, folder, &mut entries)?;
            }
        }
        let server = root.string("server")?;
        let server = server.map(|server| server.value).filter(|server| !server.is_empty());
        let mut upstream = entry(&root, server.as_deref(), folder, Standing::Registry)?;
        if server.is_none() {
            upstream.capabilities = Capabilities::ALL;
        }
        entries.push(upstream);
        Ok(entries)
    })
}

fn read_host(
    root: &Table<'_>,
    name: &str,
    whole: &str,
    folder: &Path,
    entries: &mut Vec<HostEntry>,
) -> Result<(), Fault> {
    let missing = || root.fault_of("host", "expected a table");
    let hosts = root.table("host", "host")?.ok_or_else(missing)?;
    let table = hosts.table(name, whole)?.ok_or_else(missing)?;
    entries.push(entry(&table, Some(name), folder, Standing::Mirror)?);
    Ok(())
}

fn entry(table: &Table<'_>, server: Option<&str>, folder: &Path, standing: Standing) -> Result<HostEntry, Fault> {
    let path = match table.bool("override_path")? {
        Some(whole) if whole.value => ApiPath::Whole,
        _ => ApiPath::Completed,
    };
    let server = server.map(|text| {
        site_url::read(text, path).map_err(|what| match standing {
            Standing::Registry => table.fault_of("server", what),
            Standing::Mirror => table.fault(what),
        })
    });
    let mut entry = HostEntry::new(standing, server.transpose()?, table.origin());
    if let Some(list) = table.strings("capabilities")?
        && !list.value.is_empty()
    {
        entry.capabilities = capabilities(table, &list)?;
    }
    let verification = |skip| if skip { TlsVerification::Skip } else { TlsVerification::Full };
    entry.verification = table.bool("skip_verify")?.map(|skip| verification(skip.value));
    for file in table.string_or_strings("ca")?.into_iter().flat_map(|list| list.value) {
        entry.authorities.push(pem(table, "ca", folder, &file)?);
    }
    if let Some(groups) = table.groups("client")? {
        entry.identity = identity(table, groups.value, folder)?;
    }
    entry.headers = headers(table)?;
    Ok(entry)
}

fn capabilities(table: &Table<'_>, list: &Sourced<Vec<String>>) -> Result<Capabilities, Fault> {
    let mut capabilities = Capabilities::ALL;
    capabilities.pull = Pull::Never;
    capabilities.resolve = Resolve::No;
    for name in &list.value {
        match name.to_ascii_lowercase().as_str() {
            "pull" => capabilities.pull = Pull::Any,
            "resolve" => capabilities.resolve = Resolve::Yes,
            // Nothing is pushed, and referrers are asked for wherever manifests are.
            "push" | "referrers" => {}
            _ => return Err(table.fault_of("capabilities", "expected pull, resolve or push")),
        }
    }
    Ok(capabilities)
}

/// Takes the first of the client's certificates: of several, Go's own choice is by what the server asks for.
fn identity(table: &Table<'_>, groups: Vec<Vec<String>>, folder: &Path) -> Result<Option<Identity>, Fault> {
    let Some(group) = groups.into_iter().next() else {
        return Ok(None);
    };
    let (certificate, key) = match group.as_slice() {
        [both] => (both, both),
        [certificate, key] => (certificate, key),
        _ => return Err(table.fault_of("client", "expected a file, or a pair of certificate and key")),
    };
    let (certificate, key) = (pem(table, "client", folder, certificate)?, pem(table, "client", folder, key)?);
    Ok(Some(Identity::new(certificate, key)))
}

fn headers(table: &Table<'_>) -> Result<Vec<Header>, Fault> {
    let Some(headers) = table.table("header", "header")? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (name, _) in headers.keys() {
        if http::HeaderName::try_from(name).is_err() {
            return Err(headers.fault_of(name, "this is no name of a header"));
        }
        for value in headers.string_or_strings(name)?.into_iter().flat_map(|list| list.value) {
            if http::HeaderValue::try_from(&value).is_err() {
                // The value is not shown: it may be a secret.
                return Err(headers.fault_of(name, "the value cannot stand in a header"));
            }
            found.push(Header::new(name, value));
        }
    }
    Ok(found)
}

fn pem(table: &Table<'_>, key: &str, folder: &Path, file: &str) -> Result<Pem, Fault> {
    let path: PathBuf = folder.join(file);
    certs_d::pem(&path).map_err(|error| table.fault_of(key, &format!("cannot read {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Scheme;

    fn hosts(text: &str) -> Result<Vec<HostEntry>, Fault> {
        parse(Path::new("/nonexistent/hosts.toml"), text)
    }

    #[test]
    fn hosts_come_in_the_order_of_the_file_and_the_upstream_last() {
        let entries = hosts(
            r#"
server = "https://registry-1.docker.io"

[host."https://z.example/v2/hub"]
  capabilities = ["pull"]
  override_path = true
  [host."https://z.example/v2/hub".header]
    x-one = "1"
    x-two = ["2", "3"]

[host."http://a.example:5000"]
  capabilities = ["pull", "resolve", "push"]
  skip_verify = true
"#,
        )
        .unwrap();
        let places: Vec<String> = entries
            .iter()
            .map(|entry| {
                let server = entry.server.as_ref().unwrap();
                format!(
                    "{:?} {:?} {}{} {}",
                    entry.standing, server.scheme, server.registry, server.prefix, entry.origin
                )
            })
            .collect();
        assert_eq!(
            places,
            [
                "Mirror Https z.example/v2/hub /nonexistent/hosts.toml:4",
                "Mirror Http a.example:5000/v2 /nonexistent/hosts.toml:11",
                "Registry Https docker.io/v2 /nonexistent/hosts.toml:1"
            ]
        );
        assert_eq!(entries[0].capabilities, Capabilities::DIGESTS);
        let headers: Vec<_> = entries[0].headers.iter().map(|header| (&*header.name, &*header.value)).collect();
        assert_eq!(headers, [("x-one", "1"), ("x-two", "2"), ("x-two", "3")]);
        assert_eq!(entries[1].verification, Some(TlsVerification::Skip));
    }

    #[test]
    fn without_a_server_the_registry_itself_is_the_last() {
        let entries = hosts("capabilities = ['push']\nskip_verify = true").unwrap();
        assert_eq!((entries.len(), &entries[0].server), (1, &None));
        assert_eq!(entries[0].capabilities, Capabilities::ALL);
        assert_eq!(entries[0].verification, Some(TlsVerification::Skip));
        let entries = hosts("server = 'http://r.example'\ncapabilities = ['resolve']").unwrap();
        assert_eq!(entries[0].server.as_ref().unwrap().scheme, Scheme::Http);
        assert_eq!(entries[0].capabilities.pull, Pull::Never);
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_key() {
        for (text, expected) in [
            ("server = 1", "hosts.toml, line 1, key server: expected a text"),
            ("server = 'ftp://x'", "line 1, key server: expected a URL of http or https"),
            ("[host.'https://u:p@x']", "key host.\"***\": a URL of a host has no login"),
            ("\ncapabilities = ['fly']", "line 2, key capabilities: expected pull, resolve or push"),
            ("ca = 1", "key ca: expected a text or a list of texts"),
            ("ca = 'ca.crt'", "key ca: cannot read /nonexistent/ca.crt: "),
            ("client = [['a', 'b', 'c']]", "key client: expected a file, or a pair"),
            ("skip_verify = 'x'", "key skip_verify: expected true or false"),
            ("[header]\n'x y' = 'z'", "line 2, key header.x y: this is no name of a header"),
            ("[header]\nx = \"hunter2\\n\"", "line 2, key header.x: the value cannot stand in a header"),
        ] {
            let fault = hosts(text).unwrap_err().to_string();
            assert!(fault.contains(expected) && !fault.contains("hunter2"), "{text}: {fault}");
        }
    }
}
