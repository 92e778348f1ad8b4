//! The last stage: owns the target, and outlives whoever asked for it.

use std::io::Read;
use std::sync::Arc;

use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

use super::granule::Granules;
use super::hash::Order;
use super::recall::recall;
use super::spans::Spans;
use super::tide::Rising;
use super::{Progress, buffer, transform};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Event;
use crate::target::{Fate, Job, Kept, Pages, Positioned, Receipt, Room, Sequential, Stage, Target};
use crate::verify::{Proof, Verifier};

/// How a target ended without an error of its own.
#[derive(Debug)]
pub(super) enum Ending {
    /// It has its final name.
    Published(Receipt),
    /// It was told to stop.
    Suspended,
    /// What it was filled with is wrong: it may be filled once more, or thrown away.
    Wrong(Target),
}

/// What the others are told once there is room.
pub(super) struct Ready {
    /// Made with the target's ticket; it has seen what is there at the beginning.
    pub(super) verifier: Verifier,
    /// What is there already.
    pub(super) there: Spans,
    /// The pages of a target that takes bytes in any order.
    pub(super) pages: Option<Arc<dyn Pages>>,
}

/// What the disk shares with the other stages.
pub(super) struct Side {
    /// Where it tells them that there is room. Dropped where no bytes are wanted, because the target holds the blob
    /// already.
    pub(super) ready: oneshot::Sender<Ready>,
    pub(super) orders: Receiver<Order>,
    pub(super) progress: Arc<Progress>,
    pub(super) rising: Rising,
}

/// The last order, or what stands for it.
pub(super) enum Last {
    Publish(Proof),
    Suspend(Fate),
}

/// Prepares the target, fills it as it is told, and ends it one way or the other.
pub(super) fn run(mut target: Target, job: &Job, side: Side) -> Result<Ending> {
    let Side { ready, orders, progress, rising } = side;
    let last = match make_room(stage(&mut target), job, &progress) {
        Ok(Space::Taken(proof)) => {
            drop(ready);
            Ok(Last::Publish(proof))
        }
        Ok(Space::Free { partly }) => begin(&mut target, job, &progress, partly).and_then(|told| {
            // Whoever waited may be gone: the closed channel of orders says the same.
            drop(ready.send(told));
            fill(&mut target, job, orders, &rising)
        }),
        Err(error) => Err(error),
    };
    match last {
        Ok(Last::Publish(proof)) => into_stage(target).publish(proof).map(Ending::Published),
        Ok(Last::Suspend(Fate::Discard)) => Ok(Ending::Wrong(target)),
        Ok(Last::Suspend(fate)) => {
            tell(job, &progress, &into_stage(target).suspend(fate)?);
            Ok(Ending::Suspended)
        }
        Err(error) => match into_stage(target).suspend(Fate::Keep) {
            Ok(kept) => {
                tell(job, &progress, &kept);
                Err(error)
            }
            Err(second) => {
                job.observer.notice(&Event::Warning { text: second.chain().join(": ") });
                Err(error)
            }
        },
    }
}

/// Throws away what a target was filled with.
pub(super) fn discard(target: Target, job: &Job, progress: &Progress) -> Result<()> {
    tell(job, progress, &into_stage(target).suspend(Fate::Discard)?);
    Ok(())
}

/// Looks at what is there of the blob.
fn begin(target: &mut Target, job: &Job, progress: &Arc<Progress>, partly: bool) -> Result<Ready> {
    let mut verifier = Verifier::begin(&job.content, stage(target).ticket());
    let Target::Positioned(positioned) = target else {
        return Ok(Ready { verifier, there: Spans::default(), pages: None });
    };
    let pages = positioned.pages()?;
    let there = match positioned.ledger().filter(|_| partly) {
        Some(ledger) => recall(&*pages, &*ledger, &mut verifier, job, progress)?,
        None => Spans::default(),
    };
    Ok(Ready { verifier, there, pages: Some(pages) })
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

/// What a prepared target has room for.
pub(super) enum Space {
    /// It holds the blob already.
    Taken(Proof),
    /// It is to be filled; a part of the blob may be there.
    Free { partly: bool },
}

/// Prepares the target, and hashes a file that could be the blob already.
pub(super) fn make_room(stage: &mut dyn Stage, job: &Job, progress: &Progress) -> Result<Space> {
    let present = match stage.prepare(job)? {
        Room::Present(present) => present,
        room => return Ok(Space::Free { partly: matches!(room, Room::Partial) }),
    };
    match prove(present, Verifier::begin(&job.content, stage.ticket()), job, progress) {
        Ok(proof) => Ok(Space::Taken(proof)),
        Err(error) if error.kind() == ErrorKind::Mismatch => {
            progress.set_verified(0);
            match stage.prepare(job)? {
                Room::Present(_) => Err(error),
                room => Ok(Space::Free { partly: matches!(room, Room::Partial) }),
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

fn fill(target: &mut Target, job: &Job, orders: Receiver<Order>, rising: &Rising) -> Result<Last> {
    match target {
        Target::Ordered(stage, transform) => match transform.take() {
            None => in_order(&mut **stage, orders),
            Some(transform) => transform::run(transform, &mut **stage, orders),
        },
        Target::Positioned(stage) => at_offsets(&**stage, job, orders, rising),
    }
}

fn in_order(stage: &mut dyn Sequential, mut orders: Receiver<Order>) -> Result<Last> {
    loop {
        match orders.blocking_recv() {
            Some(Order::Chunk { bytes, .. }) => stage.write(bytes)?,
            Some(Order::Publish(proof)) => return Ok(Last::Publish(proof)),
            Some(Order::Suspend(fate)) => return Ok(Last::Suspend(fate)),
            None => return Ok(Last::Suspend(Fate::Keep)),
        }
    }
}

fn at_offsets(stage: &dyn Positioned, job: &Job, mut orders: Receiver<Order>, rising: &Rising) -> Result<Last> {
    let pages = stage.pages()?;
    let mut granules = stage.ledger().zip(job.content.size).map(|(ledger, size)| Granules::new(ledger, size));
    loop {
        match orders.blocking_recv() {
            Some(Order::Chunk { offset, bytes }) => {
                pages.write_at(&bytes, offset)?;
                rising.written();
                if let Some(Err(error)) = granules.as_mut().map(|granules| granules.written(offset, &bytes)) {
                    // The blob does not need the record; a break would cost more without it.
                    let text = format!("{}: a later run could not go on from here", error.chain().join(": "));
                    job.observer.notice(&Event::Warning { text });
                    granules = None;
                }
            }
            Some(Order::Publish(proof)) => return Ok(Last::Publish(proof)),
            Some(Order::Suspend(fate)) => return Ok(Last::Suspend(fate)),
            None => return Ok(Last::Suspend(Fate::Keep)),
        }
    }
}
