//! Connections by profile.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use http::header::{ACCEPT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout};
use url::Position;

use super::connect::Connector;
use super::connection::{Body, Connection};
use super::detour::{self, forwards};
use super::failure::Phase;
use super::origin::Origin;
use super::payload::Payload;
use super::shelf::{Place, Shelf};
use super::tls::Speech;
use super::{AGENT, Answer, Exchange, Failure, FailureKind, Profile, ProxyFault, Transport, tunnel};
use crate::config::Proxy;

/// More profiles than this are not kept: a hostile registry could make up one for each redirect.
const MAX_PROFILES: usize = 32;

/// What is accepted where nothing else is said.
const ANYTHING: HeaderValue = HeaderValue::from_static("*/*");

/// Keeps connections alive between exchanges of the same profile. HTTP/1.1 alone:
/// ranges on one multiplexed connection are slower than on several, and one
/// connection that served the manifest serves the blob.
#[derive(Default)]
pub struct Pool {
    lines: Mutex<HashMap<Key, Arc<Line>>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    profile: Profile,
    speech: Speech,
    connect_timeout: Duration,
}

/// The connections of one key, made and to be made.
struct Line {
    connector: Connector,
    shelf: Arc<Shelf>,
}

impl Pool {
    /// Makes a pool without connections.
    pub fn new() -> Self {
        Self::default()
    }

    fn line(&self, key: Key) -> Result<Arc<Line>, Failure> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(&key) {
            return Ok(Arc::clone(line));
        }
        let connector = Connector::new(&key.profile, key.speech, key.connect_timeout)?;
        let line = Arc::new(Line { connector, shelf: Arc::default() });
        if lines.len() >= MAX_PROFILES {
            // Which ones are dropped makes no difference to what is right, only to what is warm.
            lines.clear();
        }
        lines.insert(key, Arc::clone(&line));
        Ok(line)
    }
}

impl Line {
    /// Sends a request on a connection that rests, or on a new one, and waits for its answer; the patience counts while
    /// there is a connection, and making one has its own.
    async fn send(
        &self,
        origin: &Origin,
        request: Request<Payload>,
        patience: Duration,
    ) -> Result<(Response<Incoming>, Connection), Failure> {
        let began = Instant::now();
        if let Some(mut connection) = self.shelf.take(origin) {
            match within(patience, connection.send(request.clone())).await? {
                Ok(response) => return Ok((response, connection)),
                // Its server had closed it, and word of that was on its way: no fault of anyone.
                Err(error) if error.is_canceled() || error.is_closed() => {}
                Err(_) if connection.is_silent() && is_repeatable(request.method()) => {}
                Err(error) => return Err(Failure::from_error(&error, Phase::Head)),
            }
        }
        let left = patience.saturating_sub(began.elapsed());
        let mut connection = self.connector.connect(origin).await?;
        let outcome = within(left, connection.send(request)).await?;
        let response = outcome.map_err(|error| unanswered(&error, &connection))?;
        Ok((response, connection))
    }
}

/// Waits for an answer, so long at most.
async fn within<T>(patience: Duration, answer: impl Future<Output = T>) -> Result<T, Failure> {
    timeout(patience, answer).await.map_err(|_| Failure::new(FailureKind::ResponseTimeout))
}

/// Says why the first request over a connection has no answer.
fn unanswered(error: &hyper::Error, connection: &Connection) -> Failure {
    // No server of HTTP speaks before it is asked; one that does is not listened to any more, and nothing goes out.
    if (error.is_closed() || error.is_canceled()) && !connection.is_silent() {
        return Failure::caused_by(FailureKind::NotHttp, "the server speaks before it is asked");
    }
    Failure::from_error(error, Phase::Head)
}

/// Says whether a request may reach a server twice.
fn is_repeatable(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

/// Puts a request as it goes over the wire: a proxy that hands it on is told the whole URL, and shown its login.
fn request(exchange: Exchange, origin: &Origin, proxy: Option<&Proxy>) -> Result<Request<Payload>, Failure> {
    let start = if proxy.is_some() { Position::BeforeScheme } else { Position::BeforePath };
    let target = &exchange.url[start..Position::AfterQuery];
    let mut request = Request::new(Payload::new(exchange.body));
    // The error would quote nothing, but says nothing either.
    *request.uri_mut() =
        target.parse().map_err(|_| Failure::caused_by(FailureKind::Other, "the URL cannot be asked"))?;
    *request.method_mut() = exchange.method;
    let headers = request.headers_mut();
    headers.insert(HOST, origin.authority());
    headers.extend(exchange.headers);
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    headers.entry(ACCEPT).or_insert(ANYTHING);
    if let Some(pass) = proxy.and_then(Proxy::login).and_then(tunnel::pass) {
        headers.insert(PROXY_AUTHORIZATION, pass);
    }
    Ok(request)
}

/// Tells what comes from a proxy in the place of a server's answer.
fn by_proxy(failure: Failure, proxy: &Proxy) -> Failure {
    match failure.kind() {
        FailureKind::NotHttp => detour::failure(proxy, ProxyFault::NotProxy, Some(failure)),
        _ => failure,
    }
}

/// Takes an answer that is the proxy's own for a failure.
fn refused_by(response: &Response<Incoming>, proxy: &Proxy) -> Result<(), Failure> {
    if response.status() != StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return Ok(());
    }
    let offers = response.headers().get_all(PROXY_AUTHENTICATE).into_iter().map(HeaderValue::as_bytes);
    Err(detour::failure(proxy, tunnel::login_fault(proxy, offers), None))
}

#[async_trait]
impl Transport for Pool {
    async fn call(&self, exchange: Exchange) -> Result<Answer, Failure> {
        if !exchange.url.username().is_empty() || exchange.url.password().is_some() {
            // Nobody would see that it is left out.
            return Err(Failure::caused_by(FailureKind::Other, "a URL with a login in it is not asked"));
        }
        let origin = Origin::of(&exchange.url)?;
        let speech = if exchange.url.scheme() == "https" { Speech::Tls } else { Speech::Plain };
        let key = Key { profile: exchange.profile.clone(), speech, connect_timeout: exchange.connect_timeout };
        let line = self.line(key)?;
        let response_timeout = exchange.response_timeout;
        let proxy = exchange.profile.proxy().filter(|proxy| forwards(proxy, speech)).cloned();
        let request = request(exchange, &origin, proxy.as_ref())?;
        let (response, connection) =
            line.send(&origin, request, response_timeout).await.map_err(|failure| match &proxy {
                Some(proxy) => by_proxy(failure, proxy),
                None => failure,
            })?;
        if let Some(proxy) = &proxy {
            refused_by(&response, proxy)?;
        }
        let (head, incoming) = response.into_parts();
        let peer = connection.peer();
        let place = Place::new(Arc::clone(&line.shelf), origin);
        let chunks = Body::new(incoming, connection, place).boxed();
        Ok(Answer { status: head.status, headers: head.headers, peer, chunks })
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_struct("Pool").field("profiles", &lines).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;

    use super::super::conduit::Conduit;
    use super::super::stream::Stream;
    use super::*;

    #[tokio::test]
    async fn a_server_that_greets_first_speaks_no_http() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap();
        stream.readable().await.unwrap();
        let mut connection = Connection::open(Stream::plain(Conduit::Tcp(stream)), Some(address)).await.unwrap();
        let error = connection.send(Request::new(Payload::new(None))).await.unwrap_err();
        let failure = unanswered(&error, &connection);
        assert_eq!(failure.kind(), &FailureKind::NotHttp, "{failure}: {error}");
        assert!(!failure.is_transient());
    }
}
