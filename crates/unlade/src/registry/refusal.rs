//! What a final answer or failure means to the caller.

use http::StatusCode;
use http::header::WWW_AUTHENTICATE;
use url::Url;

use super::api::{Api, Travel, collect};
use super::request::Request;
use crate::auth::{Credential, challenge};
use crate::error::{Advice, Error, ErrorKind};
use crate::spec::api_error::{self, ApiError};
use crate::spec::safe_url::SafeUrl;
use crate::transport::redirect::is_trusted;
use crate::transport::watch::watch;
use crate::transport::{Answer, Failure, FailureKind};

/// So much of a refusal's body is read: error documents are small, and web pages say nothing.
const MAX_BODY: u64 = 64 << 10;

/// Turns a refusal into an error, in the words of whoever refused.
pub(super) async fn refuse(api: &Api, request: &Request, travel: &Travel, answer: Answer) -> Error {
    let status = answer.status;
    let url = travel.journey.url();
    let home = travel.journey.is_home();
    if home {
        // A login that was shown and is refused for its scope comes with a challenge that is not answered again.
        api.login.hear(&challenge::parse(answer.headers.get_all(WWW_AUTHENTICATE)));
    }
    let body = collect(watch(answer.chunks, api.registries.pace()), MAX_BODY).await;
    // A refusal whose words do not arrive is a refusal all the same.
    let body = body.ok().flatten().unwrap_or_default();
    let errors = api_error::parse(&body);
    let place = if home { api.repository.registry().authority() } else { SafeUrl::from(url.clone()).authority() };
    let text = format!("cannot {}: {place} answered {}", request.what, words(status, &errors));
    let error = travel.describe(Error::new(kind(status), text)).with(|context| {
        context.status = Some(status.as_u16());
        context.registry_errors = errors;
    });
    if home || is_trusted(url, &api.registries.config.trusted_hosts) {
        return advise(api, explain(api, error), &body, url);
    }
    match error.kind() {
        ErrorKind::Denied | ErrorKind::NotFound | ErrorKind::Rejected | ErrorKind::Unauthorized => {
            error.advise(Advice::RefusedElsewhere(place))
        }
        _ => error,
    }
}

/// Adds to a refusal what was held back on our side.
fn explain(api: &Api, error: Error) -> Error {
    if !matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Denied) {
        return error;
    }
    if let Some(withheld) = api.login.withheld() {
        return Error::new(ErrorKind::Denied, error.to_string())
            .with(|context| {
                context.clone_from(error.context());
                context.advice.clone_from(&withheld.context().advice);
            })
            .caused_by(withheld);
    }
    match api.login.complaint() {
        Some(complaint) => error.caused_by(Error::new(ErrorKind::Denied, complaint)),
        None => error,
    }
}

/// Adds what would help against a refusal.
fn advise(api: &Api, error: Error, body: &[u8], url: &Url) -> Error {
    let text = String::from_utf8_lossy(body);
    let wants_tls = text.contains("HTTP request to an HTTPS server") || text.contains("plain HTTP request was sent");
    if error.context().status == Some(400) && url.scheme() == "http" && wants_tls {
        return error.advise(Advice::SpeakTls);
    }
    let refused = matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Denied);
    if refused && error.context().advice.is_none() && *api.login.credential() != Credential::Anonymous {
        return error.advise(Advice::Credential(api.login.origin().to_owned()));
    }
    error
}

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
