//! What HTTP is spoken over.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::conduit::Conduit;
use super::tls_stream::TlsStream;

/// A stream to a server, in the clear or in TLS.
pub(super) struct Stream {
    speech: Speech,
    heard: Heard,
}

enum Speech {
    Plain(Conduit),
    Tls(Box<TlsStream<Conduit>>),
}

/// Whether the server has said anything since it was last asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard(Arc<AtomicBool>);

impl Heard {
    /// Says whether anything came.
    pub(super) fn anything(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Begins anew.
    pub(super) fn forget(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Stream {
    pub(super) fn plain(stream: Conduit) -> Self {
        Self { speech: Speech::Plain(stream), heard: Heard::default() }
    }

    pub(super) fn tls(stream: TlsStream<Conduit>) -> Self {
        Self { speech: Speech::Tls(Box::new(stream)), heard: Heard::default() }
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.speech, Speech::Tls(_) | Speech::Plain(Conduit::Tls(_)))
    }

    /// Returns where the server's voice is noted.
    pub(super) fn heard(&self) -> Heard {
        self.heard.clone()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        reader: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = reader.filled().len();
        ready!(match &mut self.speech {
            Speech::Plain(stream) => Pin::new(stream).poll_read(context, reader),
            Speech::Tls(stream) => Pin::new(stream).poll_read(context, reader),
        })?;
        if reader.filled().len() > before {
            self.heard.0.store(true, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.speech {
            Speech::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Speech::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.speech {
            Speech::Plain(stream) => Pin::new(stream).poll_flush(context),
            Speech::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.speech {
            Speech::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Speech::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
