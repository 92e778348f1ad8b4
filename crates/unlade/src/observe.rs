//! What happens on the way, told to whoever watches.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::spec::digest::Digest;

/// A watcher of a job; called from several threads, and expected to return at once.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Takes note of an event.
    fn notice(&self, event: &Event);
}

/// A fact about a job. Byte counts are not events: they are polled from
/// [`Progress`](crate::transfer::progress::Progress).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The target has its final name.
    Committed {
        /// What was published: a path, or what the target calls itself.
        target: String,
        /// The digest that was proven.
        digest: Digest,
    },
    /// The bytes come from another place than before.
    EndpointChanged {
        /// The place they come from now.
        endpoint: String,
    },
    /// An unfinished download stays, for a later run to go on with.
    PartialKept {
        /// The file that holds it.
        path: PathBuf,
        /// How many bytes of it are recorded, where that is known.
        bytes: Option<u64>,
    },
    /// A file was made, or taken over, that is filled in the target's stead and must not stay without it, unless there
    /// is a journal for a later run to go on with.
    PartialMade {
        /// The file.
        path: PathBuf,
        /// Where its journal is, as soon as there is one; `None` where nobody goes on with it.
        journal: Option<PathBuf>,
    },
    /// The unfinished part of a download was removed: nothing of it is left.
    PartialRemoved {
        /// The file that was removed.
        path: String,
    },
    /// A reference was resolved to a manifest.
    Resolved {
        /// The reference as it was asked for.
        reference: String,
        /// The digest of its manifest.
        digest: Digest,
    },
    /// A broken body goes on where it stopped, or a download where an earlier run did.
    Resumed {
        /// The first byte of the new body, or the first that is missing.
        at: u64,
        /// How many of the blob's bytes are verified: a new body may begin far beyond them.
        verified: u64,
        /// How many of the blob's bytes need not come again, until now.
        resumed: u64,
    },
    /// A request failed and is made again.
    Retrying {
        /// What went wrong.
        reason: String,
        /// How long until the next try.
        wait: Duration,
    },
    /// A blob is about to be fetched.
    Started {
        /// The blob.
        digest: Digest,
        /// Its size in bytes, where it is known.
        size: Option<u64>,
    },
    /// Nothing moves, and this is why.
    Waiting {
        /// What is being waited for.
        reason: String,
        /// How long at most, where that is known.
        wait: Option<Duration>,
    },
    /// Something the user should know that stops nothing.
    Warning {
        /// One sentence, without secrets.
        text: String,
    },
}

impl Event {
    /// Returns the event's name in progress lines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Committed { .. } => "committed",
            Self::EndpointChanged { .. } => "endpoint_changed",
            Self::PartialKept { .. } => "partial_kept",
            Self::PartialMade { .. } => "partial_made",
            Self::PartialRemoved { .. } => "partial_removed",
            Self::Resolved { .. } => "resolved",
            Self::Resumed { .. } => "resumed",
            Self::Retrying { .. } => "retrying",
            Self::Started { .. } => "started",
            Self::Waiting { .. } => "waiting",
            Self::Warning { .. } => "warning",
        }
    }
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Blind;

impl Observer for Blind {
    fn notice(&self, _event: &Event) {}
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use super::{Event, Observer};

    /// Remembers what it was told.
    #[derive(Debug, Default)]
    pub(crate) struct Notes(Mutex<Vec<Event>>);

    impl Notes {
        pub(crate) fn all(&self) -> Vec<Event> {
            self.0.lock().unwrap().clone()
        }
    }

    impl Observer for Notes {
        fn notice(&self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }
}
