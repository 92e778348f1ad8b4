//! What a server has seen.

use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::http::{header, percent_decode};
use crate::server::lock;

/// A request as it arrived.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReceivedRequest {
    /// The place among the requests of this server, from 0.
    pub sequence: usize,
    /// The number of the connection, from 1: equal numbers mean that a connection was used again.
    pub connection: usize,
    /// Who asked.
    pub peer: SocketAddr,
    /// `GET`, `HEAD`, …
    pub method: String,
    /// The path, without the query, undecoded.
    pub path: String,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// The headers in their order, names as they were spelled.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How many certificates the client showed.
    pub client_certificates: usize,
}

impl ReceivedRequest {
    /// Gives the first value of a header, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Gives the first value of a query parameter.
    pub fn query_value(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Says whether the request holds a text anywhere: as it is, percent-encoded, or inside base64 (so also inside
    /// the credentials of Basic).
    pub fn holds_text(&self, text: &str) -> bool {
        let query = self.query.iter().map(|(name, value)| format!("{name}={value}"));
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}"));
        let body = String::from_utf8_lossy(&self.body).into_owned();
        let mut places = std::iter::once(self.path.clone()).chain(query).chain(headers).chain([body]);
        places.any(|place| hides(&place, text))
    }
}

/// The requests that a server has seen, for assertions.
#[derive(Debug, Default)]
pub struct Recorder {
    requests: Mutex<Vec<ReceivedRequest>>,
    arrived: Condvar,
}

impl Recorder {
    /// Gives every request, in the order of arrival.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        lock(&self.requests).clone()
    }

    /// Gives the requests whose path matches a pattern in which `*` stands for any text, slashes included.
    pub fn requests_for(&self, pattern: &str) -> Vec<ReceivedRequest> {
        self.requests().into_iter().filter(|request| matches(pattern, &request.path)).collect()
    }

    /// Waits until a request has come whose path matches a pattern; fails after a minute.
    #[track_caller]
    pub fn wait_for(&self, pattern: &str) {
        let missing = |requests: &mut Vec<ReceivedRequest>| !requests.iter().any(|seen| matches(pattern, &seen.path));
        let waited = self.arrived.wait_timeout_while(lock(&self.requests), Duration::from_mins(1), missing);
        let timed_out = waited.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        assert!(!timed_out, "no request for {pattern} came");
    }

    /// Says whether any request held a text; see [`ReceivedRequest::holds_text`].
    pub fn saw_text(&self, text: &str) -> bool {
        lock(&self.requests).iter().any(|request| request.holds_text(text))
    }

    /// Forgets what was seen so far.
    pub fn forget(&self) {
        lock(&self.requests).clear();
    }

    pub(crate) fn add(&self, mut request: ReceivedRequest) {
        let mut requests = lock(&self.requests);
        request.sequence = requests.len();
        requests.push(request);
        self.arrived.notify_all();
    }
}

fn hides(place: &str, text: &str) -> bool {
    if place.contains(text) || percent_decode(place).contains(text) {
        return true;
    }
    let is_base64 = |character: char| character.is_ascii_alphanumeric() || "+/-_".contains(character);
    place.split(|character| !is_base64(character)).filter(|run| run.len() >= 4).any(|run| {
        [STANDARD_NO_PAD.decode(run), URL_SAFE_NO_PAD.decode(run)]
            .into_iter()
            .flatten()
            .any(|bytes| String::from_utf8_lossy(&bytes).contains(text))
    })
}

/// Matches a pattern with `*` against a text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(head) else {
        return false;
    };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| matches(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_secret_is_found_in_every_disguise() {
        let basic = format!("Authorization: Basic {}", STANDARD.encode("tester:s3cret!"));
        let body = format!("grant_type=password&password={}", "s3cret%21");
        for place in ["x s3cret! y", &basic, &body, &URL_SAFE_NO_PAD.encode("a:s3cret!")] {
            assert!(hides(place, "s3cret!"), "{place}");
        }
        assert!(!hides("Authorization: Basic YWJj", "s3cret!"));
    }

    #[test]
    fn patterns_match_across_slashes() {
        assert!(matches("/v2/*/blobs/*", "/v2/a/b/blobs/sha256:1"));
        assert!(matches("*", ""));
        assert!(!matches("/v2/*/blobs/*", "/v2/a/manifests/x"));
    }
}
