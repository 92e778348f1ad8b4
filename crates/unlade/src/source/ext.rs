//! Verified reading from any source.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use super::{Ask, Document, Source, VerifyingBody};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::descriptor::Content;
use crate::spec::reference::Selector;

/// What users of a [`Source`] call; implemented for all of them.
#[async_trait]
pub trait SourceExt: Source {
    /// Reads a manifest and verifies it.
    async fn manifest(&self, selector: &Selector) -> Result<Document> {
        let raw = self.manifest_unverified(selector).await?;
        Document::verify(raw, selector)
            .map_err(|error| error.making(format!("what {self} gives as the manifest {selector} is something else")))
    }

    /// Opens a whole blob, without resume: a break ends it. [`VerifyingBody`] verifies what comes.
    async fn open(&self, blob: &Content) -> Result<VerifyingBody> {
        let body = self.open_unverified(blob, Ask::default()).await?;
        if body.window.start != 0 {
            return Err(Error::new(
                ErrorKind::PeerMisbehaved,
                format!("{self} began {} at byte {}", blob.digest, body.window.start),
            ));
        }
        Ok(VerifyingBody::new(blob, body.chunks))
    }

    /// Reads a whole blob of at most `limit` bytes into memory, verified.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`] above the limit, before or while reading.
    async fn read(&self, blob: &Content, limit: u64) -> Result<Bytes> {
        let too_large =
            || Error::new(ErrorKind::TooLarge, format!("{} in {self} is larger than {limit} bytes", blob.digest));
        if blob.size.is_some_and(|size| size > limit) {
            return Err(too_large());
        }
        let mut body = self.open(blob).await?;
        let mut bytes = BytesMut::new();
        while let Some(chunk) = body.chunk().await? {
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        body.finish().await?;
        Ok(bytes.freeze())
    }
}

impl<S: Source + ?Sized> SourceExt for S {}
