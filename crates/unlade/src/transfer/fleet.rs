//! Several connections that fetch the pieces of one blob beside each other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use super::carrier::{Carrier, Ended, Manners};
use super::fetch::{Fetch, Terms};
use super::pieces::{Bounds, Number, Pieces};
use super::spans::Spans;
use super::width::Width;
use crate::error::{Error, Result};
use crate::source::{NotAsked, Source, Zeal};
use crate::spec::descriptor::Content;

/// All connections are opened so long after the first ones.
const OPENING: Duration = Duration::from_millis(100);

/// So often is looked for connections that lag behind.
const LOOK: Duration = Duration::from_millis(500);

/// A blob, or what is missing of it, on its way over several connections.
///
/// One of them is stubborn: it makes failed requests again as long as the budget lasts. The others leave what they could
/// not fetch to those that go on.
pub(super) struct Fleet<'a> {
    source: &'a Arc<dyn Source>,
    content: &'a Content,
    terms: &'a Terms,
    carrier: Carrier<'a>,
    pieces: &'a Mutex<Pieces>,
    manners: Manners,
    width: Width,
    /// When those try again that were not let before.
    again: Option<Instant>,
    running: Vec<Running>,
}

/// A piece that is being fetched.
struct Running {
    number: Number,
    zeal: Zeal,
    epoch: u64,
    handle: AbortHandle,
}

/// What the end of a piece means for the others.
enum Next {
    GoOn,
    /// Nothing more is to come.
    End,
    /// The source gives no parts: this fetch is answered by the whole blob.
    OneStream(Box<Fetch>),
}

impl<'a> Fleet<'a> {
    /// Gets ready to fetch pieces over up to `most` connections; for more than one, the blob's size must be known.
    pub(super) fn new(
        source: &'a Arc<dyn Source>,
        content: &'a Content,
        terms: &'a Terms,
        carrier: Carrier<'a>,
        most: usize,
    ) -> Self {
        let pieces = carrier.pieces;
        let manners = if most > 1 { Manners::GiveWay } else { Manners::Alone };
        let (width, again, running) = (Width::new(most), None, Vec::new());
        Self { source, content, terms, carrier, pieces, manners, width, again, running }
    }

    /// Fetches all pieces. Ends early, and well, if nobody wants the bytes any more, or the source has no more of them.
    ///
    /// May be dropped at any time.
    ///
    /// # Errors
    ///
    /// Those of the stubborn connection. What came before is handed on.
    pub(super) async fn run(mut self) -> Result<()> {
        let mut working = FuturesUnordered::new();
        let (mut opening, mut look) = (Some(Instant::now() + OPENING), Instant::now() + LOOK);
        let carrier = self.carrier;
        loop {
            while let Some((number, zeal, fetch)) = self.next_piece() {
                let (handle, registration) = AbortHandle::new_pair();
                self.running.push(Running { number, zeal, epoch: self.width.epoch(), handle });
                let work = Abortable::new(carrier.carry(number, fetch, self.manners), registration);
                working.push(async move { (number, work.await.ok()) });
            }
            if working.is_empty() && !self.pieces().has_more() {
                return Ok(());
            }
            let again = self.again;
            let may_begin = self.has_room() && self.pieces().has_more();
            tokio::select! {
                biased;
                Some((number, ended)) = working.next() => match self.ended(number, ended)? {
                    Next::GoOn => {}
                    Next::End => return Ok(()),
                    Next::OneStream(fetch) => {
                        // The connections that they hold are given back before the next request.
                        working.clear();
                        return self.one_stream(*fetch).await;
                    }
                },
                () = sleep_until(opening.unwrap_or(look)), if opening.is_some() => {
                    opening = None;
                    self.width.open_up();
                }
                () = sleep_until(again.unwrap_or(look)), if again.is_some() => {
                    self.again = None;
                    self.width.try_again();
                }
                () = sleep_until(look), if self.manners == Manners::GiveWay && !self.running.is_empty() => {
                    look = Instant::now() + LOOK;
                    self.stop_what_hinders();
                }
                () = carrier.front.wait(|| carrier.pieces().may_take(carrier.front.at())), if may_begin => {}
            }
        }
    }

    fn pieces(&self) -> MutexGuard<'_, Pieces> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_room(&self) -> bool {
        self.running.len() < self.width.now()
    }

    /// Gives the next piece that can be fetched now; where none is left, a part of one that takes long.
    fn next_piece(&self) -> Option<(Number, Zeal, Fetch)> {
        if !self.has_room() {
            return None;
        }
        let front = self.carrier.front.at();
        let mut pieces = self.pieces();
        if !self.running.is_empty() && !pieces.has_more() {
            pieces.divide();
        }
        let (number, range) = pieces.take(front)?;
        let is_stubborn = self.running.iter().any(|running| running.zeal == Zeal::Stubborn);
        let zeal = if is_stubborn { Zeal::Spare } else { Zeal::Stubborn };
        Some((number, zeal, self.fetch().part(range).zeal(zeal)))
    }

    fn fetch(&self) -> Fetch {
        Fetch::new(Arc::clone(self.source), self.content.clone(), self.terms.clone())
    }

    /// Decides what follows from the end of a piece; `None` was stopped.
    fn ended(&mut self, number: Number, ended: Option<Ended>) -> Result<Next> {
        let at = self.running.iter().position(|running| running.number == number);
        let running = at.map(|at| self.running.swap_remove(at));
        match ended {
            Some(Ended::Whole(fetch)) => return Ok(Next::OneStream(fetch)),
            Some(Ended::Gone) => return Ok(Next::End),
            Some(Ended::Done) => {
                if !self.pieces().end_piece(number) {
                    // The source has no more: the hash knows what that means.
                    return Ok(Next::End);
                }
                self.width.went_well();
            }
            Some(Ended::Broke(error)) => {
                let left = self.pieces().handed_on(number);
                self.pieces().end_piece(number);
                if !left.is_empty() {
                    self.terms.keep(left);
                }
                match running {
                    Some(Running { zeal: Zeal::Stubborn, .. }) => return Err(error),
                    Some(Running { epoch, .. }) => self.give_up(&error, epoch),
                    None => {}
                }
            }
            None => {
                self.pieces().end_piece(number);
            }
        }
        Ok(Next::GoOn)
    }

    /// Goes on with one connection fewer. Whatever it is: if it lasts, the stubborn one will meet it too.
    fn give_up(&mut self, error: &Error, epoch: u64) {
        let at_work = self.running.len();
        let Some(not_asked) = NotAsked::in_error(error) else {
            tracing::debug!("one of several connections is given up: {}", error.chain().join(": "));
            self.width.failed(epoch, at_work);
            return;
        };
        self.width.held_back(at_work);
        let look = Instant::now() + LOOK;
        let until = not_asked.until.map_or(look, Instant::from_std);
        self.again = Some(self.again.map_or(until, |again| again.max(until)));
    }

    /// Stops the connection that lags behind: another one gets what it left. Where all that may be at work are, and none
    /// of them fetches what comes next, the furthest is stopped: what is held in memory waits for those bytes, and the
    /// others may wait for that memory.
    fn stop_what_hinders(&mut self) {
        let is_held = self.carrier.courtesy.is_none();
        let furthest = if is_held && !self.has_room() { self.pieces().furthest_behind_gap() } else { None };
        let stubborn = self.running.iter().find(|running| running.zeal == Zeal::Stubborn).map(|running| running.number);
        let laggard = if self.width.now() > 1 { self.pieces().laggard(stubborn) } else { None };
        let stopped = furthest.or(laggard);
        let running = self.running.iter().find(|running| Some(running.number) == stopped);
        if let Some(running) = running {
            if furthest.is_none() && self.pieces().gave_nothing(running.number) {
                // Each time fewer ask a server that answers, and gives nothing.
                self.width.failed(running.epoch, self.running.len() - 1);
            }
            tracing::debug!(piece = running.number, ?furthest, "a connection hinders the others, and is stopped");
            running.handle.abort();
        }
    }

    /// Fetches what is left as one stream, from the answer that is there, if that is what comes first.
    async fn one_stream(&self, answered: Fetch) -> Result<()> {
        let size = self.content.size.unwrap_or(u64::MAX);
        let Some(first) = self.pieces().first_left() else { return Ok(()) };
        let mut pieces = Pieces::new(Spans::of(first..size), Bounds::new(1, 0));
        let Some((number, range)) = pieces.take(first) else { return Ok(()) };
        *self.pieces() = pieces;
        let mut fetch = if answered.position() == first {
            answered
        } else {
            // It holds a connection that the other one may have to wait for.
            drop(answered);
            self.fetch().part(range)
        };
        fetch.extend(size);
        match self.carrier.carry(number, fetch.zeal(Zeal::Stubborn), Manners::Last).await {
            Ended::Broke(error) => Err(error),
            Ended::Done | Ended::Gone | Ended::Whole(_) => Ok(()),
        }
    }
}
