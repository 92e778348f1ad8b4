//! One blob into one target: network, hash and disk at the same time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::Progress;
use super::buffer::{Buffers, Filling};
use super::crew::Crew;
use super::disk::{self, Ending};
use super::fetch::{Fetch, Terms};
use super::hash::{self, Arrival};
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::{Event, Observer};
use crate::retry::{Budget, Policy};
use crate::source::{EndpointId, Source};
use crate::spec::descriptor::Content;
use crate::target::{Job, Output, Receipt, Target};
use crate::verify::Verifier;

/// So many chunks stand between two stages; the buffers bound their bytes.
const DEPTH: usize = 16;

/// Blobs up to this size, in bytes, are hashed where they arrive: that takes less time than waking a thread twice.
const SMALL: u64 = 64 << 10;

/// How long bytes wait for others to go on with: whoever reads a pipe, or a bar, does not wait for a whole buffer.
const PATIENCE: Duration = Duration::from_millis(200);

/// A blob on its way from a source to a target.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Download {
    /// Where the blob comes from.
    pub source: Arc<dyn Source>,
    /// The blob.
    pub content: Content,
    /// How failures are retried.
    pub policy: Policy,
    /// How long to wait for another process that fills the same target.
    pub lock_wait: Duration,
    /// A request to stop.
    pub cancel: Cancel,
    /// Who is told what happens.
    pub observer: Arc<dyn Observer>,
    /// Where bytes are counted.
    pub progress: Arc<Progress>,
    /// The memory that it takes.
    pub buffers: Buffers,
    /// The threads that it takes.
    pub crew: Crew,
}

/// A download that ended well.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Delivery {
    /// What was published.
    pub receipt: Receipt,
    /// Where the bytes came from; nowhere if the target held them already.
    pub endpoints: Vec<EndpointId>,
    /// How many bytes came over the network.
    pub bytes_fetched: u64,
    /// How many bytes were not fetched again thanks to a resume.
    pub bytes_resumed: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl Delivery {
    /// Describes what needed no network.
    pub(super) fn local(receipt: Receipt, elapsed: Duration) -> Self {
        Self { receipt, endpoints: Vec::new(), bytes_fetched: 0, bytes_resumed: 0, elapsed }
    }
}

impl Download {
    /// Downloads into the target, verifies, and publishes.
    ///
    /// Dropping the future stops the download as a request to stop does; the
    /// target is cleaned up by its own thread soon after.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`] if the bytes are not the blob's, and whatever the source or the target
    /// reports. The target is then as it was before.
    pub async fn into_target(self, target: Target) -> Result<Delivery> {
        let started = Instant::now();
        // The disk's thread does not end with this future: it may wait for a lock, or hash what is there, for long.
        let cancel = self.cancel.child();
        let _leash = cancel.leash();
        let mut job = Job::new(self.content.clone(), self.lock_wait, cancel, Arc::clone(&self.observer));
        if matches!(target, Target::Ordered(_, Some(_))) {
            job.output = Output::Decoded;
        }
        let (ready_tx, ready) = oneshot::channel();
        let (orders_tx, orders) = mpsc::channel(DEPTH);
        // Nothing is ever sent: it closes when the disk ends, for whatever reason.
        let (alive, gone) = oneshot::channel::<()>();
        let progress = Arc::clone(&self.progress);
        let disk = stage(&self.crew, "unlade-disk", move || {
            let _alive = alive;
            disk::run(target, &job, &progress, ready_tx, orders)
        })?;

        let mut fetch = self.fetch();
        let moved = match ready.await {
            Ok(verifier) => {
                // What the disk does with the last byte may take long, and needs no connection.
                let _connection = self.progress.connect();
                self.run(&mut fetch, verifier, orders_tx, gone).await
            }
            // The target holds the blob already, or has an error of its own.
            Err(_) => Ok(()),
        };
        let ending = finished(disk.await);
        let receipt = self.verdict(moved, ending, &fetch)?;
        Ok(Delivery {
            receipt,
            endpoints: fetch.endpoints().to_vec(),
            bytes_fetched: self.progress.fetched(),
            bytes_resumed: self.progress.resumed(),
            elapsed: started.elapsed(),
        })
    }

    fn fetch(&self) -> Fetch {
        let terms = Terms {
            budget: Arc::new(Budget::new(self.policy.clone(), self.content.size)),
            cancel: self.cancel.clone(),
            observer: Arc::clone(&self.observer),
            progress: Arc::clone(&self.progress),
        };
        Fetch::new(Arc::clone(&self.source), self.content.clone(), terms)
    }

    /// Moves bytes from the network to the hash until one of them ends; returns the first error of the two.
    async fn run(
        &self,
        fetch: &mut Fetch,
        verifier: Verifier,
        orders: mpsc::Sender<hash::Order>,
        gone: oneshot::Receiver<()>,
    ) -> Result<()> {
        self.observer.notice(&Event::Started { digest: self.content.digest.clone(), size: self.content.size });
        if self.content.size.is_some_and(|size| size <= SMALL) {
            return self.run_small(fetch, verifier, orders, gone).await;
        }
        let (arrivals, inbox) = mpsc::channel(DEPTH);
        let progress = Arc::clone(&self.progress);
        let hash = stage(&self.crew, "unlade-hash", move || hash::run(verifier, inbox, &orders, &progress))?;
        let fetched = tokio::select! {
            biased;
            fetched = pump(fetch, &self.buffers, &arrivals) => Some(fetched),
            // A network that stands still must not hide that nothing is wanted any more.
            _ = gone => None,
        };
        if matches!(fetched, Some(Ok(()))) {
            // A hash that is gone has its reason, which is asked for below.
            drop(arrivals.send(Arrival::End).await);
        }
        drop(arrivals);
        finished(hash.await)?;
        fetched.unwrap_or(Ok(()))
    }

    /// Moves the bytes of a small blob, which are hashed here: handing them to another thread costs more.
    async fn run_small(
        &self,
        fetch: &mut Fetch,
        verifier: Verifier,
        orders: mpsc::Sender<hash::Order>,
        gone: oneshot::Receiver<()>,
    ) -> Result<()> {
        tokio::select! {
            biased;
            moved = hash::pass(fetch, verifier, orders, &self.progress) => moved,
            _ = gone => Ok(()),
        }
    }

    fn verdict(&self, moved: Result<()>, ending: Result<Ending>, fetch: &Fetch) -> Result<Receipt> {
        match (moved, ending) {
            (Err(error), _) if error.kind() == ErrorKind::Mismatch => Err(self.wrong_bytes(error, fetch)),
            // The disk knows why the others stopped; only a break upstream comes before it.
            (Err(error), _) | (Ok(()), Err(error)) => Err(error),
            (Ok(()), Ok(Ending::Published(receipt))) => Ok(receipt),
            (Ok(()), Ok(Ending::Suspended)) => Err(Error::new(ErrorKind::Interrupted, "the download was abandoned")),
        }
    }

    fn wrong_bytes(&self, error: Error, fetch: &Fetch) -> Error {
        let endpoints: Vec<&str> = fetch.endpoints().iter().map(EndpointId::as_str).collect();
        let from = if endpoints.is_empty() { self.source.to_string() } else { endpoints.join(", ") };
        error.making(format!("the bytes from {from} are not the blob {}", self.content.digest)).with(|context| {
            context.attempts = fetch.tries();
            context.url = fetch.url().cloned();
        })
    }
}

/// Copies what is fetched into recycled buffers: the HTTP library's own are free
/// again at once, and the stages behind are woken rarely. Ends early if the hash is gone.
///
/// On a line so slow that a buffer does not fill within [`PATIENCE`], what is in it goes on.
async fn pump(fetch: &mut Fetch, buffers: &Buffers, arrivals: &mpsc::Sender<Arrival>) -> Result<()> {
    let mut filling = buffers.take().await;
    let pause = tokio::time::sleep(PATIENCE);
    tokio::pin!(pause);
    loop {
        // Kept while buffers go on: it may be waiting before a retry, or for an answer.
        let next = fetch.next();
        tokio::pin!(next);
        let chunk = loop {
            tokio::select! {
                biased;
                chunk = &mut next => break chunk?,
                () = &mut pause, if !filling.is_empty() => {
                    if !pass_on(&mut filling, buffers, arrivals).await {
                        return Ok(());
                    }
                }
            }
        };
        let Some(chunk) = chunk else { break };
        let mut rest: &[u8] = &chunk;
        while !rest.is_empty() {
            if filling.is_empty() {
                pause.as_mut().reset(tokio::time::Instant::now() + PATIENCE);
            }
            let taken = filling.fill(rest);
            rest = &rest[taken..];
            if filling.is_full() && !pass_on(&mut filling, buffers, arrivals).await {
                return Ok(());
            }
        }
    }
    if !filling.is_empty() {
        let last: Bytes = filling.freeze();
        drop(arrivals.send(Arrival::Chunk(last)).await);
    }
    Ok(())
}

/// Hands a buffer on and takes an empty one; returns false if the hash is gone.
async fn pass_on(filling: &mut Filling, buffers: &Buffers, arrivals: &mpsc::Sender<Arrival>) -> bool {
    let full = std::mem::replace(filling, buffers.take().await);
    arrivals.send(Arrival::Chunk(full.freeze())).await.is_ok()
}

/// Runs a stage on a thread; the receiver gets its outcome.
pub(super) fn stage<T: Send + 'static>(
    crew: &Crew,
    name: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<oneshot::Receiver<Result<T>>> {
    let (done, outcome) = oneshot::channel();
    let run = move || {
        // The future that waited may have been dropped: its work is ended all the same.
        drop(done.send(work()));
    };
    crew.put_to_work(name, Box::new(run))?;
    Ok(outcome)
}

pub(super) fn finished<T>(outcome: Result<Result<T>, oneshot::error::RecvError>) -> Result<T> {
    outcome.unwrap_or_else(|_| Err(Error::new(ErrorKind::Io, "a thread of the download panicked")))
}
