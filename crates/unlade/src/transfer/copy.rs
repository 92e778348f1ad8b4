//! From a file that is there to a target: no less verified than what comes from afar.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Instant;

use super::disk::Space;
use super::pipeline::{finished, stage};
use super::{Crew, Delivery, Progress, buffer, disk};
use crate::error::{Error, ErrorKind, Result};
use crate::target::{Fate, Job, Positioned};
use crate::verify::{Proof, Verifier};

/// Copies what a reader gives into a target, verifies it against the job's content, and publishes it.
///
/// # Errors
///
/// [`ErrorKind::Mismatch`] if the bytes are not the blob's, and whatever the reader or the target reports. The target
/// is then as it was before.
pub async fn copy(
    from: impl Read + Send + 'static,
    target: Box<dyn Positioned>,
    job: Job,
    progress: Arc<Progress>,
) -> Result<Delivery> {
    finished(stage(&Crew::default(), "unlade-copy", move || run(from, target, &job, &progress))?.await)
}

fn run(from: impl Read, mut target: Box<dyn Positioned>, job: &Job, progress: &Progress) -> Result<Delivery> {
    let started = Instant::now();
    match fill(from, &mut *target, job, progress) {
        Ok(proof) => Ok(Delivery::local(target.publish(proof)?, started.elapsed())),
        Err(error) => {
            let fate = if error.kind() == ErrorKind::Mismatch { Fate::Discard } else { Fate::Keep };
            // What went wrong first is what the caller must hear.
            drop(target.suspend(fate));
            Err(error)
        }
    }
}

fn fill(mut from: impl Read, target: &mut dyn Positioned, job: &Job, progress: &Progress) -> Result<Proof> {
    if let Space::Taken(proof) = disk::make_room(target, job, progress)? {
        return Ok(proof);
    }
    let pages = target.pages()?;
    let mut verifier = Verifier::begin(&job.content, target.ticket());
    let mut buffer = buffer::alone(&job.content);
    loop {
        job.cancel.check()?;
        let read = match from.read(&mut buffer) {
            Ok(0) => return verifier.settle(),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("cannot read the file to copy", error)),
        };
        let offset = verifier.seen();
        verifier.absorb(&buffer[..read])?;
        pages.write_at(&buffer[..read], offset)?;
        progress.set_verified(verifier.seen());
    }
}
