//! `unlade serve`.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tokio::net::TcpListener;
use unlade::observe::{Event, Observer as _};
use unlade::{Error, ErrorKind, Result};
use unlade_serve::{AccessLog, Logins, Server, Shelf, Tls};

use crate::options;
use crate::output;
use crate::session::{Session, read};

pub(super) async fn run(options: &options::Serve, session: &Session) -> Result<()> {
    let mut server = Server::new(Shelf::open(&options.folder)?);
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
        server = server.access_log(session.cancel().guard(access_log(path, session)).await?);
    }
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
    let cancel = session.cancel().clone();
    server.serve(listener, async move { cancel.cancelled().await }).await;
    session.display().summary("stopped on request");
    Ok(())
}

fn tls(options: &options::Serve) -> Result<Option<Tls>> {
    let alone =
        |given: &str, missing: &str| Error::new(ErrorKind::InvalidInput, format!("{given} needs {missing}, too"));
    match (&options.tls_cert, &options.tls_key) {
        (Some(certificate), Some(key)) => {
            let (chain, secret) = (read(certificate)?, read(key)?);
            let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
            Tls::from_pem((&certificate, &chain), (&key, &secret)).map(Some)
        }
        (Some(_), None) => Err(alone("--tls-cert", "--tls-key")),
        (None, Some(_)) => Err(alone("--tls-key", "--tls-cert")),
        (None, None) => Ok(None),
    }
}

fn logins(options: &options::Serve) -> Result<Option<Logins>> {
    let open = |path: &Path| Logins::from_htpasswd(&path.display().to_string(), &read(path)?);
    options.htpasswd.as_deref().map(open).transpose()
}

/// Opens the log where it may block: a pipe waits for its reader, and signals are to be heard meanwhile.
async fn access_log(path: &Path, session: &Session) -> Result<AccessLog> {
    let observer = Arc::clone(session.display());
    if path == Path::new("-") {
        return AccessLog::to(std::io::stderr(), observer);
    }
    let path = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || AccessLog::append(&path, observer)).await;
    opened.unwrap_or_else(|error| Err(Error::io("cannot open the access log", std::io::Error::other(error))))
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
