//! A body that holds its permit.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

use super::permits::Permit;
use super::targets::Targets;
use crate::error::Result;
use crate::source::Chunks;
use crate::spec::digest::Digest;

/// The chunks of a body, which hold the right to it until they end, break or are dropped.
pub(super) struct Held {
    chunks: Chunks,
    /// How many bytes are still to come; more than there can be where that is not known.
    left: u64,
    permit: Option<Permit>,
    found: Option<(Arc<Targets>, Digest)>,
}

impl Held {
    /// Ties a permit to a body of so many bytes.
    pub(super) fn new(chunks: Chunks, bytes: u64, permit: Permit) -> Self {
        Self { chunks, left: bytes, permit: Some(permit), found: None }
    }

    /// Adds who is to forget where the blob was found, should the body break.
    pub(super) fn found_by(mut self, targets: Arc<Targets>, blob: Digest) -> Self {
        self.found = Some((targets, blob));
        self
    }

    fn end_well(&mut self) {
        if let Some(permit) = self.permit.take() {
            permit.well();
        }
    }
}

impl Stream for Held {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = ready!(self.chunks.poll_next_unpin(context));
        match &polled {
            Some(Ok(chunk)) => {
                self.left = self.left.saturating_sub(chunk.len() as u64);
                if let Some(permit) = &self.permit {
                    permit.moved();
                }
            }
            Some(Err(_)) => {
                self.permit = None;
                if let Some((targets, blob)) = self.found.take() {
                    targets.forget(&blob);
                }
            }
            None => self.end_well(),
        }
        Poll::Ready(polled)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Whoever has all the bytes need not look for the end.
        if self.left == 0 {
            self.end_well();
        }
    }
}
