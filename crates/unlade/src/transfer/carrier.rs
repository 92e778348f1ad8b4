//! What one connection does: a piece of a blob, from its source to the hash.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{Instant, sleep, timeout};

use super::buffer::{Buffers, Filling, is_long};
use super::courtesy::{Courtesy, Way};
use super::fetch::Fetch;
use super::front::Front;
use super::hash::Arrival;
use super::pieces::{Number, Pieces};
use crate::error::{Error, Result};

/// How long bytes wait for others to go on with: whoever reads a pipe, or a bar, does not wait for a whole buffer.
const PATIENCE: Duration = Duration::from_millis(200);

/// So long a piece gives way in all. Servers give up bodies that nobody reads, after a minute or so; on a line so slow
/// that this matters, bytes that come early cost nothing.
const GIVING_WAY: Duration = Duration::from_secs(10);

/// So often a piece that gives way looks whether it still has to.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How a piece behaves towards the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manners {
    /// There are no others.
    Alone,
    /// It gives way to the piece whose turn it is.
    GiveWay,
    /// There are no others any more; what they brought may hold all buffers.
    Last,
}

/// How the work on a piece ended.
pub(super) enum Ended {
    /// All of it, or all that the source has, was handed on.
    Done,
    /// It broke off, or was not begun; what came was handed on.
    Broke(Error),
    /// It was answered by the whole blob, of which nothing was handed on: the source gives no parts.
    Whole(Box<Fetch>),
    /// Nobody wants the bytes any more.
    Gone,
}

/// Carries bytes from connections to the hash.
///
/// Short ones are copied into recycled buffers: the HTTP library's own are free again at once, and the stages behind
/// are woken rarely.
#[derive(Clone, Copy)]
pub(super) struct Carrier<'a> {
    pub(super) buffers: &'a Buffers,
    pub(super) arrivals: &'a mpsc::Sender<Arrival>,
    pub(super) front: &'a Front,
    pub(super) pieces: &'a Mutex<Pieces>,
    /// Where bytes that come early cost something: whether others give way to the first piece.
    pub(super) courtesy: Option<&'a Mutex<Courtesy>>,
    /// When the work on the blob began.
    pub(super) began: Instant,
}

/// What has come of a piece and was not handed on.
struct Hand {
    number: Number,
    offset: u64,
    filling: Option<Filling>,
}

/// What a fetch gives.
enum Given {
    Chunk(Bytes),
    End,
    Whole,
}

impl Carrier<'_> {
    pub(super) fn pieces(&self) -> MutexGuard<'_, Pieces> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries a piece to its end, which may come nearer on the way.
    ///
    /// On a line so slow that a buffer does not fill within [`PATIENCE`], what is in it goes on, unless it would only be
    /// held: then it would take a buffer for a few bytes. If it is dropped, what is in a buffer is lost, and counts as
    /// not handed on.
    pub(super) async fn carry(self, number: Number, mut fetch: Fetch, manners: Manners) -> Ended {
        let mut hand = Hand { number, offset: fetch.position(), filling: None };
        let (is_open, mut giving_way) = (fetch.openness(), GIVING_WAY);
        let tick = sleep(PATIENCE);
        tokio::pin!(tick);
        loop {
            // Every connection is opened at once, whoever's turn it is.
            if manners == Manners::GiveWay && fetch.is_open() && !giving_way.is_zero() {
                let since = Instant::now();
                let _either = timeout(giving_way, self.give_way(number)).await;
                giving_way = giving_way.saturating_sub(since.elapsed());
            }
            fetch.shorten(self.pieces().end(number));
            let mut since = Instant::now();
            let given = {
                // Kept while buffers go on: it may be waiting before a retry, or for an answer.
                let next = next(&mut fetch, manners);
                tokio::pin!(next);
                loop {
                    tokio::select! {
                        biased;
                        given = &mut next => break given,
                        () = &mut tick => {
                            tick.as_mut().reset(Instant::now() + PATIENCE);
                            if is_open.load(Ordering::Relaxed) {
                                self.pieces().measure(number, 0, since.elapsed());
                            }
                            since = Instant::now();
                            // Without a pause: the body is under a watch, which rests only while nobody asks for bytes.
                            if self.is_welcome(number) && !self.hand_on_if_room(&mut hand) {
                                return Ended::Gone;
                            }
                        }
                    }
                }
            };
            let end = match given {
                Ok(Given::Chunk(chunk)) => {
                    self.pieces().measure(number, chunk.len() as u64, since.elapsed());
                    self.note(chunk.len());
                    if !self.take_in(&mut hand, manners, chunk).await {
                        return Ended::Gone;
                    }
                    continue;
                }
                Ok(Given::Whole) => return Ended::Whole(Box::new(fetch)),
                Ok(Given::End) => Ended::Done,
                Err(error) => Ended::Broke(error),
            };
            return if self.hand_on(&mut hand).await { end } else { Ended::Gone };
        }
    }

    /// Waits for the turn of a piece, as long as pieces give way to the first one.
    async fn give_way(&self, number: Number) {
        let may_go = || {
            let may_go = self.way() == Way::Free || self.pieces().is_first(number);
            if !may_go {
                // Whether bytes came or not, time has passed: the first piece may stand still.
                self.note(0);
            }
            may_go
        };
        self.until(may_go).await;
    }

    /// Waits until something holds that depends on the hash, and on other pieces, which tell nobody.
    async fn until(&self, mut is_due: impl FnMut() -> bool) {
        while !is_due() {
            let _either = timeout(LOOK_AGAIN, self.front.wait(&mut is_due)).await;
        }
    }

    /// Says whether bytes of a piece are of use before a buffer is full.
    fn is_welcome(&self, number: Number) -> bool {
        let are_written = self.courtesy.is_some();
        are_written || self.pieces().is_first(number)
    }

    fn way(&self) -> Way {
        self.courtesy.map_or(Way::Free, |courtesy| courtesy.lock().unwrap_or_else(PoisonError::into_inner).way())
    }

    /// Notes how many bytes came.
    fn note(&self, bytes: usize) {
        if let Some(courtesy) = self.courtesy {
            courtesy.lock().unwrap_or_else(PoisonError::into_inner).note(self.began.elapsed(), bytes as u64);
        }
    }

    /// Takes a buffer, as soon as one is free. If all of them hold bytes that wait for the ones that come next, those get
    /// one beyond their number.
    async fn buffer(&self, number: Number, manners: Manners) -> Filling {
        match manners {
            Manners::Alone => self.buffers.take().await,
            Manners::GiveWay | Manners::Last => tokio::select! {
                biased;
                free = self.buffers.take() => free,
                () = self.until(|| self.front.is_idle() && self.pieces().is_first(number)) => Buffers::beyond(),
            },
        }
    }

    /// Takes bytes in, and hands on what fills a buffer; returns false if the hash is gone.
    async fn take_in(&self, hand: &mut Hand, manners: Manners, chunk: Bytes) -> bool {
        if is_long(&chunk) {
            if !self.hand_on(hand).await {
                return false;
            }
            let place = self.buffer(hand.number, manners).await;
            let Ok(room) = self.arrivals.reserve().await else { return false };
            self.send(hand, room, place.adopt(chunk));
            return true;
        }
        let mut bytes = &*chunk;
        while !bytes.is_empty() {
            let filling = match &mut hand.filling {
                Some(filling) => filling,
                none => none.insert(self.buffer(hand.number, manners).await),
            };
            let taken = filling.fill(bytes);
            bytes = &bytes[taken..];
            if filling.is_full() && !self.hand_on(hand).await {
                return false;
            }
        }
        true
    }

    /// Hands on what has come; returns false if the hash is gone.
    async fn hand_on(&self, hand: &mut Hand) -> bool {
        if hand.filling.is_none() {
            return true;
        }
        // If this is dropped while it waits, the bytes are fetched again.
        let Ok(room) = self.arrivals.reserve().await else { return false };
        self.hand_on_into(hand, room);
        true
    }

    /// Hands on what has come if that needs no wait; returns false if the hash is gone.
    fn hand_on_if_room(&self, hand: &mut Hand) -> bool {
        match self.arrivals.try_reserve() {
            Ok(room) => self.hand_on_into(hand, room),
            Err(TrySendError::Full(())) => {}
            Err(TrySendError::Closed(())) => return false,
        }
        true
    }

    fn hand_on_into(&self, hand: &mut Hand, room: mpsc::Permit<'_, Arrival>) {
        if let Some(filling) = hand.filling.take() {
            self.send(hand, room, filling.freeze());
        }
    }

    fn send(&self, hand: &mut Hand, room: mpsc::Permit<'_, Arrival>, bytes: Bytes) {
        let offset = hand.offset;
        let length = bytes.len() as u64;
        room.send(Arrival::Chunk { offset, bytes });
        hand.offset += length;
        self.pieces().advance(hand.number, length);
    }
}

async fn next(fetch: &mut Fetch, manners: Manners) -> Result<Given> {
    fetch.begin().await?;
    if manners == Manners::GiveWay && fetch.is_whole_instead() {
        return Ok(Given::Whole);
    }
    Ok(fetch.next().await?.map_or(Given::End, Given::Chunk))
}

#[cfg(test)]
mod tests;
