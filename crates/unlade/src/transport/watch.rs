//! The watch over a body that stands still or crawls.
//!
//! It counts only the time spent waiting for bytes: while a consumer does not read,
//! the watch rests.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use tokio::time::{Instant, Sleep, sleep};

use super::{Chunks, Failure, FailureKind};

/// How slow a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pace {
    /// How long it may stand still; zero allows any time.
    pub stall: Duration,
    /// The lowest rate in bytes a second, over a stretch of waiting as long as `stall`; zero allows any.
    pub min_rate: u64,
}

impl Pace {
    /// Sets both limits.
    pub fn new(stall: Duration, min_rate: u64) -> Self {
        Self { stall, min_rate }
    }
}

/// Adds up waiting and bytes. Pure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Meter {
    waited: Duration,
    bytes: u64,
}

impl Meter {
    /// Notes bytes that came after a wait; says whether they came too slowly.
    fn is_too_slow(&mut self, pace: &Pace, waited: Duration, bytes: u64) -> bool {
        self.waited += waited;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.waited < pace.stall || pace.stall.is_zero() {
            return false;
        }
        let least = u128::from(pace.min_rate) * self.waited.as_millis() / 1000;
        let too_slow = u128::from(self.bytes) < least;
        *self = Self::default();
        too_slow
    }
}

/// Puts a body under watch.
pub fn watch(chunks: Chunks, pace: Pace) -> Chunks {
    Watched { chunks, pace, meter: Meter::default(), waiting: None, over: false }.boxed()
}

struct Watched {
    chunks: Chunks,
    pace: Pace,
    meter: Meter,
    waiting: Option<Wait>,
    over: bool,
}

struct Wait {
    since: Instant,
    limit: Option<Pin<Box<Sleep>>>,
}

impl Watched {
    fn end(&mut self, kind: FailureKind) -> Poll<Option<Result<Bytes, Failure>>> {
        self.over = true;
        Poll::Ready(Some(Err(Failure::new(kind))))
    }
}

impl Stream for Watched {
    type Item = Result<Bytes, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.over {
            return Poll::Ready(None);
        }
        match this.chunks.poll_next_unpin(context) {
            Poll::Ready(Some(Ok(chunk))) => {
                let waited = this.waiting.take().map_or(Duration::ZERO, |wait| wait.since.elapsed());
                if this.meter.is_too_slow(&this.pace, waited, chunk.len() as u64) {
                    return this.end(FailureKind::TooSlow);
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            Poll::Ready(end) => {
                this.over = true;
                Poll::Ready(end)
            }
            Poll::Pending => {
                let stall = this.pace.stall;
                let wait = this.waiting.get_or_insert_with(|| Wait {
                    since: Instant::now(),
                    limit: (!stall.is_zero()).then(|| Box::pin(sleep(stall))),
                });
                let Some(limit) = &mut wait.limit else {
                    return Poll::Pending;
                };
                // What reads all the time and has nothing to give leaves a timer no share of the task's turn.
                if wait.since.elapsed() < stall {
                    ready!(limit.as_mut().poll(context));
                }
                this.end(FailureKind::Stalled)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    const PACE: Pace = Pace { stall: Duration::from_secs(30), min_rate: 1024 };

    /// Gives a chunk of so many bytes after each wait.
    fn drip(every: Duration, bytes: usize, count: usize) -> Chunks {
        stream::iter(0..count)
            .then(move |_| async move {
                sleep(every).await;
                Ok(Bytes::from(vec![0; bytes]))
            })
            .boxed()
    }

    async fn outcome(chunks: Chunks) -> Result<usize, FailureKind> {
        let mut watched = watch(chunks, PACE);
        let mut total = 0;
        while let Some(chunk) = watched.next().await {
            total += chunk.map_err(|failure| failure.kind().clone())?.len();
        }
        Ok(total)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stands_still_is_given_up() {
        let started = Instant::now();
        assert_eq!(outcome(drip(Duration::from_secs(31), 1 << 20, 1)).await, Err(FailureKind::Stalled));
        assert_eq!(started.elapsed().as_secs(), 30);
    }

    #[tokio::test]
    async fn a_body_that_only_keeps_its_reader_busy_is_given_up() {
        // As a socket that is never empty, of bytes that are none of the body.
        let busy = stream::poll_fn(|context| {
            loop {
                let reads = std::pin::pin!(tokio::task::consume_budget());
                ready!(reads.poll(context));
            }
        });
        let mut watched = watch(busy.boxed(), Pace::new(Duration::from_millis(50), 0));
        let outcome = tokio::time::timeout(Duration::from_secs(20), watched.next()).await.expect("it has an end");
        assert_eq!(outcome.unwrap().unwrap_err().kind(), &FailureKind::Stalled);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_crawls_is_given_up() {
        assert_eq!(outcome(drip(Duration::from_secs(1), 1, 1000)).await, Err(FailureKind::TooSlow));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_that_keeps_the_rate_comes_through() {
        assert_eq!(outcome(drip(Duration::from_secs(20), 30 << 10, 10)).await, Ok(300 << 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_consumer_may_take_its_time() {
        let mut watched = watch(drip(Duration::from_secs(1), 1, 5), PACE);
        while let Some(chunk) = watched.next().await {
            assert!(chunk.is_ok());
            sleep(Duration::from_hours(1)).await;
        }
    }
}
