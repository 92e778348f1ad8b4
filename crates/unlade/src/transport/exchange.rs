//! A request and its answer.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use super::{Failure, Profile};
use crate::spec::safe_url::SafeUrl;

/// The pieces of an answer's body; ends after the first failure.
pub type Chunks = BoxStream<'static, Result<Bytes, Failure>>;

/// One request.
#[non_exhaustive]
pub struct Exchange {
    /// The method.
    pub method: Method,
    /// Where it goes; it may be a signed URL, and so a secret.
    pub url: Url,
    /// The headers; values that are secrets are marked sensitive.
    pub headers: HeaderMap,
    /// The body, if there is one.
    pub body: Option<Bytes>,
    /// How the connection is made.
    pub profile: Profile,
    /// How long a connection may take, TLS included.
    pub connect_timeout: Duration,
    /// How long the head of the answer may take, interim answers included.
    pub response_timeout: Duration,
}

impl Exchange {
    /// Describes a request without headers and body.
    pub fn new(method: Method, url: Url, profile: Profile) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            profile,
            connect_timeout: Duration::from_secs(30),
            response_timeout: Duration::from_mins(1),
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("method", &self.method)
            .field("url", &SafeUrl::from(self.url.clone()))
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// The answer to a request.
#[non_exhaustive]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// Who answered; `None` if it came through a proxy.
    pub peer: Option<SocketAddr>,
    /// The body.
    pub chunks: Chunks,
}

impl Answer {
    /// Describes an answer.
    pub fn new(status: StatusCode, headers: HeaderMap, peer: Option<SocketAddr>, chunks: Chunks) -> Self {
        Self { status, headers, peer, chunks }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The headers may hold a signed URL in a Location.
        f.debug_struct("Answer").field("status", &self.status).field("peer", &self.peer).finish_non_exhaustive()
    }
}
