//! Bytes on their way from a source.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;

use super::EndpointId;
use crate::error::Result;
use crate::spec::descriptor::Content;
use crate::spec::safe_url::SafeUrl;
use crate::verify::{Proof, Ticket, Verified, Verifier};

/// The pieces of a body, in order; ends after the first error.
///
/// An error of kind [`Unavailable`](crate::ErrorKind::Unavailable) is a break: the
/// rest can be asked for again.
pub type Chunks = BoxStream<'static, Result<Bytes>>;

/// One window of a blob as a source gives it: unverified, and it may break off.
#[non_exhaustive]
pub struct Body {
    /// What the chunks cover; an end of `u64::MAX` is not known yet.
    pub window: Range<u64>,
    /// The size of the whole blob, where the source says it.
    pub total: Option<u64>,
    /// Where the bytes come from.
    pub origin: EndpointId,
    /// The URL that they come from, behind all redirects, where there is one.
    pub url: Option<SafeUrl>,
    /// The bytes.
    pub chunks: Chunks,
}

impl Body {
    /// Describes bytes that begin at the window's start.
    pub fn new(window: Range<u64>, total: Option<u64>, origin: EndpointId, chunks: Chunks) -> Self {
        Self { window, total, origin, url: None, chunks }
    }

    /// Adds the URL that the bytes come from.
    #[must_use]
    pub fn from_url(mut self, url: SafeUrl) -> Self {
        self.url = Some(url);
        self
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("window", &self.window)
            .field("total", &self.total)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// A whole blob whose end is the verdict: only [`finish`](Self::finish) says that what came before was right.
pub struct VerifyingBody {
    chunks: Chunks,
    ticket: Ticket,
    verifier: Verifier,
}

impl VerifyingBody {
    /// Wraps the chunks of a whole blob.
    pub fn new(content: &Content, chunks: Chunks) -> Self {
        let ticket = Ticket::new();
        Self { chunks, verifier: Verifier::begin(content, &ticket), ticket }
    }

    /// Returns the next bytes, which are not verified yet, or `None` at the end.
    ///
    /// May be dropped between two chunks, never to be called again.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        let Some(chunk) = self.chunks.next().await.transpose()? else {
            return Ok(None);
        };
        self.verifier.absorb(&chunk)?;
        Ok(Some(chunk))
    }

    /// Reads what is left and gives the verdict.
    ///
    /// # Errors
    ///
    /// [`Mismatch`](crate::ErrorKind::Mismatch) if the bytes were not the blob's.
    pub async fn finish(mut self) -> Result<Verified> {
        while self.chunk().await?.is_some() {}
        let proof: Proof = self.verifier.settle()?;
        proof.redeem(&self.ticket)
    }
}

impl fmt::Debug for VerifyingBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingBody").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}
