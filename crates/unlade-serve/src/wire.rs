//! The bytes of a connection, as the HTTP library reads and writes them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::refusal;
use crate::visit::Visit;

/// How long a client that is refused may go on sending, and how much: closing at once would reset the connection, and
/// with it the answer would be lost on its way (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);
const MAX_UNREAD: usize = 8 << 20;

/// A stream, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What the HTTP library says by itself to a head that it cannot read, where it says nothing: to HTTP/2.
pub(crate) const UNREADABLE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A stream that tells the [`Visit`] what has gone out.
///
/// It also mends what the HTTP library says by itself, to a head that it cannot read: that answer gets the document
/// which all errors have.
pub(crate) struct Wire {
    stream: Box<dyn Stream>,
    visit: Visit,
    /// What is left of the answer that goes out instead.
    mended: Option<Bytes>,
    lingering: Option<Lingering>,
}

struct Lingering {
    end: Pin<Box<Sleep>>,
    left: usize,
}

impl Wire {
    pub(crate) fn new(stream: Box<dyn Stream>, visit: Visit) -> Self {
        Self { stream, visit, mended: None, lingering: None }
    }

    /// Writes another head, with a body, in the place of one that the HTTP library wrote by itself: while no answer is
    /// owed to anybody. `None` if this is none.
    fn mend(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Option<Poll<io::Result<usize>>> {
        if self.mended.is_none() && !self.visit.is_owed() {
            let (status, answer, body) = mended(bytes)?;
            self.visit.refused(status, body);
            self.mended = Some(answer);
        }
        let answer = self.mended.as_mut()?;
        while answer.has_remaining() {
            match Pin::new(&mut self.stream).poll_write(context, answer) {
                Poll::Ready(Ok(0)) => return Some(Poll::Ready(Err(io::ErrorKind::WriteZero.into()))),
                Poll::Ready(Ok(count)) => answer.advance(count),
                other => return Some(other),
            }
        }
        self.mended = None;
        Some(Poll::Ready(Ok(bytes.len())))
    }

    /// Reads what still comes, until the client has ended, too.
    fn linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let fresh = || Lingering { end: Box::pin(tokio::time::sleep(LINGER)), left: MAX_UNREAD };
        let lingering = self.lingering.get_or_insert_with(fresh);
        if lingering.end.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let mut space = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut space);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            let count = buffer.filled().len();
            if read.is_err() || count == 0 || count > lingering.left {
                return Poll::Ready(());
            }
            lingering.left -= count;
        }
    }
}

/// Puts a document behind a head without a body that tells of an error; gives the status, the whole, and the length of
/// the document.
fn mended(head: &[u8]) -> Option<(StatusCode, Bytes, u64)> {
    const EMPTY: &str = "content-length: 0\r\n";
    let text =
        std::str::from_utf8(head).ok().filter(|text| text.starts_with("HTTP/1.") && text.ends_with("\r\n\r\n"))?;
    let status = StatusCode::from_bytes(text.as_bytes().get(9..12)?).ok()?;
    let (before, behind) = text.split_once(EMPTY)?;
    let document = refusal::unreadable(status);
    let length = document.len();
    let mut headers = format!("content-type: application/json\r\ncontent-length: {length}\r\n");
    for (name, value) in crate::COMMON {
        headers.extend([name.as_str(), ": ", value, "\r\n"]);
    }
    Some((status, [before, &headers, behind, &document].concat().into(), length as u64))
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match this.mend(context, bytes) {
            Some(written) => written,
            None => Pin::new(&mut this.stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let first = slices.iter().find(|slice| !slice.is_empty());
        match first.and_then(|head| this.mend(context, head)) {
            Some(written) => written,
            None => Pin::new(&mut this.stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(Pin::new(&mut this.stream).poll_flush(context))?;
        this.visit.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        if this.visit.is_unread() {
            ready!(this.linger(context));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_error_is_mended() {
        let head = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\ndate: now\r\n\r\n";
        let (status, answer, length) = mended(head).unwrap();
        assert_eq!(status, 431);
        let text = String::from_utf8(answer.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(
            head,
            format!(
                "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\ndocker-distribution-api-version: registry/2.0\r\n\
                 x-content-type-options: nosniff\r\ndate: now"
            )
        );
        assert_eq!(body.len() as u64, length);
        for other in [
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n",
            "content-length: 0\r\n\r\n",
            "",
        ] {
            assert!(mended(other.as_bytes()).is_none(), "{other}");
        }
    }
}
