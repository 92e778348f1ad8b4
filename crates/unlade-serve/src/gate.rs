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
    limits: Limits,
}

impl Gate {
    pub(crate) fn new(listener: TcpListener, limits: Limits) -> Self {
        Self { listener, places: Arc::new(Semaphore::new(limits.connections)), limits }
    }

    /// Lets the next connection in, once there is a place for it.
    pub(crate) async fn accept(&mut self) -> (Connection, SocketAddr) {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("the semaphore is never closed");
        // Waits and tries again where the process has no descriptor left.
        let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers may be delayed");
        }
        let rest = self.limits.rest;
        (Connection { stream, rest, alarm: Box::pin(tokio::time::sleep(rest)), _place: place }, address)
    }
}

/// A connection that fails once nothing has moved on it for too long, in either direction.
pub(crate) struct Connection {
    stream: TcpStream,
    rest: Duration,
    alarm: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    /// Waits for the first byte, which stays to be read; `None` if the client ends without any.
    pub(crate) async fn first_byte(&self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        let count = self.stream.peek(&mut byte).await?;
        Ok((count > 0).then_some(byte[0]))
    }

    fn watch<T>(&mut self, moved: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.alarm.as_mut().reset(Instant::now() + self.rest);
            return moved;
        }
        match self.alarm.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
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
    use tokio::io::AsyncReadExt as _;

    use super::*;

    async fn gate(limits: Limits) -> (Gate, SocketAddr) {
        let gate = Gate::new(TcpListener::bind("127.0.0.1:0").await.unwrap(), limits);
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
    async fn a_full_house_lets_the_next_in_when_one_leaves() {
        let (mut gate, address) = gate(Limits { connections: 1, ..Limits::default() }).await;
        let _clients = (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        let (first, _) = gate.accept().await;
        assert_eq!(gate.places.available_permits(), 0);
        let waiting = tokio::time::timeout(Duration::from_millis(20), gate.accept()).await;
        assert!(waiting.is_err(), "a second connection came in");
        drop(first);
        gate.accept().await;
    }
}
