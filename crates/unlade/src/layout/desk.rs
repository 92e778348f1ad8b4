//! One place to read documents at, for all who read at the same time.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use tokio::sync::oneshot;

use super::entry::Version;
use super::walk::Digests;
use crate::error::{Error, ErrorKind, Result};

type Work = Box<dyn FnOnce() + Send>;

/// A place to read documents at, one at a time.
///
/// A document is small, and so is what is made of it; fifty at once are neither. Whoever serves layouts to many
/// lets them share a desk, by [`Layout::at`](super::Layout::at): the memory for documents is then that for one,
/// however many ask. Clones are the same desk.
///
/// It is a thread, which starts with the first document and ends with the last clone: memory allocators keep what
/// a thread gave back for the same thread, so that as many threads would keep as many documents' worth.
#[derive(Clone, Default)]
pub struct Desk(Arc<Furniture>);

#[derive(Default)]
struct Furniture {
    inbox: Mutex<Option<Sender<Work>>>,
    surveys: Mutex<HashMap<Version, Weak<Digests>>>,
}

impl Desk {
    /// Makes a desk of one's own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits for the desk and runs what reads documents at it, where it may block.
    ///
    /// What was begun is ended, even if nobody waits for it any more.
    ///
    /// # Errors
    ///
    /// What the work returns; [`ErrorKind::Io`] if no thread can be started.
    pub async fn read<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let (done, outcome) = oneshot::channel();
        self.send(Box::new(move || {
            if done.is_closed() {
                return;
            }
            // Whoever waited may be gone meanwhile.
            drop(done.send(catch_unwind(AssertUnwindSafe(work))));
        }))?;
        match outcome.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(ended()),
        }
    }

    /// Does what [`read`](Self::read) does, and blocks until it is done.
    pub(super) fn read_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, outcome) = channel();
        self.send(Box::new(move || drop(done.send(catch_unwind(AssertUnwindSafe(work))))))?;
        match outcome.recv() {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(ended()),
        }
    }

    /// Returns the survey of a layout whose index has a version, if another reader still uses it. To be called at
    /// the desk.
    pub(super) fn known(&self, version: Version) -> Option<Arc<Digests>> {
        let surveys = self.0.surveys.lock().unwrap_or_else(PoisonError::into_inner);
        surveys.get(&version).and_then(Weak::upgrade)
    }

    /// Keeps a survey for others, as long as it is used. To be called at the desk.
    pub(super) fn keep(&self, version: Version, survey: Digests) -> Arc<Digests> {
        let survey = Arc::new(survey);
        let mut surveys = self.0.surveys.lock().unwrap_or_else(PoisonError::into_inner);
        surveys.retain(|_, survey| survey.strong_count() > 0);
        surveys.insert(version, Arc::downgrade(&survey));
        survey
    }

    fn send(&self, work: Work) -> Result<()> {
        let mut inbox = self.0.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        if inbox.is_none() {
            let (sender, works) = channel::<Work>();
            thread::Builder::new()
                .name("unlade-desk".to_owned())
                .spawn(move || works.into_iter().for_each(|work| work()))
                .map_err(|error| Error::io("cannot start a thread", error))?;
            *inbox = Some(sender);
        }
        let sent = inbox.as_ref().map(|sender| sender.send(work));
        // It ends with the last sender, which is here: its work cannot panic.
        debug_assert!(matches!(sent, Some(Ok(()))));
        Ok(())
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Io, "the thread that reads documents ended")
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Desk")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn one_reads_at_a_time_and_on_one_thread() {
        let desk = Desk::new();
        let reading = Arc::new(AtomicUsize::new(0));
        let read = |_| {
            let reading = Arc::clone(&reading);
            desk.read(move || {
                assert_eq!(reading.fetch_add(1, Ordering::SeqCst), 0, "another one reads");
                thread::yield_now();
                reading.fetch_sub(1, Ordering::SeqCst);
                Ok(thread::current().id())
            })
        };
        let threads: Vec<_> = join_all((0..32).map(read)).await.into_iter().map(Result::unwrap).collect();
        assert!(threads.iter().all(|thread| *thread == threads[0] && *thread != thread::current().id()));
    }

    #[tokio::test]
    async fn a_panic_is_its_readers_own() {
        let desk = Desk::new();
        let broken = AssertUnwindSafe(desk.read::<()>(|| panic!("a test"))).catch_unwind().await;
        assert!(broken.is_err());
        assert_eq!(desk.read(|| Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn nothing_is_read_for_who_has_left() {
        let desk = Desk::new();
        let (hold, until) = channel::<()>();
        let first = tokio::spawn({
            let desk = desk.clone();
            async move { desk.read(move || Ok(until.recv().is_err())).await }
        });
        tokio::task::yield_now().await;
        let (tell, heard) = channel();
        assert!(desk.read(move || Ok(tell.send(()))).now_or_never().is_none());
        drop(hold);
        assert!(first.await.unwrap().unwrap());
        desk.read(|| Ok(())).await.unwrap();
        assert!(heard.try_recv().is_err(), "it was read all the same");
    }
}
