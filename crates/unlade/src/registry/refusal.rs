//! What a final answer or failure means to the caller.

use http::StatusCode;

use crate::error::{Advice, Error, ErrorKind};
use crate::spec::api_error::ApiError;
use crate::transport::{Failure, FailureKind};

/// Returns the kind of error that a status is.
pub(super) fn kind(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        // A body that does not come is a body that is not the content.
        200..=299 => ErrorKind::Mismatch,
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        408 | 425 | 500..=599 => ErrorKind::Unavailable,
        429 => ErrorKind::RateLimited,
        400..=499 => ErrorKind::Rejected,
        _ => ErrorKind::PeerMisbehaved,
    }
}

/// Says in words what a status means, with the registry's own words where it has some.
pub(super) fn words(status: StatusCode, errors: &[ApiError]) -> String {
    let reason = status.canonical_reason().map(str::to_lowercase);
    let mut text = reason.map_or_else(|| status.as_u16().to_string(), |reason| format!("{} {reason}", status.as_u16()));
    for error in errors.iter().take(3) {
        text.push_str("; ");
        text.push_str(&error.to_string());
    }
    text
}

/// Returns the kind of error that a failed exchange is.
pub(super) fn failure_kind(failure: &Failure) -> ErrorKind {
    match failure.kind() {
        FailureKind::Tls(_) | FailureKind::PlainText => ErrorKind::Tls,
        FailureKind::ForbiddenAddress(..) | FailureKind::NotHttp | FailureKind::HeadersTooLarge => {
            ErrorKind::PeerMisbehaved
        }
        _ => ErrorKind::Unavailable,
    }
}

/// Returns what would help against a failed exchange.
pub(super) fn failure_advice(failure: &Failure, host: &str, scheme: &str) -> Option<Advice> {
    use crate::transport::TlsFault;
    match failure.kind() {
        FailureKind::PlainText => Some(Advice::PlainHttp),
        FailureKind::NotHttp if scheme == "http" => Some(Advice::SpeakTls),
        FailureKind::Tls(TlsFault::UnknownIssuer) => Some(Advice::CertificateAuthority(host.to_owned())),
        FailureKind::Tls(TlsFault::ProtocolVersion) => Some(Advice::TlsMinimum),
        FailureKind::ForbiddenAddress(address, _) => Some(Advice::AllowNet(address.to_string())),
        _ => None,
    }
}

/// Wraps a failed exchange in what was asked for.
pub(super) fn failed(failure: Failure, asked: &str, host: &str, scheme: &str) -> Error {
    let advice = failure_advice(&failure, host, scheme);
    let error = Error::new(failure_kind(&failure), asked.to_owned()).caused_by(failure);
    match advice {
        Some(advice) => error.advise(advice),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_statuses() {
        for (status, expected) in [
            (204, ErrorKind::Mismatch),
            (304, ErrorKind::PeerMisbehaved),
            (400, ErrorKind::Rejected),
            (401, ErrorKind::Unauthorized),
            (403, ErrorKind::Denied),
            (404, ErrorKind::NotFound),
            (406, ErrorKind::Rejected),
            (408, ErrorKind::Unavailable),
            (416, ErrorKind::Rejected),
            (429, ErrorKind::RateLimited),
            (451, ErrorKind::Rejected),
            (500, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
        ] {
            assert_eq!(kind(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }
}
