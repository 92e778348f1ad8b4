//! Tickets, verifiers and proofs.

use std::sync::Arc;

use super::Hasher;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::descriptor::Content;
use crate::spec::digest::{Algorithm, Digest};

/// A mark without content; two tickets are the same if they share it.
#[derive(Debug)]
struct Mark;

/// What a target hands out for one filling: unique, and not to be copied.
#[derive(Debug)]
pub struct Ticket(Arc<Mark>);

impl Ticket {
    /// Makes a ticket that no proof fits yet.
    #[expect(clippy::new_without_default, reason = "every ticket differs: a default value would read as equal ones")]
    pub fn new() -> Self {
        Self(Arc::new(Mark))
    }
}

/// The evidence that the bytes of one ticket's target are the content that was asked for.
#[derive(Debug)]
#[must_use = "content is published by redeeming its proof"]
pub struct Proof {
    mark: Arc<Mark>,
    verified: Verified,
}

/// What a redeemed proof vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The digest of the bytes.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
}

impl Proof {
    /// Gives up the proof for what it vouches for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`] if the proof was made with another ticket.
    pub fn redeem(self, ticket: &Ticket) -> Result<Verified> {
        if Arc::ptr_eq(&self.mark, &ticket.0) {
            Ok(self.verified)
        } else {
            Err(Error::new(ErrorKind::Mismatch, "the proof belongs to another target"))
        }
    }
}

/// Absorbs the bytes of one blob, in order, and settles whether they are the ones asked for.
#[derive(Debug)]
pub struct Verifier {
    content: Content,
    hasher: Hasher,
    mark: Arc<Mark>,
    seen: u64,
}

impl Verifier {
    /// Begins with the blob's first byte.
    pub fn begin(content: &Content, ticket: &Ticket) -> Self {
        Self {
            hasher: Hasher::new(content.digest.algorithm()),
            content: content.clone(),
            mark: Arc::clone(&ticket.0),
            seen: 0,
        }
    }

    /// Takes in the next bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`] as soon as there are more bytes than the descriptor promises.
    pub fn absorb(&mut self, bytes: &[u8]) -> Result<()> {
        self.seen = self.seen.saturating_add(bytes.len() as u64);
        match self.content.size {
            Some(size) if self.seen > size => Err(wrong_size(&self.content, size, self.seen, "at least ")),
            _ => {
                self.hasher.update(bytes);
                Ok(())
            }
        }
    }

    /// Returns the number of bytes absorbed.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Ends the blob.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Mismatch`] if size or digest differ from the descriptor's.
    pub fn settle(self) -> Result<Proof> {
        if let Some(size) = self.content.size.filter(|size| *size != self.seen) {
            return Err(wrong_size(&self.content, size, self.seen, ""));
        }
        let found = self.hasher.finish();
        if found != self.content.digest {
            return Err(wrong_digest(&self.content.digest, &found));
        }
        Ok(Proof { mark: self.mark, verified: Verified { digest: found, size: self.seen } })
    }
}

/// Computes the digest of bytes in memory.
pub fn digest_of(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

/// Checks bytes in memory against a digest.
///
/// # Errors
///
/// [`ErrorKind::Mismatch`] if they have another one.
pub fn expect(digest: &Digest, bytes: &[u8]) -> Result<()> {
    let found = digest_of(digest.algorithm(), bytes);
    if found == *digest { Ok(()) } else { Err(wrong_digest(digest, &found)) }
}

fn wrong_size(content: &Content, promised: u64, found: u64, at_least: &str) -> Error {
    Error::new(
        ErrorKind::Mismatch,
        format!("the content of {} has {at_least}{found} bytes where {promised} are promised", content.digest),
    )
}

fn wrong_digest(promised: &Digest, found: &Digest) -> Error {
    Error::new(ErrorKind::Mismatch, format!("the content of {promised} has the digest {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(bytes: &[u8]) -> Content {
        Content { digest: digest_of(Algorithm::Sha256, bytes), size: Some(bytes.len() as u64) }
    }

    fn settle(content: &Content, ticket: &Ticket, chunks: &[&[u8]]) -> Result<Proof> {
        let mut verifier = Verifier::begin(content, ticket);
        for chunk in chunks {
            verifier.absorb(chunk)?;
        }
        verifier.settle()
    }

    #[test]
    fn proves_what_was_promised() {
        let ticket = Ticket::new();
        let verified = settle(&content(b"cargo"), &ticket, &[b"car", b"", b"go"]).unwrap().redeem(&ticket).unwrap();
        assert_eq!(verified.size, 5);
    }

    #[test]
    fn a_proof_fits_its_own_ticket_alone() {
        let proof = settle(&content(b"cargo"), &Ticket::new(), &[b"cargo"]).unwrap();
        assert_eq!(proof.redeem(&Ticket::new()).unwrap_err().kind(), ErrorKind::Mismatch);
    }

    #[test]
    fn refuses_any_other_bytes() {
        let promised = content(b"cargo");
        let wrong: [&[&[u8]]; 4] = [&[b"cargO"], &[b"carg"], &[b"cargo", b"!"], &[]];
        for chunks in wrong {
            let error = settle(&promised, &Ticket::new(), chunks).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Mismatch, "{chunks:?}");
        }
    }

    #[test]
    fn without_a_size_the_digest_decides() {
        let unsized_content = Content { size: None, ..content(b"cargo") };
        assert!(settle(&unsized_content, &Ticket::new(), &[b"cargo"]).is_ok());
        assert!(settle(&unsized_content, &Ticket::new(), &[b"cargo!"]).is_err());
    }
}
