//! Verification: the only place that can say that content is what was promised.
//!
//! A target hands out a [`Ticket`]; a [`Verifier`] begun with it absorbs the
//! bytes that went to the target and settles into a [`Proof`], which the same
//! target redeems to publish. A proof for another blob or another target does
//! not fit, and nothing outside this module can make one.

mod hasher;
mod proof;

pub use hasher::Hasher;
pub use proof::{Proof, Ticket, Verified, Verifier, digest_of, expect};
