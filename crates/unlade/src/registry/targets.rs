//! Where blobs were found: the places behind the registry's redirects.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::journey::Outset;
use crate::spec::digest::Digest;

/// So many are remembered, the newest: more blobs than that are not under way at once.
const MAX_TARGETS: usize = 32;

/// The places that a repository's blobs were last found at, in which further ranges are asked for at once.
#[derive(Default)]
pub(super) struct Targets(Mutex<VecDeque<(Digest, Outset)>>);

impl Targets {
    /// Returns the place of a blob.
    pub(super) fn of(&self, blob: &Digest) -> Option<Outset> {
        self.places().iter().find(|(digest, _)| digest == blob).map(|(_, outset)| outset.clone())
    }

    /// Takes note of where a blob is; `None` is the registry itself.
    pub(super) fn note(&self, blob: &Digest, found: Option<Outset>) {
        let mut places = self.places();
        places.retain(|(digest, _)| digest != blob);
        if let Some(outset) = found {
            if places.len() == MAX_TARGETS {
                places.pop_front();
            }
            places.push_back((blob.clone(), outset));
        }
    }

    /// Forgets a place that does not work any more.
    pub(super) fn forget(&self, blob: &Digest) {
        self.note(blob, None);
    }

    fn places(&self) -> MutexGuard<'_, VecDeque<(Digest, Outset)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // They may be signed, and so secrets.
        f.debug_struct("Targets").field("known", &self.places().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::journey::Journey;

    fn blob(number: usize) -> Digest {
        format!("sha256:{number:064x}").parse().unwrap()
    }

    fn place(number: usize) -> Option<Outset> {
        let mut journey = Journey::begin("https://registry.example/v2/a/blobs/x".parse().unwrap());
        journey.hop(format!("https://cdn.example/{number}?signature=hunter2").parse().unwrap(), &[]);
        journey.target()
    }

    #[test]
    fn the_newest_places_are_remembered() {
        let targets = Targets::default();
        for number in 0..=MAX_TARGETS {
            targets.note(&blob(number), place(number));
            targets.note(&blob(number), place(number));
        }
        assert!(targets.of(&blob(0)).is_none());
        assert!((1..=MAX_TARGETS).all(|number| targets.of(&blob(number)).is_some()));
        targets.forget(&blob(5));
        targets.note(&blob(6), None);
        assert!(targets.of(&blob(5)).is_none() && targets.of(&blob(6)).is_none());
    }

    #[test]
    fn places_are_secrets() {
        let targets = Targets::default();
        targets.note(&blob(1), place(1));
        assert_eq!(format!("{targets:?}"), "Targets { known: 1 }");
    }
}
