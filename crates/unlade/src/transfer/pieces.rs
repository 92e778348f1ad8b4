//! Which ranges of a blob are asked for, one beside the other. Pure.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::spans::Spans;
use crate::target::GRANULE;

/// How far the furthest piece may end before the first byte that was not hashed, where bytes go to a file.
pub(super) const FILE_LEAD: u64 = 64 << 20;

/// The same where bytes wait in memory.
pub(super) const MEMORY_LEAD: u64 = 24 << 20;

/// A piece that is not done so soon is worth dividing when there is nothing else left to do.
const WORTH_DIVIDING: Duration = Duration::from_millis(150);

/// So long a connection is waited on before it is compared with others.
const TRIAL: Duration = Duration::from_secs(2);

/// So many times slower than the others is much slower.
const MUCH_SLOWER: u64 = 4;

/// The number of a piece that is being fetched.
pub(super) type Number = u64;

/// The bounds within which pieces are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The longest piece.
    pub(super) piece: u64,
    /// How far a piece may end behind the front.
    pub(super) lead: u64,
}

impl Bounds {
    /// Returns bounds for so many connections: all of them have a piece within the lead.
    pub(super) fn new(connections: usize, lead: u64) -> Self {
        if connections <= 1 {
            return Self { piece: u64::MAX, lead: u64::MAX };
        }
        let share = lead / connections as u64 / GRANULE * GRANULE;
        Self { piece: share.max(GRANULE), lead }
    }
}

/// A piece that is being fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    begin: u64,
    /// What of it has not been handed on.
    left: Range<u64>,
    /// How many bytes came, and how long they were waited for.
    bytes: u64,
    waited: Duration,
}

impl Piece {
    /// Returns bytes a second; `None` as long as nothing was waited for.
    fn rate(&self) -> Option<u64> {
        let micros = u64::try_from(self.waited.as_micros()).unwrap_or(u64::MAX);
        (micros > 0).then(|| u64::try_from(u128::from(self.bytes) * 1_000_000 / u128::from(micros)).unwrap_or(u64::MAX))
    }
}

/// The pieces of one blob: those that are missing, and those that are being fetched.
#[derive(Debug)]
pub(super) struct Pieces {
    bounds: Bounds,
    missing: Spans,
    fetched: BTreeMap<Number, Piece>,
    next: Number,
    /// How fast pieces came that are done, in bytes a second.
    usual: Option<u64>,
}

impl Pieces {
    /// Begins with what is missing.
    pub(super) fn new(missing: Spans, bounds: Bounds) -> Self {
        Self { bounds, missing, fetched: BTreeMap::new(), next: 0, usual: None }
    }

    /// Gives out the first range that is missing, or a part of it; `None` if it is not within the lead of the front.
    pub(super) fn take(&mut self, front: u64) -> Option<(Number, Range<u64>)> {
        let range = self.on_offer(front)?;
        self.missing.remove(&range);
        let number = self.next;
        self.next += 1;
        self.fetched
            .insert(number, Piece { begin: range.start, left: range.clone(), bytes: 0, waited: Duration::ZERO });
        Some((number, range))
    }

    /// Says whether something is left to give out, now or later.
    pub(super) fn has_more(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Returns what can be given out now: the first that is missing, if all of it lies within the lead of the front.
    fn on_offer(&self, front: u64) -> Option<Range<u64>> {
        let first = self.missing.first()?;
        // Whole granules, but for what an earlier piece has left of one.
        let whole = (first.start / GRANULE * GRANULE).saturating_add(self.bounds.piece);
        let range = first.start..first.end.min(whole);
        (range.end <= front.saturating_add(self.bounds.lead)).then_some(range)
    }

    /// Says whether something can be given out now.
    pub(super) fn may_take(&self, front: u64) -> bool {
        self.on_offer(front).is_some()
    }

    /// Notes that the next bytes of a piece were handed on.
    pub(super) fn advance(&mut self, number: Number, bytes: u64) {
        if let Some(piece) = self.fetched.get_mut(&number) {
            // A chunk that was on its way may exceed what was divided meanwhile.
            piece.left.start = piece.left.start.saturating_add(bytes).min(piece.left.end);
        }
    }

    /// Notes how long bytes of a piece were waited for.
    pub(super) fn measure(&mut self, number: Number, bytes: u64, waited: Duration) {
        if let Some(piece) = self.fetched.get_mut(&number) {
            piece.bytes += bytes;
            piece.waited += waited;
        }
    }

    /// Returns where a piece ends: that comes nearer when another takes a part of it.
    pub(super) fn end(&self, number: Number) -> u64 {
        self.fetched.get(&number).map_or(0, |piece| piece.left.end)
    }

    /// Says whether a piece holds the first byte that was not handed on.
    pub(super) fn is_first(&self, number: Number) -> bool {
        let Some(own) = self.fetched.get(&number).map(|piece| piece.left.start) else { return true };
        self.first_left().is_none_or(|first| first >= own)
    }

    /// Returns the furthest piece, if nobody fetches the first byte that was not handed on.
    pub(super) fn furthest_behind_gap(&self) -> Option<Number> {
        let gap = self.missing.first()?.start;
        let left = self.fetched.iter().filter(|(_, piece)| !piece.left.is_empty());
        let is_gap = self.first_left() == Some(gap);
        left.max_by_key(|(_, piece)| piece.left.start).filter(|_| is_gap).map(|(number, _)| *number)
    }

    /// Ends a piece, whatever became of it: what is left of it is missing again. Says whether it was done.
    pub(super) fn end_piece(&mut self, number: Number) -> bool {
        let Some(piece) = self.fetched.remove(&number) else { return true };
        if let Some(rate) = piece.rate() {
            self.usual = Some(self.usual.map_or(rate, |usual| usual / 4 * 3 + rate / 4));
        }
        let is_done = piece.left.is_empty();
        self.missing.insert(piece.left);
        is_done
    }

    /// Returns the first byte that was not handed on, unless all were.
    pub(super) fn first_left(&self) -> Option<u64> {
        let fetched = self.fetched.values().filter(|piece| !piece.left.is_empty()).map(|piece| piece.left.start);
        fetched.chain(self.missing.first().map(|first| first.start)).min()
    }

    /// Divides the piece that will take the longest, if that is long: its second half is missing again.
    pub(super) fn divide(&mut self) -> bool {
        let time = |piece: &Piece| {
            let rate = piece.rate().or(self.usual)?.max(1);
            Some(Duration::from_millis((piece.left.end - piece.left.start).saturating_mul(1000) / rate))
        };
        let slowest = self.fetched.iter().filter_map(|(number, piece)| Some((time(piece)?, *number))).max();
        let Some((_, number)) = slowest.filter(|(time, _)| *time > WORTH_DIVIDING) else {
            return false;
        };
        let Some(piece) = self.fetched.get_mut(&number) else { return false };
        // What is in the middle of being handed on stays with the piece.
        let start = piece.left.start.max(piece.begin.saturating_add(piece.bytes)).min(piece.left.end);
        let middle = (start + (piece.left.end - start) / 2).next_multiple_of(GRANULE);
        if middle <= start + GRANULE || middle >= piece.left.end {
            return false;
        }
        self.missing.insert(middle..piece.left.end);
        piece.left.end = middle;
        true
    }

    /// Returns a piece that comes much more slowly than the others, if there is one: another connection may do better.
    /// Whoever makes failed requests again is one only if something came: what is asked in its place costs no budget.
    pub(super) fn laggard(&self, stubborn: Option<Number>) -> Option<Number> {
        let usual = self.usual?;
        let is_slow = |piece: &Piece| {
            piece.waited >= TRIAL && piece.rate().unwrap_or(u64::MAX).saturating_mul(MUCH_SLOWER) < usual
        };
        let may_stop = |number: Number, piece: &Piece| piece.bytes > 0 || stubborn != Some(number);
        let mut pieces = self.fetched.iter().filter(|(_, piece)| is_slow(piece));
        pieces.find(|(number, piece)| may_stop(**number, piece)).map(|(number, _)| *number)
    }

    /// Returns what of a piece was handed on.
    pub(super) fn handed_on(&self, number: Number) -> Range<u64> {
        self.fetched.get(&number).map_or(0..0, |piece| piece.begin..piece.left.start)
    }

    /// Says whether nothing of a piece has come.
    pub(super) fn gave_nothing(&self, number: Number) -> bool {
        self.fetched.get(&number).is_some_and(|piece| piece.bytes == 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn pieces(size: u64, connections: usize) -> Pieces {
        Pieces::new(Spans::of(0..size), Bounds::new(connections, FILE_LEAD))
    }

    #[test]
    fn one_connection_takes_all_at_once() {
        let mut pieces = pieces(1 << 40, 1);
        assert_eq!(pieces.take(0), Some((0, 0..1 << 40)));
        assert_eq!(pieces.take(0), None);
        assert_eq!((pieces.has_more(), pieces.first_left()), (false, Some(0)));
        pieces.advance(0, 1 << 40);
        assert!(pieces.end_piece(0));
        assert_eq!(pieces.first_left(), None);
    }

    #[test]
    fn the_furthest_piece_leads_the_front_by_no_more_than_allowed() {
        let mut pieces = pieces(1 << 30, 8);
        for number in 0..8 {
            assert_eq!(pieces.take(0), Some((number, number * 8 * MIB..(number + 1) * 8 * MIB)));
        }
        assert_eq!(pieces.take(0), None);
        assert_eq!(pieces.take(8 * MIB - 1), None);
        assert_eq!(pieces.take(8 * MIB), Some((8, 64 * MIB..72 * MIB)));
    }

    #[test]
    fn what_a_broken_piece_left_comes_first_and_ends_at_a_granule() {
        let mut pieces = pieces(1 << 30, 8);
        pieces.take(0);
        pieces.take(0);
        pieces.advance(0, MIB / 2);
        assert!(pieces.is_first(0) && !pieces.is_first(1));
        assert!(!pieces.end_piece(0));
        assert!(!pieces.is_first(1));
        assert_eq!(pieces.take(0), Some((2, MIB / 2..8 * MIB)));
        assert!(pieces.is_first(2));
        assert_eq!(pieces.first_left(), Some(MIB / 2));
    }

    #[test]
    fn a_slow_piece_is_divided_when_nothing_else_is_left() {
        let mut pieces = pieces(16 * MIB, 2);
        let (number, _) = pieces.take(0).unwrap();
        assert!(!pieces.divide(), "nothing is known of its rate");
        pieces.advance(number, 2 * MIB);
        pieces.measure(number, 2 * MIB, Duration::from_secs(1));
        assert!(pieces.divide());
        assert_eq!(pieces.end(number), 9 * MIB);
        assert_eq!(pieces.take(0), Some((1, 9 * MIB..16 * MIB)));
        pieces.measure(number, 1 << 40, Duration::ZERO);
        pieces.end_piece(1);
        pieces.take(0);
        pieces.measure(2, 1 << 40, Duration::from_secs(1));
        assert!(!pieces.divide(), "both will be done at once");
    }

    #[test]
    fn a_chunk_in_hand_stays_with_its_piece() {
        let mut pieces = pieces(16 * MIB, 2);
        let (number, _) = pieces.take(0).unwrap();
        pieces.measure(number, 12 * MIB, Duration::from_mins(1));
        assert!(pieces.divide());
        assert_eq!(pieces.end(number), 14 * MIB);
        // One that was asked for before the piece was divided.
        pieces.measure(number, 4 * MIB, Duration::from_mins(1));
        pieces.advance(number, 16 * MIB);
        assert!(!pieces.divide());
        assert!(pieces.end_piece(number));
        assert_eq!(pieces.first_left(), Some(14 * MIB));
    }

    #[test]
    fn the_laggard_is_told_after_a_trial() {
        let mut pieces = pieces(1 << 30, 8);
        for _ in 0..3 {
            pieces.take(0);
        }
        pieces.measure(0, 8 * MIB, Duration::from_secs(1));
        pieces.measure(1, MIB, Duration::from_millis(1900));
        pieces.measure(2, 5 * MIB, Duration::from_secs(2));
        assert_eq!(pieces.laggard(None), None);
        pieces.advance(0, 8 * MIB);
        pieces.end_piece(0);
        assert_eq!(pieces.laggard(None), None);
        pieces.measure(1, 0, Duration::from_millis(100));
        assert_eq!((pieces.laggard(None), pieces.laggard(Some(1))), (Some(1), Some(1)));
        pieces.end_piece(1);
        pieces.take(0);
        pieces.measure(3, 0, Duration::from_secs(3));
        assert_eq!((pieces.laggard(None), pieces.laggard(Some(3))), (Some(3), None));
    }

    proptest! {
        /// Whatever breaks, is divided or comes slowly: every byte is handed on once, and none outside the lead.
        #[test]
        fn pieces_cover_what_is_missing_once(
            have in proptest::collection::vec((0_u64..60, 1_u64..9), 0..6),
            connections in 1_usize..10,
            steps in proptest::collection::vec((0_u8..6, 0_u64..9, 1_u64..5_000_000), 1..400),
        ) {
            let size = 60 * MIB + 12_345;
            let mut missing = Spans::of(0..size);
            let mut there = Spans::default();
            for (at, length) in have {
                let range = at * MIB..((at + length) * MIB).min(size);
                missing.remove(&range);
                there.insert(range);
            }
            let bounds = Bounds::new(connections, 16 * MIB);
            let mut pieces = Pieces::new(missing, bounds);
            let mut open: Vec<(Number, u64)> = Vec::new();
            let mut script = steps.into_iter().cycle().take(4000);
            while pieces.first_left().is_some() {
                let front = there.end_at(0).unwrap_or(0);
                let (step, which, bytes) = script.next().unwrap_or((0, 0, size));
                if step <= 1 || open.is_empty() {
                    if let Some((number, range)) = pieces.take(front) {
                        prop_assert!(!range.is_empty() && range.end <= front.saturating_add(bounds.lead));
                        open.push((number, range.start));
                    } else {
                        prop_assert!(!open.is_empty(), "nothing is given out and nothing is fetched");
                    }
                }
                let at = usize::try_from(which).unwrap() % open.len();
                let (number, next) = open[at];
                match step {
                    4 => {
                        pieces.end_piece(number);
                        open.remove(at);
                    }
                    5 => {
                        pieces.divide();
                    }
                    _ => {
                        let bytes = bytes.min(pieces.end(number) - next);
                        for byte in [next, next + bytes / 2, (next + bytes).saturating_sub(1)] {
                            prop_assert!(bytes == 0 || there.end_at(byte).is_none(), "{byte} comes twice");
                        }
                        there.insert(next..next + bytes);
                        pieces.advance(number, bytes);
                        pieces.measure(number, bytes, Duration::from_millis(which * 100));
                        open[at].1 += bytes;
                        if open[at].1 == pieces.end(number) {
                            prop_assert!(pieces.end_piece(number));
                            open.remove(at);
                        }
                    }
                }
            }
            prop_assert_eq!(there, Spans::of(0..size));
        }
    }
}
