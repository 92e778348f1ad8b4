use http::header::{CONTENT_RANGE, HeaderName};

use super::*;

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

type Case =
    (&'static str, u16, &'static [(HeaderName, &'static str)], Range<u64>, Option<u64>, Result<Range<u64>, ErrorKind>);

fn blob(size: Option<u64>) -> Content {
    Content { digest: format!("sha256:{HEX}").parse().unwrap(), size }
}

#[test]
fn ranges_are_exact_and_closed_where_the_size_is_known() {
    for (window, size, expected) in [
        (0..u64::MAX, Some(10), None),
        (0..10, Some(10), None),
        (0..u64::MAX, None, None),
        (4..u64::MAX, Some(10), Some("bytes=4-9")),
        (4..10, Some(10), Some("bytes=4-9")),
        (0..5, Some(10), Some("bytes=0-4")),
        (4..u64::MAX, None, Some("bytes=4-")),
    ] {
        assert_eq!(range(&window, size).as_deref(), expected, "{window:?} of {size:?}");
    }
}

#[test]
fn a_window_without_a_byte_in_it_is_nowhere() {
    for (window, size, expected) in [
        (0..u64::MAX, None, None),
        (0..1, Some(10), None),
        (9..u64::MAX, Some(10), None),
        (0..0, Some(10), Some(0)),
        (4..4, None, Some(4)),
        (10..u64::MAX, Some(10), Some(10)),
        (12..14, Some(10), Some(10)),
        (0..0, Some(0), None),
        (0..u64::MAX, Some(0), None),
        (3..4, Some(0), Some(0)),
    ] {
        assert_eq!(nowhere(&window, size), expected, "{window:?} of {size:?}");
    }
}

#[test]
fn the_table_of_placements() {
    use ErrorKind::{Mismatch, PeerMisbehaved};
    let cases: [Case; 16] = [
        ("the whole", 200, &[(CONTENT_LENGTH, "10")], 0..u64::MAX, Some(10), Ok(0..10)),
        ("the whole, without a length", 200, &[], 0..u64::MAX, Some(10), Ok(0..10)),
        ("the whole, of unknown size", 200, &[], 0..u64::MAX, None, Ok(0..u64::MAX)),
        ("the whole instead of a part", 200, &[(CONTENT_LENGTH, "10")], 4..10, Some(10), Ok(0..10)),
        ("another size", 200, &[(CONTENT_LENGTH, "11")], 0..10, Some(10), Err(Mismatch)),
        ("nothing", 204, &[], 0..10, Some(10), Err(Mismatch)),
        ("a part unasked", 206, &[(CONTENT_RANGE, "bytes 0-9/10")], 0..10, Some(10), Err(PeerMisbehaved)),
        ("the part", 206, &[(CONTENT_RANGE, "bytes 4-9/10")], 4..10, Some(10), Ok(4..10)),
        ("the part of unknown total", 206, &[(CONTENT_RANGE, "bytes 4-9/*")], 4..10, Some(10), Ok(4..10)),
        ("less than the part", 206, &[(CONTENT_RANGE, "bytes 4-5/10")], 4..10, Some(10), Ok(4..6)),
        ("another start", 206, &[(CONTENT_RANGE, "bytes 3-9/10")], 4..10, Some(10), Err(PeerMisbehaved)),
        ("another total", 206, &[(CONTENT_RANGE, "bytes 4-9/11")], 4..10, Some(10), Err(PeerMisbehaved)),
        ("more than the part", 206, &[(CONTENT_RANGE, "bytes 4-9/10")], 4..8, Some(10), Err(PeerMisbehaved)),
        ("no place", 206, &[], 4..10, Some(10), Err(PeerMisbehaved)),
        (
            "several parts",
            206,
            &[(CONTENT_RANGE, "bytes 4-9/10"), (CONTENT_TYPE, "Multipart/byteranges; boundary=x")],
            4..10,
            Some(10),
            Err(PeerMisbehaved),
        ),
        (
            "a length that is not the range's",
            206,
            &[(CONTENT_RANGE, "bytes 4-9/10"), (CONTENT_LENGTH, "5")],
            4..10,
            Some(10),
            Err(PeerMisbehaved),
        ),
    ];
    for (name, status, headers, window, size, expected) in cases {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let placed = place(StatusCode::from_u16(status).unwrap(), &headers, &blob(size), &window);
        assert_eq!(placed.map(|(window, _)| window).map_err(|error| error.kind()), expected, "{name}");
    }
}
