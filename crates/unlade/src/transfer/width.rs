//! How many connections a blob has. Pure.

/// So many are begun at once; the others once these have shown that it goes well.
const AT_FIRST: usize = 4;

/// The next trial is never rarer than once in two to the power of this many pieces.
const MAX_DOUBLINGS: u32 = 8;

/// How many connections a blob has: fewer after failures, and more again once pieces come well.
///
/// A connection that was not let try has not failed: its place is kept, and taken again as soon as there may be room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Width {
    /// How many there shall be now.
    now: usize,
    /// How many the source has shown to bear.
    borne: usize,
    most: usize,
    /// What failed together tells of the same moment, and counts once.
    failures: u32,
    /// Counts the failures that were counted: what began before the last one failed together with it.
    epoch: u64,
    well: u32,
    /// One more was allowed, and none has failed since.
    probing: bool,
}

impl Width {
    /// Begins with a few of as many as there may be.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        let first = most.min(AT_FIRST);
        Self { now: first, borne: first, most, failures: 0, epoch: 0, well: 0, probing: false }
    }

    /// Returns how many there shall be.
    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// Opens up to all of them, unless one has failed.
    pub(super) fn open_up(&mut self) {
        if self.failures == 0 {
            let is_held_back = self.now < self.borne;
            self.borne = self.most;
            self.now = if is_held_back { self.now } else { self.most };
        }
    }

    /// Returns what tells those that begin now from those that begin after the next failure.
    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Notes that one failed, which began in that epoch, while so many were at work.
    pub(super) fn failed(&mut self, epoch: u64, at_work: usize) {
        if epoch == self.epoch {
            self.epoch += 1;
            self.failures = self.failures.saturating_add(1);
            self.well = 0;
            self.probing = false;
        }
        self.borne = self.borne.min(at_work.max(1));
        self.now = self.now.min(self.borne);
    }

    /// Notes that one was not let try while so many were at work: fewer for now.
    pub(super) fn held_back(&mut self, at_work: usize) {
        self.now = self.now.min(at_work.max(1));
    }

    /// Lets all try again who were not let before.
    pub(super) fn try_again(&mut self) {
        self.now = self.borne;
    }

    /// Notes a piece that came well: each failure makes the next trial of one more connection rarer, and each trial that
    /// went well makes up for one. One of those who were not let try may try now.
    pub(super) fn went_well(&mut self) {
        self.well = self.well.saturating_add(1);
        let is_tried = self.now == self.borne;
        if is_tried && self.failures > 0 && self.well >= 1 << self.failures.min(MAX_DOUBLINGS) {
            self.well = 0;
            if self.probing {
                self.failures -= 1;
            }
            self.probing = true;
            self.borne = if self.failures == 0 { self.most } else { self.most.min(self.borne + 1) };
        }
        self.now = self.borne.min(self.now + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Width {
        let mut width = Width::new(8);
        width.open_up();
        width
    }

    /// One fails that began after all failures before it.
    fn fail(width: &mut Width, at_work: usize) {
        width.failed(width.epoch(), at_work);
    }

    /// Counts the pieces that come well until there are so many again.
    fn pieces_until(width: &mut Width, many: usize) -> u32 {
        let mut pieces = 0;
        while width.now() < many {
            width.went_well();
            pieces += 1;
            assert!(pieces < 10_000, "{width:?}");
        }
        pieces
    }

    #[test]
    fn connections_grow_at_first_and_shrink_with_failures() {
        let mut width = Width::new(8);
        assert_eq!(width.now(), 4);
        width.open_up();
        assert_eq!(width.now(), 8);
        fail(&mut width, 5);
        width.open_up();
        assert_eq!(width.now(), 5);
        assert_eq!(pieces_until(&mut width, 6), 2);
        for _ in 0..9 {
            fail(&mut width, 0);
        }
        assert_eq!(width.now(), 1);
        assert_eq!((Width::new(0).now(), Width::new(2).now()), (1, 2));
    }

    #[test]
    fn who_was_not_let_try_has_not_failed() {
        let mut width = opened();
        for at_work in (1..8).rev() {
            width.held_back(at_work);
        }
        assert_eq!(width.now(), 1);
        assert_eq!(pieces_until(&mut width, 8), 7, "one more after each piece");
        width.held_back(0);
        width.open_up();
        assert_eq!(width.now(), 1);
        width.try_again();
        assert_eq!(width.now(), 8);
        // What is known of the source stays.
        fail(&mut width, 3);
        width.held_back(1);
        width.try_again();
        assert_eq!(width.now(), 3);
    }

    #[test]
    fn what_breaks_together_counts_once() {
        let mut width = opened();
        let epoch = width.epoch();
        for at_work in (1..8).rev() {
            width.failed(epoch, at_work);
        }
        assert_eq!(width.now(), 1);
        // Two of them for one more, two for all, and then one after the other.
        assert!(pieces_until(&mut width, 8) <= 10);
    }

    #[test]
    fn failures_are_made_up_for() {
        let mut width = opened();
        for at_work in (1..8).rev() {
            fail(&mut width, at_work);
        }
        assert_eq!(width.now(), 1);
        // After the first two trials, half as many pieces for each one more.
        assert!(pieces_until(&mut width, 8) < 400);
        fail(&mut width, 7);
        assert!(pieces_until(&mut width, 8) <= 8, "the failures of before count no more");
    }

    #[test]
    fn a_source_that_bears_no_more_is_asked_for_one_more_ever_more_rarely() {
        let mut width = opened();
        fail(&mut width, 4);
        let mut last = 0;
        for _ in 0..6 {
            let pieces = pieces_until(&mut width, 5);
            assert!(pieces > last, "{pieces} after {last}");
            last = pieces;
            fail(&mut width, 4);
        }
    }
}
