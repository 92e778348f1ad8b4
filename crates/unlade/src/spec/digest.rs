//! Digests: `algorithm:hex`.
//!
//! <https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests>

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A hash function that content can be named by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Algorithm {
    /// SHA-256, which every registry knows.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// Returns the name in front of the colon.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Returns the length of a hash in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(name: &str) -> Result<Self, DigestError> {
        match name {
            "sha256" => Ok(Self::Sha256),
            "sha384" => Ok(Self::Sha384),
            "sha512" => Ok(Self::Sha512),
            _ => Err(DigestError::UnknownAlgorithm),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of content: its hash. Both parts are safe as a path component.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    hex: Box<str>,
}

/// Why a text is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// There is no colon.
    #[error("a digest is written ALGORITHM:HEX")]
    NoColon,
    /// A character is not one of `0-9a-f`; the offset is that in the text.
    #[error("a digest is written in lower-case hexadecimal digits")]
    NotHex(usize),
    /// The algorithm is none of sha256, sha384, sha512.
    #[error("the digest algorithm is none of sha256, sha384, sha512")]
    UnknownAlgorithm,
    /// There are too few or too many digits.
    #[error("a {algorithm} digest has {expected} digits, not {found}")]
    WrongLength {
        /// The algorithm.
        algorithm: Algorithm,
        /// How many digits it has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
}

impl Digest {
    /// Writes a hash as a digest.
    ///
    /// # Errors
    ///
    /// [`DigestError::WrongLength`] if the hash is not one of the algorithm's.
    pub fn from_bytes(algorithm: Algorithm, hash: &[u8]) -> Result<Self, DigestError> {
        check_length(algorithm, hash.len() * 2)?;
        let mut hex = String::with_capacity(hash.len() * 2);
        for byte in hash {
            for nibble in [byte >> 4, byte & 15] {
                hex.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
            }
        }
        Ok(Self { algorithm, hex: hex.into() })
    }

    /// Returns the algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the hash.
    pub fn to_bytes(&self) -> Vec<u8> {
        let value = |digit: u8| if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 };
        self.hex.as_bytes().chunks(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
    }

    /// Returns the digits behind the colon.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

fn check_length(algorithm: Algorithm, found: usize) -> Result<(), DigestError> {
    let expected = algorithm.size() * 2;
    if found == expected { Ok(()) } else { Err(DigestError::WrongLength { algorithm, expected, found }) }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or(DigestError::NoColon)?;
        let name = algorithm;
        let algorithm: Algorithm = name.parse()?;
        if let Some(offset) = hex.bytes().position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(DigestError::NotHex(name.len() + 1 + offset));
        }
        check_length(algorithm, hex.len())?;
        Ok(Self { algorithm, hex: hex.into() })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accepts_exact_lower_case_digests_alone() {
        let hex = "a".repeat(64);
        assert!(format!("sha256:{hex}").parse::<Digest>().is_ok());
        assert!(format!("sha384:{}", "0".repeat(96)).parse::<Digest>().is_ok());
        assert!(format!("sha512:{}", "f".repeat(128)).parse::<Digest>().is_ok());
        for (text, expected) in [
            (hex.clone(), DigestError::NoColon),
            (format!("md5:{hex}"), DigestError::UnknownAlgorithm),
            (format!("SHA256:{hex}"), DigestError::UnknownAlgorithm),
            (format!("sha256:{}A", "a".repeat(63)), DigestError::NotHex(70)),
            (format!("sha256:{hex}\n"), DigestError::NotHex(71)),
            (
                "sha256:abc".to_owned(),
                DigestError::WrongLength { algorithm: Algorithm::Sha256, expected: 64, found: 3 },
            ),
        ] {
            assert_eq!(text.parse::<Digest>().unwrap_err(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _unused = text.parse::<Digest>();
        }

        #[test]
        fn bytes_and_text_round_trip(hash in proptest::collection::vec(any::<u8>(), 64)) {
            for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
                let digest = Digest::from_bytes(algorithm, &hash[..algorithm.size()]).unwrap();
                prop_assert_eq!(digest.algorithm(), algorithm);
                prop_assert_eq!(digest.to_bytes(), &hash[..algorithm.size()]);
                let read: Digest = serde_json::from_str(&serde_json::to_string(&digest).unwrap()).unwrap();
                prop_assert_eq!(&read, &digest);
                prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
            }
        }

        #[test]
        fn what_is_read_is_written_as_it_was(text in "(sha(256|384|512)|[a-z0-9]{0,7}):?([a-f0-9]{64}|[a-f0-9]{96}|[a-fG0-9]{128})") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert!(digest.hex().bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase()));
                prop_assert_eq!(digest.to_string(), text);
            }
        }
    }
}
