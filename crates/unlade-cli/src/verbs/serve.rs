//! `unlade serve`.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tokio::net::TcpListener;
use unlade::observe::{Event, Observer};
use unlade::{Error, ErrorKind, Result};
use unlade_serve::{AccessLog, Logins, Server, Shelf, Tls};

use crate::options;
use crate::output;
use crate::session::{Session, read};

pub(super) async fn run(options: &options::Serve, session: &Session) -> Result<()> {
    let (asked, observer) = (options.clone(), Arc::clone(session.display()) as Arc<dyn Observer>);
    // Where it may block: a pipe waits for its writer or reader, and signals are to be heard meanwhile.
    let opened = tokio::task::spawn_blocking(move || Opened::open(&asked, observer));
    let opened = async { opened.await.unwrap_or_else(|error| Err(Error::io("cannot open the files", error.into()))) };
    let Opened { server, scheme, warning } = session.cancel().guard(opened).await?;
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| Error::io(format!("cannot listen on {}", options.listen), error))?;
    let address = listener.local_addr().map_err(|error| Error::io("cannot tell where it listens", error))?;
    if let Some(text) = warning {
        session.display().notice(&Event::Warning { text });
    }
    let url = format!("{scheme}://{address}");
    if session.json() {
        output::document(&json!({ "url": url })).await?;
    } else {
        output::line(&format!("listening on {url}")).await?;
    }
    let (cancel, hurry) = (session.cancel().clone(), session.hurry().clone());
    server.serve_until(listener, async move { cancel.cancelled().await }, async move { hurry.cancelled().await }).await;
    session.display().summary("stopped on request");
    Ok(())
}

/// A server with all that the options name.
struct Opened {
    server: Server,
    scheme: &'static str,
    warning: Option<String>,
}

impl Opened {
    /// Opens and reads it all; blocks.
    fn open(options: &options::Serve, observer: Arc<dyn Observer>) -> Result<Self> {
        let shelf = Shelf::open_watched(&options.folder, Arc::clone(&observer))?;
        let mut server = Server::new(shelf).observer(Arc::clone(&observer));
        let (tls, logins) = (tls(options)?, logins(options)?);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let warning = exposed(options.listen, tls.as_ref(), logins.as_ref());
        if let Some(tls) = tls {
            server = server.tls(tls);
        }
        if let Some(logins) = logins {
            server = server.logins(logins);
        }
        if let Some(path) = &options.access_log {
            server = server.access_log(access_log(path, observer)?);
        }
        Ok(Self { server, scheme, warning })
    }
}

fn tls(options: &options::Serve) -> Result<Option<Tls>> {
    let alone =
        |given: &str, missing: &str| Error::new(ErrorKind::InvalidInput, format!("{given} needs {missing}, too"));
    match (&options.tls_cert, &options.tls_key) {
        (Some(certificate), Some(key)) => {
            let (chain, secret) = (file("--tls-cert", certificate)?, file("--tls-key", key)?);
            let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
            Tls::from_pem((&certificate, &chain), (&key, &secret)).map(Some)
        }
        (Some(_), None) => Err(alone("--tls-cert", "--tls-key")),
        (None, Some(_)) => Err(alone("--tls-key", "--tls-cert")),
        (None, None) => Ok(None),
    }
}

fn logins(options: &options::Serve) -> Result<Option<Logins>> {
    let open = |path: &Path| Logins::from_htpasswd(&path.display().to_string(), &file("--htpasswd", path)?);
    options.htpasswd.as_deref().map(open).transpose()
}

/// Reads the file that an option names.
fn file(option: &str, path: &Path) -> Result<Vec<u8>> {
    if path == Path::new("-") {
        // There is one stdin, and three options that could want it.
        return Err(Error::new(ErrorKind::InvalidInput, format!("{option} takes a file, and does not read stdin")));
    }
    read(path)
}

fn access_log(path: &Path, observer: Arc<dyn Observer>) -> Result<AccessLog> {
    if path == Path::new("-") { AccessLog::to(Stderr, observer) } else { AccessLog::append(path, observer) }
}

/// Stderr, on which lines stay whole beside what else is said there.
struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Says what others than this machine's own users could do.
fn exposed(listen: SocketAddr, tls: Option<&Tls>, logins: Option<&Logins>) -> Option<String> {
    if listen.ip().to_canonical().is_loopback() {
        return None;
    }
    let danger = match (tls, logins) {
        (Some(_), Some(_)) => return None,
        (Some(_), None) => "anybody who reaches it may read everything: --htpasswd FILE asks for a login",
        (None, Some(_)) => "passwords cross the network in clear: --tls-cert FILE and --tls-key FILE encrypt them",
        (None, None) => {
            "anybody who reaches it may read everything, and nothing is encrypted: see --htpasswd, --tls-cert and --tls-key"
        }
    };
    Some(format!("{listen} is not loopback, and {danger}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_taken_for_private() {
        for (address, expected) in [
            ("127.0.0.1:0", false),
            ("127.9.9.9:5000", false),
            ("[::1]:0", false),
            ("[::ffff:127.0.0.1]:0", false),
            ("0.0.0.0:0", true),
            ("[::]:0", true),
            ("192.168.1.1:80", true),
        ] {
            assert_eq!(exposed(address.parse().unwrap(), None, None).is_some(), expected, "{address}");
        }
    }
}
