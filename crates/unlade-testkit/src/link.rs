//! A long way between a client and a server: a rate, a delay, and a bound on the bytes under way.

mod flight;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use self::flight::Flight;
use crate::server::{Binding, Server};
use crate::wire::Wire;

/// Bytes under way on one connection where nothing else is asked for: what a gigabyte a second and 60 ms need.
const WINDOW: u64 = 64 << 20;
/// Connections at one time. With the window it bounds what a link can ever hold.
const CONNECTIONS: usize = 64;
/// The most that is read at once, and what a rate lets through in one go at most.
const CHUNK: usize = 256 << 10;
/// How long a link with a delay lets bytes gather before it looks again, as network cards do. Waking up for each
/// record of TLS would cost more than carrying it.
const GATHER: Duration = Duration::from_micros(500);
/// How far a rate may be made up for: a thread that woke up late has lost no room on the way.
const LATE: Duration = Duration::from_millis(10);

/// Forwards connections to another address, TLS or not, as a distant network would.
///
/// Each connection for itself has the rate, the delay and the window. The window is that of an ideal TCP: a byte
/// counts from the moment it leaves the server until word of its arrival is back, one round trip later. Opening a
/// connection takes a round trip too. Bytes are neither lost nor slowed down at the start. A client that ends its half
/// has left: the whole connection ends.
pub struct Link {
    server: Server,
    carried: Arc<AtomicU64>,
}

/// The terms of a [`Link`] that is to be started.
#[derive(Clone, Copy, Debug)]
pub struct LinkBuilder {
    rate: Option<u64>,
    delay: Duration,
    window: u64,
}

impl Link {
    /// Begins with a link that changes nothing.
    pub fn builder() -> LinkBuilder {
        LinkBuilder { rate: None, delay: Duration::ZERO, window: WINDOW }
    }

    /// Gives the address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Counts the connections so far.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// Counts the bytes from servers that arrived at clients.
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::SeqCst)
    }
}

impl LinkBuilder {
    /// Sets how many bytes a second one connection carries from the server.
    #[must_use]
    pub fn rate(mut self, bytes: u64) -> Self {
        assert!(bytes > 0, "a link without any rate carries nothing");
        self.rate = Some(bytes);
        self
    }

    /// Sets how long a byte is under way, in either direction: half a round trip.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets how many bytes from the server may be under way on one connection.
    #[must_use]
    pub fn window(mut self, bytes: u64) -> Self {
        assert!(bytes > 0, "a link without any window carries nothing");
        self.window = bytes;
        self
    }

    /// Starts to forward to an address.
    pub fn start(self, target: SocketAddr) -> Link {
        let carried = Arc::new(AtomicU64::new(0));
        let (counter, seats) = (Arc::clone(&carried), AtomicUsize::new(0));
        let server = Server::start(Binding::V4, None, move |_, wire| {
            if seats.fetch_add(1, Ordering::SeqCst) < CONNECTIONS {
                // Either end may leave at any time.
                drop(forward(&wire, target, self, &counter));
            }
            seats.fetch_sub(1, Ordering::SeqCst);
        });
        Link { server, carried }
    }
}

fn forward(wire: &Wire, target: SocketAddr, terms: LinkBuilder, carried: &AtomicU64) -> io::Result<()> {
    let opened = Instant::now();
    let client = wire.raw_clone()?;
    let server = TcpStream::connect(target)?;
    server.set_nodelay(true)?;
    thread::scope(|scope| {
        scope.spawn(|| {
            // The client could not have said anything before it knew that its connection is open.
            sleep_until(opened + 2 * terms.delay);
            // What clients say is little: no rate, and nobody counts it.
            let terms = LinkBuilder { rate: None, window: WINDOW, ..terms };
            drop(carry(&client, &server, terms, &AtomicU64::new(0)));
            drop(server.shutdown(Shutdown::Both));
            drop(client.shutdown(Shutdown::Both));
        });
        match carry(&server, &client, terms, carried) {
            // The client may still have to read, and leaves by itself.
            Ok(()) => client.shutdown(Shutdown::Write),
            Err(error) => client.shutdown(Shutdown::Both).and(server.shutdown(Shutdown::Both)).and(Err(error)),
        }
    })
}

/// Carries one direction until the sender has nothing more to say, or one end is not there any more.
fn carry(from: &TcpStream, to: &TcpStream, terms: LinkBuilder, carried: &AtomicU64) -> io::Result<()> {
    let flight = Flight::default();
    thread::scope(|scope| {
        scope.spawn(|| {
            // An error means that the sender has left: nothing comes any more, as at an end.
            drop(depart(from, &flight, terms));
            flight.end();
        });
        let result = arrive(&flight, to, terms.delay, carried);
        flight.end();
        if result.is_err() {
            // The other thread may wait for the sender.
            drop(from.shutdown(Shutdown::Both));
        }
        result
    })
}

/// Takes from the sender what the window and the rate let through.
fn depart(mut from: &TcpStream, flight: &Flight, terms: LinkBuilder) -> io::Result<()> {
    // A rate lets no more through at once than in five milliseconds: it must not come in lumps.
    let most = terms.rate.map_or(CHUNK as u64, |rate| (rate / 200).clamp(1024, CHUNK as u64));
    let mut free = None;
    while let Some(room) = flight.room(terms.window) {
        let mut buffer = flight.buffer();
        let most = usize::try_from(room.min(most)).unwrap_or(CHUNK);
        let count = from.read(&mut buffer[..most])?;
        if count == 0 {
            return Ok(());
        }
        let mut leaves = Instant::now();
        if let Some(rate) = terms.rate {
            let begins = free.map_or(leaves, |free: Instant| free.max(leaves.checked_sub(LATE).unwrap_or(leaves)));
            leaves = begins + Duration::from_nanos(count as u64 * 1_000_000_000 / rate);
            free = Some(leaves);
        }
        flight.send(leaves + terms.delay, buffer, count);
        if terms.rate.is_some() {
            sleep_until(leaves);
        } else if !terms.delay.is_zero() && count < most / 2 {
            thread::sleep(GATHER);
        }
    }
    Ok(())
}

/// Hands over what arrives.
fn arrive(flight: &Flight, mut to: &TcpStream, delay: Duration, carried: &AtomicU64) -> io::Result<()> {
    while let Some(parcel) = flight.receive() {
        // Counted first: who has read the bytes finds them counted.
        carried.fetch_add(parcel.len() as u64, Ordering::SeqCst);
        to.write_all(&parcel)?;
        flight.confirm(Instant::now() + delay, parcel);
    }
    Ok(())
}

fn sleep_until(moment: Instant) {
    thread::sleep(moment.saturating_duration_since(Instant::now()));
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::server::lock;

    const DELAY: Duration = Duration::from_millis(20);

    /// A server that answers the first byte with so many, and waits until the client leaves.
    fn source(bytes: usize) -> Server {
        Server::start(Binding::V4, None, move |_, mut wire| {
            if wire.read_exact(1).is_ok() {
                let content: Vec<u8> = (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect();
                drop(wire.write(&content).and_then(|()| wire.hold()));
            }
        })
    }

    /// Asks for all that a source sends; says how long it took from before the connection.
    fn fetch(link: &Link, bytes: usize) -> Duration {
        let began = Instant::now();
        let mut client = TcpStream::connect(link.address()).unwrap();
        client.write_all(b"x").unwrap();
        let mut content = vec![0; bytes];
        client.read_exact(&mut content).unwrap();
        let took = began.elapsed();
        assert!(content.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at % 251), "bytes changed");
        assert_eq!(link.carried(), bytes as u64);
        took
    }

    #[test]
    fn a_delay_is_paid_once_for_opening_and_once_for_an_answer_however_long() {
        let server = source(8 << 20);
        let link = Link::builder().delay(DELAY).start(server.address());
        let took = fetch(&link, 8 << 20);
        assert!(took >= 4 * DELAY, "{took:?}");
        // 32 chunks that waited for each other would take 1.3 seconds more.
        assert!(took < 34 * DELAY, "{took:?}");
    }

    #[test]
    fn a_rate_is_never_exceeded() {
        let server = source(1 << 20);
        let link = Link::builder().rate(4 << 20).start(server.address());
        let took = fetch(&link, 1 << 20);
        assert!(took >= Duration::from_millis(240), "{took:?}");
    }

    #[test]
    fn a_rate_is_that_of_each_connection() {
        let server = source(1 << 20);
        let link = Link::builder().rate(4 << 20).start(server.address());
        let mut clients: Vec<_> = (0..8).map(|_| TcpStream::connect(link.address()).unwrap()).collect();
        let began = Instant::now();
        for client in &mut clients {
            client.write_all(b"x").unwrap();
        }
        for client in &mut clients {
            client.read_exact(&mut vec![0; 1 << 20]).unwrap();
        }
        // Two seconds if they shared it.
        assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
        assert_eq!((link.connections(), link.carried()), (8, 8 << 20));
    }

    #[test]
    fn a_window_lets_no_more_through_in_a_round_trip() {
        let server = source(1 << 20);
        let link = Link::builder().delay(DELAY).window(128 << 10).start(server.address());
        let took = fetch(&link, 1 << 20);
        // Opening and asking, then eight windows: the last one need not be confirmed.
        assert!(took >= 2 * DELAY + DELAY + 7 * 2 * DELAY + DELAY, "{took:?}");
    }

    #[test]
    fn a_client_that_leaves_ends_its_connection_to_the_server() {
        let (told, heard) = std::sync::mpsc::channel();
        let told = Mutex::new(told);
        let server = Server::start(Binding::V4, None, move |_, mut wire| {
            drop(wire.hold());
            lock(&told).send(()).unwrap();
        });
        let link = Link::builder().delay(DELAY).start(server.address());
        drop(TcpStream::connect(link.address()).unwrap());
        heard.recv_timeout(Duration::from_mins(1)).unwrap();
    }

    #[test]
    fn a_server_that_leaves_ends_the_connection_of_the_client_after_the_last_byte() {
        let server = Server::start(Binding::V4, None, |_, mut wire| {
            drop(wire.read_exact(1).and_then(|_| wire.write(b"abc")));
        });
        let link = Link::builder().delay(DELAY).start(server.address());
        let mut client = TcpStream::connect(link.address()).unwrap();
        client.write_all(b"x").unwrap();
        let mut content = Vec::new();
        client.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"abc");
    }

    #[test]
    fn a_link_ends_while_a_server_says_nothing() {
        let server = Server::start(Binding::V4, None, |_, mut wire| drop(wire.hold()));
        let link = Link::builder().start(server.address());
        let mut client = TcpStream::connect(link.address()).unwrap();
        client.write_all(b"x").unwrap();
        drop(link);
        assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
    }
}
