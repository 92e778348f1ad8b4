//! Other servers than the registry: where redirects, realms and links lead.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rustls::ServerConfig;

use crate::answer::Answer;
use crate::document::Document;
use crate::exchange::{Desk, serve};
use crate::fault::{Fault, Here, LOOP};
use crate::record::{ReceivedRequest, Recorder};
use crate::repository::Repository;
use crate::script::{Matcher, Script};
use crate::server::{Binding, Server, lock};

/// A server that gives content to whoever knows its path: an object store, or a network that delivers content.
pub struct Origin {
    desk: Arc<OriginDesk>,
    server: Server,
    scheme: &'static str,
}

impl Origin {
    /// Starts on `127.0.0.1`, over plain http.
    pub fn start() -> Self {
        Self::start_with(Binding::V4, None)
    }

    /// Starts on `127.0.0.1`, over TLS.
    pub fn start_tls(config: Arc<ServerConfig>) -> Self {
        Self::start_with(Binding::V4, Some(config))
    }

    /// Starts at a chosen address, over TLS if there is a configuration for it.
    pub fn start_with(binding: Binding, tls: Option<Arc<ServerConfig>>) -> Self {
        let desk = Arc::new(OriginDesk::default());
        let scheme = if tls.is_some() { "https" } else { "http" };
        let serving = Arc::clone(&desk);
        let server = Server::start(binding, tls, move |number, wire| serve(&serving, scheme, number, wire));
        Self { desk, server, scheme }
    }

    /// Gives the address.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Gives the URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address())
    }

    /// Offers content at a path; any query is accepted with it.
    pub fn offer(&self, path: &str, content: impl Into<Bytes>) {
        lock(&self.desk.content).insert(path.to_owned(), content.into());
    }

    /// Offers the blobs of a document at `/signed/REPOSITORY/DIGEST`, where
    /// [`blobs_at`](crate::LyingRegistryBuilder::blobs_at) sends clients.
    pub fn offer_blobs(&self, repository: &str, document: &Document) {
        for blob in document.walk().into_iter().flat_map(|part| &part.blobs) {
            self.offer(&format!("/signed/{repository}/{}", crate::content::digest(blob)), blob.clone());
        }
    }

    /// Scripts a lie for the requests that match.
    pub fn script(&self, matcher: Matcher, fault: Fault) {
        self.desk.script.add(matcher, fault);
    }

    /// Fails unless every scripted step was used as often as it was meant to be.
    #[track_caller]
    pub fn assert_script_used(&self) {
        self.desk.script.assert_used();
    }

    /// Gives what was seen.
    pub fn recorder(&self) -> &Recorder {
        &self.desk.recorder
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.desk.script.assert_used();
        }
    }
}

/// A server that must never be given a secret: when it is dropped, it fails the test that let one come.
///
/// `Authorization`, `Proxy-Authorization`, `Cookie` and client certificates count as secrets, and so does every text
/// that the test names, in whatever disguise.
pub struct CanaryOrigin {
    origin: Origin,
    secrets: Vec<String>,
}

impl CanaryOrigin {
    /// Makes a canary of a server, and tells it what else it must never see.
    pub fn new(origin: Origin, secrets: &[&str]) -> Self {
        Self { origin, secrets: secrets.iter().map(|&secret| secret.to_owned()).collect() }
    }

    /// Gives the server.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Gives the URL of a path.
    pub fn url(&self, path: &str) -> String {
        self.origin.url(path)
    }

    /// Lists the secrets that came, with the request that brought each.
    pub fn leaks(&self) -> Vec<String> {
        self.origin.recorder().requests().iter().flat_map(|request| self.leaks_of(request)).collect()
    }

    /// Fails if any secret came.
    #[track_caller]
    pub fn assert_no_credentials(&self) {
        let leaks = self.leaks();
        assert!(leaks.is_empty(), "credentials reached an origin that they were not meant for: {leaks:#?}");
    }

    fn leaks_of(&self, request: &ReceivedRequest) -> Vec<String> {
        let headers = ["authorization", "proxy-authorization", "cookie"]
            .into_iter()
            .filter(|name| request.header(name).is_some())
            .map(|name| format!("header {name}"));
        let texts =
            self.secrets.iter().filter(|secret| request.holds_text(secret)).map(|secret| format!("text {secret}"));
        let certificate = (request.client_certificates > 0).then(|| "client certificate".to_owned());
        headers
            .chain(texts)
            .chain(certificate)
            .map(|leak| format!("{leak} in {} {}", request.method, request.path))
            .collect()
    }
}

impl Drop for CanaryOrigin {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.assert_no_credentials();
        }
    }
}

#[derive(Default)]
struct OriginDesk {
    content: Mutex<HashMap<String, Bytes>>,
    script: Script,
    recorder: Recorder,
}

impl Desk for OriginDesk {
    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn script(&self) -> &Script {
        &self.script
    }

    fn answer(&self, request: &ReceivedRequest, _here: &Here) -> Answer {
        if request.path == LOOP {
            return Answer::redirect(307, LOOP);
        }
        match lock(&self.content).get(&request.path) {
            None => Answer::new(404),
            Some(content) => {
                let mut store = Repository::default();
                store.put_blob(&request.path, content.clone());
                // A store knows nothing of digests, but answers ranges as a registry does.
                store.blob(&request.path, request).without("Docker-Content-Digest").without("ETag")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;

    #[test]
    fn an_origin_gives_what_it_was_offered() {
        let origin = Origin::start();
        origin.offer("/disk", "0123456789");
        let client = Client::new(origin.address()).header("Range", "bytes=2-3");
        assert_eq!(client.get("/disk?signature=x").unwrap().body, b"23");
        assert_eq!(client.get("/else").unwrap().status, 404);
    }

    #[test]
    fn a_canary_sings_of_every_secret() {
        let canary = CanaryOrigin::new(Origin::start(), &["hunter2"]);
        let client = Client::new(canary.origin().address());
        client.get("/quiet").unwrap();
        canary.assert_no_credentials();
        client.clone().basic("tester", "hunter2").get("/loud").unwrap();
        client.clone().header("Cookie", "a=b").get("/loud").unwrap();
        client.get("/loud?password=hunter%32").unwrap();
        assert_eq!(canary.leaks().len(), 4, "{:?}", canary.leaks());
        canary.origin().recorder().forget();
    }
}
