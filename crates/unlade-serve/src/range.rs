//! Which part of a blob a request asks for.

use std::ops::Range;

use http::HeaderMap;
use http::header::{IF_RANGE, RANGE};

/// What is to be answered to a `Range` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selection {
    Part(Range<u64>),
    Unsatisfiable,
    Whole,
}

/// Decides by the headers of a `GET` which part of `size` bytes is meant.
///
/// One range is honoured; several, and what is malformed, are ignored, as a server may (RFC 9110, section 14.2).
/// So is a range whose `If-Range` names anything but the entity tag (section 13.1.5: a strong comparison).
pub(crate) fn select(headers: &HeaderMap, entity_tag: &str, size: u64) -> Selection {
    let mut ranges = headers.get_all(RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else {
        return Selection::Whole;
    };
    if headers.get_all(IF_RANGE).iter().any(|condition| condition != entity_tag) {
        return Selection::Whole;
    }
    range.to_str().ok().and_then(|range| parse(range, size)).unwrap_or(Selection::Whole)
}

/// Reads `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-LENGTH`; `None` is to be ignored.
fn parse(text: &str, size: u64) -> Option<Selection> {
    let (unit, range) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim_matches([' ', '\t']).split_once('-')?;
    if first.is_empty() {
        return suffix(number(last)?, size);
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if first > last {
        return None;
    }
    Some(if first < size { Selection::Part(first..last.saturating_add(1).min(size)) } else { Selection::Unsatisfiable })
}

fn suffix(length: u64, size: u64) -> Option<Selection> {
    match (length, size) {
        (0, _) => Some(Selection::Unsatisfiable),
        // The end of nothing is nothing, which no Content-Range can say.
        (_, 0) => None,
        _ => Some(Selection::Part(size.saturating_sub(length)..size)),
    }
}

/// Reads digits; what no `u64` can hold lies behind the end of any blob.
fn number(digits: &str) -> Option<u64> {
    let sound = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    sound.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Selection::{Part, Unsatisfiable, Whole};
    use super::*;

    fn headers(pairs: &[(http::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn one_range_is_honoured_and_all_else_ignored() {
        for (range, expected) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=2-5", Part(2..6)),
            ("bytes=9-9", Part(9..10)),
            ("bytes=5-", Part(5..10)),
            ("bytes=0-", Part(0..10)),
            ("bytes=5-99", Part(5..10)),
            ("bytes=-3", Part(7..10)),
            ("bytes=-99", Part(0..10)),
            ("Bytes= 1-2 ", Part(1..3)),
            ("bytes=0-99999999999999999999999", Part(0..10)),
            ("bytes=0-18446744073709551615", Part(0..10)),
            ("bytes=10-", Unsatisfiable),
            ("bytes=10-12", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=5-2", Whole),
            ("bytes=0-1,3-4", Whole),
            ("bytes=0-1,", Whole),
            ("bytes=-", Whole),
            ("bytes=", Whole),
            ("bytes", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=1--2", Whole),
            ("bytes=1- 2", Whole),
            ("bytes=a-b", Whole),
            ("lines=1-2", Whole),
            ("", Whole),
        ] {
            assert_eq!(select(&headers(&[(RANGE, range)]), "\"x\"", 10), expected, "{range}");
        }
    }

    #[test]
    fn of_an_empty_blob_there_is_no_part() {
        for (range, expected) in [("bytes=0-", Unsatisfiable), ("bytes=0-0", Unsatisfiable), ("bytes=-1", Whole)] {
            assert_eq!(select(&headers(&[(RANGE, range)]), "\"x\"", 0), expected, "{range}");
        }
    }

    #[test]
    fn a_range_holds_only_for_the_entity_that_if_range_names() {
        for (condition, expected) in [
            ("\"x\"", Part(1..3)),
            ("\"y\"", Whole),
            ("W/\"x\"", Whole),
            ("x", Whole),
            ("Tue, 15 Nov 1994 12:45:26 GMT", Whole),
        ] {
            let headers = headers(&[(RANGE, "bytes=1-2"), (IF_RANGE, condition)]);
            assert_eq!(select(&headers, "\"x\"", 10), expected, "{condition}");
        }
    }

    #[test]
    fn repeated_headers_are_ignored() {
        let headers = headers(&[(RANGE, "bytes=1-2"), (RANGE, "bytes=1-2")]);
        assert_eq!(select(&headers, "\"x\"", 10), Whole);
    }

    proptest! {
        #[test]
        fn a_part_is_never_empty_and_lies_within(range in "(bytes=)?[0-9, -]{0,24}", size in any::<u64>()) {
            if let Some(Part(part)) = parse(&range, size) {
                prop_assert!(part.start < part.end && part.end <= size);
            }
        }

        #[test]
        fn never_panics(range in any::<String>(), size in any::<u64>()) {
            let _unused = parse(&range, size);
        }
    }
}
