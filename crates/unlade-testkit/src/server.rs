//! A thread for each connection, and an end that waits for all of them.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustls::ServerConfig;

use crate::wire::Wire;

/// The loopback address that a server listens on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Binding {
    /// `127.0.0.1`.
    #[default]
    V4,
    /// `[::1]`.
    V6,
}

/// A listening socket and its connections; both end when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    ending: AtomicBool,
    accepted: AtomicUsize,
    live: Mutex<HashMap<usize, TcpStream>>,
    quiet: Condvar,
}

impl Server {
    /// Listens on a free port and gives each connection, with its number, to `serve` on a thread of its own.
    pub(crate) fn start(
        binding: Binding,
        tls: Option<Arc<ServerConfig>>,
        serve: impl Fn(usize, Wire) + Send + Sync + 'static,
    ) -> Self {
        let listener = match binding {
            Binding::V4 => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)),
            Binding::V6 => TcpListener::bind((Ipv6Addr::LOCALHOST, 0)),
        }
        .unwrap_or_else(|error| panic!("listen on loopback ({binding:?}): {error}"));
        let address = listener.local_addr().expect("a listening socket has an address");
        let shared = Arc::new(Shared::default());
        let accepting = {
            let shared = Arc::clone(&shared);
            let serve = Arc::new(serve);
            thread::spawn(move || accept(&listener, &shared, tls.as_ref(), &serve))
        };
        Self { address, shared, accepting: Some(accepting) }
    }

    /// Gives the address that clients connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Counts the connections that were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        // Wakes the accepting thread; if it cannot be reached it has ended already.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            // A panic of that thread has been printed, and must not become a panic inside a drop.
            drop(accepting.join());
        }
        let mut live = lock(&self.shared.live);
        for stream in live.values() {
            // The client may have closed it first.
            drop(stream.shutdown(Shutdown::Both));
        }
        while !live.is_empty() {
            live = self.shared.quiet.wait(live).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Takes a lock, also after a panic of another holder: the panic itself is what fails the test.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept<F>(listener: &TcpListener, shared: &Arc<Shared>, tls: Option<&Arc<ServerConfig>>, serve: &Arc<F>)
where
    F: Fn(usize, Wire) + Send + Sync + 'static,
{
    for stream in listener.incoming() {
        if shared.ending.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let (Ok(copy), Ok(wire)) = (stream.try_clone(), Wire::new(stream, tls)) else {
            continue;
        };
        let number = shared.accepted.fetch_add(1, Ordering::SeqCst) + 1;
        lock(&shared.live).insert(number, copy);
        let seat = Seat { number, shared: Arc::clone(shared) };
        let serve = Arc::clone(serve);
        thread::spawn(move || {
            let _seat = seat;
            serve(number, wire);
        });
    }
}

/// Gives a connection's place back, also when its thread panics.
struct Seat {
    number: usize,
    shared: Arc<Shared>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.shared.live).remove(&self.number);
        self.shared.quiet.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn dropping_a_server_ends_a_connection_that_it_held_open() {
        let server = Server::start(Binding::V4, None, |_, mut wire| drop(wire.hold()));
        let mut client = TcpStream::connect(server.address()).unwrap();
        drop(server);
        assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
    }

    #[test]
    fn a_server_listens_on_the_sixth_version_too() {
        let server = Server::start(Binding::V6, None, |_, mut wire| drop(wire.write(b"x")));
        let mut byte = [0];
        TcpStream::connect(server.address()).unwrap().read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
        assert_eq!(server.connections(), 1);
    }
}
