//! Connections at rest.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::connection::Connection;
use super::origin::Origin;

/// The most connections that rest on a shelf: more than a download uses at once.
const CAPACITY: usize = 32;

/// How long a connection rests at most; many servers close it sooner, few later.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often connections are thrown away that rest for too long, or were closed by their server.
const ROUND: Duration = Duration::from_secs(30);

/// The connections of one profile that have no request on their way.
#[derive(Default)]
pub(super) struct Shelf {
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    /// The one that came last is at the end.
    resting: VecDeque<Resting>,
    /// The task that throws away, while there is anything.
    sweeper: Option<JoinHandle<()>>,
}

struct Resting {
    origin: Origin,
    connection: Connection,
    since: Instant,
}

impl Resting {
    fn is_good(&mut self) -> bool {
        self.since.elapsed() < PATIENCE && self.connection.is_ready()
    }
}

impl Shelf {
    /// Takes a connection to an origin, the one that rested shortest.
    pub(super) fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(at) = content.resting.iter().rposition(|resting| resting.origin == *origin) {
            let found = content.resting.remove(at);
            if let Some(mut found) = found
                && found.is_good()
            {
                return Some(found.connection);
            }
        }
        None
    }

    /// Keeps a connection, unless there is nobody who would throw it away: what is dropped outside of a runtime.
    fn keep(self: &Arc<Self>, origin: Origin, connection: Connection) {
        let Ok(runtime) = Handle::try_current() else { return };
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        if content.resting.len() >= CAPACITY {
            content.resting.pop_front();
        }
        content.resting.push_back(Resting { origin, connection, since: Instant::now() });
        // A runtime that ended has ended its task, too.
        if content.sweeper.as_ref().is_none_or(JoinHandle::is_finished) {
            content.sweeper = Some(runtime.spawn(sweep(Arc::downgrade(self))));
        }
    }

    /// Throws away what is no good any more; says whether anything is left.
    fn clean(&self) -> bool {
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        content.resting.retain_mut(Resting::is_good);
        if content.resting.is_empty() {
            content.sweeper = None;
        }
        !content.resting.is_empty()
    }
}

async fn sweep(shelf: Weak<Shelf>) {
    loop {
        sleep(ROUND).await;
        match shelf.upgrade() {
            Some(shelf) if shelf.clean() => {}
            _ => return,
        }
    }
}

/// Where a connection goes once its answer was read.
pub(super) struct Place {
    shelf: Arc<Shelf>,
    origin: Origin,
}

impl Place {
    pub(super) fn new(shelf: Arc<Shelf>, origin: Origin) -> Self {
        Self { shelf, origin }
    }

    pub(super) fn keep(self, connection: Connection) {
        self.shelf.keep(self.origin, connection);
    }
}
