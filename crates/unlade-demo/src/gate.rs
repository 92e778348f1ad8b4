//! Bearer authentication in front of the embedded registry, and its token server.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde_json::json;

const USER: &str = "demo";

/// Whom the registry lets in: one user, whose password is another one in every run.
#[derive(Clone)]
pub(crate) struct Gate {
    basic: Arc<str>,
    bearer: Arc<str>,
    token: Arc<str>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let pair = STANDARD.encode(format!("{USER}:{:032x}", fastrand::u128(..)));
        let token = format!("{:032x}", fastrand::u128(..));
        Self { basic: pair.into(), bearer: format!("Bearer {token}").into(), token: token.into() }
    }

    /// Gives the auth file that `podman login` would have written for a registry.
    pub(crate) fn auth_file(&self, registry: &str) -> String {
        json!({ "auths": { registry: { "auth": &*self.basic } } }).to_string()
    }

    /// Puts the gate in front of a registry.
    pub(crate) fn guard(self, registry: Router) -> Router {
        registry.layer(middleware::from_fn_with_state(self, answer))
    }

    fn issue(&self, headers: &HeaderMap) -> Response {
        if header(headers, &AUTHORIZATION).strip_prefix("Basic ") != Some(&self.basic) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let document = json!({ "token": &*self.token, "expires_in": 300 });
        ([(CONTENT_TYPE, "application/json")], document.to_string()).into_response()
    }

    /// Says where tokens are to be had: at the very address that the client came to.
    fn challenge(headers: &HeaderMap) -> Response {
        let host = header(headers, &HOST);
        let challenge = format!(r#"Bearer realm="http://{host}/token",service="demo",scope="repository:disk:pull""#);
        let document = json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "a token is needed" }] });
        let headers = [(WWW_AUTHENTICATE, challenge), (CONTENT_TYPE, "application/json".to_owned())];
        (StatusCode::UNAUTHORIZED, headers, document.to_string()).into_response()
    }
}

async fn answer(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    if request.uri().path() == "/token" {
        return gate.issue(request.headers());
    }
    if header(request.headers(), &AUTHORIZATION) == &*gate.bearer {
        return next.run(request).await;
    }
    Gate::challenge(request.headers())
}

fn header<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_for_those_who_know_the_password() {
        let gate = Gate::new();
        let mut headers = HeaderMap::new();
        assert_eq!(gate.issue(&headers).status(), StatusCode::UNAUTHORIZED);
        headers.insert(AUTHORIZATION, format!("Basic {}", Gate::new().basic).parse().unwrap());
        assert_eq!(gate.issue(&headers).status(), StatusCode::UNAUTHORIZED);
        headers.insert(AUTHORIZATION, format!("Basic {}", gate.basic).parse().unwrap());
        assert_eq!(gate.issue(&headers).status(), StatusCode::OK);
    }

    #[test]
    fn the_challenge_names_the_address_that_the_client_used() {
        let headers = HeaderMap::from_iter([(HOST, "localhost:7".parse().unwrap())]);
        let answer = Gate::challenge(&headers);
        assert!(header(answer.headers(), &WWW_AUTHENTICATE).starts_with(r#"Bearer realm="http://localhost:7/token","#));
    }
}
