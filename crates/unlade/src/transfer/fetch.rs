//! The one place that resumes.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;

use super::progress::Connection;
use super::spans::Spans;
use super::{Progress, plan};
use crate::error::{Error, ErrorKind, Result};
use crate::observe::{Event, Observer};
use crate::retry::{Budget, Outcome, Verdict, judge};
use crate::source::{Ask, Body, Chunks, EndpointId, Source, Zeal};
use crate::spec::descriptor::Content;
use crate::spec::safe_url::SafeUrl;

/// The bytes of one blob, or of a part of it, in order, whatever becomes of the connections they come over.
///
/// What comes is not verified.
#[derive(Debug)]
pub struct Fetch {
    source: Arc<dyn Source>,
    content: Content,
    terms: Terms,
    size: Option<u64>,
    start: u64,
    position: u64,
    end: u64,
    zeal: Zeal,
    resumed: u64,
    open: Option<Open>,
    is_open: Arc<AtomicBool>,
}

/// On what terms a blob is fetched.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Terms {
    /// What may be spent on failures.
    pub budget: Arc<Budget>,
    /// Who is told of breaks and waits.
    pub observer: Arc<dyn Observer>,
    /// Where bytes are counted.
    pub progress: Arc<Progress>,
    /// Where it is noted who gave them.
    pub origins: Arc<Origins>,
    /// Who is not asked.
    pub avoid: Vec<EndpointId>,
    /// What an earlier run, or a connection that broke, has left, and was not fetched again.
    pub(super) recalled: Arc<Mutex<Spans>>,
}

impl Terms {
    /// Notes what an earlier run has left.
    pub(super) fn recall(&self, there: &Spans) {
        self.progress.add_resumed(there.bytes());
        self.recalled.lock().unwrap_or_else(PoisonError::into_inner).clone_from(there);
    }

    /// Notes what a connection that broke has left for another to go on with.
    pub(super) fn keep(&self, range: Range<u64>) {
        self.progress.add_resumed(range.end - range.start);
        self.recalled.lock().unwrap_or_else(PoisonError::into_inner).insert(range);
    }

    /// Notes bytes that are fetched whether they are there or not: what was left of them was no use.
    fn come_again(&self, range: Range<u64>) {
        let mut recalled = self.recalled.lock().unwrap_or_else(PoisonError::into_inner);
        let before = recalled.bytes();
        recalled.remove(&range);
        self.progress.take_resumed(before - recalled.bytes());
    }
}

/// Where the bytes of one blob came from.
#[derive(Debug, Default)]
pub struct Origins(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    all: Vec<EndpointId>,
    last: Option<EndpointId>,
    url: Option<SafeUrl>,
}

impl Origins {
    /// Returns the places that bytes came from.
    pub fn all(&self) -> Vec<EndpointId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).all.clone()
    }

    /// Returns the URL of the last body, if it had one.
    pub fn url(&self) -> Option<SafeUrl> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).url.clone()
    }

    /// Notes a body; says whether it comes from another place than the last one.
    fn note(&self, body: &Body) -> bool {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.url.clone_from(&body.url);
        if !places.all.contains(&body.origin) {
            places.all.push(body.origin.clone());
        }
        places.last.replace(body.origin.clone()).is_some_and(|last| last != body.origin)
    }
}

struct Open {
    chunks: Chunks,
    /// Bytes at its head that were delivered before.
    surplus: u64,
    /// What was asked for.
    asked: Range<u64>,
    /// What it holds, by its own word.
    window: Range<u64>,
    /// Counted as long as the body is open.
    #[expect(dead_code, reason = "it is there for its drop")]
    connection: Connection,
    #[expect(dead_code, reason = "it is there for its drop")]
    mark: Mark,
}

/// Lets it be known that a body is open, for as long as it lives.
struct Mark(Arc<AtomicBool>);

impl Mark {
    fn set(on: &Arc<AtomicBool>) -> Self {
        on.store(true, Ordering::Relaxed);
        Self(Arc::clone(on))
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("surplus", &self.surplus).finish_non_exhaustive()
    }
}

impl Fetch {
    /// Begins at a blob's first byte; nothing is asked for yet.
    pub fn new(source: Arc<dyn Source>, content: Content, terms: Terms) -> Self {
        let size = content.size;
        let zeal = Zeal::default();
        let end = size.unwrap_or(u64::MAX);
        Self {
            source,
            content,
            terms,
            size,
            start: 0,
            position: 0,
            end,
            zeal,
            resumed: 0,
            open: None,
            is_open: Arc::default(),
        }
    }

    /// Fetches a part of the blob instead.
    #[must_use]
    pub fn part(mut self, window: Range<u64>) -> Self {
        (self.start, self.position, self.end) = (window.start, window.start, window.end);
        self
    }

    /// Says what is done about failures.
    #[must_use]
    pub fn zeal(mut self, zeal: Zeal) -> Self {
        self.zeal = zeal;
        self
    }

    /// Lets the part end nearer: another fetches the rest.
    pub fn shorten(&mut self, end: u64) {
        self.end = self.end.min(end);
    }

    /// Lets the part end farther: nobody else fetches what comes behind it.
    pub fn extend(&mut self, end: u64) {
        self.end = self.end.max(end);
        self.terms.come_again(self.position..self.end);
    }

    /// Says whether a source has answered, and not ended.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Returns what says the same while bytes are waited for, and is false in a pause before the next try.
    pub(super) fn openness(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_open)
    }

    /// Returns the offset of the next byte.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Says whether a part was asked for, and the whole blob is given, of which nothing was taken yet.
    pub fn is_whole_instead(&self) -> bool {
        // Measured by what was asked for: the part may end nearer by now.
        let exceeds = |open: &Open| open.window.start < open.asked.start || open.window.end > open.asked.end;
        self.position == self.start && self.is_part() && self.open.as_ref().is_some_and(exceeds)
    }

    /// Asks for the part unless that was done, without waiting for its bytes.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub async fn begin(&mut self) -> Result<()> {
        if self.open.is_some() {
            return Ok(());
        }
        let tries = tries(&self.terms.budget);
        // A source counts its own requests, and knows nothing of earlier bodies.
        let opened = self.reopen().await;
        opened.map_err(|error| error.with(|context| context.attempts = context.attempts.max(tries)))
    }

    /// Returns the next bytes, or `None` at the end of what the source gives.
    ///
    /// A break is mended by asking for the rest, as long as the budget lasts; one of several who fetch does not.
    /// Dropping the future loses nothing but the bytes in flight.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] once the budget is spent, and what the source answers otherwise.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if self.is_over() {
                return Ok(None);
            }
            self.begin().await?;
            let Some(open) = &mut self.open else { continue };
            match open.chunks.next().await {
                Some(Ok(chunk)) => {
                    if let Some(fresh) = self.take(chunk) {
                        return Ok(Some(fresh));
                    }
                    if self.is_part() && self.position >= self.end {
                        // More than it said: not worth a connection.
                        self.open = None;
                        return Ok(None);
                    }
                }
                // A break behind the last byte takes nothing away: the digest decides.
                Some(Err(_)) if self.position == self.end => return Ok(None),
                Some(Err(error)) if self.is_worth_mending(&error) => self.mend(error).await?,
                Some(Err(error)) => return Err(error),
                None if self.is_cut_short() => {
                    let error = Error::new(ErrorKind::Unavailable, "the source gave less than was asked for");
                    if !self.is_worth_mending(&error) {
                        return Err(error);
                    }
                    self.mend(error).await?;
                }
                None => return Ok(None),
            }
        }
    }

    /// Says whether a part was given to its end. The end of a whole blob is left to the source: more than that is not
    /// the blob.
    fn is_over(&self) -> bool {
        // A body that ends here gives its connection back once it is read to its end.
        let goes_on = self.open.as_ref().is_none_or(|open| open.window.end > self.end);
        self.is_part() && self.position >= self.end && goes_on
    }

    fn is_part(&self) -> bool {
        self.start > 0 || Some(self.end) != self.size
    }

    fn is_worth_mending(&self, error: &Error) -> bool {
        self.zeal == Zeal::Stubborn && error.kind() == ErrorKind::Unavailable
    }

    /// Counts a chunk and returns what of it had not been delivered before.
    fn take(&mut self, mut chunk: Bytes) -> Option<Bytes> {
        self.terms.progress.add_fetched(chunk.len() as u64);
        let open = self.open.as_mut()?;
        let surplus = open.surplus.min(chunk.len() as u64);
        open.surplus -= surplus;
        chunk.advance(usize::try_from(surplus).expect("no more than the chunk's length"));
        if self.is_part() {
            // Others fetch what comes behind the part.
            let wanted = self.end.saturating_sub(self.position);
            chunk.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
        }
        self.position += chunk.len() as u64;
        self.terms.budget.progress(chunk.len() as u64);
        (!chunk.is_empty()).then_some(chunk)
    }

    /// Says whether a body ended before what was asked for, although it said that it is a part of a blob whose size is
    /// known: the rest can be asked for. The end of a whole blob is its end, wherever that is.
    fn is_cut_short(&self) -> bool {
        let (Some(open), Some(size)) = (&self.open, self.size) else { return false };
        let is_part = open.window.start > 0 || open.window.end < size;
        is_part && self.position < self.end
    }

    async fn reopen(&mut self) -> Result<()> {
        let mut ask = Ask::whole(Arc::clone(&self.terms.budget), Arc::clone(&self.terms.observer));
        let asked = self.position..self.end;
        ask.window = asked.clone();
        ask.zeal = self.zeal;
        ask.avoid.clone_from(&self.terms.avoid);
        let body = self.source.open_unverified(&self.content, ask).await?;
        let (surplus, size) = self.place(&body).map_err(|error| {
            error
                .making(format!("{} from {} is not what was asked for", self.content.digest, body.origin))
                .with(|context| context.url.clone_from(&body.url))
        })?;
        self.size = size;
        if let Some(size) = self.size {
            self.terms.progress.set_total(size);
            self.terms.budget.learn_size(size);
            self.end = self.end.min(size);
        }
        self.terms.come_again(self.position.saturating_sub(surplus)..self.position);
        if self.position > self.start {
            self.note_resumed(self.position.saturating_sub(surplus).saturating_sub(self.start));
            let (verified, resumed) = (self.terms.progress.verified(), self.terms.progress.resumed());
            self.terms.observer.notice(&Event::Resumed { at: body.window.start, verified, resumed });
        }
        if self.terms.origins.note(&body) {
            self.terms.observer.notice(&Event::EndpointChanged { endpoint: body.origin.to_string() });
        }
        let connection = self.terms.progress.connect();
        self.open = Some(Open {
            chunks: body.chunks,
            surplus,
            asked,
            window: body.window,
            connection,
            mark: Mark::set(&self.is_open),
        });
        Ok(())
    }

    /// Says how many bytes at the head of a body are not wanted, and what is known of the blob's size with it.
    fn place(&self, body: &Body) -> Result<(u64, Option<u64>)> {
        Ok((plan::surplus(self.position, &body.window)?, plan::agree(self.size, body.total)?))
    }

    /// Notes how many bytes of the part a body need not bring again: fewer than before where it begins earlier.
    fn note_resumed(&mut self, bytes: u64) {
        self.terms.progress.add_resumed(bytes.saturating_sub(self.resumed));
        self.terms.progress.take_resumed(self.resumed.saturating_sub(bytes));
        self.resumed = bytes;
    }

    async fn mend(&mut self, error: Error) -> Result<()> {
        self.open = None;
        let budget = &self.terms.budget;
        match judge(Outcome::Broken, budget.spend(), budget.policy(), fastrand::f64()) {
            Verdict::Again(wait) => {
                self.tell(&error, wait);
                tokio::time::sleep(wait).await;
                Ok(())
            }
            Verdict::GiveUp | Verdict::TooLong(_) => Err(self.broke_off(error)),
        }
    }

    fn tell(&self, error: &Error, wait: Duration) {
        tracing::info!(position = self.position, ?wait, "the body broke off: {}", error.chain().join(": "));
        self.terms.observer.notice(&Event::Retrying { reason: error.chain().join(": "), wait });
    }

    fn broke_off(&self, error: Error) -> Error {
        let size = self.size.map_or_else(|| "an unknown number".to_owned(), |size| size.to_string());
        let tries = tries(&self.terms.budget);
        error
            .making(format!(
                "the download of {} broke off at byte {} of {size}, after {tries} tries",
                self.content.digest, self.position
            ))
            .with(|context| context.attempts = tries)
    }
}

/// Says how often a blob was tried: once, and once for each failure.
pub(super) fn tries(budget: &Budget) -> u32 {
    u32::try_from(budget.spent() + 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
