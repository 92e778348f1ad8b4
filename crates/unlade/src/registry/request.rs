//! A request to a registry, before it is known where it will end.

use http::header::{ACCEPT, ACCEPT_ENCODING, RANGE};
use http::{HeaderMap, HeaderValue};

use url::Url;

use super::journey::{Journey, Outset};
use super::pause::{Refused, tells_of_too_many};
use super::permits::Permit;
use crate::error::Error;
use crate::observe::Observer;
use crate::retry::{Budget, Effort, Outcome};
use crate::source::{Ask, Zeal};
use crate::spec::safe_url::SafeUrl;
use crate::transport::Answer;

/// What is asked of a repository: always a GET, which may be made again.
///
/// It cannot be formatted: where it begins may be signed, and so a secret.
#[derive(Clone)]
pub(super) struct Request {
    /// The path behind the repository's name.
    pub(super) path: String,
    /// What was tried, for errors: "read the manifest x of y".
    pub(super) what: String,
    pub(super) headers: HeaderMap,
    /// Where it begins, if an earlier one was led there; the registry's own path then stands behind it.
    pub(super) outset: Option<Outset>,
}

/// On what terms a request is made.
#[derive(Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) budget: &'a Budget,
    pub(super) observer: &'a dyn Observer,
    /// What is done about a failure, or a host that wants to be left alone.
    pub(super) zeal: Zeal,
    /// The right to the body that is asked for, if it needs one.
    pub(super) permit: Option<&'a Permit>,
}

impl<'a> Terms<'a> {
    /// Sets the terms of what is made again as long as the budget lasts.
    pub(super) fn new(budget: &'a Budget, observer: &'a dyn Observer) -> Self {
        Self { budget, observer, zeal: Zeal::Stubborn, permit: None }
    }

    /// Sets the terms of a body.
    pub(super) fn of(ask: &'a Ask, permit: &'a Permit) -> Self {
        let zeal = ask.zeal;
        Self { zeal, permit: Some(permit), ..Self::new(&ask.budget, ask.observer.as_ref()) }
    }

    /// Notes that no body came, which may be for their number.
    pub(super) fn note_refusal(&self, outcome: Outcome, refused: Refused) {
        if let Some(permit) = self.permit
            && tells_of_too_many(outcome, refused, self.zeal)
        {
            permit.refused();
        }
    }
}

/// An answer that was accepted. It cannot be formatted: its URL may be signed, and so a secret.
pub(super) struct Reply {
    pub(super) answer: Answer,
    /// The way that led to it.
    pub(super) journey: Journey,
    pub(super) effort: Effort,
}

impl Reply {
    /// Returns where it came from.
    pub(super) fn url(&self) -> &Url {
        self.journey.url()
    }

    /// Says that an answer cannot be used.
    pub(super) fn failed(&self, request: &Request, error: Error) -> Error {
        error.making(format!("cannot {}", request.what)).with(|context| {
            context.url = Some(SafeUrl::from(self.url().clone()));
            context.status = Some(self.answer.status.as_u16());
            context.attempts = self.effort.tries();
            context.elapsed = Some(self.effort.duration());
        })
    }
}

impl Request {
    pub(super) fn new(path: String, what: String) -> Self {
        let mut headers = HeaderMap::new();
        // What is hashed must come as it is.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        Self { path, what, headers, outset: None }
    }

    /// Begins where an earlier request for the same was led.
    pub(super) fn starting_at(mut self, outset: Option<Outset>) -> Self {
        self.outset = outset;
        self
    }

    pub(super) fn accepting(mut self, media_types: &'static str) -> Self {
        self.headers.insert(ACCEPT, HeaderValue::from_static(media_types));
        self
    }

    pub(super) fn ranged(mut self, range: &str) -> Self {
        self.headers.insert(RANGE, HeaderValue::from_str(range).expect("a range is made of digits and a dash"));
        self
    }
}
