//! What a final answer or failure means to the caller.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use url::Url;

use super::proxied;
use crate::auth::{Secret, secret};
use crate::error::{Advice, Error, ErrorKind};
use crate::spec::api_error::{self, ApiError};
use crate::spec::safe_url::SafeUrl;
use crate::spec::text::sanitise;
use crate::transport::address::Peril;
use crate::transport::guard::UrlRefusal;
use crate::transport::{Failure, FailureKind, TlsFault};

/// So much of a page or a line is shown.
const MAX_LINE: usize = 200;

/// Returns the kind of error that a status is.
pub(super) fn kind(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        // A body that does not come is a body that is not the content.
        200..=299 => ErrorKind::Mismatch,
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        408 | 425 | 500 | 502..=599 => ErrorKind::Unavailable,
        429 => ErrorKind::RateLimited,
        400..=499 | 501 => ErrorKind::Rejected,
        _ => ErrorKind::PeerMisbehaved,
    }
}

/// What a server said with a refusal.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    /// The errors of its document, if it sent one.
    pub(super) errors: Vec<ApiError>,
    /// What it sent instead: a page or a line, without what would steer a terminal.
    pub(super) page: String,
}

/// Reads what came with a refusal; what the server learnt from us does not come back.
pub(super) fn read(headers: &HeaderMap, body: &[u8], secrets: &[Secret]) -> Said {
    let clean = |text: &str| secret::blot(text, secrets);
    let errors = api_error::parse_cleaned(body, &clean);
    if !errors.is_empty() {
        return Said { errors, page: String::new() };
    }
    let text = String::from_utf8_lossy(body);
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let line = match content_type.split(';').next().unwrap_or_default().trim() {
        "text/html" => title(&text),
        // Go's servers say what went wrong below HTTP without a type.
        "text/plain" | "" => text.lines().map(str::trim).find(|line| !line.is_empty()),
        _ => None,
    };
    Said { errors, page: line.map(|line| clean(&sanitise(line)).chars().take(MAX_LINE).collect()).unwrap_or_default() }
}

/// Returns the title of a web page: all of it that says anything.
fn title(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("<title>")?;
    Some(rest.split_once("</title>")?.0.trim())
}

impl Said {
    /// Says in words what a status means, with the server's own words where it has some.
    pub(super) fn words(&self, status: StatusCode) -> String {
        let code = status.as_u16().to_string();
        let reason = status.canonical_reason().unwrap_or_default().to_lowercase();
        let mut text = format!("{code} {reason}").trim_end().to_owned();
        for error in self.errors.iter().take(3) {
            text.push_str("; ");
            text.push_str(&error.to_string());
        }
        // Most pages only repeat the status.
        let own = self.page.trim_start_matches(code.as_str()).trim();
        if !own.is_empty() && !own.eq_ignore_ascii_case(&reason) {
            text.push_str("; ");
            text.push_str(own);
        }
        text
    }
}

/// Returns the kind of error that a failed exchange is.
pub(super) fn failure_kind(failure: &Failure) -> ErrorKind {
    match failure.kind() {
        FailureKind::Tls(TlsFault::Authorities) => ErrorKind::InvalidInput,
        FailureKind::Tls(_) | FailureKind::PlainText => ErrorKind::Tls,
        FailureKind::Proxy(failure) => proxied::kind(failure),
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
        FailureKind::Proxy(failure) => Some(proxied::advice(failure, &host)),
        FailureKind::NotHttp if scheme == "http" => Some(Advice::SpeakTls),
        FailureKind::Tls(fault) => match fault {
            TlsFault::ClientCertificateRefused | TlsFault::ClientCertificateRequired => Some(Advice::ShowCertificate),
            TlsFault::Expired | TlsFault::NotYetValid => Some(Advice::CheckClock(host)),
            TlsFault::NameMismatch => Some(Advice::NameHost(host)),
            TlsFault::ProtocolVersion => Some(Advice::TlsMinimum),
            TlsFault::UnknownIssuer => Some(Advice::CertificateAuthority(host)),
            TlsFault::Authorities | TlsFault::Other | TlsFault::Unsupported => None,
        },
        // The other perils stay forbidden whatever is allowed.
        FailureKind::ForbiddenAddress(address, Peril::Private) => Some(Advice::AllowNet(address.to_string())),
        _ => None,
    }
}

/// Returns what would help against a 400 with these words: some servers say so what went wrong below HTTP.
pub(super) fn page_advice(status: StatusCode, said: &Said, url: &Url) -> Option<Advice> {
    let text = said.words(status);
    // Go, `unlade serve` and nginx.
    let tls = ["HTTP request to an HTTPS server", "plain HTTP request was sent"];
    // nginx, whose page is all that it says about the certificate.
    let certificate = ["No required SSL certificate was sent", "SSL certificate error"];
    let says = |words: [&str; 2]| words.iter().any(|words| text.contains(words));
    match url.scheme() {
        _ if status != StatusCode::BAD_REQUEST => None,
        "http" if says(tls) => Some(Advice::SpeakTls),
        "https" if says(certificate) => Some(Advice::ShowCertificate),
        _ => None,
    }
}

/// Adds to an error what would let a URL pass that was refused.
pub(super) fn allow_hint(error: Error, refusal: &UrlRefusal) -> Error {
    match refusal {
        UrlRefusal::Address(address, Peril::Private) => error.advise(Advice::AllowNet(address.to_string())),
        _ => error,
    }
}

/// Wraps a failed exchange in what was asked for.
pub(super) fn failed(failure: Failure, asked: &str, at: &Url) -> Error {
    let host = SafeUrl::from(at.clone()).authority();
    let advice = failure_advice(&failure, &host, at.scheme());
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

    fn html() -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, "text/html; charset=utf-8".parse().unwrap())])
    }

    #[test]
    fn the_servers_own_words_are_told_but_not_ours() {
        let plain = HeaderMap::from_iter([(CONTENT_TYPE, "text/plain".parse().unwrap())]);
        let secrets = [Secret::new("hunter2!"), Secret::new("errors")];
        for (headers, body, expected) in [
            (&html(), "<html><title>403 Forbidden</title>", "403 forbidden"),
            (&html(), "<title>Blocked by\u{202e} policy</title>", "403 forbidden; Blocked by policy"),
            (&html(), "no title", "403 forbidden"),
            (&plain, "\n  quota exceeded \nmore", "403 forbidden; quota exceeded"),
            (&plain, "you sent hunter2! to us", "403 forbidden; you sent *** to us"),
            (&HeaderMap::new(), "said below HTTP", "403 forbidden; said below HTTP"),
            (&plain, r#"{"errors":[{"code":"DENIED","message":"not hunter2!"}]}"#, "403 forbidden; DENIED: not ***"),
            (&plain, r#"{"message":"not h\u0075nt\u200ber2!"}"#, "403 forbidden; not ***"),
            (&plain, r#"{"errors":[{"code":"DENIED","message":"no errors"}]}"#, "403 forbidden; DENIED: no ***"),
        ] {
            assert_eq!(read(headers, body.as_bytes(), &secrets).words(StatusCode::FORBIDDEN), expected, "{body}");
        }
    }

    #[test]
    fn pages_that_speak_of_tls_are_understood() {
        for (page, scheme, expected) in [
            ("<title>Client sent an HTTP request to an HTTPS server.</title>", "http", Some(Advice::SpeakTls)),
            ("<title>400 The plain HTTP request was sent to HTTPS port</title>", "http", Some(Advice::SpeakTls)),
            ("<title>400 No required SSL certificate was sent</title>", "https", Some(Advice::ShowCertificate)),
            ("<title>400 The SSL certificate error</title>", "https", Some(Advice::ShowCertificate)),
            ("<title>400 No required SSL certificate was sent</title>", "http", None),
            ("bad request", "http", None),
        ] {
            let said = read(&html(), page.as_bytes(), &[]);
            let url = format!("{scheme}://r.example/").parse().unwrap();
            assert_eq!(page_advice(StatusCode::BAD_REQUEST, &said, &url), expected, "{page}");
            assert_eq!(page_advice(StatusCode::FORBIDDEN, &said, &url), None, "{page}");
        }
    }

    #[test]
    fn a_document_that_speaks_of_tls_is_understood() {
        let body =
            br#"{"errors":[{"code":"UNSUPPORTED","message":"this is a plain HTTP request to an HTTPS server"}]}"#;
        let said = read(&HeaderMap::new(), body, &[]);
        let url = "http://r.example/".parse().unwrap();
        assert_eq!(page_advice(StatusCode::BAD_REQUEST, &said, &url), Some(Advice::SpeakTls));
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
            (501, ErrorKind::Rejected),
            (503, ErrorKind::Unavailable),
        ] {
            assert_eq!(kind(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }
}
