//! Which requests are lied to, and how often.

use std::sync::Mutex;

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
    skip: usize,
    times: usize,
    optional: bool,
}

impl Matcher {
    /// Matches the first request of a kind, once.
    pub fn new(which: Which) -> Self {
        Self { which, method: None, path: None, skip: 0, times: 1, optional: false }
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

    fn fits(&self, line: &RequestLine) -> bool {
        self.which.fits(line.path())
            && self.method.as_ref().is_none_or(|method| *method == line.method)
            && self.path.as_ref().is_none_or(|pattern| matches(pattern, line.path()))
    }
}

/// The lies that a server still has to tell.
#[derive(Debug, Default)]
pub(crate) struct Script {
    steps: Mutex<Vec<Step>>,
}

#[derive(Debug)]
struct Step {
    matcher: Matcher,
    fault: Fault,
    seen: usize,
    used: usize,
}

impl Script {
    pub(crate) fn add(&self, matcher: Matcher, fault: Fault) {
        lock(&self.steps).push(Step { matcher, fault, seen: 0, used: 0 });
    }

    /// Chooses the lie for a request: the first step in order that fits and is not used up.
    ///
    /// A request that a step lets pass still counts for the steps after it.
    pub(crate) fn take(&self, line: &RequestLine) -> Option<Fault> {
        for step in lock(&self.steps).iter_mut() {
            if !step.matcher.fits(line) || step.used >= step.matcher.times {
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

    /// Lists the steps that were not used, or not often enough.
    pub(crate) fn unused(&self) -> Vec<String> {
        lock(&self.steps)
            .iter()
            .filter(|step| !step.matcher.is_met(step.used))
            .map(|step| {
                let Step { matcher, fault, used, .. } = step;
                format!("F{} {} for {:?}: used {used} times", fault.number(), fault.name(), matcher.which)
            })
            .collect()
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
        let taken: Vec<bool> = (0..4).map(|_| script.take(&blob()).is_some()).collect();
        assert_eq!(taken, [false, true, true, false]);
        script.assert_used();
    }

    #[test]
    fn an_unused_step_is_named() {
        let script = Script::default();
        script.add(Matcher::new(Which::Token), Fault::TokenMissing);
        assert!(script.take(&blob()).is_none());
        assert!(script.unused()[0].contains("TokenMissing"));
        script.add(Matcher::new(Which::Tags).optional(), Fault::TagsNull);
        assert_eq!(script.unused().len(), 1);
    }

    #[test]
    fn steps_follow_one_another() {
        let script = Script::default();
        script.add(Matcher::new(Which::Blob), Fault::CloseBeforeAnswer);
        script.add(Matcher::new(Which::Any).method("GET").path("*/blobs/*"), Fault::ResetBeforeAnswer);
        assert_eq!(script.take(&blob()).unwrap().name(), "CloseBeforeAnswer");
        assert_eq!(script.take(&blob()).unwrap().name(), "ResetBeforeAnswer");
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
