//! The stage between network and disk: bytes in their order, whatever order they came in.

use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Receiver, Sender};

use super::Progress;
use super::early::Early;
use super::fetch::Fetch;
use super::front::Front;
use crate::error::{ErrorKind, Result};
use crate::target::Fate;
use crate::verify::{Proof, Verifier};

/// What the network tells the hash.
pub(super) enum Arrival {
    /// Bytes, and where in the blob they belong.
    Chunk { offset: u64, bytes: Bytes },
    /// There are no more.
    End,
}

/// What the hash tells the disk. A channel that closes without a last word means
/// that whoever wanted the blob is gone.
pub(super) enum Order {
    /// Bytes, and where in the blob they belong; in their order, for whoever holds none that come early.
    Chunk { offset: u64, bytes: Bytes },
    /// All bytes were given, and they are the blob.
    Publish(Proof),
    /// They are not coming, or not right.
    Suspend(Fate),
}

/// Hashes what arrives and hands it on.
pub(super) struct Hash {
    pub(super) verifier: Verifier,
    pub(super) early: Early,
    pub(super) front: Arc<Front>,
    pub(super) progress: Arc<Progress>,
    pub(super) orders: Sender<Order>,
    /// How many chunks were handed on.
    pub(super) handed_on: u64,
}

/// Whether anyone wants the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    Gone,
    Lasting,
}

impl Hash {
    /// Works until the end or a mismatch.
    ///
    /// Ends early, without an error of its own, when the disk is gone: the disk knows why.
    pub(super) fn run(mut self, mut arrivals: Receiver<Arrival>) -> Result<()> {
        let verdict = loop {
            match self.next(&mut arrivals) {
                Some(Arrival::Chunk { offset, bytes }) => match self.take_in(offset, bytes) {
                    Ok(Demand::Lasting) => {}
                    Ok(Demand::Gone) => return Ok(()),
                    Err(error) => break Err(error),
                },
                Some(Arrival::End) => break self.verifier.settle(),
                None => {
                    // Whether the disk still listens makes no difference: it is told to stop.
                    drop(self.orders.blocking_send(Order::Suspend(Fate::Keep)));
                    return Ok(());
                }
            }
        };
        let (order, outcome) = last(verdict);
        // A disk that is gone has an error of its own to report.
        drop(self.orders.blocking_send(order));
        outcome
    }

    /// Waits for what comes next, and lets it be known that it waits.
    fn next(&self, arrivals: &mut Receiver<Arrival>) -> Option<Arrival> {
        match arrivals.try_recv() {
            Ok(arrival) => Some(arrival),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                self.front.idle();
                let arrival = arrivals.blocking_recv();
                self.front.busy();
                arrival
            }
        }
    }

    /// Takes bytes in: those whose turn it is are hashed, and then those that came early.
    fn take_in(&mut self, mut offset: u64, mut bytes: Bytes) -> Result<Demand> {
        let seen = self.verifier.seen();
        let known = seen.saturating_sub(offset).min(bytes.len() as u64);
        bytes.advance(usize::try_from(known).expect("no more than the length"));
        offset += known;
        if bytes.is_empty() {
            return Ok(Demand::Lasting);
        }
        if offset > seen {
            return Ok(self.put_by(offset, bytes));
        }
        self.absorb(&bytes)?;
        if self.hand_on(offset, bytes) == Demand::Gone {
            return Ok(Demand::Gone);
        }
        self.catch_up()
    }

    /// Puts bytes by until their turn.
    fn put_by(&mut self, offset: u64, bytes: Bytes) -> Demand {
        match &mut self.early {
            Early::Held(held) => held.hold(offset, bytes),
            Early::Written(written) => {
                written.note(offset..offset + bytes.len() as u64, self.handed_on + 1);
                return self.hand_on(offset, bytes);
            }
        }
        Demand::Lasting
    }

    /// Hashes what came early, as far as there is no gap.
    fn catch_up(&mut self) -> Result<Demand> {
        loop {
            let seen = self.verifier.seen();
            match &mut self.early {
                Early::Held(held) => {
                    let Some(bytes) = held.take(seen) else { return Ok(Demand::Lasting) };
                    self.absorb(&bytes)?;
                    if self.hand_on(seen, bytes) == Demand::Gone {
                        return Ok(Demand::Gone);
                    }
                }
                Early::Written(written) => {
                    let Some(bytes) = written.read(seen)? else {
                        return Ok(if written.is_lost() { Demand::Gone } else { Demand::Lasting });
                    };
                    self.verifier.absorb(bytes)?;
                    self.advance();
                }
            }
        }
    }

    fn absorb(&mut self, bytes: &[u8]) -> Result<()> {
        self.verifier.absorb(bytes)?;
        self.advance();
        Ok(())
    }

    fn advance(&self) {
        self.progress.set_verified(self.verifier.seen());
        self.front.move_to(self.verifier.seen());
    }

    fn hand_on(&mut self, offset: u64, bytes: Bytes) -> Demand {
        self.handed_on += 1;
        let handed = self.orders.blocking_send(Order::Chunk { offset, bytes });
        if handed.is_ok() { Demand::Lasting } else { Demand::Gone }
    }
}

/// Does the same with what is fetched, without a thread in between: for blobs of a known size that is small.
///
/// A fetch that fails closes the channel, which tells the disk to stop.
pub(super) async fn pass(
    mut fetch: Fetch,
    mut verifier: Verifier,
    orders: Sender<Order>,
    progress: &Arc<Progress>,
) -> Result<()> {
    let verdict = loop {
        let Some(bytes) = fetch.next().await? else { break verifier.settle() };
        let offset = verifier.seen();
        if let Err(error) = verifier.absorb(&bytes) {
            break Err(error);
        }
        progress.set_verified(verifier.seen());
        if orders.send(Order::Chunk { offset, bytes }).await.is_err() {
            return Ok(());
        }
    };
    let (order, outcome) = last(verdict);
    drop(orders.send(order).await);
    outcome
}

fn last(verdict: Result<Proof>) -> (Order, Result<()>) {
    match verdict {
        Ok(proof) => (Order::Publish(proof), Ok(())),
        Err(error) if error.kind() == ErrorKind::Mismatch => (Order::Suspend(Fate::Discard), Err(error)),
        Err(error) => (Order::Suspend(Fate::Keep), Err(error)),
    }
}
