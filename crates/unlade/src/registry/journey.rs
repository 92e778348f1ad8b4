//! Where a request is on its way, and what an answer means there. Pure.

use http::StatusCode;
use url::Url;

use crate::transport::redirect::{is_redirect, is_trusted, same_origin};

/// So many redirects are followed: what browsers and curl allow is more, what registries need is two.
pub(super) const MAX_HOPS: u8 = 10;

/// A request that may be led elsewhere. It cannot be formatted: where it is led may be signed, and so a secret.
#[derive(Clone)]
pub(super) struct Journey {
    home: Url,
    url: Url,
    /// Where it begins, if that is not at the registry.
    outset: Option<Outset>,
    hops: u8,
    /// Whose word led the request where it is.
    lead: Lead,
    /// A redirect target that refused was given up for a fresh redirect.
    returned: bool,
    /// What became of the registry's challenges.
    answers: Answers,
    /// A challenge of the place that a redirect led to was answered.
    answered_abroad: bool,
}

/// A place where a request begins that an earlier one was led to.
#[derive(Clone)]
pub(super) struct Outset {
    url: Url,
    lead: Lead,
    stay: Stay,
}

/// How long a request stays with the place where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stay {
    /// Through all its retries.
    Retries,
    /// As long as it works: the registry knows another, or the same anew.
    WhileItWorks,
}

/// Whose word led a request where it is: the least of those on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lead {
    /// The registry's own.
    Registry,
    /// That of a host which the user trusts with the login.
    Trusted,
    /// That of anybody.
    Anybody,
}

/// How often a challenge of the registry was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answers {
    None,
    /// A login was shown.
    Shown,
    /// One that was shown was refused in its turn, and renewed.
    Renewed,
}

/// What a 401 says of the login that the request showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Objection {
    /// None was shown.
    Missing,
    /// It is not enough, or there is another reason that asking anew does not change.
    Refused,
    /// It is not good any more: `error="invalid_token"` (RFC 6750, section 3.1).
    Stale,
    /// Nothing, of a login that was known from earlier requests.
    Unexplained,
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
        Self {
            url: home.clone(),
            home,
            outset: None,
            hops: 0,
            lead: Lead::Registry,
            returned: false,
            answers: Answers::None,
            answered_abroad: false,
        }
    }

    /// Begins where another journey has ended instead, as if it had been led there by the same words.
    pub(super) fn starting_at(self, outset: Option<Outset>) -> Self {
        match outset {
            Some(outset) => {
                let (url, lead) = (outset.url.clone(), outset.lead);
                Self { url, lead, outset: Some(outset), hops: 1, ..self }
            }
            None => self,
        }
    }

    /// Returns the outset of a request to another URL of the place where this one is.
    pub(super) fn outset(&self, url: Url) -> Outset {
        Outset { url, lead: self.lead, stay: Stay::Retries }
    }

    /// Returns the outset of further requests for the same, if this one was led to a place that was shown no login. One
    /// where it was is asked by way of the registry each time.
    pub(super) fn target(&self) -> Option<Outset> {
        (self.lead == Lead::Anybody).then(|| Outset { stay: Stay::WhileItWorks, ..self.outset(self.url.clone()) })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Says whether the request is at the registry's own origin, and never left it: whoever it was led to
    /// could lead it back to a place of his choosing, login in hand.
    pub(super) fn is_home(&self) -> bool {
        self.lead == Lead::Registry
    }

    /// Says whether nobody led the request but the registry and hosts that the user trusts with its login.
    pub(super) fn is_in_good_hands(&self) -> bool {
        self.lead < Lead::Anybody
    }

    pub(super) fn hop(&mut self, url: Url, trusted: &[String]) {
        self.hops += 1;
        let lead = match &url {
            url if same_origin(&self.home, url) => Lead::Registry,
            url if is_trusted(url, trusted) => Lead::Trusted,
            _ => Lead::Anybody,
        };
        self.lead = self.lead.max(lead);
        self.url = url;
        self.answered_abroad = false;
    }

    /// Starts over where it began, for a retry: what was shown before may have expired since.
    pub(super) fn restart(&mut self) {
        let outset = self.outset.take().filter(|outset| outset.stay == Stay::Retries);
        *self = Self::begin(self.home.clone()).starting_at(outset);
    }

    /// Gives up a place where the request began only for as long as it works, after a failure there; says whether it
    /// did.
    pub(super) fn leave_outset(&mut self) -> bool {
        let leaves = self.is_tentative();
        if leaves {
            self.give_up_target();
        }
        leaves
    }

    /// Says whether it began at a place that is only as good as what it gives.
    fn is_tentative(&self) -> bool {
        self.outset.as_ref().is_some_and(|outset| outset.stay == Stay::WhileItWorks)
    }

    /// Returns to the registry because the place it led to refused; what the registry was shown still counts.
    pub(super) fn give_up_target(&mut self) {
        let fresh = Self::begin(self.home.clone());
        *self = Self { answers: self.answers, returned: true, ..fresh };
    }

    /// Says whether a fresh redirect may still lead to a place that does not refuse.
    pub(super) fn may_return(&self) -> bool {
        self.hops > 0 && !self.returned
    }

    /// Notes that a challenge was answered with something that had not been tried.
    pub(super) fn note_answered(&mut self, objection: Objection) {
        if !self.is_home() {
            self.answered_abroad = true;
            return;
        }
        let answer = if objection == Objection::Missing { Answers::Shown } else { Answers::Renewed };
        self.answers = self.answers.max(answer);
    }

    /// Says whether answering a challenge of the registry can change anything: a login that is missing is shown, one
    /// that was known from earlier requests or is said to be stale is renewed, each once.
    fn may_answer(&self, objection: Objection) -> bool {
        match objection {
            Objection::Missing => self.answers == Answers::None,
            Objection::Refused => false,
            Objection::Stale | Objection::Unexplained => self.answers < Answers::Renewed,
        }
    }

    /// Decides what an answer means at this point of the way; the objection counts for a 401 alone.
    pub(super) fn judge(&self, status: StatusCode, objection: Objection) -> Step {
        match status.as_u16() {
            200..=299 => Step::Accept,
            _ if is_redirect(status) && self.hops < MAX_HOPS => Step::Follow,
            401 if self.is_home() && self.may_answer(objection) => Step::Authenticate,
            401 if !self.is_home() && !self.answered_abroad => Step::Authenticate,
            400 | 401 | 403 | 404 | 410 if self.may_return() => Step::Return,
            // 501: a server that does not know how will not know it later.
            408 | 425 | 429 | 500 | 502..=599 => Step::Retry,
            _ if self.is_tentative() => Step::Return,
            _ if is_redirect(status) => Step::TooManyHops,
            _ => Step::Refuse,
        }
    }
}

#[cfg(test)]
mod tests;
