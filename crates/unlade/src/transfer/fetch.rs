//! The one place that resumes.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;

use super::{Progress, plan};
use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::{Event, Observer};
use crate::retry::{Budget, Outcome, Verdict, judge};
use crate::source::{Ask, Body, Chunks, EndpointId, Source};
use crate::spec::descriptor::Content;
use crate::spec::safe_url::SafeUrl;

/// The bytes of one blob, in order, whatever becomes of the connections they come over.
///
/// What comes is not verified.
#[derive(Debug)]
pub struct Fetch {
    source: Arc<dyn Source>,
    content: Content,
    terms: Terms,
    size: Option<u64>,
    position: u64,
    endpoints: Vec<EndpointId>,
    url: Option<SafeUrl>,
    open: Option<Open>,
}

/// On what terms a blob is fetched.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Terms {
    /// What may be spent on failures.
    pub budget: Arc<Budget>,
    /// A request to stop.
    pub cancel: Cancel,
    /// Who is told of breaks and waits.
    pub observer: Arc<dyn Observer>,
    /// Where bytes are counted.
    pub progress: Arc<Progress>,
}

struct Open {
    chunks: Chunks,
    /// Bytes at its head that were delivered before.
    surplus: u64,
    /// The offset behind its last byte, by its own word.
    end: u64,
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
        if let Some(size) = size {
            terms.progress.set_total(size);
        }
        Self { source, content, terms, size, position: 0, endpoints: Vec::new(), url: None, open: None }
    }

    /// Returns the places that bytes came from so far.
    pub fn endpoints(&self) -> &[EndpointId] {
        &self.endpoints
    }

    /// Returns the URL of the last body, if it had one.
    pub fn url(&self) -> Option<&SafeUrl> {
        self.url.as_ref()
    }

    /// Returns how often the blob was tried: once, and once for each failure.
    pub fn tries(&self) -> u32 {
        u32::try_from(self.terms.budget.spent() + 1).unwrap_or(u32::MAX)
    }

    /// Returns the next bytes, or `None` at the end of what the source gives.
    ///
    /// A break is mended by asking for the rest, as long as the budget lasts.
    /// Dropping the future loses nothing but the bytes in flight.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] once the budget is spent, [`ErrorKind::Interrupted`] on request,
    /// and what the source answers otherwise.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        let cancel = self.terms.cancel.clone();
        cancel.guard(self.advance()).await
    }

    async fn advance(&mut self) -> Result<Option<Bytes>> {
        loop {
            if self.open.is_none() {
                let tries = self.tries();
                // A source counts its own requests, and knows nothing of earlier bodies.
                self.reopen()
                    .await
                    .map_err(|error| error.with(|context| context.attempts = context.attempts.max(tries)))?;
            }
            let Some(open) = &mut self.open else { continue };
            match open.chunks.next().await {
                Some(Ok(chunk)) => {
                    if let Some(fresh) = self.take(chunk) {
                        return Ok(Some(fresh));
                    }
                }
                // A break behind the last byte takes nothing away: the digest decides.
                Some(Err(_)) if self.size == Some(self.position) => return Ok(None),
                Some(Err(error)) if error.kind() == ErrorKind::Unavailable => self.mend(error).await?,
                Some(Err(error)) => return Err(error),
                None if self.is_cut_short() => {
                    let text = "the source gave less than was asked for";
                    self.mend(Error::new(ErrorKind::Unavailable, text)).await?;
                }
                None => return Ok(None),
            }
        }
    }

    /// Counts a chunk and returns what of it had not been delivered before.
    fn take(&mut self, mut chunk: Bytes) -> Option<Bytes> {
        self.terms.progress.add_fetched(chunk.len() as u64);
        let open = self.open.as_mut()?;
        let surplus = open.surplus.min(chunk.len() as u64);
        open.surplus -= surplus;
        chunk.advance(usize::try_from(surplus).expect("no more than the chunk's length"));
        self.position += chunk.len() as u64;
        self.terms.budget.progress(chunk.len() as u64);
        (!chunk.is_empty()).then_some(chunk)
    }

    /// Says whether a body ended where it said that it would, and that is not the blob's end.
    fn is_cut_short(&self) -> bool {
        let end = self.open.as_ref().map(|open| open.end);
        end == Some(self.position) && self.size.is_some_and(|size| self.position < size)
    }

    async fn reopen(&mut self) -> Result<()> {
        let ask = Ask::whole(Arc::clone(&self.terms.budget), Arc::clone(&self.terms.observer))
            .window(plan::remaining(self.position, self.size));
        let body = self.source.open_unverified(&self.content, ask).await?;
        self.url.clone_from(&body.url);
        let (surplus, size) = self.place(&body).map_err(|error| {
            error
                .making(format!("{} from {} is not what was asked for", self.content.digest, body.origin))
                .with(|context| context.url.clone_from(&body.url))
        })?;
        self.size = size;
        if let Some(size) = self.size {
            self.terms.progress.set_total(size);
            self.terms.budget.learn_size(size);
        }
        if self.position > 0 {
            self.terms.progress.note_resumed(self.position - surplus);
            self.terms.observer.notice(&Event::Resumed { at: body.window.start });
        }
        if self.endpoints.last().is_some_and(|last| *last != body.origin) {
            self.terms.observer.notice(&Event::EndpointChanged { endpoint: body.origin.to_string() });
        }
        if !self.endpoints.contains(&body.origin) {
            self.endpoints.push(body.origin);
        }
        self.open = Some(Open { chunks: body.chunks, surplus, end: body.window.end });
        Ok(())
    }

    /// Says how many bytes at the head of a body are not wanted, and what is known of the blob's size with it.
    fn place(&self, body: &Body) -> Result<(u64, Option<u64>)> {
        Ok((plan::surplus(self.position, &body.window)?, plan::agree(self.size, body.total)?))
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
        let tries = self.tries();
        error
            .making(format!(
                "the download of {} broke off at byte {} of {size}, after {tries} tries",
                self.content.digest, self.position
            ))
            .with(|context| context.attempts = tries)
    }
}
