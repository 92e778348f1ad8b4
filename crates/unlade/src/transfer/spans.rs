//! Stretches of a blob. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

/// Ranges of bytes, of which none is empty and none touches another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Spans(BTreeMap<u64, u64>);

impl Spans {
    /// Makes spans of one range.
    pub(super) fn of(range: Range<u64>) -> Self {
        let mut spans = Self::default();
        spans.insert(range);
        spans
    }

    /// Adds a range; it grows together with those that it touches.
    pub(super) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let Range { mut start, mut end } = range;
        while let Some((&low, &high)) = self.0.range(..=end).next_back() {
            if high < start {
                break;
            }
            self.0.remove(&low);
            (start, end) = (start.min(low), end.max(high));
        }
        self.0.insert(start, end);
    }

    /// Takes a range away.
    pub(super) fn remove(&mut self, range: &Range<u64>) {
        while let Some((&low, &high)) = self.0.range(..range.end).next_back() {
            if high <= range.start || range.is_empty() {
                break;
            }
            self.0.remove(&low);
            self.insert(low..range.start.min(high));
            self.insert(range.end.max(low)..high);
        }
    }

    /// Returns the first range.
    pub(super) fn first(&self) -> Option<Range<u64>> {
        self.0.first_key_value().map(|(&start, &end)| start..end)
    }

    /// Returns where the range ends that holds a byte.
    pub(super) fn end_at(&self, byte: u64) -> Option<u64> {
        self.0.range(..=byte).next_back().map(|(_, &end)| end).filter(|end| *end > byte)
    }

    /// Says whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many bytes they hold.
    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|(start, end)| end - start).sum()
    }

    /// Returns the ranges in rising order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        self.0.iter().map(|(&start, &end)| start..end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_the_bytes_that_were_put_in_and_not_taken_out(
            changes in proptest::collection::vec((any::<bool>(), 0_u64..40, 0_u64..40), 0..30),
        ) {
            let (mut spans, mut truth) = (Spans::default(), BTreeSet::new());
            for (insert, start, length) in changes {
                let range = start..start + length;
                if insert {
                    truth.extend(range.clone());
                    spans.insert(range);
                } else {
                    truth.retain(|byte| !range.contains(byte));
                    spans.remove(&range);
                }
                let held: Vec<u64> = spans.iter().flatten().collect();
                prop_assert_eq!(&held, &truth.iter().copied().collect::<Vec<_>>());
                prop_assert_eq!(spans.bytes(), truth.len() as u64);
                let ranges: Vec<_> = spans.iter().collect();
                prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
                prop_assert_eq!(spans.first(), ranges.first().cloned());
                for byte in 0..90 {
                    let end = ranges.iter().find(|range| range.contains(&byte)).map(|range| range.end);
                    prop_assert_eq!(spans.end_at(byte), end);
                }
            }
        }
    }
}
