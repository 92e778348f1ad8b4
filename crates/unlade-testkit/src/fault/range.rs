//! Lies about ranges (RFC 9110, section 14).

use bytes::Bytes;

use super::{Fault, Here, Step, honest};
use crate::answer::Answer;

pub(super) fn lie(fault: &Fault, answer: &Answer, here: &Here) -> Option<Vec<Step>> {
    let whole = answer.whole.clone().unwrap_or_else(|| answer.body.clone());
    let end = whole.len().saturating_sub(1);
    let (start, last) = answer.range.unwrap_or((0, end));
    let partial = |from: usize, to: usize| part(answer, &whole, from, to);
    let changed = match fault {
        Fault::RangeWrongStart => {
            partial(start, last).header("Content-Range", &content_range(start + 1, last + 1, whole.len() + 1))
        }
        Fault::RangeWrongTotal => {
            partial(start, last).header("Content-Range", &content_range(start, last, whole.len() + 1))
        }
        Fault::RangeMissing => partial(start, last).without("Content-Range"),
        Fault::RangeMultipart => partial(start, last).header("Content-Type", "multipart/byteranges; boundary=part"),
        Fault::RangeTotalUnknown => partial(start, last).header("Content-Range", &format!("bytes {start}-{last}/*")),
        Fault::RangeDuplicated => {
            partial(start, last).also("Content-Range", &content_range(start + 1, last + 1, whole.len() + 1))
        }
        Fault::RangeUnasked => partial(end / 2, end),
        Fault::RangeIgnored => Answer { status: 200, ..answer.clone() }.without("Content-Range").body(whole),
        Fault::RangeRefused => Answer::error(416, "RANGE_INVALID", "range refused")
            .header("Content-Range", &format!("bytes */{}", whole.len())),
        Fault::RangeShort { by } => partial(start, last.saturating_sub(*by).max(start)),
        Fault::RangeLong { by } => long(answer, &whole, start, last + by),
        _ => return None,
    };
    // On an answer that was whole and honest already, "ignored" and "refused" stay distinguishable by their status.
    Some(honest(&changed, here))
}

/// Writes a `Content-Range`.
pub(crate) fn content_range(start: usize, last: usize, total: usize) -> String {
    format!("bytes {start}-{last}/{total}")
}

fn part(answer: &Answer, whole: &Bytes, from: usize, to: usize) -> Answer {
    let body = whole.slice(from.min(whole.len())..whole.len().min(to + 1));
    let partial = Answer { status: 206, ..answer.clone() };
    partial.header("Content-Range", &content_range(from, to, whole.len())).body(body)
}

/// Answers with bytes that nobody asked for; beyond the end of the content they are made up, and so is its size.
fn long(answer: &Answer, whole: &Bytes, from: usize, to: usize) -> Answer {
    let mut grown = whole.to_vec();
    grown.resize(grown.len().max(to + 1), 0);
    part(answer, &grown.into(), from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fault: &Fault) -> String {
        let whole = Bytes::from_static(b"0123456789");
        let answer = Answer { range: Some((2, 5)), ..Answer::content("a/b", &whole) };
        let steps = lie(fault, &answer, &Here::example("GET")).unwrap();
        let [Step::Bytes(bytes)] = steps.as_slice() else { panic!("one step: {steps:?}") };
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn ranges_are_answered_wrongly_as_told() {
        assert!(told(&Fault::RangeWrongStart).contains("Content-Range: bytes 3-6/11"));
        assert!(told(&Fault::RangeShort { by: 1 }).ends_with("Content-Length: 3\r\n\r\n234"));
        assert!(told(&Fault::RangeLong { by: 2 }).ends_with("\r\n\r\n234567"));
        let beyond = told(&Fault::RangeLong { by: 5 });
        assert!(beyond.contains("Content-Range: bytes 2-10/11") && beyond.ends_with("23456789\u{0}"));
        assert!(told(&Fault::RangeIgnored).ends_with("\r\n\r\n0123456789"));
        assert!(!told(&Fault::RangeMissing).contains("Content-Range"));
        assert!(told(&Fault::RangeRefused).contains("bytes */10"));
    }
}
