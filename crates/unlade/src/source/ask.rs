//! What is asked of a source, beyond the name of the blob.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::observe::{Blind, Observer};
use crate::retry::{Budget, Policy};
use crate::spec::digest::Digest;

/// The name of a place that bytes came from, such as a mirror of a registry.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(Arc<str>);

impl EndpointId {
    /// Names an endpoint; the text holds no secret.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is done about a request that fails, or that would have to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Zeal {
    /// It is reported at once, and costs nothing of the budget: others are at work on the blob.
    Spare,
    /// It is made again as long as the budget lasts.
    #[default]
    Stubborn,
}

/// Which part of a blob is wanted, and on what terms.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ask {
    /// The bytes wanted; an end of `u64::MAX` is the blob's end, wherever that is.
    pub window: Range<u64>,
    /// Endpoints that gave wrong bytes and are not to be asked again.
    pub avoid: Vec<EndpointId>,
    /// What may be spent on failures: one budget a blob, for all who work on it.
    pub budget: Arc<Budget>,
    /// Who is told of waits and retries, which happen below the source.
    pub observer: Arc<dyn Observer>,
    /// What is done about failures.
    pub zeal: Zeal,
}

impl Ask {
    /// Asks for the whole blob, from its first byte on.
    pub fn whole(budget: Arc<Budget>, observer: Arc<dyn Observer>) -> Self {
        Self { window: 0..u64::MAX, avoid: Vec::new(), budget, observer, zeal: Zeal::default() }
    }

    /// Asks for a window of it instead.
    #[must_use]
    pub fn window(mut self, window: Range<u64>) -> Self {
        self.window = window;
        self
    }

    /// Asks as one of several who are at work on the blob: a failure is reported at once.
    #[must_use]
    pub fn spare(mut self) -> Self {
        self.zeal = Zeal::Spare;
        self
    }

    /// Checks that the one endpoint that has a blob may be asked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`] if it is to be avoided.
    pub fn allow(&self, only: &EndpointId, blob: &Digest) -> Result<()> {
        if self.avoid.contains(only) {
            let message = format!("{blob} is to be had from {only} alone, which is to be avoided");
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        Ok(())
    }
}

impl Default for Ask {
    fn default() -> Self {
        Self::whole(Arc::new(Budget::new(Policy::default(), None)), Arc::new(Blind))
    }
}
