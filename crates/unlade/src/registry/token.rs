//! Requests for tokens.

use std::error::Error as _;

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use http::{HeaderValue, Method, StatusCode};
use url::Url;

use super::api::{Api, collect, words};
use super::pause::{answered, broken, pause};
use super::refusal;
use super::request::Terms;
use super::rest::rest;
use super::travel::Pass;
use crate::auth::token::{MAX_ANSWER, TokenCall, TokenKey};
use crate::auth::{Credential, Token};
use crate::error::{Error, ErrorKind, Result};
use crate::retry::{Effort, Outcome};
use crate::spec::safe_url::SafeUrl;
use crate::transport::guard::{AddressGuard, Exemption, check_form};
use crate::transport::redirect::{is_redirect, same_origin, target};
use crate::transport::watch::watch;
use crate::transport::{Answer, Exchange, Failure, FailureKind};

/// So many redirects of a token request are followed, on its own origin.
const MAX_HOPS: u8 = 3;

/// Asks for a token, with retries; never led to another origin, where a redirect would carry the login along.
pub(super) async fn exchange(key: &TokenKey, api: &Api, terms: Terms<'_>) -> Result<Token> {
    let call = key.call();
    let mut effort = Effort::begin();
    let mut url = call.url.clone();
    let mut hops = 0;
    loop {
        let exchange = write(&call, url.clone(), key, api)?;
        rest(&api.registries, &url, "get a token", terms).await?;
        effort.note();
        let (outcome, error) = match api.registries.call(exchange).await {
            Ok(answer) if is_redirect(answer.status) => {
                hops += 1;
                match follow(&call, &url, &answer, hops) {
                    Ok(next) => {
                        url = next;
                        continue;
                    }
                    Err(error) => (Outcome::Final, error),
                }
            }
            Ok(answer) if answer.status.is_success() => {
                match collect(watch(answer.chunks, api.registries.pace()), MAX_ANSWER).await {
                    Ok(Some(body)) => match Token::from_answer(&body) {
                        Ok(token) => return Ok(token),
                        Err(error) => (Outcome::Final, error),
                    },
                    Ok(None) => (Outcome::Final, too_large(&url)),
                    Err(failure) => (repeatable(&call, &failure), unreached(failure, &url, api)),
                }
            }
            Ok(answer) => {
                let outcome = answered(answer.status, &answer.headers);
                let error = refused(answer, &url, key).await;
                (if may_repeat(&call, &error) { outcome } else { Outcome::Final }, error)
            }
            Err(failure) => (repeatable(&call, &failure), unreached(failure, &url, api)),
        };
        let error = error.with(|context| {
            context.url = Some(SafeUrl::from(url.clone()));
            context.attempts = effort.tries();
            context.elapsed = Some(effort.duration());
        });
        pause(&api.registries, &url, outcome, error, terms).await?;
        (url, hops) = (call.url.clone(), 0);
    }
}

/// Says whether an error is a token server's refusal of who asks.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Denied) && error.context().status.is_some()
}

/// Says whether a token server may have seen what it would have been sent.
pub(super) fn was_reached(error: &Error) -> bool {
    let asked = error.context().attempts > 0;
    asked && failure_behind(error).is_none_or(|failure| !is_unreceived(failure))
}

/// Returns the failed exchange that an error tells of.
pub(super) fn failure_behind(error: &Error) -> Option<&Failure> {
    error.source()?.downcast_ref()
}

/// Says whether a call cannot have been received: no connection came about.
fn is_unreceived(failure: &Failure) -> bool {
    use FailureKind::{
        ConnectTimeout, ForbiddenAddress, PlainText, Proxy, Refused, Tls, UnknownHost, Unreachable, Unresolved,
    };
    matches!(
        failure.kind(),
        ConnectTimeout
            | ForbiddenAddress(..)
            | PlainText
            | Proxy(_)
            | Refused
            | Tls(_)
            | UnknownHost
            | Unreachable
            | Unresolved
    )
}

/// Says whether a failed call may be made again. A POST hands over a refresh token that may be good for one use
/// alone: it is repeated only where it cannot have been received.
fn repeatable(call: &TokenCall, failure: &Failure) -> Outcome {
    if call.form.is_none() || is_unreceived(failure) { broken(failure) } else { Outcome::Final }
}

/// Says the same of a call that was answered: 429 and 503 mean that nothing was done.
fn may_repeat(call: &TokenCall, error: &Error) -> bool {
    !is_refusal(error) && (call.form.is_none() || matches!(error.context().status, Some(429 | 503)))
}

fn write(call: &TokenCall, url: Url, key: &TokenKey, api: &Api) -> Result<Exchange> {
    let method = if call.form.is_some() { Method::POST } else { Method::GET };
    let mut exchange = api.bare_exchange(method, url);
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(authorization) = &call.authorization {
        headers.insert(AUTHORIZATION, Pass::Fixed(authorization.clone()).header()?);
    }
    if let Some(form) = &call.form {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        exchange.body = Some(form.expose().as_bytes().to_vec().into());
    }
    exchange.headers = headers;
    exchange.profile = if same_origin(&exchange.url, api.home()) {
        api.home_profile().guarded(api.home_guard())
    } else {
        let anonymous = *key.credential == Credential::Anonymous;
        let exemption = if anonymous { Exemption::ProvenName } else { Exemption::None };
        api.registries.profile().guarded(AddressGuard::Named(api.bounds_for(&exchange.url, exemption)))
    };
    Ok(exchange)
}

fn follow(call: &TokenCall, from: &Url, answer: &Answer, hops: u8) -> Result<Url> {
    let harmless = |next: &Url| {
        same_origin(from, next) && check_form(next, from).is_ok() && call.form.is_none() && hops <= MAX_HOPS
    };
    target(from, &answer.headers).ok().filter(harmless).ok_or_else(|| {
        let text = format!("the token server {} leads to another place, which is not asked", host(from));
        Error::new(ErrorKind::Denied, text)
    })
}

/// Turns a refusal into an error, in the server's own words but those that it learnt from us.
async fn refused(answer: Answer, from: &Url, key: &TokenKey) -> Error {
    let (status, headers) = (answer.status, answer.headers);
    let body = words(answer.chunks, MAX_ANSWER).await;
    let said = refusal::read(&headers, &body, &key.credential.secrets());
    Error::new(refused_kind(status), format!("the token server {} answered {}", host(from), said.words(status))).with(
        |context| {
            context.status = Some(status.as_u16());
            context.registry_errors = said.errors;
        },
    )
}

fn refused_kind(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        // OAuth2 says 400 for a refresh token that is no longer good (RFC 6749, section 5.2).
        400 | 404 => ErrorKind::Unauthorized,
        _ => refusal::kind(status),
    }
}

fn unreached(failure: Failure, from: &Url, api: &Api) -> Error {
    let forbidden = matches!(failure.kind(), FailureKind::ForbiddenAddress(..));
    let detour = api.registries.detour_of(&failure, from);
    let error = refusal::failed(failure, &format!("cannot get a token from {}{detour}", host(from)), from);
    if forbidden { error.turned_into(ErrorKind::Denied) } else { error }
}

fn too_large(from: &Url) -> Error {
    Error::new(ErrorKind::TooLarge, format!("the answer of {} is larger than {MAX_ANSWER} bytes", host(from)))
}

/// Returns host and port of a token server, for messages.
pub(super) fn host(url: &Url) -> String {
    SafeUrl::from(url.clone()).authority()
}
