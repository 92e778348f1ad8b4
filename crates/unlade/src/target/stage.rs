//! The seams between a download and what it fills.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::cancel::Cancel;
use crate::error::Result;
use crate::observe::Observer;
use crate::spec::descriptor::Content;
use crate::verify::{Proof, Ticket, Verified};

/// A partial is recorded in granules of so many bytes: the last one of a blob is what is left.
///
/// Small enough that a break costs next to nothing, large enough that the record of a terabyte is a few MiB.
pub const GRANULE: u64 = 1 << 20;

/// What becomes of what an earlier run has left of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Resume {
    /// Nothing of it is used.
    Afresh,
    /// What is right of it is gone on with.
    #[default]
    GoOn,
}

/// What is about to be put into a target.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Job {
    /// The blob.
    pub content: Content,
    /// What the target will hold of it.
    pub output: Output,
    /// What becomes of what an earlier run has left.
    pub resume: Resume,
    /// How long to wait for another process that fills the same target.
    pub lock_wait: Duration,
    /// A request to stop, obeyed while waiting for the lock.
    pub cancel: Cancel,
    /// Who is told what is being waited for.
    pub observer: Arc<dyn Observer>,
}

impl Job {
    /// Describes a blob that goes into the target as it is.
    pub fn new(content: Content, lock_wait: Duration, cancel: Cancel, observer: Arc<dyn Observer>) -> Self {
        Self { content, output: Output::Verbatim, resume: Resume::default(), lock_wait, cancel, observer }
    }

    /// Returns how many bytes the target will hold, where that is known before.
    pub fn output_size(&self) -> Option<u64> {
        match self.output {
            Output::Decoded => None,
            Output::Verbatim => self.content.size,
        }
    }
}

/// What a target holds of a blob in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// What a decoder makes of it; how much that is shows at its end.
    Decoded,
    /// The blob as it is.
    Verbatim,
}

/// What a prepared target holds already.
#[non_exhaustive]
pub enum Room {
    /// Nothing of use.
    Empty,
    /// Parts of the blob, which the ledger names; what else is in the pages is of no use. If they turn out to be of
    /// another blob, a second `prepare` with [`Resume::Afresh`] makes it `Empty`.
    Partial,
    /// A finished file of the right size. Hash it: with its proof `publish` writes
    /// nothing; where it is not the blob, a second `prepare` makes it `Empty`.
    Present(Box<dyn Read + Send>),
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "Empty",
            Self::Partial => "Partial",
            Self::Present(_) => "Present",
        })
    }
}

/// What becomes of bytes that are not to be published now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// They are wrong.
    Discard,
    /// They are right as far as anyone knows: keep what can be gone on with.
    Keep,
}

/// What a suspended target left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// A partial that a later run goes on with.
    Partial(PathBuf),
    /// Nothing: the partial was removed.
    Removed(PathBuf),
}

/// How a published target came by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It was fetched.
    Downloaded,
    /// It was there already, and was verified.
    Present,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// Where it is, unless the target is a stream.
    pub path: Option<PathBuf>,
    /// What was proven.
    pub verified: Verified,
    /// Whether it had to be fetched.
    pub status: Status,
}

impl Receipt {
    /// Records a publication.
    pub fn new(path: Option<PathBuf>, verified: Verified, status: Status) -> Self {
        Self { path, verified, status }
    }
}

/// A target being filled; nothing of it is visible before [`publish`](Self::publish).
pub trait Stage: Send {
    /// Takes the lock, checks what can be checked and makes room; blocks.
    ///
    /// # Errors
    ///
    /// [`Locked`](crate::ErrorKind::Locked) after `lock_wait`, [`NoSpace`](crate::ErrorKind::NoSpace)
    /// before the first byte, [`Exists`](crate::ErrorKind::Exists) for what may not be replaced,
    /// [`Io`](crate::ErrorKind::Io) for the rest. Nothing that was there before is changed by a failure.
    fn prepare(&mut self, job: &Job) -> Result<Room>;

    /// Returns the ticket that the proof must have been made with.
    fn ticket(&self) -> &Ticket;

    /// Makes the content durable, then visible.
    fn publish(self: Box<Self>, proof: Proof) -> Result<Receipt>;

    /// Ends without publishing; an explicit call, since a `Drop` can neither report nor be awaited.
    fn suspend(self: Box<Self>, fate: Fate) -> Result<Kept>;
}

/// A target that bytes can be put into at any offset.
pub trait Positioned: Stage {
    /// Returns the pages; valid after `prepare`.
    ///
    /// # Errors
    ///
    /// [`Io`](crate::ErrorKind::Io) before `prepare` made room.
    fn pages(&self) -> Result<Arc<dyn Pages>>;

    /// Returns the record of what is there, for targets that can go on in another process.
    fn ledger(&self) -> Option<Arc<dyn Ledger>>;
}

/// A target that takes bytes in order.
pub trait Sequential: Stage {
    /// Appends a chunk; blocks until it is taken.
    fn write(&mut self, chunk: Bytes) -> Result<()>;

    /// Hands everything on to whoever reads the other end.
    fn flush(&mut self) -> Result<()>;
}

/// The bytes of a positioned target. Owns descriptor and lock: threads outlive a
/// dropped future, and the lock falls with the last of them.
pub trait Pages: Send + Sync {
    /// Writes all of the bytes at an offset.
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()>;

    /// Fills the buffer from an offset as far as the target goes, and returns the number of bytes.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize>;

    /// Makes what was written durable.
    fn sync_data(&self) -> Result<()>;
}

/// A record of the granules that a partial holds, with a checksum each: granule `n` begins at byte
/// `n` × [`GRANULE`], and its checksum is the XXH3-64 of its bytes.
///
/// It may be torn, run ahead of what is durable, or lie: whoever replays it checks it against the bytes.
pub trait Ledger: Send + Sync {
    /// Returns the granules noted so far, as number and checksum, each number once and in rising order. A record that
    /// cannot be read is left out.
    fn replay(&self) -> Result<Vec<(u64, u64)>>;

    /// Notes a granule that was written to the pages as a whole; nothing is synced for it.
    fn note(&self, granule: u64, checksum: u64) -> Result<()>;
}

/// Decompression and the like, on the way to a target that takes bytes in order.
pub trait Transform: Send {
    /// Wraps the blob's bytes.
    ///
    /// The input ends (`Ok(0)`) only once the blob is proven; a broken fetch is an
    /// error, never an end.
    fn open<'r>(self: Box<Self>, input: Box<dyn Read + Send + 'r>) -> Result<Box<dyn Read + Send + 'r>>;
}

/// A target, by how it can be filled.
#[non_exhaustive]
pub enum Target {
    /// In order, perhaps through a transform.
    Ordered(Box<dyn Sequential>, Option<Box<dyn Transform>>),
    /// At any offset.
    Positioned(Box<dyn Positioned>),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ordered(_, None) => "Ordered",
            Self::Ordered(_, Some(_)) => "Transformed",
            Self::Positioned(_) => "Positioned",
        })
    }
}
