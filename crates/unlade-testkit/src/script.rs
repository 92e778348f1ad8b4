//! Which requests are lied to, and how often.

use std::sync::Mutex;

use crate::crowd::{Crowd, Gate};
use crate::fault::Fault;
use crate::http::RequestLine;
use crate::record::matches;
use crate::server::lock;

/// The kind of thing that a request is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Which {
    /// Every request.
    Any,
    /// A blob, at the registry.
    Blob,
    /// A manifest or an index, by tag or digest.
    Manifest,
    /// What refers to a manifest.
    Referrers,
    /// A signed address below `/signed/`, which a redirect led to.
    Redirected,
    /// A list of tags.
    Tags,
    /// The token endpoint.
    Token,
    /// `/v2/` itself.
    Version,
}

impl Which {
    fn fits(self, path: &str) -> bool {
        self == Self::Any || self == Self::of(path)
    }

    /// Says what a path is about; what is none of the others counts as [`Which::Any`].
    pub(crate) fn of(path: &str) -> Self {
        let inside = |part: &str| path.starts_with("/v2/") && path.contains(part);
        match path {
            "/v2" | "/v2/" => Self::Version,
            "/token" => Self::Token,
            _ if path.starts_with("/signed/") => Self::Redirected,
            _ if inside("/blobs/") => Self::Blob,
            _ if inside("/manifests/") => Self::Manifest,
            _ if inside("/referrers/") => Self::Referrers,
            _ if path.starts_with("/v2/") && path.ends_with("/tags/list") => Self::Tags,
            _ => Self::Any,
        }
    }
}

/// Names the requests that a step of a script is for.
///
/// A new matcher takes the first request of its kind, once.
#[derive(Clone, Debug)]
pub struct Matcher {
    which: Which,
    method: Option<String>,
    path: Option<String>,
    part: Option<Part>,
    skip: usize,
    times: usize,
    optional: bool,
}

/// Which part of something is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    /// Any range.
    Any,
    /// One that begins at this byte.
    From(u64),
    /// One in which this byte is.
    With(u64),
}

impl Part {
    fn fits(self, range: &str) -> bool {
        let Some((first, last)) = range.strip_prefix("bytes=").and_then(|bounds| bounds.split_once('-')) else {
            return false;
        };
        let (first, last) = (first.parse::<u64>().ok(), last.parse().unwrap_or(u64::MAX));
        match self {
            Self::Any => true,
            Self::From(byte) => first == Some(byte),
            Self::With(byte) => first.is_some_and(|first| (first..=last).contains(&byte)),
        }
    }
}

impl Matcher {
    /// Matches the first request of a kind, once.
    pub fn new(which: Which) -> Self {
        Self { which, method: None, path: None, part: None, skip: 0, times: 1, optional: false }
    }

    /// Matches only this method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(method.to_owned());
        self
    }

    /// Matches only paths of this pattern, in which `*` stands for any text.
    #[must_use]
    pub fn path(mut self, pattern: &str) -> Self {
        self.path = Some(pattern.to_owned());
        self
    }

    /// Matches only requests for a range: with [`skip`](Self::skip), the nth of them.
    #[must_use]
    pub fn ranged(mut self) -> Self {
        self.part = Some(Part::Any);
        self
    }

    /// Matches only requests for a range that begins at this byte, in whatever order they come.
    #[must_use]
    pub fn range_from(mut self, first: u64) -> Self {
        self.part = Some(Part::From(first));
        self
    }

    /// Matches only requests for a range in which this byte is.
    #[must_use]
    pub fn range_with(mut self, byte: u64) -> Self {
        self.part = Some(Part::With(byte));
        self
    }

    /// Lets this many matching requests pass first.
    #[must_use]
    pub fn skip(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// Lies this many times; [`Script`](crate::LyingRegistry::script) steps must be used up entirely.
    #[must_use]
    pub fn times(mut self, count: usize) -> Self {
        self.times = count;
        self
    }

    /// Lies from then on for ever; such a step counts as used once it was used at all.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Allows the step to stay unused: for scripts made up by chance, of which nobody knows how far they are met.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    fn is_met(&self, used: usize) -> bool {
        self.optional || if self.times == usize::MAX { used > 0 } else { used >= self.times }
    }

    fn fits(&self, line: &RequestLine, range: Option<&str>) -> bool {
        self.which.fits(line.path())
            && self.part.is_none_or(|part| range.is_some_and(|range| part.fits(range)))
            && self.method.as_ref().is_none_or(|method| *method == line.method)
            && self.path.as_ref().is_none_or(|pattern| matches(pattern, line.path()))
    }
}

/// The lies that a server still has to tell.
#[derive(Debug, Default)]
pub(crate) struct Script {
    steps: Mutex<Vec<Step>>,
    /// Those who are served now, for lies about their number.
    pub(crate) crowd: Crowd,
    /// Where requests wait for each other.
    pub(crate) gate: Gate,
}

#[derive(Debug)]
struct Step {
    matcher: Matcher,
    fault: Fault,
    seen: usize,
    used: usize,
}

impl Step {
    /// Says whether it is for a request, and not used up.
    fn is_open(&self, line: &RequestLine, range: Option<&str>) -> bool {
        self.matcher.fits(line, range) && self.used < self.matcher.times
    }
}

impl Script {
    pub(crate) fn add(&self, matcher: Matcher, fault: Fault) {
        lock(&self.steps).push(Step { matcher, fault, seen: 0, used: 0 });
    }

    /// Chooses the lie for a request of which only the first line was read, if it is one that is told then.
    pub(crate) fn take_early(&self, line: &RequestLine) -> Option<Fault> {
        let is_due = |step: &&Step| step.is_open(line, None) && step.seen >= step.matcher.skip;
        let is_early = lock(&self.steps).iter().find(is_due).is_some_and(|step| step.fault == Fault::EarlyAnswer);
        if is_early { self.take(line, None) } else { None }
    }

    /// Chooses the lie for a request: the first step in order that fits and is not used up.
    ///
    /// A request that a step lets pass still counts for the steps after it.
    pub(crate) fn take(&self, line: &RequestLine, range: Option<&str>) -> Option<Fault> {
        for step in lock(&self.steps).iter_mut() {
            if !step.is_open(line, range) {
                continue;
            }
            step.seen += 1;
            if step.seen > step.matcher.skip {
                step.used += 1;
                return Some(step.fault.clone());
            }
        }
        None
    }

    /// Lists the steps that were not used, or not often enough, and those who waited in vain.
    pub(crate) fn unused(&self) -> Vec<String> {
        let waited = self.gate.complaints().into_iter();
        let steps = lock(&self.steps);
        let unused = steps.iter().filter(|step| !step.matcher.is_met(step.used)).map(|step| {
            let Step { matcher, fault, used, .. } = step;
            format!("F{} {} for {:?}: used {used} times", fault.number(), fault.name(), matcher.which)
        });
        unused.chain(waited).collect()
    }

    #[track_caller]
    pub(crate) fn assert_used(&self) {
        let unused = self.unused();
        assert!(unused.is_empty(), "scripted faults that no request met: {unused:#?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob() -> RequestLine {
        RequestLine { method: "GET".into(), target: "/v2/a/blobs/sha256:1".into() }
    }

    #[test]
    fn a_step_waits_for_its_turn_and_is_used_up() {
        let script = Script::default();
        script.add(Matcher::new(Which::Blob).skip(1).times(2), Fault::CloseBeforeAnswer);
        let taken: Vec<bool> = (0..4).map(|_| script.take(&blob(), None).is_some()).collect();
        assert_eq!(taken, [false, true, true, false]);
        script.assert_used();
    }

    #[test]
    fn an_unused_step_is_named() {
        let script = Script::default();
        script.add(Matcher::new(Which::Token), Fault::TokenMissing);
        assert!(script.take(&blob(), None).is_none());
        assert!(script.unused()[0].contains("TokenMissing"));
        script.add(Matcher::new(Which::Tags).optional(), Fault::TagsNull);
        assert_eq!(script.unused().len(), 1);
    }

    #[test]
    fn steps_follow_one_another() {
        let script = Script::default();
        script.add(Matcher::new(Which::Blob), Fault::CloseBeforeAnswer);
        script.add(Matcher::new(Which::Any).method("GET").path("*/blobs/*"), Fault::ResetBeforeAnswer);
        assert_eq!(script.take(&blob(), None).unwrap().name(), "CloseBeforeAnswer");
        assert_eq!(script.take(&blob(), None).unwrap().name(), "ResetBeforeAnswer");
    }

    #[test]
    fn ranges_are_told_apart() {
        for (matcher, range, fits) in [
            (Matcher::new(Which::Blob).ranged(), Some("bytes=0-9"), true),
            (Matcher::new(Which::Blob).ranged(), None, false),
            (Matcher::new(Which::Blob).ranged(), Some("lines=0-9"), false),
            (Matcher::new(Which::Blob).range_from(10), Some("bytes=10-"), true),
            (Matcher::new(Which::Blob).range_from(10), Some("bytes=0-19"), false),
            (Matcher::new(Which::Blob).range_with(10), Some("bytes=0-10"), true),
            (Matcher::new(Which::Blob).range_with(10), Some("bytes=5-"), true),
            (Matcher::new(Which::Blob).range_with(10), Some("bytes=0-9"), false),
            (Matcher::new(Which::Tags).ranged(), Some("bytes=0-9"), false),
        ] {
            assert_eq!(matcher.fits(&blob(), range), fits, "{matcher:?} for {range:?}");
        }
    }

    #[test]
    fn an_early_lie_is_told_in_its_turn() {
        let script = Script::default();
        script.add(Matcher::new(Which::Blob), Fault::CloseBeforeAnswer);
        script.add(Matcher::new(Which::Blob).skip(1), Fault::EarlyAnswer);
        assert!(script.take_early(&blob()).is_none());
        assert_eq!(script.take(&blob(), None), Some(Fault::CloseBeforeAnswer));
        assert!(script.take_early(&blob()).is_none());
        assert_eq!(script.take(&blob(), None), None);
        assert_eq!(script.take_early(&blob()), Some(Fault::EarlyAnswer));
        script.assert_used();
    }

    #[test]
    fn paths_are_told_apart() {
        for (path, which) in [
            ("/v2/", Which::Version),
            ("/token", Which::Token),
            ("/v2/a/tags/list", Which::Tags),
            ("/v2/a/b/manifests/x", Which::Manifest),
            ("/v2/a/referrers/sha256:1", Which::Referrers),
            ("/signed/a/sha256:1", Which::Redirected),
            ("/else", Which::Any),
        ] {
            assert_eq!(Which::of(path), which, "{path}");
        }
    }
}
