//! The stage between network and disk: bytes go on only after they were hashed.

use bytes::Bytes;
use tokio::sync::mpsc::{Receiver, Sender};

use std::sync::Arc;

use super::Progress;
use super::fetch::Fetch;
use crate::error::Result;
use crate::target::Fate;
use crate::verify::{Proof, Verifier};

/// What the network tells the hash.
pub(super) enum Arrival {
    /// The next bytes.
    Chunk(Bytes),
    /// There are no more.
    End,
}

/// What the hash tells the disk. A channel that closes without a last word means
/// that whoever wanted the blob is gone.
pub(super) enum Order {
    /// The next bytes.
    Chunk(Bytes),
    /// All bytes were given, and they are the blob.
    Publish(Proof),
    /// They are not coming, or not right.
    Suspend(Fate),
}

/// Hashes what arrives and hands it on, until the end or a mismatch.
///
/// Ends early, without an error of its own, when the disk is gone: the disk knows why.
pub(super) fn run(
    mut verifier: Verifier,
    mut arrivals: Receiver<Arrival>,
    orders: &Sender<Order>,
    progress: &Arc<Progress>,
) -> Result<()> {
    let verdict = loop {
        match arrivals.blocking_recv() {
            Some(Arrival::Chunk(chunk)) => {
                if let Err(error) = verifier.absorb(&chunk) {
                    break Err(error);
                }
                progress.set_verified(verifier.seen());
                if orders.blocking_send(Order::Chunk(chunk)).is_err() {
                    return Ok(());
                }
            }
            Some(Arrival::End) => break verifier.settle(),
            None => {
                // Whether the disk still listens makes no difference: it is told to stop.
                drop(orders.blocking_send(Order::Suspend(Fate::Keep)));
                return Ok(());
            }
        }
    };
    let (order, outcome) = last(verdict);
    // A disk that is gone has an error of its own to report.
    drop(orders.blocking_send(order));
    outcome
}

/// Does the same with what is fetched, without a thread in between: for blobs of a known size that is small.
///
/// A fetch that fails closes the channel, which tells the disk to stop.
pub(super) async fn pass(
    fetch: &mut Fetch,
    mut verifier: Verifier,
    orders: Sender<Order>,
    progress: &Arc<Progress>,
) -> Result<()> {
    let verdict = loop {
        let Some(chunk) = fetch.next().await? else { break verifier.settle() };
        if let Err(error) = verifier.absorb(&chunk) {
            break Err(error);
        }
        progress.set_verified(verifier.seen());
        if orders.send(Order::Chunk(chunk)).await.is_err() {
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
        Err(error) => (Order::Suspend(Fate::Discard), Err(error)),
    }
}
