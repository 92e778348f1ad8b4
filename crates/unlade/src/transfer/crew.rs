//! Threads that downloads share, one after the other.

use std::fmt;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use crate::error::{Error, Result};

/// What a thread is given to do.
type Work = Box<dyn FnOnce() + Send>;

/// Threads that have ended their work, each by its name and by where it waits for more.
type Idle = Mutex<Vec<(&'static str, Sender<Work>)>>;

/// The threads of downloads: a thread that is done waits for the next download of those that share it, since starting
/// one costs more than a small blob.
///
/// Clones share the threads. When the last clone goes, so do the threads that wait; those that work end their work.
#[derive(Clone, Default)]
pub struct Crew(Arc<Idle>);

impl Crew {
    /// Has a thread of that name do some work: one that waits, or a new one.
    pub(super) fn put_to_work(&self, name: &'static str, work: Work) -> Result<()> {
        let waiting = {
            let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let found = idle.iter().rposition(|(of, _)| *of == name);
            found.map(|at| idle.swap_remove(at).1)
        };
        let work = match waiting {
            Some(waiting) => match waiting.send(work) {
                Ok(()) => return Ok(()),
                // It ended, by a panic in its last work.
                Err(refused) => refused.0,
            },
            None => work,
        };
        let idle = Arc::downgrade(&self.0);
        let started = thread::Builder::new().name(name.to_owned()).spawn(move || live(name, work, &idle));
        started.map(drop).map_err(|error| Error::io("cannot start a thread", error))
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").finish_non_exhaustive()
    }
}

/// Does one work after the other, until nobody can give any more.
fn live(name: &'static str, mut work: Work, idle: &Weak<Idle>) {
    loop {
        work();
        let (sender, inbox) = channel();
        let Some(list) = idle.upgrade() else { return };
        list.lock().unwrap_or_else(PoisonError::into_inner).push((name, sender));
        drop(list);
        match inbox.recv() {
            Ok(next) => work = next,
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Receiver;
    use std::thread::ThreadId;

    use super::*;

    fn identify(crew: &Crew, name: &'static str) -> Receiver<(ThreadId, Option<String>)> {
        let (told, heard) = channel();
        let work = move || {
            let thread = thread::current();
            told.send((thread.id(), thread.name().map(str::to_owned))).unwrap();
        };
        crew.put_to_work(name, Box::new(work)).unwrap();
        heard
    }

    fn wait_for_idle(crew: &Crew, count: usize) {
        while crew.0.lock().unwrap().len() < count {
            thread::yield_now();
        }
    }

    #[test]
    fn a_thread_that_is_done_is_used_again_under_its_name() {
        let crew = Crew::default();
        let (first, name) = identify(&crew, "one").recv().unwrap();
        assert_eq!(name.as_deref(), Some("one"));
        wait_for_idle(&crew, 1);
        let (other, _) = identify(&crew, "two").recv().unwrap();
        assert_ne!(first, other);
        wait_for_idle(&crew, 2);
        assert_eq!(identify(&crew.clone(), "one").recv().unwrap().0, first);
    }

    #[test]
    fn threads_end_with_their_crew() {
        let crew = Crew::default();
        identify(&crew, "one").recv().unwrap();
        wait_for_idle(&crew, 1);
        let idle = Arc::downgrade(&crew.0);
        drop(crew);
        assert!(idle.upgrade().is_none(), "no thread keeps it");
    }

    #[test]
    fn work_that_panics_costs_its_thread_alone() {
        let crew = Crew::default();
        let (told, heard) = channel::<()>();
        let work = move || {
            let _told = told;
            panic!("a panic that a test makes");
        };
        crew.put_to_work("one", Box::new(work)).unwrap();
        heard.recv().unwrap_err();
        assert!(identify(&crew, "one").recv().is_ok());
    }
}
