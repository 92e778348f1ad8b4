//! A request to a registry, before it is known where it will end.

use http::header::{ACCEPT, ACCEPT_ENCODING, RANGE};
use http::{HeaderMap, HeaderValue};

use url::Url;

use super::journey::{Journey, Outset};
use crate::error::Error;
use crate::observe::Observer;
use crate::retry::{Budget, Effort};
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

    pub(super) fn accepting(mut self, media_types: &'static str) -> Self {
        self.headers.insert(ACCEPT, HeaderValue::from_static(media_types));
        self
    }

    pub(super) fn ranged(mut self, range: &str) -> Self {
        self.headers.insert(RANGE, HeaderValue::from_str(range).expect("a range is made of digits and a dash"));
        self
    }
}
