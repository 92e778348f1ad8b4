//! The server: a listener, what stands before the answers, and how it ends.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::FusedFuture as _;
use futures_util::{FutureExt as _, StreamExt as _};
use http::header::{CONNECTION, EXPECT, HOST};
use http::request::Parts;
use http::{HeaderValue, Request, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use unlade::observe::{Blind, Observer};

use crate::access_log::{AccessLog, Pen};
use crate::gate::{Connection, Gate, Limits};
use crate::guests::{Doing, Seat};
use crate::logins::Logins;
use crate::refusal::Refusal;
use crate::shelf::Shelf;
use crate::tls::{Greeting, Tls};
use crate::visit::{Counted, Visit};
use crate::warnings::Warnings;
use crate::wire::{Stream, UNREADABLE, Wire};

/// A registry to be: what it serves, and what stands before it.
///
/// At most 256 connections are served at a time. While others wait, the one that has been idle the longest is closed
/// for them, and answers end their connections. A connection on which no byte moves for a minute is closed, unless an
/// answer is being made, and so is one whose handshake or next request is not complete within half a minute.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use unlade::observe::Blind;
/// use unlade_serve::{AccessLog, Logins, Server, Shelf, Tls};
///
/// # async fn example(listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
/// let shelf = Shelf::open("images".as_ref())?;
/// let (certificate, key) = (std::fs::read("cert.pem")?, std::fs::read("key.pem")?);
/// let server = Server::new(shelf)
///     .tls(Tls::from_pem(("cert.pem", &certificate), ("key.pem", &key))?)
///     .logins(Logins::from_htpasswd("users", &std::fs::read("users")?)?)
///     .access_log(AccessLog::append("access.log".as_ref(), Arc::<Blind>::default())?);
/// server.serve(listener, std::future::pending()).await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    router: Router,
    tls: Option<Tls>,
    logins: Option<Logins>,
    access_log: Option<AccessLog>,
    limits: Limits,
    warnings: Warnings,
}

impl Server {
    /// Will serve the layouts on a shelf.
    pub fn new(shelf: Shelf) -> Self {
        Self::of(crate::router(shelf))
    }

    /// Will serve a router that has something in front of [`router`](crate::router), or beside it.
    ///
    /// Requests come to it without their bodies: nothing in a read-only registry needs one.
    pub fn of(router: Router) -> Self {
        let warnings = Warnings::new(Arc::<Blind>::default());
        Self { router, tls: None, logins: None, access_log: None, limits: Limits::default(), warnings }
    }

    /// Tells an observer, in warnings, what the operator should know: that all places are taken, for one.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.warnings = Warnings::new(observer);
        self
    }

    /// Speaks TLS, and nothing else.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Answers nobody but these users, whatever they ask for.
    #[must_use]
    pub fn logins(mut self, logins: Logins) -> Self {
        self.logins = Some(logins);
        self
    }

    /// Writes a line about each request.
    #[must_use]
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.access_log = Some(log);
        self
    }

    /// Answers requests on a listener until `shutdown` ends, then finishes the answers that are under way.
    ///
    /// Needs a runtime with time and I/O enabled; one thread is enough.
    ///
    /// A client that takes its answer slowly holds the end up for as long as that takes, one that stopped reading for
    /// the minute that it may rest, and an access log that is not taken for a few seconds. Dropping the future drops
    /// the answers under way.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        self.serve_until(listener, shutdown, std::future::pending()).await;
    }

    /// Does what [`serve`](Self::serve) does, until `hurry` ends: then what is under way is cut off, and has its lines
    /// in the access log as far as half a second suffices for them.
    pub async fn serve_until(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send,
        hurry: impl Future<Output = ()> + Send,
    ) {
        let Self { router, tls, logins, access_log, limits, warnings } = self;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(BUFFER).max_header_size(MAX_HEAD);
        let pen = access_log.as_ref().map(AccessLog::pen);
        let router = TowerToHyperService::new(router);
        let mut gate = Gate::new(listener, limits, warnings.clone());
        let house = Arc::new(House { http, limits, logins, pen, router, tls, warnings });
        let (leave, leaving) = watch::channel(());
        let mut guests = JoinSet::new();
        let hurry = hurry.fuse();
        tokio::pin!(shutdown, hurry);
        loop {
            tokio::select! {
                (connection, address) = gate.accept() => {
                    guests.spawn(Arc::clone(&house).receive(connection, address, leaving.clone()));
                }
                Some(_left) = guests.join_next() => {}
                () = &mut shutdown => break,
                () = &mut hurry => break,
            }
        }
        drop((gate, house, leaving));
        leave.send_replace(());
        let left = async { while guests.join_next().await.is_some() {} };
        let hurried = async {
            if !hurry.is_terminated() {
                hurry.await;
            }
        };
        let lines_wait = tokio::select! {
            () = left => LAST_LINES,
            () = hurried => LAST_LINES_IN_HURRY,
        };
        // Each connection that is dropped leaves what it has for the log.
        guests.shutdown().await;
        if let Some(log) = access_log {
            log.close(lines_wait).await;
        }
    }

    #[cfg(test)]
    pub(crate) fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// What is buffered for one connection in each direction, in bytes: more than any request has for a head, and
/// little enough for all connections together.
const BUFFER: usize = 64 << 10;

/// The longest head of a request, in bytes: the longest tokens and names make a few thousand.
const MAX_HEAD: usize = 32 << 10;

/// How much of the body of a request is taken, in bytes, so that another request can follow on the connection.
const MAX_BODY: usize = 1 << 20;

/// How long a client that is to leave may take to complete a request that it has begun.
const GOODBYE: Duration = Duration::from_secs(1);

/// How long the last lines of an access log may take.
const LAST_LINES: Duration = Duration::from_secs(5);
const LAST_LINES_IN_HURRY: Duration = Duration::from_millis(500);

/// What all connections share.
struct House {
    http: http1::Builder,
    limits: Limits,
    logins: Option<Logins>,
    pen: Option<Pen>,
    router: TowerToHyperService<Router>,
    tls: Option<Tls>,
    warnings: Warnings,
}

/// Who has a connection.
struct Guest {
    client: IpAddr,
    seat: Arc<Seat>,
}

/// Whether a client came in the way that was meant for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Right,
    /// It speaks plain HTTP to a server with TLS.
    Wrong,
}

/// Whether the body of a request was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Something may still come: no other request can be told from it.
    InPart,
    Whole,
}

impl House {
    /// Serves one connection to its end; `leaving` tells when that should be.
    async fn receive(self: Arc<Self>, connection: Connection, address: SocketAddr, mut leaving: watch::Receiver<()>) {
        let guest = Guest { client: address.ip(), seat: connection.seat() };
        let greeting = tokio::select! {
            greeted = self.greet(connection) => greeted,
            // Nothing was asked yet.
            _ = leaving.changed() => None,
            () = guest.seat.called() => None,
        };
        if let Some((stream, door)) = greeting {
            self.converse(stream, door, guest, &mut leaving).await;
        }
    }

    /// Shakes hands with a client, if it comes to that in time.
    async fn greet(&self, connection: Connection) -> Option<(Box<dyn Stream>, Door)> {
        let Some(tls) = &self.tls else {
            return Some((Box::new(connection), Door::Right));
        };
        match tokio::time::timeout(self.limits.head, tls.greet(connection)).await {
            Ok(Ok(Greeting::Encrypted(stream))) => Some((stream, Door::Right)),
            Ok(Ok(Greeting::Plain(connection))) => Some((Box::new(connection), Door::Wrong)),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a handshake failed");
                None
            }
            Err(_) => {
                tracing::debug!("a handshake took too long");
                None
            }
        }
    }

    /// Answers the requests on a stream.
    async fn converse(&self, stream: Box<dyn Stream>, door: Door, guest: Guest, leaving: &mut watch::Receiver<()>) {
        let visit = Visit::new(guest.client, self.pen.clone(), Arc::clone(&guest.seat));
        let io = TokioIo::new(Wire::new(stream, visit.clone()));
        let service =
            service_fn(|request| async { Ok::<_, Infallible>(self.answer(request, door, guest.client, &visit).await) });
        let mut answered = self.http.serve_connection(io, service);
        let outcome = tokio::select! {
            outcome = &mut answered => Some(outcome),
            _ = leaving.changed() => {
                std::pin::Pin::new(&mut answered).graceful_shutdown();
                Some((&mut answered).await)
            }
            () = guest.seat.called() => {
                std::pin::Pin::new(&mut answered).graceful_shutdown();
                match tokio::time::timeout(GOODBYE, &mut answered).await {
                    Ok(outcome) => Some(outcome),
                    // Part of a head is there, and its rest may never come.
                    Err(_) if matches!(guest.seat.doing(), Doing::Idle(_)) => None,
                    Err(_) => Some((&mut answered).await),
                }
            }
        };
        if let Some(Err(error)) = outcome {
            tracing::debug!(%error, "a connection ended");
            if error.is_parse() && !visit.is_unread() {
                refuse(answered.into_parts().io.into_inner()).await;
            }
        }
    }

    async fn answer(&self, request: Request<Incoming>, door: Door, client: IpAddr, visit: &Visit) -> Response<Counted> {
        let (parts, body) = request.into_parts();
        visit.asked(&parts.method, parts.uri.path());
        let method = parts.method.clone();
        let taken = self.take(&parts, body).await;
        let (mut response, user) = match self.admit(&parts, door, client).await {
            Ok(user) => (self.route(parts).await, user),
            Err(refusal) => (crate::dressed(refusal.tell(&self.warnings).into_response()), None),
        };
        if taken == Taken::InPart || door == Door::Wrong {
            visit.leave_unread();
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        visit.answered(response, &method, user)
    }

    /// Takes the body of a request out of the way of the next, if it is short.
    async fn take(&self, parts: &Parts, body: Incoming) -> Taken {
        if hyper::body::Body::is_end_stream(&body) {
            return Taken::Whole;
        }
        // Who asks first whether it is wanted need not send it.
        if parts.headers.contains_key(EXPECT) {
            return Taken::InPart;
        }
        let mut chunks = Body::new(body).into_data_stream();
        let take = async {
            let mut left = MAX_BODY;
            while let Some(chunk) = chunks.next().await {
                match chunk.ok().and_then(|chunk| left.checked_sub(chunk.len())) {
                    Some(rest) => left = rest,
                    None => return Taken::InPart,
                }
            }
            Taken::Whole
        };
        tokio::time::timeout(self.limits.head, take).await.unwrap_or(Taken::InPart)
    }

    /// Says who asks, or why they get no answer.
    async fn admit(&self, parts: &Parts, door: Door, client: IpAddr) -> Result<Option<Arc<str>>, Refusal> {
        match (door, &self.logins) {
            (Door::Wrong, _) => Err(Refusal::wants_tls()),
            (Door::Right, _) if !names_its_host(parts) => Err(Refusal::one_host()),
            (Door::Right, None) => Ok(None),
            (Door::Right, Some(logins)) => logins.admit(client, &parts.headers).await.map(Some),
        }
    }

    async fn route(&self, parts: Parts) -> Response {
        match self.router.call(Request::from_parts(parts, Body::empty())).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Says whether a request has one `Host`, or comes from a time before there was any (RFC 9112, section 3.2).
fn names_its_host(parts: &Parts) -> bool {
    match parts.headers.get_all(HOST).iter().count() {
        0 => parts.version < Version::HTTP_11,
        count => count == 1,
    }
}

/// Tells a client that what it sent cannot be read. It may be gone.
async fn refuse(mut wire: Wire) {
    let told = async {
        wire.write_all(UNREADABLE).await?;
        wire.flush().await?;
        wire.shutdown().await
    };
    if let Err(error) = told.await {
        tracing::debug!(%error, "a client was not told that it cannot be understood");
    }
}

#[cfg(test)]
mod tests;
