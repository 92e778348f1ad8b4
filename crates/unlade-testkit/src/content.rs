//! Content that is the same on every machine and in every run.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock};

use aws_lc_rs::digest::{Algorithm, SHA256, SHA384, SHA512};
use bytes::Bytes;

use crate::server::lock;

/// Makes `len` bytes that do not compress and depend on `seed` alone.
///
/// Different seeds give different bytes from the first granule on, so a test that mixes two blobs up is noticed.
pub fn bytes(seed: u64, len: usize) -> Vec<u8> {
    // Xorshift has one fixed point, zero: the odd constant keeps every seed away from it.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xd1b5_4a32_d192_ed03;
    if state == 0 {
        state = 1;
    }
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(len);
    out
}

/// Gives what [`bytes()`] makes, made once in a process: for blobs so large that making them takes its time.
pub fn shared(seed: u64, len: usize) -> Bytes {
    static MADE: OnceLock<Mutex<HashMap<(u64, usize), Bytes>>> = OnceLock::new();
    let mut made = lock(MADE.get_or_init(Mutex::default));
    made.entry((seed, len)).or_insert_with(|| bytes(seed, len).into()).clone()
}

/// Gives the digest of some bytes as registries write it: `sha256:` and 64 hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&SHA256, bytes))
}

/// Gives the digest of some bytes under another algorithm: `sha256`, `sha384` or `sha512`.
pub fn digest_by(algorithm: &str, bytes: &[u8]) -> String {
    let chosen = match algorithm {
        "sha256" => &SHA256,
        "sha384" => &SHA384,
        "sha512" => &SHA512,
        other => panic!("no digest algorithm is called {other:?}"),
    };
    format!("{algorithm}:{}", hex(chosen, bytes))
}

/// Wraps bytes into a valid gzip member of stored blocks (RFC 1952).
///
/// Stored blocks need no compressor, and are as good as any other gzip to a client that did not ask for one.
pub fn gzip_stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = bytes.chunks(usize::from(u16::MAX)).peekable();
    if blocks.peek().is_none() {
        out.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let len = u16::try_from(block.len()).expect("a chunk is at most u16::MAX long");
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(block);
    }
    out.extend_from_slice(&crc32(bytes).to_le_bytes());
    let length = u32::try_from(bytes.len() & 0xffff_ffff).expect("the mask leaves 32 bits");
    out.extend_from_slice(&length.to_le_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

fn hex(algorithm: &'static Algorithm, bytes: &[u8]) -> String {
    aws_lc_rs::digest::digest(algorithm, bytes).as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String does not fail");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_depend_on_the_seed_alone() {
        assert_eq!(bytes(7, 1000), bytes(7, 1000));
        assert_ne!(bytes(7, 1000), bytes(8, 1000));
        assert_eq!(bytes(7, 13).len(), 13);
        assert_eq!(bytes(0, 100)[..50], bytes(0, 50)[..]);
    }

    #[test]
    fn digests_are_those_of_the_standards() {
        assert_eq!(digest(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert!(digest_by("sha512", b"abc").starts_with("sha512:ddaf35a193617aba"));
        assert!(digest_by("sha384", b"abc").starts_with("sha384:cb00753f45a35e8b"));
    }

    #[test]
    fn the_checksum_is_that_of_gzip() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn stored_gzip_holds_every_byte() {
        let content = bytes(1, 200_000);
        let packed = gzip_stored(&content);
        assert_eq!(packed.len(), 10 + content.len() + 4 * 5 + 8);
        assert_eq!(packed[packed.len() - 4..], 200_000_u32.to_le_bytes());
    }
}
