//! Errors as the specification writes them.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes>

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_RANGE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use unlade::{Error, ErrorKind};

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    BlobUnknown,
    DigestInvalid,
    ManifestUnknown,
    MethodNotAllowed,
    NameInvalid,
    NameUnknown,
    PageInvalid,
    RangeInvalid,
    Unauthorized,
    Unknown,
    Unreadable,
    Unsupported,
}

impl Code {
    fn text(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            // These two are distribution's; the specification has no code for them.
            Self::PageInvalid => "PAGINATION_NUMBER_INVALID",
            Self::RangeInvalid => "RANGE_INVALID",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Unknown => "UNKNOWN",
            Self::MethodNotAllowed | Self::Unreadable | Self::Unsupported => "UNSUPPORTED",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BlobUnknown | Self::ManifestUnknown | Self::NameUnknown | Self::Unsupported => StatusCode::NOT_FOUND,
            Self::DigestInvalid | Self::NameInvalid | Self::PageInvalid | Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RangeInvalid => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// A request that is answered with an error.
#[derive(Debug)]
pub(crate) struct Refusal {
    code: Code,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), header: None }
    }

    pub(crate) fn method_not_allowed() -> Self {
        let allowed = (ALLOW, HeaderValue::from_static("GET, HEAD"));
        Self { header: Some(allowed), ..Self::new(Code::MethodNotAllowed, "the registry is read-only") }
    }

    pub(crate) fn range_not_satisfiable(size: u64) -> Self {
        let range = format!("bytes */{size}").parse().expect("a number and ASCII letters make a header");
        Self { header: Some((CONTENT_RANGE, range)), ..Self::new(Code::RangeInvalid, "the range lies behind the end") }
    }

    /// Asks for a login.
    pub(crate) fn unauthorized(message: &str) -> Self {
        let challenge = (WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="unlade", charset="UTF-8""#));
        Self { header: Some(challenge), ..Self::new(Code::Unauthorized, message) }
    }

    /// Refuses a request in plain HTTP, where TLS is spoken.
    pub(crate) fn wants_tls() -> Self {
        Self::new(Code::Unreadable, "this is a plain HTTP request to an HTTPS server")
    }

    /// Refuses what cannot be answered any more.
    pub(crate) fn ending() -> Self {
        Self::new(Code::Unknown, "the registry is shutting down")
    }

    /// Makes an error of the library one of this request; `unknown` is the code for what is not there.
    ///
    /// Whatever else a layout has to complain of goes to the log: a client can do nothing about it, and paths
    /// are none of its business.
    pub(crate) fn of(error: &Error, unknown: Code) -> Self {
        match error.kind() {
            ErrorKind::Ambiguous => Self::new(unknown, "the layout has several manifests of this name"),
            ErrorKind::NotFound => Self::new(unknown, "the layout does not have it"),
            kind => {
                tracing::warn!(%kind, chain = error.chain().join(": "), "a request cannot be answered");
                Self::new(Code::Unknown, "the layout cannot be read")
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.code
    }
}

/// Returns the document for a head that cannot be read: not HTTP, or too long.
pub(crate) fn unreadable(status: StatusCode) -> String {
    let message = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "the head of the request is too large",
        StatusCode::URI_TOO_LONG => "the address that is asked for is too long",
        _ => "the request cannot be read",
    };
    document(Code::Unreadable, message).to_string()
}

fn document(code: Code, message: &str) -> serde_json::Value {
    serde_json::json!({"errors": [{"code": code.text(), "message": message}]})
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let document = document(self.code, &self.message);
        let mut response = crate::json(self.code.status(), &document);
        response.headers_mut().extend(self.header);
        response
    }
}
