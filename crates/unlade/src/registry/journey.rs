//! Where a request is on its way, and what an answer means there. Pure.

use http::StatusCode;
use url::Url;

use crate::transport::redirect::same_origin;

/// So many redirects are followed: what browsers and curl allow is more, what registries need is two.
pub(super) const MAX_HOPS: u8 = 10;

/// A request that may be led elsewhere. It cannot be formatted: where it is led may be signed, and so a secret.
#[derive(Clone)]
pub(super) struct Journey {
    home: Url,
    url: Url,
    hops: u8,
    /// A redirect target that refused was given up for a fresh redirect.
    returned: bool,
    /// A challenge of the registry was answered with something fresh.
    answered: bool,
    /// A challenge of the place that a redirect led to was answered.
    answered_abroad: bool,
}

/// What an answer calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is what was asked for.
    Accept,
    /// Answer its challenge, and ask again.
    Authenticate,
    /// Go where its `Location` says.
    Follow,
    /// Report it.
    Refuse,
    /// Ask the registry for a fresh redirect: signed URLs expire.
    Return,
    /// Let the policy of retries decide.
    Retry,
    /// Report that there were too many redirects.
    TooManyHops,
}

impl Journey {
    pub(super) fn begin(home: Url) -> Self {
        Self { url: home.clone(), home, hops: 0, returned: false, answered: false, answered_abroad: false }
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Says whether the request is still at the registry's own origin.
    pub(super) fn is_home(&self) -> bool {
        same_origin(&self.home, &self.url)
    }

    pub(super) fn hop(&mut self, url: Url) {
        self.hops += 1;
        self.url = url;
        self.answered_abroad = false;
    }

    /// Starts over at the registry, for a retry.
    pub(super) fn restart(&mut self) {
        self.url = self.home.clone();
        self.hops = 0;
        self.answered_abroad = false;
    }

    /// Starts over at the registry because the place it led to refused.
    pub(super) fn give_up_target(&mut self) {
        self.restart();
        self.returned = true;
    }

    /// Notes that a challenge was answered with something that had not been tried.
    pub(super) fn note_answered(&mut self) {
        if self.is_home() {
            self.answered = true;
        } else {
            self.answered_abroad = true;
        }
    }

    /// Decides what an answer means at this point of the way.
    pub(super) fn judge(&self, status: StatusCode) -> Step {
        match status.as_u16() {
            200..=299 => Step::Accept,
            301 | 302 | 303 | 307 | 308 if self.hops >= MAX_HOPS => Step::TooManyHops,
            301 | 302 | 303 | 307 | 308 => Step::Follow,
            401 if self.is_home() && !self.answered => Step::Authenticate,
            401 if !self.is_home() && !self.answered_abroad => Step::Authenticate,
            400 | 401 | 403 | 404 | 410 if self.hops > 0 && !self.returned => Step::Return,
            408 | 425 | 429 | 500..=599 => Step::Retry,
            _ => Step::Refuse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_home() -> Journey {
        Journey::begin("https://registry.example/v2/a/blobs/x".parse().unwrap())
    }

    fn abroad() -> Journey {
        let mut journey = at_home();
        journey.hop("https://cdn.example/x?signature=1".parse().unwrap());
        journey
    }

    #[test]
    fn the_table_of_steps() {
        let mut answered = at_home();
        answered.note_answered();
        let mut answered_abroad = abroad();
        answered_abroad.note_answered();
        let mut second_visit = abroad();
        second_visit.give_up_target();
        second_visit.hop("https://cdn.example/x?signature=2".parse().unwrap());
        let mut tired = at_home();
        for hop in 0..MAX_HOPS {
            tired.hop(format!("https://cdn.example/{hop}").parse().unwrap());
        }
        for (name, journey, status, expected) in [
            ("an answer", &at_home(), 200, Step::Accept),
            ("a part", &abroad(), 206, Step::Accept),
            ("a redirect", &at_home(), 307, Step::Follow),
            ("a redirect of a redirect", &abroad(), 302, Step::Follow),
            ("a redirect too many", &tired, 302, Step::TooManyHops),
            ("not modified", &at_home(), 304, Step::Refuse),
            ("a challenge", &at_home(), 401, Step::Authenticate),
            ("a second challenge", &answered, 401, Step::Refuse),
            ("a challenge abroad", &abroad(), 401, Step::Authenticate),
            ("a second challenge abroad", &answered_abroad, 401, Step::Return),
            ("an expired signature", &abroad(), 403, Step::Return),
            ("an expired signature again", &second_visit, 403, Step::Refuse),
            ("a refusal", &at_home(), 403, Step::Refuse),
            ("nothing there", &at_home(), 404, Step::Refuse),
            ("a range that does not fit", &abroad(), 416, Step::Refuse),
            ("too many requests", &at_home(), 429, Step::Retry),
            ("a broken store", &abroad(), 503, Step::Retry),
        ] {
            assert_eq!(journey.judge(StatusCode::from_u16(status).unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn a_retry_begins_at_the_registry() {
        let mut journey = abroad();
        assert!(!journey.is_home());
        journey.restart();
        assert!(journey.is_home());
        assert_eq!(journey.judge(StatusCode::FORBIDDEN), Step::Refuse);
    }
}
