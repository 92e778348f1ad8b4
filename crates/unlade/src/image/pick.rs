//! The choice of a manifest in an index. Pure.

use super::explain;
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::spec::descriptor::Descriptor;
use crate::spec::entry::Entry;
use crate::spec::manifest::Index;
use crate::spec::platform::{Platform, PlatformSpec};
use crate::spec::text;

/// How many candidates an error lists.
const MAX_LISTED: usize = 32;

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
/// What speaks for and against each is for [`explain::weigh`] to say, which decides.
///
/// # Errors
///
/// [`ErrorKind::NoCandidate`] if none fits, [`ErrorKind::Ambiguous`] if several do; both list what there is.
/// [`ErrorKind::Unsupported`] or [`ErrorKind::Malformed`] if the one that fits cannot be read.
pub fn manifest<'a>(index: &'a Index, selection: &Selection) -> Result<&'a Descriptor> {
    let candidates = explain::weigh(index, selection);
    let fitting: Vec<&Entry> = explain::accepted(&candidates).collect();
    match fitting.as_slice() {
        [] => Err(none_fits(&index.manifests, selection)),
        [first, rest @ ..] if rest.iter().all(|entry| entry.is_same_content(first)) => Ok(first.readable()?),
        several => {
            let message = format!("{} manifests of the index fit, and nothing decides between them", several.len());
            Err(choose(Error::new(ErrorKind::Ambiguous, message), "platform", several))
        }
    }
}

fn none_fits(entries: &[Entry], selection: &Selection) -> Error {
    let candidates: Vec<&Entry> = entries.iter().filter(|entry| !is_attestation(entry)).collect();
    match candidates.as_slice() {
        [] => Error::new(ErrorKind::NoCandidate, "the index holds no manifests"),
        // All there is, and it would not be known whether it fits.
        [Entry::Unreadable(unreadable)] if unreadable.platform.is_none() => Error::from(unreadable),
        _ => {
            let message =
                format!("none of the {} manifests of the index is for {}", candidates.len(), selection.platform);
            choose(Error::new(ErrorKind::NoCandidate, message), "platform", &candidates)
        }
    }
}

fn is_attestation(entry: &Entry) -> bool {
    entry.platform().is_some_and(Platform::is_unknown)
}

/// Lists the candidates in an error, as many as a screen can hold.
pub(super) fn choose(error: Error, by: &'static str, candidates: &[&Entry]) -> Error {
    let error = match candidates.len().checked_sub(MAX_LISTED) {
        None | Some(0) => error,
        Some(more) => {
            error.reworded(|message| format!("{message}; the first {MAX_LISTED} are listed, {more} more are not"))
        }
    };
    let candidates = candidates.iter().take(MAX_LISTED).map(|entry| describe(entry)).collect();
    error.advise(Advice::Choose { by, candidates })
}

/// Describes an entry in one line: digest, platform, title, type, as far as they are known.
fn describe(entry: &Entry) -> String {
    let mut line = entry.digest().unwrap_or_else(|| "no digest".to_owned());
    let platform = entry.platform().map(ToString::to_string);
    for part in [platform.as_deref(), entry.title(), Some(entry.media_type().as_str())].into_iter().flatten() {
        line.push_str("  ");
        line.push_str(&text::sanitise(part));
    }
    if let Err(unreadable) = entry.readable() {
        line.extend(["  (cannot be used: ", &unreadable.fault.to_string(), ")"]);
    }
    line
}

#[cfg(test)]
mod tests;
