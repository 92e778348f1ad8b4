//! Whose password is checked when.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many checks may wait or be made, in all and for one client. Each holds a connection, and whoever guesses
/// passwords must leave connections and time to those who know theirs.
const MAX_IN_ALL: usize = 64;
const MAX_OF_ONE: usize = 16;

/// Clients in line: each has a line of its own, whose first stands in the line of all. So whoever asks for much waits
/// for itself.
pub(super) struct Queue(Arc<Inner>);

struct Inner {
    turns: Arc<Semaphore>,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    length: usize,
    of: HashMap<IpAddr, Line>,
}

struct Line {
    length: usize,
    first: Arc<Semaphore>,
}

/// A line is too long to stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooLong {
    /// That of all.
    All,
    /// That of this client.
    Own,
}

/// The right to one check, until it is dropped.
pub(super) struct Turn {
    _check: OwnedSemaphorePermit,
    _first: OwnedSemaphorePermit,
    _place: Place,
}

impl Queue {
    /// Lets so many checks be made at a time.
    pub(super) fn new(checks: usize) -> Self {
        Self(Arc::new(Inner { turns: Arc::new(Semaphore::new(checks)), lines: Mutex::default() }))
    }

    /// Waits for a client's turn, unless too many do.
    pub(super) async fn turn(&self, client: IpAddr) -> Result<Turn, TooLong> {
        let (place, first) = self.place(line_of(client))?;
        let first = first.acquire_owned().await.expect("the semaphore is never closed");
        let check = Arc::clone(&self.0.turns).acquire_owned().await.expect("the semaphore is never closed");
        Ok(Turn { _check: check, _first: first, _place: place })
    }

    fn place(&self, client: IpAddr) -> Result<(Place, Arc<Semaphore>), TooLong> {
        let mut lines = self.0.lines();
        let own = lines.of.get(&client).map_or(0, |line| line.length);
        match (lines.length < MAX_IN_ALL, own < MAX_OF_ONE) {
            (_, false) => return Err(TooLong::Own),
            (false, _) => return Err(TooLong::All),
            (true, true) => {}
        }
        lines.length += 1;
        let line = lines.of.entry(client).or_insert_with(|| Line { length: 0, first: Arc::new(Semaphore::new(1)) });
        line.length += 1;
        Ok((Place { queue: Arc::clone(&self.0), client }, Arc::clone(&line.first)))
    }
}

impl Inner {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in line, until it is dropped.
struct Place {
    queue: Arc<Inner>,
    client: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.queue.lines();
        lines.length -= 1;
        if let Some(line) = lines.of.get_mut(&self.client) {
            line.length -= 1;
            if line.length == 0 {
                lines.of.remove(&self.client);
            }
        }
    }
}

/// Returns what stands for a client: with IPv6 its network, of which a machine has all addresses.
fn line_of(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn client(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    #[tokio::test]
    async fn so_many_checks_are_made_at_a_time() {
        let queue = Queue::new(2);
        let turn = |number| queue.turn(client(number)).now_or_never();
        let (first, _second) = (turn(1).unwrap().ok().unwrap(), turn(2).unwrap().ok().unwrap());
        assert!(turn(3).is_none());
        drop(first);
        assert!(turn(3).is_some());
    }

    #[tokio::test]
    async fn who_asks_for_much_waits_for_itself() {
        let queue = Queue::new(1);
        let busy = queue.turn(client(1)).await.ok().unwrap();
        let mut greedy: Vec<_> = (1..MAX_OF_ONE).map(|_| Box::pin(queue.turn(client(1)))).collect();
        assert!(greedy.iter_mut().all(|turn| turn.now_or_never().is_none()));
        assert_eq!(queue.turn(client(1)).await.err(), Some(TooLong::Own));
        // Another one comes after the greedy one's next, however many wait.
        let mut other = Box::pin(queue.turn(client(2)));
        assert!((&mut other).now_or_never().is_none());
        drop(busy);
        let next = other.await.ok().unwrap();
        drop(next);
        for turn in greedy {
            drop(turn.await.ok().unwrap());
        }
        assert!(queue.0.lines().of.is_empty() && queue.0.lines().length == 0);
    }

    #[tokio::test]
    async fn the_line_of_all_is_bounded_and_who_leaves_makes_room() {
        let queue = Queue::new(1);
        let clients = (0..u8::try_from(MAX_IN_ALL).unwrap()).map(client);
        let mut waiting: Vec<_> = clients.map(|client| Box::pin(queue.turn(client))).collect();
        let came: Vec<_> = waiting.iter_mut().map(FutureExt::now_or_never).collect();
        assert!(came[0].is_some() && came[1..].iter().all(Option::is_none));
        assert_eq!(queue.turn(client(200)).await.err(), Some(TooLong::All));
        waiting.pop();
        assert!(queue.turn(client(200)).now_or_never().is_none());
    }

    #[test]
    fn a_client_is_its_address_or_its_network() {
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            assert_eq!(line_of(address.parse().unwrap()).to_string(), expected, "{address}");
        }
    }
}
