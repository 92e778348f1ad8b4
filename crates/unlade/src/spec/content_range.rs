//! The `Content-Range` header of partial answers.
//!
//! <https://www.rfc-editor.org/rfc/rfc9110#section-14.4>

use http::HeaderMap;
use http::header::CONTENT_RANGE;

/// Which bytes of the whole a partial answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContentRange {
    /// The offset of the first byte.
    pub first: u64,
    /// The offset of the last byte, which is part of the answer.
    pub last: u64,
    /// The size of the whole, unless the server does not know it.
    pub total: Option<u64>,
}

/// Why a header says nothing usable about a partial answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// The range ends before it begins, or behind the end of the whole.
    #[error("the Content-Range contradicts itself")]
    Contradictory,
    /// It is not `bytes FIRST-LAST/TOTAL`.
    #[error("the Content-Range is not of the form bytes FIRST-LAST/TOTAL")]
    Malformed,
    /// There is none.
    #[error("a partial answer has no Content-Range")]
    Missing,
    /// There are several.
    #[error("a partial answer has several Content-Range headers")]
    Repeated,
}

impl ContentRange {
    /// Reads the header of a partial answer.
    ///
    /// Accepts only `bytes FIRST-LAST/(TOTAL|*)`, once: bytes that cannot be placed exactly
    /// must not reach a disk.
    ///
    /// # Errors
    ///
    /// A [`RangeError`] for anything else.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, RangeError> {
        let mut values = headers.get_all(CONTENT_RANGE).iter();
        let value = values.next().ok_or(RangeError::Missing)?;
        if values.next().is_some() {
            return Err(RangeError::Repeated);
        }
        Self::parse(value.to_str().map_err(|_| RangeError::Malformed)?)
    }

    /// Reads the value of one header.
    ///
    /// # Errors
    ///
    /// [`RangeError::Malformed`] or [`RangeError::Contradictory`].
    pub fn parse(value: &str) -> Result<Self, RangeError> {
        let (unit, rest) = value.split_once(' ').ok_or(RangeError::Malformed)?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return Err(RangeError::Malformed);
        }
        let (range, total) = rest.split_once('/').ok_or(RangeError::Malformed)?;
        let (first, last) = range.split_once('-').ok_or(RangeError::Malformed)?;
        let (first, last) = (number(first)?, number(last)?);
        let total = if total == "*" { None } else { Some(number(total)?) };
        if last < first || total.is_some_and(|total| last >= total) {
            return Err(RangeError::Contradictory);
        }
        Ok(Self { first, last, total })
    }

    /// Returns the offset behind the last byte.
    pub fn end(&self) -> u64 {
        self.last.saturating_add(1)
    }
}

fn number(text: &str) -> Result<u64, RangeError> {
    // `parse` takes a sign, the header does not.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(RangeError::Malformed);
    }
    text.parse().map_err(|_| RangeError::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_of_values() {
        let range = |first, last, total| Ok(ContentRange { first, last, total });
        for (value, expected) in [
            ("bytes 0-0/1", range(0, 0, Some(1))),
            ("bytes 5-9/10", range(5, 9, Some(10))),
            ("BYTES 5-9/*", range(5, 9, None)),
            ("bytes 5-9/9", Err(RangeError::Contradictory)),
            ("bytes 9-5/10", Err(RangeError::Contradictory)),
            ("bytes */10", Err(RangeError::Malformed)),
            ("bytes 5-9", Err(RangeError::Malformed)),
            ("bytes=5-9/10", Err(RangeError::Malformed)),
            ("bytes  5-9/10", Err(RangeError::Malformed)),
            ("bytes +5-9/10", Err(RangeError::Malformed)),
            ("bytes 5-9/18446744073709551616", Err(RangeError::Malformed)),
            ("items 5-9/10", Err(RangeError::Malformed)),
            ("", Err(RangeError::Malformed)),
        ] {
            assert_eq!(ContentRange::parse(value), expected, "{value:?}");
        }
    }

    #[test]
    fn a_repeated_header_is_refused() {
        let mut headers = HeaderMap::new();
        assert_eq!(ContentRange::from_headers(&headers), Err(RangeError::Missing));
        headers.append(CONTENT_RANGE, "bytes 0-0/1".parse().unwrap());
        assert!(ContentRange::from_headers(&headers).is_ok());
        headers.append(CONTENT_RANGE, "bytes 0-0/1".parse().unwrap());
        assert_eq!(ContentRange::from_headers(&headers), Err(RangeError::Repeated));
    }

    proptest! {
        #[test]
        fn never_panics(value in "(bytes )?[0-9*/ -]{0,60}") {
            if let Ok(range) = ContentRange::parse(&value) {
                prop_assert!(range.first <= range.last);
            }
        }

        #[test]
        fn a_range_that_makes_sense_is_read_and_no_other(first: u64, last: u64, total: Option<u64>) {
            let shown = total.map_or_else(|| "*".to_owned(), |total| total.to_string());
            let expected = if first <= last && total.is_none_or(|total| last < total) {
                Ok(ContentRange { first, last, total })
            } else {
                Err(RangeError::Contradictory)
            };
            prop_assert_eq!(ContentRange::parse(&format!("bytes {first}-{last}/{shown}")), expected);
        }
    }
}
