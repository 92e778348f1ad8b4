//! Connections by profile, on reqwest.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _};
use url::Host;

use super::failure::Phase;
use super::resolver::GuardedResolver;
use super::tls::{self, Speech};
use super::{Answer, Exchange, Failure, FailureKind, Profile, Transport};

/// More profiles than this are not kept: a hostile registry could make up one for each redirect.
const MAX_PROFILES: usize = 32;

/// Idle connections for each host; more than a download uses.
const MAX_IDLE: usize = 8;

/// The user agent of every request: name and version, nothing about the machine.
const USER_AGENT: &str = concat!("unlade/", env!("CARGO_PKG_VERSION"));

/// Keeps connections alive between exchanges of the same profile. HTTP/1.1 alone:
/// ranges on one multiplexed connection are slower than on several, and one
/// connection that served the manifest serves the blob.
#[derive(Default)]
pub struct Pool {
    clients: Mutex<HashMap<Key, reqwest::Client>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    profile: Profile,
    speech: Speech,
    connect_timeout: Duration,
}

impl Pool {
    /// Makes a pool without connections.
    pub fn new() -> Self {
        Self::default()
    }

    fn client(&self, key: Key) -> Result<reqwest::Client, Failure> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        let client = build(&key)?;
        if clients.len() >= MAX_PROFILES {
            // Which ones are dropped makes no difference to what is right, only to what is warm.
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }
}

fn build(key: &Key) -> Result<reqwest::Client, Failure> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls::config(&key.profile, key.speech)?)
        .http1_only()
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .user_agent(USER_AGENT)
        .connect_timeout(key.connect_timeout)
        .pool_max_idle_per_host(MAX_IDLE)
        .tcp_nodelay(true)
        .dns_resolver(Arc::new(GuardedResolver::new(key.profile.guard().clone())))
        .build()
        .map_err(|error| Failure::from_reqwest(error, Phase::Head))
}

#[async_trait]
impl Transport for Pool {
    async fn call(&self, exchange: Exchange) -> Result<Answer, Failure> {
        let Exchange { method, url, headers, body, profile, connect_timeout, response_timeout } = exchange;
        // A literal address never reaches the resolver.
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
            _ => None,
        };
        if !url.username().is_empty() || url.password().is_some() {
            // The HTTP library would make a login of it.
            return Err(Failure::caused_by(FailureKind::Other, "a URL with a login in it is not asked"));
        }
        if let Some(address) = literal {
            let forbidden = |peril| Failure::new(FailureKind::ForbiddenAddress(address, peril));
            profile.guard().permits(address).map_err(forbidden)?;
        }
        let speech = if url.scheme() == "https" { Speech::Tls } else { Speech::Plain };
        let client = self.client(Key { profile, speech, connect_timeout })?;
        let mut request = client.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let sent = tokio::time::timeout(response_timeout, request.send()).await;
        let response = sent
            .map_err(|_| Failure::new(FailureKind::ResponseTimeout))?
            .map_err(|error| Failure::from_reqwest(error, Phase::Head))?;
        let (status, headers, peer) = (response.status(), response.headers().clone(), response.remote_addr());
        let chunks = response.bytes_stream().map_err(|error| Failure::from_reqwest(error, Phase::Body)).boxed();
        Ok(Answer { status, headers, peer, chunks })
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_struct("Pool").field("profiles", &clients).finish()
    }
}
