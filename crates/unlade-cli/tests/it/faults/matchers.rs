//! Short names for the requests that are lied to.

use unlade_testkit::{Matcher, Which};

pub(super) fn any() -> Matcher {
    Matcher::new(Which::Any)
}

pub(super) fn blob() -> Matcher {
    Matcher::new(Which::Blob)
}

pub(super) fn manifest() -> Matcher {
    Matcher::new(Which::Manifest)
}

pub(super) fn referrers() -> Matcher {
    Matcher::new(Which::Referrers)
}

/// A signed address, which a redirect led to.
pub(super) fn signed() -> Matcher {
    Matcher::new(Which::Redirected)
}

pub(super) fn tags() -> Matcher {
    Matcher::new(Which::Tags)
}

pub(super) fn token() -> Matcher {
    Matcher::new(Which::Token)
}
