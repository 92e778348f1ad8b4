//! A look at what is there already, before anything is fetched.

use std::sync::Arc;
use std::time::Instant;

use super::pipeline::{finished, stage};
use super::{Crew, Delivery, Progress, disk};
use crate::error::{ErrorKind, Result};
use crate::target::file::FileTarget;
use crate::target::{Job, Room, Stage as _};
use crate::verify::Verifier;

/// Says of each target whether the right file is there already: it is hashed. Writes and fetches nothing.
///
/// # Errors
///
/// The first one that a target has of what is there, such as [`ErrorKind::Exists`].
pub async fn survey(targets: Vec<(FileTarget, Job, Arc<Progress>)>) -> Result<Vec<Option<Delivery>>> {
    let look = move || targets.into_iter().map(|(target, job, progress)| look(target, &job, &progress)).collect();
    finished(stage(&Crew::default(), "unlade-survey", look)?.await)
}

fn look(mut target: FileTarget, job: &Job, progress: &Progress) -> Result<Option<Delivery>> {
    let started = Instant::now();
    job.cancel.check()?;
    let Room::Present(present) = target.survey(job)? else {
        return Ok(None);
    };
    match disk::prove(present, Verifier::begin(&job.content, target.ticket()), job, progress) {
        Ok(proof) => Ok(Some(Delivery::local(Box::new(target).publish(proof)?, started.elapsed()))),
        Err(error) if error.kind() == ErrorKind::Mismatch => {
            progress.set_verified(0);
            // It is known to be another file now; what that comes to, the target knows.
            target.survey(job).map(|_| None)
        }
        Err(error) => Err(error),
    }
}
