//! What nginx says about the requests that passed it.

use serde_json::Value;

/// What is logged of a request, as the value of nginx's `log_format`.
pub(super) const FORMAT: &str = r#"{"method":"$request_method","target":"$request_uri","status":"$status","authorization":"$http_authorization","range":"$http_range","client":"$ssl_client_verify","sent":"$body_bytes_sent","protocol":"$server_protocol"}"#;

/// A request that a real server answered.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LoggedRequest {
    /// `GET`, `HEAD`, …; empty for what was no request.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The status of the answer.
    pub status: u16,
    /// The `Authorization` header, if there was one.
    pub authorization: Option<String>,
    /// The `Range` header, if there was one.
    pub range: Option<String>,
    /// What came of the client's certificate: `SUCCESS`, `FAILED:…`; nothing if there was none.
    pub client_certificate: Option<String>,
    /// The protocol, such as `HTTP/1.1`.
    pub protocol: String,
    /// The bytes of the body that were sent.
    pub sent: u64,
}

impl LoggedRequest {
    /// Says whether a blob was asked for.
    pub fn is_for_blob(&self) -> bool {
        self.target.contains("/blobs/")
    }
}

#[track_caller]
pub(super) fn parse(line: &str) -> LoggedRequest {
    let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("the log holds {line:?}: {error}"));
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let given = |key: &str| Some(text(key)).filter(|value| !value.is_empty());
    LoggedRequest {
        method: text("method"),
        target: text("target"),
        status: text("status").parse().expect("nginx logs a number as the status"),
        authorization: given("authorization"),
        range: given("range"),
        client_certificate: given("client").filter(|outcome| outcome != "NONE"),
        protocol: text("protocol"),
        sent: text("sent").parse().expect("nginx logs a number of bytes"),
    }
}
