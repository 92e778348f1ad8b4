//! One request on its way: where it is, what it shows, how often it was tried.

use http::HeaderValue;
use url::Url;

use super::journey::{Journey, Objection};
use crate::auth::challenge::Challenge;
use crate::auth::token::{Age, TokenKey};
use crate::auth::{Secret, Token};
use crate::error::{Error, ErrorKind, Result};
use crate::retry::Effort;
use crate::spec::safe_url::SafeUrl;

/// A request on its way. It cannot be formatted: its URL may be signed, and so a secret.
pub(super) struct Travel {
    pub(super) journey: Journey,
    /// The answer to a challenge of the place that a redirect led to.
    pub(super) abroad: Option<Pass>,
    /// What the last request showed.
    pub(super) shown: Option<Pass>,
    pub(super) effort: Effort,
}

/// What a request shows of who asks.
#[derive(Clone)]
pub(super) enum Pass {
    /// The same each time: a password, or a token that is not to be exchanged.
    Fixed(Secret),
    /// A token from a token server.
    Token(TokenKey, Token, Age),
}

impl Pass {
    /// Writes the value of the `Authorization` header.
    pub(super) fn header(&self) -> Result<HeaderValue> {
        let text = match self {
            Self::Fixed(secret) => secret.clone(),
            Self::Token(_, token, _) => token.authorization(),
        };
        let mut value = HeaderValue::from_str(text.expose())
            .map_err(|_| Error::new(ErrorKind::InvalidInput, "the login cannot stand in a header"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl Travel {
    /// Sets out, after the efforts that were made before.
    pub(super) fn begin(journey: Journey, effort: Effort) -> Self {
        Self { journey, abroad: None, shown: None, effort }
    }

    /// Goes where a redirect leads.
    pub(super) fn hop(&mut self, url: Url, trusted: &[String]) {
        self.journey.hop(url, trusted);
        self.abroad = None;
    }

    /// Starts over, as [`Journey::restart`]. What one place was shown is for no other.
    pub(super) fn restart(&mut self) {
        self.journey.restart();
        self.abroad = None;
    }

    /// Returns to the registry, as [`Journey::give_up_target`].
    pub(super) fn give_up_target(&mut self) {
        self.journey.give_up_target();
        self.abroad = None;
    }

    /// Leaves the place where it began, as [`Journey::leave_outset`].
    pub(super) fn leave_outset(&mut self) -> bool {
        let leaves = self.journey.leave_outset();
        if leaves {
            self.abroad = None;
        }
        leaves
    }

    /// Returns host and port of the place where the request is.
    pub(super) fn place(&self) -> String {
        SafeUrl::from(self.journey.url().clone()).authority()
    }

    /// Says what a 401 objects to.
    pub(super) fn objection(&self, challenges: &[Challenge]) -> Objection {
        match (&self.shown, challenges.iter().find_map(Challenge::error)) {
            (None, _) => Objection::Missing,
            // A bare token that is shown as it is can only be shown again.
            (Some(Pass::Token(key, token, _)), _) if key.is_spent_on(token) => Objection::Refused,
            (Some(Pass::Token(..)), Some("invalid_token")) => Objection::Stale,
            (Some(Pass::Token(_, _, Age::Known)), None) => Objection::Unexplained,
            // Neither a password nor a token that was made for this very request gets better by asking again.
            (Some(_), _) => Objection::Refused,
        }
    }

    /// Adds to an error where the request was, and how much was tried.
    pub(super) fn describe(&self, error: Error) -> Error {
        error.with(|context| {
            context.url = Some(SafeUrl::from(self.journey.url().clone()));
            context.attempts = self.effort.tries();
            context.elapsed = Some(self.effort.duration());
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_place_was_shown_is_for_no_other() {
        let url = |text: &str| -> Url { text.parse().unwrap() };
        let home = || Journey::begin(url("https://registry.example/v2/a/tags/list"));
        let mut led = home();
        led.hop(url("https://cdn.example/list"), &[]);
        // The next page of a list is asked for at that place through all retries.
        let listed = home().starting_at(Some(led.outset(url("https://cdn.example/list?page=2"))));
        let found = home().starting_at(led.target());
        for (name, journey, leave) in [
            ("retry", listed, Travel::restart as fn(&mut Travel)),
            ("return", led, Travel::give_up_target),
            ("leave", found, |travel| assert!(travel.leave_outset())),
        ] {
            let mut travel = Travel::begin(journey, Effort::begin());
            travel.hop(url("https://elsewhere.example/list"), &[]);
            travel.abroad = Some(Pass::Fixed(Secret::new("Bearer hunter2")));
            leave(&mut travel);
            assert!(travel.abroad.is_none(), "{name}: {} would see it", travel.place());
        }
    }
}
