//! Several downloads beside each other.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::buffer::COUNT;
use crate::error::ErrorKind;

/// So many run at once: enough to hide the round trips of small blobs, and few enough to share the memory of one
/// download without waiting for each other.
const AT_ONCE: usize = 4;

// They may share their buffers: see there.
const _: () = assert!(AT_ONCE < COUNT);

/// Whether to begin further jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Onward {
    /// Begin them.
    Go,
    /// Let those that are under way end, and begin no other.
    Stop,
}

/// Decides whether an error of one job stops the others: one that concerns the registry, the disk or the user's
/// patience would meet them too.
pub fn onward(kind: ErrorKind) -> Onward {
    match kind {
        ErrorKind::Denied
        | ErrorKind::Interrupted
        | ErrorKind::NoSpace
        | ErrorKind::RateLimited
        | ErrorKind::Tls
        | ErrorKind::Unauthorized
        | ErrorKind::Unavailable => Onward::Stop,
        _ => Onward::Go,
    }
}

/// So many jobs may fail for reasons of their own: more of them have one in common, which is in none of them.
const MAX_FAILED: usize = 16;

/// Decides after each outcome whether further jobs are begun.
#[derive(Debug, Default)]
pub struct Patience {
    failed: usize,
}

impl Patience {
    /// Takes note of how some jobs failed.
    pub fn note(&mut self, failures: impl IntoIterator<Item = ErrorKind>) -> Onward {
        let mut verdict = Onward::Go;
        for kind in failures {
            self.failed += 1;
            if self.failed >= MAX_FAILED || onward(kind) == Onward::Stop {
                verdict = Onward::Stop;
            }
        }
        verdict
    }
}

/// Runs jobs, a few at a time, begun in the order given, and returns their outcomes in that order: `None` for one that
/// was not begun, because of what `judge` said of an outcome before.
///
/// Jobs are made as they are begun.
pub async fn run<T, F: Future<Output = T>>(
    jobs: impl IntoIterator<Item = F>,
    mut judge: impl FnMut(&T) -> Onward,
) -> Vec<Option<T>> {
    let mut jobs = jobs.into_iter().enumerate();
    let mut outcomes: Vec<Option<T>> = Vec::new();
    let mut running = FuturesUnordered::new();
    let mut verdict = Onward::Go;
    loop {
        while verdict == Onward::Go && running.len() < AT_ONCE {
            let Some((number, job)) = jobs.next() else { break };
            outcomes.push(None);
            running.push(async move { (number, job.await) });
        }
        let Some((number, outcome)) = running.next().await else { break };
        if judge(&outcome) == Onward::Stop {
            verdict = Onward::Stop;
        }
        outcomes[number] = Some(outcome);
    }
    outcomes.extend(jobs.map(|_| None));
    outcomes
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    #[test]
    fn what_concerns_all_stops_the_others() {
        use ErrorKind::{Denied, Interrupted, NoSpace, RateLimited, Tls, Unauthorized, Unavailable};
        let stopping = ErrorKind::ALL.into_iter().filter(|kind| onward(*kind) == Onward::Stop);
        let expected = [Denied, Interrupted, NoSpace, RateLimited, Tls, Unauthorized, Unavailable];
        assert_eq!(stopping.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn patience_ends_with_what_concerns_all_and_with_many_failures() {
        assert_eq!(Patience::default().note([]), Onward::Go);
        assert_eq!(Patience::default().note([ErrorKind::NotFound, ErrorKind::NoSpace]), Onward::Stop);
        let mut patience = Patience::default();
        for _ in 1..MAX_FAILED {
            assert_eq!(patience.note([ErrorKind::NotFound]), Onward::Go);
        }
        assert_eq!(patience.note([]), Onward::Go);
        assert_eq!(patience.note([ErrorKind::Mismatch]), Onward::Stop);
    }

    #[tokio::test]
    async fn a_few_run_at_a_time_and_outcomes_keep_their_order() {
        let (running, most) = (Cell::new(0), Cell::new(0));
        let jobs = (0_u64..20).map(|number| {
            let (running, most) = (&running, &most);
            async move {
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                for _ in 0..number % 3 {
                    tokio::task::yield_now().await;
                }
                running.set(running.get() - 1);
                number
            }
        });
        let outcomes = run(jobs, |_| Onward::Go).await;
        assert_eq!(outcomes, (0..20).map(Some).collect::<Vec<_>>());
        assert_eq!((running.get(), most.get()), (0, AT_ONCE));
    }

    #[tokio::test]
    async fn after_a_stop_nothing_new_is_begun_and_what_runs_goes_on() {
        let begun = RefCell::new(Vec::new());
        let jobs = (0..20).map(|number| {
            let begun = &begun;
            async move {
                begun.borrow_mut().push(number);
                tokio::task::yield_now().await;
                number
            }
        });
        let outcomes = run(jobs, |number| if *number == 1 { Onward::Stop } else { Onward::Go }).await;
        let done: Vec<_> = outcomes.iter().copied().flatten().collect();
        assert_eq!(outcomes.len(), 20);
        // Those that were begun before that outcome was seen, and all of them to their end.
        assert!((AT_ONCE..2 * AT_ONCE).contains(&done.len()), "{done:?}");
        let mut begun = begun.into_inner();
        begun.sort_unstable();
        assert_eq!(begun, done);
    }

    #[tokio::test]
    async fn no_jobs_have_no_outcomes() {
        assert!(run(std::iter::empty::<std::future::Ready<()>>(), |()| Onward::Go).await.is_empty());
    }
}
