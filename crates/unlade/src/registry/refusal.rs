//! What a final answer or failure means to the caller.

use http::StatusCode;

use crate::error::{Advice, Error, ErrorKind};
use crate::spec::api_error::ApiError;
use crate::transport::address::Peril;
use crate::transport::{Failure, FailureKind, TlsFault};

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
    let host = host.to_owned();
    match failure.kind() {
        FailureKind::PlainText => Some(Advice::PlainHttp),
        FailureKind::NotHttp if scheme == "http" => Some(Advice::SpeakTls),
        FailureKind::Tls(fault) => match fault {
            TlsFault::ClientCertificateRequired => Some(Advice::ShowCertificate),
            TlsFault::Expired | TlsFault::NotYetValid => Some(Advice::CheckClock(host)),
            TlsFault::NameMismatch => Some(Advice::NameHost(host)),
            TlsFault::ProtocolVersion => Some(Advice::TlsMinimum),
            TlsFault::UnknownIssuer => Some(Advice::CertificateAuthority(host)),
            TlsFault::Other => None,
        },
        // The other perils stay forbidden whatever is allowed.
        FailureKind::ForbiddenAddress(address, Peril::Private) => Some(Advice::AllowNet(address.to_string())),
        _ => None,
    }
}

/// Returns what would help against a 400 with this page: some servers say in words what went wrong below HTTP.
pub(super) fn page_advice(page: &str, scheme: &str) -> Option<Advice> {
    // Go and nginx.
    let tls = ["HTTP request to an HTTPS server", "plain HTTP request was sent"];
    // nginx, whose page is all that it says about the certificate.
    let certificate = ["No required SSL certificate was sent", "SSL certificate error"];
    let says = |words: [&str; 2]| words.iter().any(|words| page.contains(words));
    match scheme {
        "http" if says(tls) => Some(Advice::SpeakTls),
        "https" if says(certificate) => Some(Advice::ShowCertificate),
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
    fn advice_is_given_where_there_is_some() {
        let private = "10.0.0.1".parse().unwrap();
        for (kind, scheme, expected) in [
            (FailureKind::PlainText, "https", Some(Advice::PlainHttp)),
            (FailureKind::NotHttp, "http", Some(Advice::SpeakTls)),
            (FailureKind::NotHttp, "https", None),
            (FailureKind::Tls(TlsFault::Expired), "https", Some(Advice::CheckClock("r".to_owned()))),
            (FailureKind::Tls(TlsFault::NameMismatch), "https", Some(Advice::NameHost("r".to_owned()))),
            (FailureKind::Tls(TlsFault::ClientCertificateRequired), "https", Some(Advice::ShowCertificate)),
            (FailureKind::Tls(TlsFault::Other), "https", None),
            (
                FailureKind::ForbiddenAddress(private, Peril::Private),
                "https",
                Some(Advice::AllowNet("10.0.0.1".to_owned())),
            ),
            (FailureKind::ForbiddenAddress("169.254.169.254".parse().unwrap(), Peril::Metadata), "https", None),
            (FailureKind::Broken, "https", None),
        ] {
            assert_eq!(failure_advice(&Failure::new(kind.clone()), "r", scheme), expected, "{kind:?}");
        }
    }

    #[test]
    fn pages_that_speak_of_tls_are_understood() {
        for (page, scheme, expected) in [
            ("Client sent an HTTP request to an HTTPS server.", "http", Some(Advice::SpeakTls)),
            ("<title>400 The plain HTTP request was sent to HTTPS port</title>", "http", Some(Advice::SpeakTls)),
            ("<title>400 No required SSL certificate was sent</title>", "https", Some(Advice::ShowCertificate)),
            ("<title>400 The SSL certificate error</title>", "https", Some(Advice::ShowCertificate)),
            ("<title>400 No required SSL certificate was sent</title>", "http", None),
            ("bad request", "http", None),
        ] {
            assert_eq!(page_advice(page, scheme), expected, "{page}");
        }
    }

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
