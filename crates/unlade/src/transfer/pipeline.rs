//! One blob into one target: network, hash and disk at the same time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::Progress;
use super::buffer::Buffers;
use super::carrier::Carrier;
use super::courtesy::Courtesy;
use super::crew::Crew;
use super::disk::{self, Ending, Ready, Side};
use super::early::{Early, Held, Written};
use super::fetch::{Fetch, Terms, tries};
use super::fleet::Fleet;
use super::front::Front;
use super::hash::{self, Arrival, Hash, Order};
use super::pieces::{Bounds, FILE_LEAD, MEMORY_LEAD, Pieces};
use super::spans::Spans;
use super::tide::Tide;
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::{Event, Observer};
use crate::retry::{Budget, Policy};
use crate::source::{EndpointId, Source};
use crate::spec::descriptor::Content;
use crate::target::{Job, Output, Receipt, Resume, Target};

/// So many chunks stand between two stages; the buffers bound their bytes.
const DEPTH: usize = 16;

/// Blobs up to this size, in bytes, are hashed where they arrive: that takes less time than waking a thread twice.
const SMALL: u64 = 64 << 10;

/// Blobs above this size, in bytes, come over several connections.
const PARALLEL: u64 = 16 << 20;

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
    /// What becomes of what an earlier run has left.
    pub resume: Resume,
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

/// The way to the disk: where it takes orders, and what closes when it ends.
type Disk = (mpsc::Sender<Order>, oneshot::Receiver<()>);

/// How one attempt at a download ended, where another may follow.
enum Attempt {
    Delivered(Receipt),
    Wrong(Wrong),
}

/// A target that was filled with bytes that are not the blob's.
struct Wrong {
    error: Error,
    target: Target,
    /// How many of them an earlier run had left.
    recalled: u64,
}

impl Download {
    /// Downloads into the target, verifies, and publishes.
    ///
    /// What an earlier run left of the blob in the target is gone on with, unless `resume` says otherwise. Where it
    /// turns out to be wrong, or an endpoint gave wrong bytes and there is another, the blob is fetched once more.
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
        job.resume = self.resume;
        if matches!(target, Target::Ordered(_, Some(_))) {
            job.output = Output::Decoded;
        }
        if let Some(size) = self.content.size {
            self.progress.set_total(size);
        }
        let mut terms = self.terms();
        let mut target = target;
        let receipt = loop {
            match self.attempt(target, &job, &terms).await? {
                Attempt::Delivered(receipt) => break receipt,
                Attempt::Wrong(wrong) => target = self.once_more(wrong, &mut job, &mut terms).await?,
            }
        };
        Ok(Delivery {
            receipt,
            endpoints: terms.origins.all().into_iter().filter(|origin| !terms.avoid.contains(origin)).collect(),
            bytes_fetched: self.progress.fetched(),
            bytes_resumed: self.progress.resumed(),
            elapsed: started.elapsed(),
        })
    }

    fn terms(&self) -> Terms {
        Terms {
            budget: Arc::new(Budget::new(self.policy.clone(), self.content.size)),
            observer: Arc::clone(&self.observer),
            progress: Arc::clone(&self.progress),
            origins: Arc::default(),
            avoid: Vec::new(),
            recalled: Arc::default(),
        }
    }

    /// Gets ready to fetch a blob once more that turned out wrong, where what an earlier run left or an endpoint can be
    /// at fault; otherwise throws it away, and gives the error back.
    async fn once_more(&self, wrong: Wrong, job: &mut Job, terms: &mut Terms) -> Result<Target> {
        let Wrong { error, target, recalled } = wrong;
        let mut culprits = terms.avoid.clone();
        culprits.extend(terms.origins.all());
        // What a decoder has made of wrong bytes is gone.
        let may_repeat = matches!(target, Target::Positioned(_));
        let remedy = if may_repeat && recalled > 0 && job.resume == Resume::GoOn {
            "an earlier run left a part of it: all of it is fetched anew"
        } else if may_repeat && terms.avoid.is_empty() && self.source.has_others(&self.content, &culprits) {
            terms.avoid = culprits;
            "all of it is fetched from another endpoint"
        } else {
            let (job, progress) = (job.clone(), Arc::clone(&self.progress));
            let discard = stage(&self.crew, "unlade-disk", move || disk::discard(target, &job, &progress))?;
            if let Err(second) = finished(discard.await) {
                // What went wrong first is what the caller must hear.
                self.observer.notice(&Event::Warning { text: second.chain().join(": ") });
            }
            return Err(error);
        };
        job.resume = Resume::Afresh;
        self.observer.notice(&Event::Warning { text: format!("{}; {remedy}", error.chain().join(": ")) });
        self.progress.start_over();
        Ok(target)
    }

    /// Fills the target once.
    async fn attempt(&self, target: Target, job: &Job, terms: &Terms) -> Result<Attempt> {
        let (ready_tx, ready) = oneshot::channel();
        let (orders_tx, orders) = mpsc::channel(DEPTH);
        // Nothing is ever sent: it closes when the disk ends, for whatever reason.
        let (alive, gone) = oneshot::channel::<()>();
        let tide = Arc::new(Tide::default());
        let side = Side { ready: ready_tx, orders, progress: Arc::clone(&self.progress), rising: tide.rising() };
        let disks = job.clone();
        let disk = stage(&self.crew, "unlade-disk", move || {
            let _alive = alive;
            disk::run(target, &disks, side)
        })?;

        let mut recalled = 0;
        let moved = match ready.await {
            Ok(ready) => {
                recalled = ready.there.bytes();
                self.note_recalled(&ready, terms);
                self.run(ready, tide, terms, (orders_tx, gone)).await
            }
            // The target holds the blob already, or has an error of its own.
            Err(_) => Ok(()),
        };
        match (moved, finished(disk.await)) {
            (Err(error), Ok(Ending::Wrong(target))) => {
                let error = if error.kind() == ErrorKind::Mismatch { self.wrong_bytes(error, terms) } else { error };
                // What an earlier run left is none of the bytes that are missing.
                let is_short = self.content.size.is_some_and(|size| self.progress.verified() < size);
                let recalled = if is_short { 0 } else { recalled };
                Ok(Attempt::Wrong(Wrong { error, target, recalled }))
            }
            (Err(error), _) if error.kind() == ErrorKind::Mismatch => Err(self.wrong_bytes(error, terms)),
            // The disk knows why the others stopped; only a break upstream comes before it.
            (Err(error), _) | (Ok(()), Err(error)) => Err(error),
            (Ok(()), Ok(Ending::Published(receipt))) => Ok(Attempt::Delivered(receipt)),
            (Ok(()), Ok(_)) => Err(Error::new(ErrorKind::Interrupted, "the download was abandoned")),
        }
    }

    fn note_recalled(&self, ready: &Ready, terms: &Terms) {
        self.observer.notice(&Event::Started { digest: self.content.digest.clone(), size: self.content.size });
        terms.recall(&ready.there);
        if !ready.there.is_empty() {
            let (at, resumed) = (ready.verifier.seen(), self.progress.resumed());
            self.observer.notice(&Event::Resumed { at, verified: at, resumed });
        }
    }

    /// Moves bytes from the network to the hash until one of them ends; returns the first error of the two.
    async fn run(&self, ready: Ready, tide: Arc<Tide>, terms: &Terms, (orders, gone): Disk) -> Result<()> {
        let Ready { verifier, there, pages } = ready;
        let size = self.content.size;
        if size.is_some_and(|size| size <= SMALL) && there.is_empty() {
            // Handing the bytes to another thread costs more.
            let fetch = Fetch::new(Arc::clone(&self.source), self.content.clone(), terms.clone());
            let passed = self.cancel.guard(hash::pass(fetch, verifier, orders, &self.progress));
            return unless_gone(passed, gone).await.unwrap_or(Ok(()));
        }
        let connections = match size {
            Some(size) if size > PARALLEL => self.source.lanes().max(1),
            _ => 1,
        };
        let lead = if pages.is_some() { FILE_LEAD } else { MEMORY_LEAD };
        let buffers = match &pages {
            None if connections > 1 => &Buffers::holding(MEMORY_LEAD, connections),
            _ => &self.buffers,
        };
        let mut missing = Spans::of(0..size.unwrap_or(u64::MAX));
        there.iter().for_each(|range| missing.remove(&range));
        let pieces = Mutex::new(Pieces::new(missing, Bounds::new(connections, lead)));
        let front = Arc::new(Front::at_byte(verifier.seen()));
        let early = match pages {
            Some(pages) => Early::Written(Written::new(pages, tide, there)),
            None => Early::Held(Held::default()),
        };
        let (arrivals, inbox) = mpsc::channel(DEPTH);
        let hash = Hash {
            verifier,
            early,
            front: Arc::clone(&front),
            progress: Arc::clone(&self.progress),
            orders,
            handed_on: 0,
        };
        let hash = stage(&self.crew, "unlade-hash", move || hash.run(inbox))?;
        let courtesy = (lead == FILE_LEAD && connections > 1).then(Mutex::<Courtesy>::default);
        let (courtesy, began) = (courtesy.as_ref(), tokio::time::Instant::now());
        let carrier = Carrier { buffers, arrivals: &arrivals, front: &front, pieces: &pieces, courtesy, began };
        let fleet = Fleet::new(&self.source, &self.content, terms, carrier, connections);
        let fetched = unless_gone(self.cancel.guard(Box::pin(fleet.run())), gone).await;
        if matches!(fetched, Some(Ok(()))) {
            // A hash that is gone has its reason, which is asked for below.
            drop(arrivals.send(Arrival::End).await);
        }
        drop(arrivals);
        finished(hash.await)?;
        fetched.unwrap_or(Ok(()))
    }

    fn wrong_bytes(&self, error: Error, terms: &Terms) -> Error {
        let endpoints = terms.origins.all();
        let endpoints: Vec<&str> = endpoints.iter().map(EndpointId::as_str).collect();
        let from = if endpoints.is_empty() { self.source.to_string() } else { endpoints.join(", ") };
        error.making(format!("the bytes from {from} are not the blob {}", self.content.digest)).with(|context| {
            context.attempts = tries(&terms.budget);
            context.url = context.url.take().or_else(|| terms.origins.url());
        })
    }
}

/// Waits for some work as long as the disk is there. A network that stands still must not hide that nothing is wanted any
/// more.
async fn unless_gone<T>(work: impl Future<Output = T>, gone: oneshot::Receiver<()>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        _ = gone => None,
    }
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
