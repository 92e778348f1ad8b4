//! Which ciphers are offered, and in what order.

use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, SupportedCipherSuite};

/// What a processor is quick at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Skill {
    /// AES: it has instructions for it.
    Aes,
    /// Nothing in particular.
    None,
}

/// Returns the implementation of all cryptography in TLS, with the ciphers in the order of preference.
pub(super) fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    let skill = skill();
    provider
        .cipher_suites
        .sort_by_key(|suite| (matches!(suite, SupportedCipherSuite::Tls12(_)), rank(suite.suite(), skill)));
    provider
}

/// Says how early a cipher is offered. AES with 128 bits needs an eighth less time than with 256, and is the
/// first choice of browsers and of Go; `ChaCha20` is quicker than both where AES has no instructions.
fn rank(suite: CipherSuite, skill: Skill) -> u8 {
    let name = suite.as_str().unwrap_or_default();
    match skill {
        _ if name.contains("AES_128_GCM") => 1,
        _ if name.contains("AES_256_GCM") => 2,
        Skill::Aes => 3,
        Skill::None => 0,
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
fn skill() -> Skill {
    let has = std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
    if has { Skill::Aes } else { Skill::None }
}

#[cfg(target_arch = "aarch64")]
fn skill() -> Skill {
    let has = std::arch::is_aarch64_feature_detected!("aes") && std::arch::is_aarch64_feature_detected!("pmull");
    if has { Skill::Aes } else { Skill::None }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64")))]
fn skill() -> Skill {
    Skill::None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_ranks() {
        let order = |skill| {
            let mut suites = [
                CipherSuite::TLS13_AES_256_GCM_SHA384,
                CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
                CipherSuite::TLS13_AES_128_GCM_SHA256,
            ];
            suites.sort_by_key(|suite| rank(*suite, skill));
            suites.map(|suite| suite.as_str().unwrap())
        };
        let (short, long, other) =
            ("TLS13_AES_128_GCM_SHA256", "TLS13_AES_256_GCM_SHA384", "TLS13_CHACHA20_POLY1305_SHA256");
        assert_eq!(order(Skill::Aes), [short, long, other]);
        assert_eq!(order(Skill::None), [other, short, long]);
    }

    #[test]
    fn nothing_is_lost_and_the_newer_version_comes_first() {
        let (ours, theirs) = (provider().cipher_suites, rustls::crypto::aws_lc_rs::default_provider().cipher_suites);
        assert_eq!(ours.len(), theirs.len());
        assert!(theirs.iter().all(|suite| ours.contains(suite)));
        assert!(ours.is_sorted_by_key(|suite| matches!(suite, SupportedCipherSuite::Tls12(_))));
    }
}
