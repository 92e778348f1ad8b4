//! Which bytes to ask for, and where the bytes that came belong. Pure.

use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};

/// Returns how many bytes at the head of a body are not wanted: a source may begin
/// earlier than it was asked to.
///
/// # Errors
///
/// [`ErrorKind::PeerMisbehaved`] for a body that begins later: bytes would be missing.
pub fn surplus(position: u64, body: &Range<u64>) -> Result<u64> {
    position.checked_sub(body.start).ok_or_else(|| {
        Error::new(
            ErrorKind::PeerMisbehaved,
            format!("the body begins at byte {} where byte {position} was asked for", body.start),
        )
    })
}

/// Brings together what was known of a blob's size and what a body says.
///
/// # Errors
///
/// [`ErrorKind::Mismatch`] if they differ.
pub fn agree(known: Option<u64>, said: Option<u64>) -> Result<Option<u64>> {
    match (known, said) {
        (Some(known), Some(said)) if known != said => Err(Error::new(
            ErrorKind::Mismatch,
            format!("the source says that the blob has {said} bytes where {known} are expected"),
        )),
        (known, said) => Ok(known.or(said)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_begin_early_but_never_late() {
        assert_eq!(surplus(10, &(10..20)).unwrap(), 0);
        assert_eq!(surplus(10, &(0..20)).unwrap(), 10);
        assert_eq!(surplus(10, &(11..20)).unwrap_err().kind(), ErrorKind::PeerMisbehaved);
    }

    #[test]
    fn sizes_must_agree() {
        assert_eq!(agree(None, None).unwrap(), None);
        assert_eq!(agree(Some(1), None).unwrap(), Some(1));
        assert_eq!(agree(None, Some(1)).unwrap(), Some(1));
        assert_eq!(agree(Some(1), Some(1)).unwrap(), Some(1));
        assert_eq!(agree(Some(1), Some(2)).unwrap_err().kind(), ErrorKind::Mismatch);
    }
}
