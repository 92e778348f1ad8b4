//! Errors as the specification writes them.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes>

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_RANGE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use unlade::{Error, ErrorKind};

use crate::warnings::Warnings;

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    BlobUnknown,
    Busy,
    DigestInvalid,
    ManifestUnknown,
    MethodNotAllowed,
    NameInvalid,
    NameUnknown,
    PageInvalid,
    PreconditionFailed,
    RangeInvalid,
    TooMany,
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
            // These three are distribution's; the specification has no code for them.
            Self::Busy => "UNAVAILABLE",
            Self::PageInvalid => "PAGINATION_NUMBER_INVALID",
            Self::RangeInvalid => "RANGE_INVALID",
            Self::TooMany => "TOOMANYREQUESTS",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Unknown => "UNKNOWN",
            Self::MethodNotAllowed | Self::PreconditionFailed | Self::Unreadable | Self::Unsupported => "UNSUPPORTED",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::BlobUnknown | Self::ManifestUnknown | Self::NameUnknown | Self::Unsupported => StatusCode::NOT_FOUND,
            Self::DigestInvalid | Self::NameInvalid | Self::PageInvalid | Self::Unreadable => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::RangeInvalid => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
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
    /// What the operator should know of it, and clients should not.
    trouble: Option<Box<str>>,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), header: None, trouble: None }
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

    /// Refuses for the moment to check the password of a client that wants too many checked.
    pub(crate) fn too_many() -> Self {
        Self::for_now(Code::TooMany, "too many passwords of this client wait to be checked")
    }

    /// Refuses for the moment to check a password, where all clients together want too many checked.
    pub(crate) fn busy() -> Self {
        let trouble = "clients want more passwords checked than can be: some are refused for the moment";
        Self { trouble: Some(trouble.into()), ..Self::for_now(Code::Busy, "too many passwords wait to be checked") }
    }

    fn for_now(code: Code, message: &str) -> Self {
        Self { header: Some((RETRY_AFTER, HeaderValue::from_static("2"))), ..Self::new(code, message) }
    }

    /// Refuses what is asked for under a condition that does not hold.
    pub(crate) fn precondition_failed() -> Self {
        Self::new(Code::PreconditionFailed, "the content has another digest than If-Match names")
    }

    /// Refuses a request that does not say which host it is for, or says it twice (RFC 9112, section 3.2).
    pub(crate) fn one_host() -> Self {
        Self::new(Code::Unreadable, "a request has one Host header")
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
    /// Whatever else a layout has to complain of is for the operator: a client can do nothing about it, and paths are
    /// none of its business.
    pub(crate) fn of(error: &Error, unknown: Code) -> Self {
        match error.kind() {
            ErrorKind::Ambiguous => Self::new(unknown, "the layout has several manifests of this name"),
            ErrorKind::NotFound => Self::new(unknown, "the layout does not have it"),
            _ => Self {
                trouble: Some(format!("a request cannot be answered: {}", error.chain().join(": ")).into()),
                ..Self::new(Code::Unknown, "the layout cannot be read")
            },
        }
    }

    /// Tells the operator what is to be known of it.
    pub(crate) fn tell(self, warnings: &Warnings) -> Self {
        if let Some(trouble) = &self.trouble {
            warnings.tell(trouble);
        }
        self
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
