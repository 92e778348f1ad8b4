//! One accepted connection, plain or TLS: bytes in, bytes out, and every way to end it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A connection to a client.
pub(crate) struct Wire {
    raw: TcpStream,
    stream: Stream,
    unread: Vec<u8>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    /// Takes a connection over; the TLS handshake happens with the first read.
    pub(crate) fn new(raw: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        raw.set_nodelay(true)?;
        let copy = raw.try_clone()?;
        let stream = match tls {
            None => Stream::Plain(copy),
            Some(config) => {
                let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                Stream::Tls(Box::new(StreamOwned::new(session, copy)))
            }
        };
        Ok(Self { raw, stream, unread: Vec::new() })
    }

    /// Says who is at the other end.
    pub(crate) fn peer(&self) -> io::Result<SocketAddr> {
        self.raw.peer_addr()
    }

    /// Gives the socket below, for bytes that nobody looks at.
    pub(crate) fn raw_clone(&self) -> io::Result<TcpStream> {
        self.raw.try_clone()
    }

    /// Counts the certificates that the client showed in the handshake.
    pub(crate) fn client_certificates(&self) -> usize {
        match &self.stream {
            Stream::Plain(_) => 0,
            Stream::Tls(stream) => stream.conn.peer_certificates().map_or(0, <[_]>::len),
        }
    }

    /// Reads up to and including a line feed, at most `limit` bytes; `None` when the client has left.
    pub(crate) fn read_line(&mut self, limit: usize) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                return Ok(Some(self.unread.drain(..=end).collect()));
            }
            if self.unread.len() > limit {
                return Err(io::Error::other("the client sent a line that does not end"));
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads exactly `len` bytes.
    pub(crate) fn read_exact(&mut self, len: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < len {
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.unread.drain(..len).collect())
    }

    /// Reads what there is, and waits if there is nothing yet; nothing comes when the client has left.
    pub(crate) fn read_some(&mut self) -> io::Result<Vec<u8>> {
        if self.unread.is_empty() {
            self.fill()?;
        }
        Ok(std::mem::take(&mut self.unread))
    }

    /// Writes bytes at once.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// Ends our half (FIN), without the farewell of TLS, and waits until the client leaves.
    ///
    /// Closing with unread bytes in the socket would send a reset instead, and destroy what the client has not read.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.raw.shutdown(Shutdown::Write)?;
        self.hold()
    }

    /// Sends a reset (RST) once everything written has arrived.
    pub(crate) fn reset(self) -> io::Result<()> {
        self.drain();
        rustix::net::sockopt::set_socket_linger(&self.raw, Some(Duration::ZERO))?;
        // The reset leaves with the last copy of the socket: this makes whoever reads from a copy give it back.
        self.raw.shutdown(Shutdown::Read)
    }

    /// Waits, saying nothing, until the client leaves or the server ends.
    pub(crate) fn hold(&mut self) -> io::Result<()> {
        let mut void = [0; 4096];
        while self.raw.read(&mut void)? > 0 {}
        Ok(())
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let count = match &mut self.stream {
            Stream::Plain(stream) => stream.read(&mut buffer)?,
            Stream::Tls(stream) => stream.read(&mut buffer)?,
        };
        self.unread.extend_from_slice(&buffer[..count]);
        Ok(count)
    }

    /// Waits until the client's kernel has acknowledged every byte: a reset throws away what is still queued, and
    /// "reset after N bytes" must mean N.
    fn drain(&self) {
        let (Ok(local), Ok(peer)) = (self.raw.local_addr(), self.raw.peer_addr()) else {
            return;
        };
        while queued(local, peer).is_some_and(|bytes| bytes > 0) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Reads how many bytes wait in the send queue of a connection; `None` when there is no such connection.
fn queued(local: SocketAddr, peer: SocketAddr) -> Option<u64> {
    let table = if local.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    parse_queue(&std::fs::read_to_string(table).ok()?, local.port(), peer.port())
}

fn parse_queue(table: &str, local: u16, peer: u16) -> Option<u64> {
    let port_is = |field: &str, port: u16| field.rsplit(':').next().map(str::to_owned) == Some(format!("{port:04X}"));
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (from, to, state, queues) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        // 01 is ESTABLISHED, 08 is CLOSE_WAIT: in every other state nobody will acknowledge any more.
        let open = matches!(state, "01" | "08");
        let ours = open && port_is(from, local) && port_is(to, peer);
        ours.then(|| u64::from_str_radix(queues.split(':').next()?, 16).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_send_queue_is_read_from_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue\n   \
                     0: 0100007F:1F90 00000000:0000 0A 00000000:00000005 00:00000000\n   \
                     1: 0100007F:1F90 0100007F:C350 01 000000FF:00000000 00:00000000\n";
        assert_eq!(parse_queue(table, 8080, 50000), Some(255));
        assert_eq!(parse_queue(table, 8080, 50001), None);
    }
}
