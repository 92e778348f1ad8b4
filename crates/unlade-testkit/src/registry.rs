//! A registry that lies on command.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rustls::ServerConfig;

use crate::access::Access;
use crate::answer::Answer;
use crate::bearer::{Realm, Tokens};
use crate::client::Client;
use crate::document::Document;
use crate::exchange::{Desk, serve};
use crate::fault::{Fault, Here, LOOP};
use crate::record::{ReceivedRequest, Recorder};
use crate::repository::{Repository, Route};
use crate::script::{Matcher, Script};
use crate::server::{Binding, Server, lock};
use crate::tripwire::Tripwire;

/// Chooses the lie for a request, or the truth.
type Whim = dyn Fn(&ReceivedRequest) -> Option<Fault> + Send + Sync;

/// A read-only registry on loopback, correct until a script says otherwise.
///
/// It serves manifests and blobs (with ranges), pages of tags, referrers, tokens, and signed addresses of blobs at
/// `/signed/REPOSITORY/DIGEST`, which ask for no credential. It ends when it is dropped, and then fails the test if a
/// scripted step was never used.
pub struct LyingRegistry {
    desk: Arc<RegistryDesk>,
    server: Server,
    // Never read: it lives as long as the registry, and serves the second port.
    _second: Option<Server>,
    scheme: &'static str,
}

/// Chooses how a [`LyingRegistry`] listens and whom it lets in.
#[derive(Default)]
pub struct LyingRegistryBuilder {
    binding: Binding,
    access: Access,
    tls: Option<Arc<ServerConfig>>,
    signed_at: Option<String>,
}

impl LyingRegistryBuilder {
    /// Sets who may read.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Sets the address.
    #[must_use]
    pub fn binding(mut self, binding: Binding) -> Self {
        self.binding = binding;
        self
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Redirects every request for a blob to `BASE/signed/REPOSITORY/DIGEST?signature=…`, as registries do that keep
    /// their blobs in an object store. See [`Origin`](crate::Origin).
    #[must_use]
    pub fn blobs_at(mut self, base: &str) -> Self {
        self.signed_at = Some(base.trim_end_matches('/').to_owned());
        self
    }

    /// Starts to listen.
    pub fn start(self) -> LyingRegistry {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let rules = match &self.access {
            Access::Bearer(bearer) => bearer.clone(),
            Access::Anonymous | Access::Basic { .. } => crate::bearer::Bearer::default(),
        };
        let elsewhere = rules.realm.clone();
        let desk = Arc::new(RegistryDesk {
            access: self.access,
            tokens: Tokens::new(rules),
            realm: Mutex::new(None),
            signed_at: self.signed_at,
            ..RegistryDesk::default()
        });
        let listen = || {
            let desk = Arc::clone(&desk);
            Server::start(self.binding, self.tls.clone(), move |number, wire| {
                serve(&desk, scheme, number, wire);
            })
        };
        let server = listen();
        let second = (elsewhere == Realm::SecondPort).then(listen);
        *lock(&desk.realm) = match (elsewhere, &second) {
            (Realm::Url(url), _) => Some(url),
            (Realm::SecondPort, Some(second)) => Some(format!("{scheme}://{}/token", second.address())),
            _ => None,
        };
        LyingRegistry { desk, server, _second: second, scheme }
    }
}

impl LyingRegistry {
    /// Starts a registry on `127.0.0.1`, over plain http, that everybody may read.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Begins to describe a registry.
    pub fn builder() -> LyingRegistryBuilder {
        LyingRegistryBuilder::default()
    }

    /// Gives host and port, as references name them.
    pub fn host(&self) -> String {
        self.address().to_string()
    }

    /// Gives the address.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Gives the URL of a target on this server.
    pub fn url(&self, target: &str) -> String {
        format!("{}://{}{target}", self.scheme, self.address())
    }

    /// Gives the reference of a tag or digest: pass `:v1` or `@sha256:…` with the repository.
    pub fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address())
    }

    /// Makes a simple client of this server, which speaks plain http.
    pub fn client(&self) -> Client {
        Client::new(self.address())
    }

    /// Puts a document, with all below it, under a tag.
    pub fn publish(&self, repository: &str, tag: &str, document: &Document) {
        self.desk.with(repository, |content| {
            content.put(document);
            content.tag(tag, &document.digest());
        });
    }

    /// Puts a document without a tag.
    pub fn put(&self, repository: &str, document: &Document) {
        self.desk.with(repository, |content| content.put(document));
    }

    /// Puts a blob under a digest, whether it is its own or not: for other algorithms, and for lies.
    pub fn put_blob(&self, repository: &str, digest: &str, blob: impl Into<Bytes>) {
        self.desk.with(repository, |content| content.put_blob(digest, blob.into()));
    }

    /// Scripts a lie for the requests that match, after the lies that were scripted before.
    pub fn script(&self, matcher: Matcher, fault: Fault) {
        self.desk.script.add(matcher, fault);
    }

    /// Lies by chance: whatever no script is about is answered as this says, until it says otherwise.
    pub fn lie_by(&self, whim: impl Fn(&ReceivedRequest) -> Option<Fault> + Send + Sync + 'static) {
        *lock(&self.desk.whim) = Some(Arc::new(whim));
    }

    /// Ends what [`lie_by`](Self::lie_by) and [`after`](Self::after) began.
    pub fn be_honest(&self) {
        lock(&self.desk.whim).take();
        self.desk.tripwire.disarm();
    }

    /// Acts once so many bytes have been sent, heads included, before the next one is: on a thread that serves.
    pub fn after(&self, bytes: usize, act: impl FnOnce() + Send + 'static) {
        self.desk.tripwire.arm(bytes, act);
    }

    /// Fails unless every scripted step was used as often as it was meant to be.
    #[track_caller]
    pub fn assert_script_used(&self) {
        self.desk.script.assert_used();
    }

    /// Makes all tokens invalid.
    pub fn expire_tokens(&self) {
        self.desk.tokens.expire();
    }

    /// Gives what was seen.
    pub fn recorder(&self) -> &Recorder {
        &self.desk.recorder
    }

    /// Gives every request, in the order of arrival.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.recorder().requests()
    }

    /// Gives the requests whose path matches a pattern in which `*` stands for any text.
    pub fn requests_for(&self, pattern: &str) -> Vec<ReceivedRequest> {
        self.recorder().requests_for(pattern)
    }

    /// Says whether any request held a text; see [`ReceivedRequest::holds_text`].
    pub fn saw_text(&self, text: &str) -> bool {
        self.recorder().saw_text(text)
    }

    /// Counts the connections to the registry's own port.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }
}

impl Drop for LyingRegistry {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.desk.script.assert_used();
        }
    }
}

#[derive(Default)]
struct RegistryDesk {
    repositories: Mutex<BTreeMap<String, Repository>>,
    access: Access,
    tokens: Tokens,
    realm: Mutex<Option<String>>,
    signed_at: Option<String>,
    script: Script,
    whim: Mutex<Option<Arc<Whim>>>,
    tripwire: Tripwire,
    recorder: Recorder,
}

impl RegistryDesk {
    fn with(&self, repository: &str, change: impl FnOnce(&mut Repository)) {
        change(lock(&self.repositories).entry(repository.to_owned()).or_default());
    }

    fn signed(&self, path: &str, request: &ReceivedRequest) -> Answer {
        let (repository, digest) = path.rsplit_once('/').unwrap_or(("", path));
        match lock(&self.repositories).get(repository) {
            None => Answer::new(404),
            Some(repository) => repository.blob(digest, request),
        }
    }
}

impl Desk for RegistryDesk {
    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn script(&self) -> &Script {
        &self.script
    }

    fn whim(&self, request: &ReceivedRequest) -> Option<Fault> {
        let whim = lock(&self.whim).clone();
        whim.and_then(|whim| whim(request))
    }

    fn tripwire(&self) -> Option<&Tripwire> {
        Some(&self.tripwire)
    }

    fn realm(&self, own: String) -> String {
        lock(&self.realm).clone().unwrap_or(own)
    }

    fn expire_tokens(&self) {
        self.tokens.expire();
    }

    fn answer(&self, request: &ReceivedRequest, here: &Here) -> Answer {
        let path = request.path.as_str();
        if path == LOOP {
            return Answer::redirect(307, LOOP);
        }
        if path == "/token" && matches!(self.access, Access::Bearer(_)) {
            return self.tokens.answer(request);
        }
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return Answer::error(405, "UNSUPPORTED", "the registry is read-only");
        }
        if let Some(signed) = path.strip_prefix("/signed/") {
            return self.signed(signed, request);
        }
        if let Err(refusal) = self.access.check(&self.tokens, request, here) {
            return refusal;
        }
        if path == "/v2/" || path == "/v2" {
            return Answer::json(200, &serde_json::json!({})).header("Docker-Distribution-Api-Version", "registry/2.0");
        }
        let Some(route) = Route::parse(path) else {
            return Answer::error(404, "UNSUPPORTED", "no such endpoint");
        };
        if let (Route::Blob { repository, digest }, Some(base)) = (&route, &self.signed_at) {
            return Answer::redirect(307, &format!("{base}/signed/{repository}/{digest}?signature=secret-signature"));
        }
        match lock(&self.repositories).get(route.repository()) {
            None => Answer::error(404, "NAME_UNKNOWN", "repository name not known to registry"),
            Some(repository) => repository.answer(&route, request),
        }
    }
}

#[cfg(test)]
mod tests;
