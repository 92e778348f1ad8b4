//! A request that was not made.

use std::error::Error as StdError;
use std::fmt;
use std::time::Instant;

use crate::error::Error;

/// The cause of an error of one of several who fetch a blob, where the place was not asked at all: it says nothing of
/// how well the place bears one more, and the same may be asked for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotAsked {
    /// When it is worth trying again, where that is known.
    pub until: Option<Instant>,
}

impl NotAsked {
    /// Says when it is worth trying again, where that is known.
    pub fn new(until: Option<Instant>) -> Self {
        Self { until }
    }

    /// Finds it among the causes of an error.
    pub fn in_error(error: &Error) -> Option<Self> {
        let mut cause = error.source();
        while let Some(found) = cause {
            if let Some(not_asked) = found.downcast_ref::<Self>() {
                return Some(*not_asked);
            }
            cause = found.source();
        }
        None
    }
}

impl fmt::Display for NotAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Always the same words: a cause whose text is changed does not stay what it is.
        f.write_str("nothing was asked")
    }
}

impl StdError for NotAsked {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn it_is_found_however_deep_it_lies_and_whatever_is_blotted() {
        let not_asked = NotAsked::new(Some(Instant::now()));
        let error = Error::new(ErrorKind::RateLimited, "hunter2 wants to be left alone").caused_by(not_asked);
        let error = error.making("cannot fetch it").reworded_throughout(&|text| text.replace("hunter2", "***"));
        assert_eq!(NotAsked::in_error(&error), Some(not_asked));
        assert_eq!(NotAsked::in_error(&Error::new(ErrorKind::RateLimited, "nothing was asked")), None);
    }
}
