//! A token server that distribution believes: it signs JSON web tokens.
//!
//! <https://distribution.github.io/distribution/spec/auth/jwt/>

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::access::credentials;
use crate::answer::Answer;
use crate::exchange::{Desk, serve};
use crate::fault::{Fault, Here};
use crate::http::parse_form;
use crate::record::{ReceivedRequest, Recorder};
use crate::script::{Matcher, Script};
use crate::server::{Binding, Server};
use crate::tls::{Authority, Identity};

/// A running token server, for [`DockerRegistry::token`](super::DockerRegistry::token).
pub struct TokenServer {
    desk: Arc<TokenDesk>,
    server: Server,
}

impl TokenServer {
    /// The name of the service that its tokens are for.
    pub const SERVICE: &str = "testkit";
    /// The name under which it signs.
    pub const ISSUER: &str = "testkit issuer";

    /// Starts a server that gives everybody a token to pull.
    pub fn anonymous() -> Self {
        Self::start(None)
    }

    /// Starts a server that gives this user alone tokens, and takes `identity_token` as a refresh token.
    pub fn user(user: &str, password: &str, identity_token: &str) -> Self {
        let account = Account { user: user.into(), password: password.into(), identity_token: identity_token.into() };
        Self::start(Some(account))
    }

    /// Gives the URL that challenges name.
    pub fn realm(&self) -> String {
        format!("http://{}/token", self.address())
    }

    /// Gives the address.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Signs a token to push and pull, without being asked over the wire: to fill a registry.
    pub fn push_token(&self, repository: &str) -> String {
        self.desk.sign(&[access(repository, &["pull", "push"])], Duration::from_mins(5))
    }

    /// Scripts a lie.
    pub fn script(&self, matcher: Matcher, fault: Fault) {
        self.desk.script.add(matcher, fault);
    }

    /// Gives what was asked: one request for each token.
    pub fn recorder(&self) -> &Recorder {
        &self.desk.recorder
    }

    pub(super) fn certificate_pem(&self) -> String {
        std::fs::read_to_string(&self.desk.identity.certificate).expect("read the certificate of a token server")
    }

    fn start(account: Option<Account>) -> Self {
        let authority = Authority::new();
        let identity = authority.self_signed();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, identity.key_pkcs8())
            .expect("the key of a certificate is on the curve P-256");
        let desk = Arc::new(TokenDesk {
            account,
            key,
            identity,
            _authority: authority,
            script: Script::default(),
            recorder: Recorder::default(),
        });
        let serving = Arc::clone(&desk);
        let server = Server::start(Binding::V4, None, move |number, wire| {
            serve(&serving, "http", number, wire);
        });
        Self { desk, server }
    }
}

struct Account {
    user: String,
    password: String,
    identity_token: String,
}

struct TokenDesk {
    account: Option<Account>,
    key: EcdsaKeyPair,
    identity: Identity,
    // Kept for its folder, in which the certificate is.
    _authority: Authority,
    script: Script,
    recorder: Recorder,
}

impl TokenDesk {
    fn sign(&self, access: &[Value], lifetime: Duration) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs();
        let header = json!({ "typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(self.identity.certificate_der())] });
        let claims = json!({
            "iss": TokenServer::ISSUER,
            "sub": self.account.as_ref().map_or("", |account| account.user.as_str()),
            "aud": TokenServer::SERVICE,
            "iat": now,
            // A minute of slack, as real issuers give it.
            "nbf": now - 60,
            "exp": now + lifetime.as_secs(),
            "jti": format!("{now}-{}", self.recorder.requests().len()),
            "access": access,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("sign a token");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn admits(&self, request: &ReceivedRequest, form: &[(String, String)]) -> bool {
        let field = |wanted: &str| form.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        let Some(Account { user, password, identity_token }) = &self.account else {
            return true;
        };
        match (request.method.as_str(), field("grant_type")) {
            ("POST", Some("refresh_token")) => field("refresh_token") == Some(identity_token),
            ("POST", Some("password")) => field("username") == Some(user) && field("password") == Some(password),
            ("POST", _) => false,
            _ => credentials(request) == Some((user.clone(), password.clone())),
        }
    }
}

impl Desk for TokenDesk {
    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn script(&self) -> &Script {
        &self.script
    }

    fn answer(&self, request: &ReceivedRequest, _here: &Here) -> Answer {
        let (form, key) = match request.method.as_str() {
            "POST" => (parse_form(&String::from_utf8_lossy(&request.body)), "access_token"),
            _ => (request.query.clone(), "token"),
        };
        if !self.admits(request, &form) {
            return Answer::error(401, "UNAUTHORIZED", "incorrect username or password");
        }
        let scopes = form.iter().filter(|(name, _)| name == "scope").flat_map(|(_, value)| value.split(' '));
        let allowed: &[&str] = if self.account.is_some() { &["pull", "push"] } else { &["pull"] };
        let granted: Vec<Value> = scopes.filter_map(|scope| grant(scope, allowed)).collect();
        Answer::json(200, &json!({ key: self.sign(&granted, Duration::from_mins(5)), "expires_in": 300 }))
    }
}

/// Grants of a scope what is allowed.
fn grant(scope: &str, allowed: &[&str]) -> Option<Value> {
    let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
    let actions: Vec<&str> = actions.split(',').filter(|action| allowed.contains(action)).collect();
    Some(access(name, &actions))
}

fn access(repository: &str, actions: &[&str]) -> Value {
    json!({ "type": "repository", "name": repository, "actions": actions })
}
