//! One connection that speaks HTTP/1.1.
//!
//! No task drives it: whoever waits for its answer, or for a piece of a body, does. So the bytes go from socket to
//! consumer in one task, and dropping what waits closes the connection.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_util::{FutureExt as _, Stream as Chunked};
use http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::Failure;
use super::failure::Phase;
use super::payload::Payload;
use super::shelf::Place;
use super::stream::{Heard, Stream};

/// The most that HTTP reads at once, and the longest head of an answer. Pieces of a body are at most this long.
///
/// What TLS has decrypted is copied from here once more, so it must not be more than stays in the cache.
const READ_DECRYPTED: usize = 128 << 10;

/// The same for what comes in the clear: long pieces are handed on without a copy.
const READ_PLAIN: usize = 512 << 10;

/// A connection, at rest or with one request on its way.
pub(super) struct Connection {
    /// Gone once it has come to an end: a request that was handed in then fails instead of waiting.
    driver: Option<http1::Connection<TokioIo<Stream>, Payload>>,
    sender: http1::SendRequest<Payload>,
    heard: Heard,
    peer: Option<SocketAddr>,
}

impl Connection {
    /// Begins to speak HTTP over a stream to that address, if it is known.
    ///
    /// # Errors
    ///
    /// Those of hyper.
    pub(super) async fn open(stream: Stream, peer: Option<SocketAddr>) -> hyper::Result<Self> {
        let heard = stream.heard();
        let most = if stream.is_encrypted() { READ_DECRYPTED } else { READ_PLAIN };
        let (sender, driver) = http1::Builder::new().max_buf_size(most).handshake(TokioIo::new(stream)).await?;
        Ok(Self { driver: Some(driver), sender, heard, peer })
    }

    /// Returns who is at the other end; behind a proxy nobody knows.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Says whether the server has not said anything since the last request.
    pub(super) fn is_silent(&self) -> bool {
        !self.heard.anything()
    }

    /// Says whether it can take a request, as far as is known here.
    pub(super) fn is_ready(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    ///
    /// Those of hyper.
    pub(super) async fn send(&mut self, request: Request<Payload>) -> hyper::Result<Response<Incoming>> {
        // Only now hyper learns that nothing is on its way any more.
        poll_fn(|context| self.poll_ready(context)).await?;
        self.heard.forget();
        let mut answer = pin!(self.sender.send_request(request));
        poll_fn(|context| {
            drive(&mut self.driver, context);
            answer.as_mut().poll(context)
        })
        .await
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.drive(context);
        self.sender.poll_ready(context)
    }

    fn drive(&mut self, context: &mut Context<'_>) {
        drive(&mut self.driver, context);
    }
}

/// Goes as far as what has arrived allows.
fn drive(driver: &mut Option<http1::Connection<TokioIo<Stream>, Payload>>, context: &mut Context<'_>) {
    // An error that nobody waits for only means that the connection is over; others are told to who waits.
    if driver.as_mut().is_some_and(|driver| driver.poll_unpin(context).is_ready()) {
        *driver = None;
    }
}

/// The body of an answer. Once it has been read to its end, the connection goes back to its place.
pub(super) struct Body {
    /// Gone once it is dropped.
    incoming: Option<Incoming>,
    connection: Option<(Connection, Place)>,
}

impl Body {
    pub(super) fn new(incoming: Incoming, connection: Connection, place: Place) -> Self {
        let mut body = Self { incoming: Some(incoming), connection: Some((connection, place)) };
        body.release_at_end();
        body
    }

    fn release_at_end(&mut self) {
        if self.incoming.as_ref().is_none_or(Incoming::is_end_stream) {
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some((mut connection, place)) = self.connection.take()
            && connection.is_ready()
        {
            place.keep(connection);
        }
    }
}

/// A body that nobody wants costs no connection if all of it has arrived: few answers that refuse are read.
impl Drop for Body {
    fn drop(&mut self) {
        // hyper then takes what is there out of the way, and closes if there is to be more.
        self.incoming = None;
        self.release();
    }
}

impl Chunked for Body {
    type Item = Result<Bytes, Failure>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let mut driven = false;
        loop {
            let Some(incoming) = &mut this.incoming else { return Poll::Ready(None) };
            match Pin::new(incoming).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.release_at_end();
                    // What is no data is a trailer, which says nothing that is asked for.
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    this.connection = None;
                    return Poll::Ready(Some(Err(Failure::from_error(&error, Phase::Body))));
                }
                Poll::Ready(None) => {
                    this.release();
                    return Poll::Ready(None);
                }
                Poll::Pending if driven => return Poll::Pending,
                Poll::Pending => {
                    if let Some((connection, _)) = &mut this.connection {
                        connection.drive(context);
                    }
                    driven = true;
                }
            }
        }
    }
}
