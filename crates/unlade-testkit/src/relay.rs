//! A wire between a client and a server that can be cut.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::server::{Binding, Server, lock};
use crate::wire::Wire;

/// What happens to a connection once enough bytes came from the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cut {
    /// Ends it in order (FIN).
    Close,
    /// Resets it (RST).
    Reset,
}

/// Forwards connections to another address, TLS or not, byte for byte.
pub struct Relay {
    server: Server,
    cut: Arc<Mutex<Option<(Cut, usize)>>>,
}

impl Relay {
    /// Starts to forward to an address.
    pub fn start(target: SocketAddr) -> Self {
        let cut = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&cut);
        let server = Server::start(Binding::V4, None, move |_, wire| {
            // Either end may leave at any time: that is what a relay is for.
            drop(forward(wire, target, &shared));
        });
        Self { server, cut }
    }

    /// Gives the address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Cuts, once, the first connection on which this many bytes have come from the server.
    pub fn cut_once(&self, cut: Cut, after: usize) {
        *lock(&self.cut) = Some((cut, after));
    }

    /// Says whether a cut is still to come.
    pub fn is_armed(&self) -> bool {
        lock(&self.cut).is_some()
    }
}

fn forward(mut wire: Wire, target: SocketAddr, cut: &Mutex<Option<(Cut, usize)>>) -> io::Result<()> {
    let mut upstream = TcpStream::connect(target)?;
    let mut from_client = wire.raw_clone()?;
    let mut to_server = upstream.try_clone()?;
    let upload = thread::spawn(move || {
        // An error means that one end has left; the shutdown tells the other.
        drop(io::copy(&mut from_client, &mut to_server));
        drop(to_server.shutdown(Shutdown::Both));
    });
    let result = match download(&mut wire, &mut upstream, cut) {
        // What happened to the one end happens to the other: it would wait for ever otherwise.
        Ok(Some(Cut::Reset)) | Err(_) => wire.reset(),
        Ok(Some(Cut::Close) | None) => wire.finish(),
    };
    upstream.shutdown(Shutdown::Both).or_else(ignore_gone)?;
    drop(upload.join());
    result
}

fn download(wire: &mut Wire, upstream: &mut impl Read, cut: &Mutex<Option<(Cut, usize)>>) -> io::Result<Option<Cut>> {
    let mut buffer = [0; 16 * 1024];
    let mut passed = 0;
    loop {
        let count = upstream.read(&mut buffer)?;
        if count == 0 {
            return Ok(None);
        }
        let due = lock(cut).take_if(|(_, after)| passed + count >= *after);
        if let Some((how, after)) = due {
            wire.write(&buffer[..after.saturating_sub(passed)])?;
            return Ok(Some(how));
        }
        wire.write(&buffer[..count])?;
        passed += count;
    }
}

fn ignore_gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotConnected { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::content::{bytes, digest};
    use crate::document::Image;
    use crate::{Client, LyingRegistry};

    #[test]
    fn a_relay_forwards_and_cuts_once() {
        let registry = LyingRegistry::start();
        let image = Image::untitled(bytes(1, 500_000));
        registry.publish("a", "v1", &image);
        let relay = Relay::start(registry.address());
        let path = format!("/v2/a/blobs/{}", digest(image.payload()));
        let client = Client::new(relay.address());
        assert_eq!(client.get(&path).unwrap().body.len(), 500_000);
        for cut in [Cut::Close, Cut::Reset] {
            relay.cut_once(cut, 100_000);
            let broken = client.get(&path).unwrap();
            assert!(broken.body.len() < 100_000 && broken.body.len() > 99_000, "{}", broken.body.len());
            assert!(!relay.is_armed());
            assert_eq!(client.get(&path).unwrap().body, image.payload().as_ref());
        }
    }

    #[test]
    fn a_reset_passes_through_a_second_relay() {
        let registry = LyingRegistry::start();
        let image = Image::untitled(bytes(1, 500_000));
        registry.publish("a", "v1", &image);
        let inner = Relay::start(registry.address());
        let outer = Relay::start(inner.address());
        inner.cut_once(Cut::Reset, 100_000);
        let mut client = TcpStream::connect(outer.address()).unwrap();
        let path = format!("/v2/a/blobs/{}", digest(image.payload()));
        write!(client, "GET {path} HTTP/1.1\r\nHost: registry\r\n\r\n").unwrap();
        let error = client.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
