//! Lies about how a body ends, and how long it is.

use bytes::Bytes;

use super::step::{first, head_and, sent_body};
use super::{Fault, Here, Step};
use crate::answer::Answer;

pub(super) fn lie(fault: &Fault, answer: &Answer, here: &Here) -> Option<Vec<Step>> {
    let body = sent_body(answer, here);
    let part = |after: usize| head_and(answer.head(), &first(&body, after));
    let announced = |length: usize| answer.clone().header("Content-Length", &length.to_string()).head();
    let chunked = || answer.clone().without("Content-Length").header("Transfer-Encoding", "chunked");
    Some(match fault {
        Fault::CutBody { after } => vec![part(*after), Step::Close],
        Fault::ResetBody { after } => vec![part(*after), Step::Reset],
        Fault::TokenExpiresMidBody { after } => vec![part(*after), Step::ExpireTokens, Step::Reset],
        Fault::StallBody { after } => vec![part(*after), Step::Hold],
        Fault::TrickleBody { pause } => vec![Step::Bytes(answer.head().into()), Step::Trickle(body, *pause)],
        Fault::BlobChanged => vec![head_and(answer.head(), &body.iter().map(|byte| !byte).collect::<Vec<u8>>())],
        Fault::TokensExpire => vec![head_and(answer.head(), &body), Step::ExpireTokens],
        Fault::FlipByte { at } => vec![head_and(answer.head(), &flip(&body, *at))],
        Fault::LengthTooLarge { by } => vec![head_and(announced(answer.body.len() + by), &body), Step::Close],
        Fault::LengthTooSmall { by } => {
            vec![head_and(announced(answer.body.len().saturating_sub(*by)), &body), Step::Close]
        }
        Fault::LengthMissing { after } => {
            let closing = answer.clone().header("Connection", "close");
            vec![head_and(closing.head_without_length(), &first(&body, *after)), Step::Close]
        }
        Fault::Chunked => vec![head_and(chunked().head_without_length(), &[chunk(&body), chunk(b"")].concat())],
        Fault::ChunkedUnfinished { after } => {
            let part = first(&body, *after);
            // A chunk of no bytes would be the last one, and the body finished.
            let sent = if part.is_empty() { Vec::new() } else { chunk(&part) };
            vec![head_and(chunked().head_without_length(), &sent), Step::Close]
        }
        Fault::EndlessBody => {
            vec![Step::Bytes(chunked().head_without_length().into()), Step::Endless(chunk(&[b'0'; 16 * 1024]).into())]
        }
        _ => return None,
    })
}

/// Turns one byte over; beyond the end, the last one, so that the lie is always told.
fn flip(body: &Bytes, at: usize) -> Vec<u8> {
    let mut bytes = body.to_vec();
    let last = bytes.len().saturating_sub(1);
    if let Some(byte) = bytes.get_mut(at.min(last)) {
        *byte = !*byte;
    }
    bytes
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut out = format!("{:x}\r\n", bytes.len()).into_bytes();
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_cut_where_told() {
        let answer = Answer::new(200).body("0123456789");
        let steps = lie(&Fault::CutBody { after: 4 }, &answer, &Here::example("GET")).unwrap();
        assert_eq!(steps, [Step::Bytes("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123".into()), Step::Close]);
    }

    #[test]
    fn unfinished_chunks_have_no_last_one() {
        let answer = Answer::new(200).body("0123456789");
        for (after, sent) in [(0, ""), (3, "3\r\n012\r\n")] {
            let steps = lie(&Fault::ChunkedUnfinished { after }, &answer, &Here::example("GET")).unwrap();
            let expected = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{sent}");
            assert_eq!(steps, [Step::Bytes(expected.into()), Step::Close]);
        }
    }

    #[test]
    fn one_byte_is_flipped() {
        assert_eq!(flip(&Bytes::from_static(b"\x00\x00"), 1), [0, 255]);
        assert_eq!(flip(&Bytes::from_static(b"\x00\x00"), 99), [0, 255]);
        assert!(flip(&Bytes::new(), 0).is_empty());
    }

    #[test]
    fn chunks_are_framed() {
        assert_eq!([chunk(b"abc"), chunk(b"")].concat(), b"3\r\nabc\r\n0\r\n\r\n");
    }
}
