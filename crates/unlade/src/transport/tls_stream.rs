//! TLS over a stream of bytes, with few and large reads.
//!
//! What arrives is read into one buffer for the life of the connection and decrypted in it. rustls makes and judges
//! every record; here, bytes are carried.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::ClientConfig;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::byte_queue::{ByteQueue, Lack};
use super::inbox::Inbox;

/// The most that goes into one record (RFC 8446, section 5.1).
const RECORD: usize = 16 << 10;

/// A client's side of a TLS connection.
pub(super) struct TlsStream<S> {
    stream: S,
    session: UnbufferedClientConnection,
    life: Life,
    /// Records that arrived.
    inbox: Inbox,
    /// Records to be sent.
    outbox: ByteQueue,
    /// Plain bytes that the last reader had no room for.
    surplus: ByteQueue,
}

/// Whether more can come.
enum Life {
    /// Anything may come.
    Open,
    /// The server said that this was all.
    Ended,
    /// Nothing that comes can be believed any more; the reason, until it was told.
    Failed(Option<io::Error>),
}

/// What became of the records that were there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing can be done before more arrives.
    Blocked,
    /// Something was done, and there may be more to do.
    Moved,
    /// Nothing is to be read before more arrives; something may be written.
    Open,
}

type Writer<'a> = WriteTraffic<'a, ClientConnectionData>;

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// Shakes hands with the server of that name.
    ///
    /// # Errors
    ///
    /// Those of the stream; what rustls has against the server is within one of [`io::ErrorKind::InvalidData`].
    pub(super) async fn connect(config: Arc<ClientConfig>, name: ServerName<'static>, stream: S) -> io::Result<Self> {
        let session = UnbufferedClientConnection::new(config, name).map_err(invalid)?;
        let (outbox, surplus) = (ByteQueue::default(), ByteQueue::default());
        let mut this = Self { stream, session, life: Life::Open, inbox: Inbox::new(), outbox, surplus };
        poll_fn(|context| this.poll_handshake(context)).await?;
        Ok(this)
    }

    fn poll_handshake(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.step(context, &mut ReadBuf::new(&mut []), |_, _| Ok(()))? {
                Step::Moved => {}
                Step::Open => return self.poll_send(context),
                Step::Blocked => {
                    ready!(self.poll_send(context))?;
                    if matches!(self.life, Life::Ended) || ready!(self.poll_fill(context))? == 0 {
                        let text = "the connection was closed during the TLS handshake";
                        return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, text)));
                    }
                }
            }
        }
    }

    /// Goes one step on: with the records that arrived, with what rustls has to say, or with what `write` has, once
    /// there is nothing else to do. Plain bytes go to the reader as far as it has room.
    fn step(
        &mut self,
        context: &mut Context<'_>,
        reader: &mut ReadBuf<'_>,
        write: impl FnOnce(&mut Writer<'_>, &mut ByteQueue) -> io::Result<()>,
    ) -> io::Result<Step> {
        if matches!(self.life, Life::Failed(_)) {
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the TLS connection failed before"));
        }
        let outcome = self.advance(reader, write);
        if outcome.is_err() {
            self.life = Life::Failed(None);
            // The reason is told to the server, if that takes no waiting. No record is looked at any more.
            while self.session.wants_write() && self.advance(&mut ReadBuf::new(&mut []), |_, _| Ok(())).is_ok() {}
            let _: Poll<io::Result<()>> = self.poll_send(context);
        }
        outcome
    }

    fn advance(
        &mut self,
        reader: &mut ReadBuf<'_>,
        write: impl FnOnce(&mut Writer<'_>, &mut ByteQueue) -> io::Result<()>,
    ) -> io::Result<Step> {
        let UnbufferedStatus { mut discard, state } = self.session.process_tls_records(self.inbox.held());
        let step = match state.map_err(invalid)? {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    let record = record.map_err(invalid)?;
                    discard += record.discard;
                    let (now, later) = record.payload.split_at(record.payload.len().min(reader.remaining()));
                    reader.put_slice(now);
                    self.surplus.add(later);
                }
                Step::Moved
            }
            ConnectionState::EncodeTlsData(mut data) => {
                self.outbox.add_with(0, |room| data.encode(room).map_err(Lack::from))?;
                Step::Moved
            }
            ConnectionState::TransmitTlsData(data) => {
                // It is in the outbox, and all that follows comes behind it.
                data.done();
                Step::Moved
            }
            ConnectionState::WriteTraffic(mut traffic) => {
                write(&mut traffic, &mut self.outbox)?;
                Step::Open
            }
            ConnectionState::PeerClosed => {
                self.life = Life::Ended;
                Step::Moved
            }
            // Early data is for servers.
            _ => Step::Blocked,
        };
        self.inbox.discard(discard);
        Ok(step)
    }

    /// Reads what has arrived; returns how much it was, and 0 at the end.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(self.inbox.room());
        if room.remaining() == 0 {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a TLS message is too large")));
        }
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut room))?;
        let count = room.filled().len();
        self.inbox.grow(count);
        Poll::Ready(Ok(count))
    }

    /// Sends all that is to be sent.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outbox.is_empty() {
            match ready!(Pin::new(&mut self.stream).poll_write(context, self.outbox.waiting()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.outbox.take(count),
            }
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Reads until there is something for the reader.
    fn poll_plain(&mut self, context: &mut Context<'_>, reader: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = reader.filled().len();
        let fitting = self.surplus.waiting().len().min(reader.remaining());
        reader.put_slice(&self.surplus.waiting()[..fitting]);
        self.surplus.take(fitting);
        while reader.remaining() > 0 {
            match &mut self.life {
                Life::Ended => break,
                Life::Failed(reason) if reason.is_some() => return Poll::Ready(reason.take().map_or(Ok(()), Err)),
                Life::Failed(_) | Life::Open => {}
            }
            match self.step(context, reader, |_, _| Ok(())) {
                Ok(Step::Moved) => {}
                // What came before is good: the reason waits until it was read.
                Err(error) if reader.filled().len() > before => {
                    self.life = Life::Failed(Some(error));
                    break;
                }
                Err(error) => return Poll::Ready(Err(error)),
                Ok(Step::Blocked | Step::Open) => {
                    // An answer to new keys, say. A server that has closed may have sent much before it: not to be
                    // able to send is no reason not to read.
                    let _: Poll<io::Result<()>> = self.poll_send(context);
                    if reader.filled().len() > before {
                        break;
                    }
                    if ready!(self.poll_fill(context))? == 0 {
                        let text = "the server closed the connection without saying so in TLS";
                        return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, text)));
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, reader: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_plain(context, reader)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, plain: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // So at most one record waits.
        ready!(this.poll_send(context))?;
        let plain = &plain[..plain.len().min(RECORD)];
        loop {
            let write = |writer: &mut Writer<'_>, outbox: &mut ByteQueue| {
                outbox.add_with(plain.len(), |room| writer.encrypt(plain, room).map_err(Lack::from))
            };
            match this.step(context, &mut ReadBuf::new(&mut []), write)? {
                Step::Moved => {}
                Step::Open => break,
                Step::Blocked => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        if let Poll::Ready(outcome) = this.poll_send(context) {
            outcome?;
        }
        Poll::Ready(Ok(plain.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_send(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !matches!(this.life, Life::Failed(_)) {
            // rustls says it once, however often it is asked.
            let write = |writer: &mut Writer<'_>, outbox: &mut ByteQueue| {
                outbox.add_with(0, |room| writer.queue_close_notify(room).map_err(Lack::from))
            };
            if this.step(context, &mut ReadBuf::new(&mut []), write)? != Step::Moved {
                break;
            }
        }
        ready!(this.poll_send(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl From<EncodeError> for Lack {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::InsufficientSize(lack) => Self::Room(lack.required_size),
            EncodeError::AlreadyEncoded => Self::Other(io::Error::other(error)),
        }
    }
}

impl From<EncryptError> for Lack {
    fn from(error: EncryptError) -> Self {
        match error {
            EncryptError::InsufficientSize(lack) => Self::Room(lack.required_size),
            EncryptError::EncryptExhausted => Self::Other(io::Error::other(error)),
        }
    }
}

#[cfg(test)]
mod tests;
