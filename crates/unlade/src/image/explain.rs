//! What speaks for and against each entry of an index, and what follows from it. Pure.

use std::fmt;

use super::Selection;
use crate::spec::entry::{Entry, EntryError};
use crate::spec::manifest::Index;
use crate::spec::platform::{Difference, Platform};

/// An entry of an index, as it is weighed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// Whether it fits.
    pub verdict: Verdict,
    /// Why, in the order in which it was looked at; never empty.
    pub reasons: Vec<Reason>,
}

/// Whether an entry fits what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "an entry fits or it does not")]
pub enum Verdict {
    /// It fits: it is chosen if it is the only one, or the others are the same content.
    Accepted,
    /// It does not.
    Rejected,
}

/// What speaks for or against an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It names no platform, though one is asked for: it fits any.
    AnyPlatform,
    /// It is an attestation: something said of another entry.
    Attestation,
    /// Its platform is another one.
    Differs(Difference),
    /// No other one fits.
    Only,
    /// Its platform is the one that is asked for.
    Platform(Platform),
    /// Others fit, and name the same content.
    Same,
    /// So many fit, and nothing decides between them.
    Tied(usize),
    /// It names no content that could be had.
    Unreadable(EntryError),
}

/// Weighs each entry of an index.
///
/// Attestations (platform `unknown/unknown`) are no candidates. An entry that says nothing of its platform fits all,
/// if it can be read at all; one that cannot be read stands in the way of none but those that it is surely one of.
pub fn weigh<'a>(index: &'a Index, selection: &Selection) -> Vec<Candidate<'a>> {
    let mut candidates: Vec<Candidate<'a>> = index.manifests.iter().map(|entry| judge(entry, selection)).collect();
    let fitting: Vec<&Entry> = accepted(&candidates).collect();
    let standing = match fitting.as_slice() {
        [_] => Reason::Only,
        [first, rest @ ..] if rest.iter().all(|entry| entry.is_same_content(first)) => Reason::Same,
        several => Reason::Tied(several.len()),
    };
    for candidate in candidates.iter_mut().filter(|candidate| candidate.verdict == Verdict::Accepted) {
        candidate.reasons.push(standing.clone());
    }
    candidates
}

/// Returns the entries that fit.
pub(super) fn accepted<'c, 'a>(candidates: &'c [Candidate<'a>]) -> impl Iterator<Item = &'a Entry> + use<'c, 'a> {
    candidates.iter().filter(|candidate| candidate.verdict == Verdict::Accepted).map(|candidate| candidate.entry)
}

fn judge<'a>(entry: &'a Entry, selection: &Selection) -> Candidate<'a> {
    let fault = entry.readable().err().map(|unreadable| Reason::Unreadable(unreadable.fault.clone()));
    let (verdict, mut reasons) = match entry.platform() {
        Some(platform) if platform.is_unknown() => (Verdict::Rejected, vec![Reason::Attestation]),
        Some(platform) => match selection.platform.differences(platform) {
            differences if !differences.is_empty() => {
                (Verdict::Rejected, differences.into_iter().map(Reason::Differs).collect())
            }
            _ if selection.platform.is_any() => (Verdict::Accepted, Vec::new()),
            _ => (Verdict::Accepted, vec![Reason::Platform(platform.clone())]),
        },
        None if fault.is_some() => (Verdict::Rejected, Vec::new()),
        None if selection.platform.is_any() => (Verdict::Accepted, Vec::new()),
        None => (Verdict::Accepted, vec![Reason::AnyPlatform]),
    };
    reasons.extend(fault);
    Candidate { entry, verdict, reasons }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyPlatform => f.write_str("names no platform, which fits any"),
            Self::Attestation => f.write_str("is an attestation"),
            Self::Differs(Difference { field, asked, found }) if found.is_empty() => {
                write!(f, "has no {field}, and {asked} is asked for")
            }
            Self::Differs(Difference { field, asked, found }) => {
                write!(f, "{field} is {found}, not {asked}")
            }
            Self::Only => f.write_str("no other one fits"),
            Self::Platform(platform) => write!(f, "is for {platform}"),
            Self::Same => f.write_str("all that fit are the same content"),
            Self::Tied(count) => write!(f, "{count} fit, and nothing decides between them"),
            Self::Unreadable(fault) => write!(f, "cannot be used: {fault}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;
    use crate::image;
    use crate::spec::manifest::{Manifest, RawManifest};

    fn index(entries: &[String]) -> Index {
        let raw = RawManifest::new(None, format!(r#"{{"manifests":[{}]}}"#, entries.join(",")));
        match Manifest::parse(&raw).unwrap() {
            Manifest::Index(index) => *index,
            Manifest::Image(_) => panic!("an image"),
        }
    }

    fn entry(algorithm: &str, digit: u8, platform: &str) -> String {
        let platform = platform.split_once('/').map_or_else(
            || "null".to_owned(),
            |(os, architecture)| format!(r#"{{"os":"{os}","architecture":"{architecture}"}}"#),
        );
        format!(r#"{{"mediaType":"a/b","digest":"{algorithm}:{digit:064x}","size":1,"platform":{platform}}}"#)
    }

    fn asking(platform: &str) -> Selection {
        if platform.is_empty() { Selection::default() } else { Selection::platform(platform.parse().unwrap()) }
    }

    #[test]
    fn every_entry_is_explained() {
        let (amd, arm, any) =
            (entry("sha256", 1, "linux/amd64"), entry("sha256", 2, "linux/arm64"), entry("sha256", 3, ""));
        let (attestation, strange) = (entry("sha256", 4, "unknown/unknown"), entry("blake3", 5, "linux/arm64"));
        let entries = [amd.clone(), arm.clone(), any.clone(), attestation, strange, entry("blake3", 6, "")];
        let said = |entries: &[String], platform: &str| {
            let index = index(entries);
            let say = |candidate: Candidate<'_>| {
                let sign = if candidate.verdict == Verdict::Accepted { '+' } else { '-' };
                let reasons: Vec<String> = candidate.reasons.iter().map(ToString::to_string).collect();
                format!("{sign} {}", reasons.join("; "))
            };
            weigh(&index, &asking(platform)).into_iter().map(say).collect::<Vec<_>>()
        };
        assert_eq!(
            said(&entries, "linux/aarch64"),
            [
                "- architecture is amd64, not aarch64",
                "+ is for linux/arm64; 3 fit, and nothing decides between them",
                "+ names no platform, which fits any; 3 fit, and nothing decides between them",
                "- is an attestation",
                "+ is for linux/arm64; cannot be used: its digest cannot be used; \
                 3 fit, and nothing decides between them",
                "- cannot be used: its digest cannot be used",
            ]
        );
        assert_eq!(said(&[amd.clone(), amd.clone()], ""), ["+ all that fit are the same content"; 2]);
        assert_eq!(
            said(&[amd, arm], "metal/arm64"),
            ["- os is linux, not metal; architecture is amd64, not arm64", "- os is linux, not metal",]
        );
        assert_eq!(said(&[any], ""), ["+ no other one fits"]);
        assert_eq!(said(&[], ""), [""; 0]);
    }

    fn entries() -> impl Strategy<Value = Vec<String>> {
        let platforms = vec!["linux/amd64", "linux/arm64", "metal/arm64", "unknown/unknown", ""];
        let entry = (prop_oneof![4 => Just("sha256"), 1 => Just("blake3")], 0..3_u8, prop::sample::select(platforms))
            .prop_map(|(algorithm, digit, platform)| entry(algorithm, digit, platform));
        prop::collection::vec(entry, 0..6)
    }

    proptest! {
        #[test]
        fn the_explanation_is_that_of_the_choice(
            entries in entries(),
            platform in prop::sample::select(&["", "linux/amd64", "linux/arm64", "metal/arm64"]),
        ) {
            let (index, selection) = (index(&entries), asking(platform));
            let candidates = weigh(&index, &selection);
            prop_assert!(candidates.iter().all(|candidate| !candidate.reasons.is_empty()));
            let fitting: Vec<&Entry> = accepted(&candidates).collect();
            let decided = |reason: &dyn Fn(&Reason) -> bool| {
                candidates.iter().filter(|candidate| candidate.verdict == Verdict::Accepted)
                    .all(|candidate| candidate.reasons.last().is_some_and(reason))
            };
            match image::manifest(&index, &selection) {
                Ok(chosen) => {
                    prop_assert!(!fitting.is_empty());
                    prop_assert!(fitting.iter().all(|entry| entry.descriptor().is_some_and(|d| d.digest == chosen.digest)));
                    prop_assert!(decided(&|reason| matches!(reason, Reason::Only | Reason::Same)));
                }
                Err(error) if error.kind() == ErrorKind::Ambiguous => {
                    prop_assert!(fitting.len() > 1);
                    prop_assert!(decided(&|reason| *reason == Reason::Tied(fitting.len())));
                }
                Err(error) if error.kind() == ErrorKind::NoCandidate => prop_assert!(fitting.is_empty()),
                // What fits, or all that there is, cannot be read.
                Err(_) => prop_assert!(fitting.iter().all(|entry| entry.readable().is_err())),
            }
        }
    }
}
