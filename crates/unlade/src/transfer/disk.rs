//! The last stage: owns the target, and outlives whoever asked for it.

use std::io::Read;
use std::sync::Arc;

use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

use super::hash::Order;
use super::{Progress, buffer, transform};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Event;
use crate::target::{Fate, Job, Kept, Positioned, Receipt, Room, Sequential, Stage, Target};
use crate::verify::{Proof, Verifier};

/// How a target ended without an error of its own.
#[derive(Debug)]
pub(super) enum Ending {
    /// It has its final name.
    Published(Receipt),
    /// It was told to stop.
    Suspended,
}

/// The last order, or what stands for it.
pub(super) enum Last {
    Publish(Proof),
    Suspend(Fate),
}

/// Prepares the target, fills it as it is told, and ends it one way or the other.
///
/// `ready` gets the verifier of the target's ticket once bytes are wanted; it is
/// dropped where none are, because the target holds the blob already.
pub(super) fn run(
    mut target: Target,
    job: &Job,
    progress: &Arc<Progress>,
    ready: oneshot::Sender<Verifier>,
    orders: Receiver<Order>,
) -> Result<Ending> {
    let last = match make_room(stage(&mut target), job, progress) {
        Ok(Some(proof)) => {
            drop(ready);
            Ok(Last::Publish(proof))
        }
        Ok(None) => {
            // Whoever waited may be gone: the closed channel of orders says the same.
            drop(ready.send(Verifier::begin(&job.content, stage(&mut target).ticket())));
            fill(&mut target, orders)
        }
        Err(error) => Err(error),
    };
    let stage = into_stage(target);
    match last {
        Ok(Last::Publish(proof)) => stage.publish(proof).map(Ending::Published),
        Ok(Last::Suspend(fate)) => {
            tell(job, progress, &stage.suspend(fate)?);
            Ok(Ending::Suspended)
        }
        Err(error) => match stage.suspend(Fate::Keep) {
            Ok(kept) => {
                tell(job, progress, &kept);
                Err(error)
            }
            Err(second) => {
                job.observer.notice(&Event::Warning { text: second.chain().join(": ") });
                Err(error)
            }
        },
    }
}

fn stage(target: &mut Target) -> &mut dyn Stage {
    match target {
        Target::Ordered(stage, _) => &mut **stage,
        Target::Positioned(stage) => &mut **stage,
    }
}

fn into_stage(target: Target) -> Box<dyn Stage> {
    match target {
        Target::Ordered(stage, _) => stage,
        Target::Positioned(stage) => stage,
    }
}

/// Says what is gone, if any bytes are.
fn tell(job: &Job, progress: &Progress, kept: &Kept) {
    if let Kept::Removed(path) = kept
        && progress.fetched() > 0
    {
        job.observer.notice(&Event::PartialRemoved { path: path.display().to_string() });
    }
}

/// Prepares the target; returns the proof if what it holds is the blob already.
pub(super) fn make_room(stage: &mut dyn Stage, job: &Job, progress: &Progress) -> Result<Option<Proof>> {
    let Room::Present(present) = stage.prepare(job)? else {
        return Ok(None);
    };
    match prove(present, Verifier::begin(&job.content, stage.ticket()), job, progress) {
        Ok(proof) => Ok(Some(proof)),
        Err(error) if error.kind() == ErrorKind::Mismatch => {
            progress.set_verified(0);
            match stage.prepare(job)? {
                Room::Present(_) => Err(error),
                _ => Ok(None),
            }
        }
        Err(error) => Err(error),
    }
}

/// Hashes what is there already.
pub(super) fn prove(
    mut present: Box<dyn Read + Send>,
    mut verifier: Verifier,
    job: &Job,
    progress: &Progress,
) -> Result<Proof> {
    let mut buffer = buffer::alone(&job.content);
    loop {
        job.cancel.check()?;
        let read = match present.read(&mut buffer) {
            Ok(0) => return verifier.settle(),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("cannot read the file that is there already", error)),
        };
        verifier.absorb(&buffer[..read])?;
        progress.set_verified(verifier.seen());
    }
}

fn fill(target: &mut Target, orders: Receiver<Order>) -> Result<Last> {
    match target {
        Target::Ordered(stage, transform) => match transform.take() {
            None => in_order(&mut **stage, orders),
            Some(transform) => transform::run(transform, &mut **stage, orders),
        },
        Target::Positioned(stage) => at_offsets(&**stage, orders),
    }
}

fn in_order(stage: &mut dyn Sequential, mut orders: Receiver<Order>) -> Result<Last> {
    loop {
        match orders.blocking_recv() {
            Some(Order::Chunk(chunk)) => stage.write(chunk)?,
            Some(Order::Publish(proof)) => return Ok(Last::Publish(proof)),
            Some(Order::Suspend(fate)) => return Ok(Last::Suspend(fate)),
            None => return Ok(Last::Suspend(Fate::Keep)),
        }
    }
}

fn at_offsets(stage: &dyn Positioned, mut orders: Receiver<Order>) -> Result<Last> {
    let pages = stage.pages()?;
    let mut offset = 0;
    loop {
        match orders.blocking_recv() {
            Some(Order::Chunk(chunk)) => {
                pages.write_at(&chunk, offset)?;
                offset += chunk.len() as u64;
            }
            Some(Order::Publish(proof)) => return Ok(Last::Publish(proof)),
            Some(Order::Suspend(fate)) => return Ok(Last::Suspend(fate)),
            None => return Ok(Last::Suspend(Fate::Keep)),
        }
    }
}
