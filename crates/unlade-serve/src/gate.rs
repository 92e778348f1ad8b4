//! Who may come in, and how long they may rest.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

use crate::guests::{Guests, Seat, Wanted};
use crate::warnings::Warnings;

/// What clients may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many connections are open at a time. Each may need a socket, a folder and a blob, and a process often
    /// has 1,024 descriptors.
    pub(crate) connections: usize,
    /// How long the head of a request may take, and how long the next one may let itself be waited for. A client
    /// that sends a byte now and then would otherwise hold its place for ever.
    pub(crate) head: Duration,
    /// How long no byte may move on a connection: a client that went away without a word holds its place no longer.
    pub(crate) rest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 256, head: Duration::from_secs(30), rest: Duration::from_mins(1) }
    }
}

/// A listener that keeps [`Limits`].
pub(crate) struct Gate {
    listener: TcpListener,
    places: Arc<Semaphore>,
    guests: Guests,
    warnings: Warnings,
    limits: Limits,
    /// Who came and has no place yet.
    arrived: Option<(TcpStream, SocketAddr)>,
}

impl Gate {
    pub(crate) fn new(listener: TcpListener, limits: Limits, warnings: Warnings) -> Self {
        let places = Arc::new(Semaphore::new(limits.connections));
        Self { listener, places, guests: Guests::default(), warnings, limits, arrived: None }
    }

    /// Lets the next connection in, once there is a place for it. Nothing is lost if it is dropped meanwhile.
    pub(crate) async fn accept(&mut self) -> (Connection, SocketAddr) {
        if self.arrived.is_none() {
            // Waits and tries again where the process has no descriptor left.
            self.arrived = Some(axum::serve::Listener::accept(&mut self.listener).await);
        }
        let place = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => self.make_room().await,
        };
        self.guests.want(Wanted::No);
        let (stream, address) = self.arrived.take().expect("it came above, and nobody else takes it");
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers may be delayed");
        }
        let rest = self.limits.rest;
        let alarm = Box::pin(tokio::time::sleep(rest));
        (Connection { stream, rest, alarm, seat: self.guests.seat(), _place: place }, address)
    }

    /// Waits for a place, and asks guests to leave who have no use for theirs.
    async fn make_room(&self) -> OwnedSemaphorePermit {
        let count = self.limits.connections;
        self.warnings
            .tell(&format!("{count} connections are open, and no more are: those that rest are closed for others"));
        self.guests.want(Wanted::Yes);
        loop {
            self.guests.call_one();
            tokio::select! {
                place = Arc::clone(&self.places).acquire_owned() => {
                    return place.expect("the semaphore is never closed");
                }
                () = self.guests.idled() => {}
            }
        }
    }
}

/// A connection that fails once nothing has moved on it for too long, in either direction.
pub(crate) struct Connection {
    stream: TcpStream,
    rest: Duration,
    alarm: Pin<Box<Sleep>>,
    seat: Arc<Seat>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// Waits for the first byte, which stays to be read; `None` if the client ends without any.
    pub(crate) async fn first_byte(&self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        let count = self.stream.peek(&mut byte).await?;
        Ok((count > 0).then_some(byte[0]))
    }

    /// Returns what others see of it.
    pub(crate) fn seat(&self) -> Arc<Seat> {
        Arc::clone(&self.seat)
    }

    fn watch<T>(&mut self, moved: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.alarm.as_mut().reset(Instant::now() + self.rest);
            return moved;
        }
        while self.alarm.as_mut().poll(context).is_ready() {
            // While an answer is made nothing can move, and right after it nothing has to have moved.
            let since = self.seat.resting_since().unwrap_or_else(Instant::now);
            if since + self.rest <= self.alarm.deadline() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(since + self.rest);
        }
        Poll::Pending
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let moved = Pin::new(&mut this.stream).poll_read(context, buffer);
        this.watch(moved, context)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let moved = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.watch(moved, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let moved = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.watch(moved, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::io::AsyncReadExt as _;
    use unlade::observe::Blind;

    use super::*;
    use crate::guests::Doing;

    async fn gate(limits: Limits) -> (Gate, SocketAddr) {
        let warnings = Warnings::new(Arc::<Blind>::default());
        let gate = Gate::new(TcpListener::bind("127.0.0.1:0").await.unwrap(), limits, warnings);
        let address = gate.listener.local_addr().unwrap();
        (gate, address)
    }

    #[tokio::test]
    async fn a_connection_that_rests_too_long_fails() {
        let (mut gate, address) = gate(Limits { rest: Duration::from_millis(20), ..Limits::default() }).await;
        let _client = TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = gate.accept().await;
        let error = connection.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn who_waits_for_an_answer_may_rest() {
        let (mut gate, address) = gate(Limits { rest: Duration::from_millis(20), ..Limits::default() }).await;
        let _client = TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = gate.accept().await;
        let seat = connection.seat();
        seat.does(Doing::Making);
        let begun = Instant::now();
        let answer = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            seat.does(Doing::Sending(Instant::now()));
        };
        let mut byte = [0];
        let (moved, ()) = tokio::join!(connection.read(&mut byte), answer);
        assert_eq!(moved.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= Duration::from_millis(120), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_full_house_asks_the_idle_to_leave_and_lets_the_next_in() {
        let (mut gate, address) = gate(Limits { connections: 2, ..Limits::default() }).await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        let ((busy, _), (idle, _)) = (gate.accept().await, gate.accept().await);
        busy.seat().does(Doing::Making);
        let (waiting, seat) = (gate.accept(), idle.seat());
        tokio::pin!(waiting);
        assert!((&mut waiting).now_or_never().is_none(), "a third connection came in");
        assert!(seat.is_wanted());
        seat.called().await;
        drop((idle, seat));
        waiting.await;
        assert!(!busy.seat().is_wanted());
    }

    #[tokio::test]
    async fn who_becomes_idle_while_another_waits_is_asked_to_leave() {
        let (mut gate, address) = gate(Limits { connections: 1, ..Limits::default() }).await;
        let _clients = (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        let (guest, _) = gate.accept().await;
        let seat = guest.seat();
        seat.does(Doing::Making);
        let leaving = async {
            tokio::task::yield_now().await;
            assert!(seat.called().now_or_never().is_none());
            seat.does(Doing::Idle(Instant::now()));
            seat.called().await;
            drop(guest);
        };
        tokio::join!(gate.accept(), leaving);
    }
}
