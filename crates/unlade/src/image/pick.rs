//! The choice of a manifest in an index and of a layer in a manifest. Pure.

use crate::error::{Advice, Error, ErrorKind, Result};
use crate::spec::descriptor::Descriptor;
use crate::spec::manifest::{ImageManifest, Index};
use crate::spec::platform::{Platform, PlatformSpec};
use crate::spec::text;

/// What is asked for beyond the reference; by default nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Selection {
    /// The platform. Never guessed from the host: a conductor fetches for other machines.
    pub platform: PlatformSpec,
}

impl Selection {
    /// Asks for a platform.
    pub fn platform(platform: PlatformSpec) -> Self {
        Self { platform }
    }
}

/// Chooses the one manifest of an index that fits.
///
/// Attestations (platform `unknown/unknown`) are no candidates. An entry that
/// says nothing of its platform fits all.
///
/// # Errors
///
/// [`ErrorKind::NoCandidate`] if none fits, [`ErrorKind::Ambiguous`] if several do; both list what there is.
pub fn manifest<'a>(index: &'a Index, selection: &Selection) -> Result<&'a Descriptor> {
    let candidates: Vec<&Descriptor> = index.manifests.iter().filter(|entry| !is_attestation(entry)).collect();
    let fitting: Vec<&Descriptor> = candidates.iter().copied().filter(|entry| fits(entry, selection)).collect();
    match fitting.as_slice() {
        [one] => Ok(one),
        [] if candidates.is_empty() => Err(Error::new(ErrorKind::NoCandidate, "the index holds no manifests")),
        [] => Err(choose(
            Error::new(
                ErrorKind::NoCandidate,
                format!("none of the {} manifests of the index is for {}", candidates.len(), selection.platform),
            ),
            "platform",
            &candidates,
        )),
        [first, rest @ ..] if rest.iter().all(|entry| entry.digest == first.digest) => Ok(first),
        several => Err(choose(
            Error::new(
                ErrorKind::Ambiguous,
                format!("{} manifests of the index fit, and nothing decides between them", several.len()),
            ),
            "platform",
            several,
        )),
    }
}

/// Chooses the one layer of a manifest.
///
/// # Errors
///
/// [`ErrorKind::NoCandidate`] if there is none, [`ErrorKind::Ambiguous`] if there are several.
pub fn layer(manifest: &ImageManifest) -> Result<&Descriptor> {
    match manifest.layers.as_slice() {
        [one] => Ok(one),
        [] => Err(Error::new(ErrorKind::NoCandidate, "the manifest has no layers")),
        several => {
            let all: Vec<&Descriptor> = several.iter().collect();
            Err(choose(
                Error::new(ErrorKind::Ambiguous, format!("the manifest has {} layers", several.len())),
                "layer",
                &all,
            ))
        }
    }
}

fn fits(entry: &Descriptor, selection: &Selection) -> bool {
    entry.platform.as_ref().is_none_or(|platform| selection.platform.matches(platform))
}

fn is_attestation(entry: &Descriptor) -> bool {
    entry.platform.as_ref().is_some_and(Platform::is_unknown)
}

fn choose(error: Error, by: &'static str, candidates: &[&Descriptor]) -> Error {
    // An index of thousands of entries would fill the screen with them.
    const MOST: usize = 32;
    let candidates = candidates.iter().take(MOST).map(|entry| describe(entry)).collect();
    error.advise(Advice::Choose { by, candidates })
}

/// Describes an entry in one line: digest, platform, title, as far as they are known.
fn describe(entry: &Descriptor) -> String {
    let mut line = entry.digest.to_string();
    let platform = entry.platform.as_ref().map(ToString::to_string);
    for part in [platform.as_deref(), entry.title(), Some(entry.media_type.as_str())].into_iter().flatten() {
        line.push_str("  ");
        line.push_str(&text::sanitise(part));
    }
    line
}
