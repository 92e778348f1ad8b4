//! Opaque tokens, by the rules of distribution's token authentication.
//!
//! <https://distribution.github.io/distribution/spec/auth/token/>

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::json;

use crate::access::credentials;
use crate::answer::Answer;
use crate::fault::Here;
use crate::http::parse_form;
use crate::record::ReceivedRequest;
use crate::server::lock;

/// Whether requests for tokens may come without a name.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Anonymous {
    /// Anybody gets a token to pull.
    #[default]
    Accepted,
    /// Only those who prove who they are.
    Refused,
}

/// How long a token serves.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Lifetime {
    /// Until [`expire_tokens`](crate::LyingRegistry::expire_tokens).
    #[default]
    Unlimited,
    /// For this many requests.
    Uses(usize),
}

/// Where challenges send clients for a token.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Realm {
    /// To `/token` of the same host and port.
    #[default]
    OwnPort,
    /// To `/token` of the same server at another port, so at another origin.
    SecondPort,
    /// Anywhere.
    Url(String),
}

/// The rules of a token endpoint.
#[derive(Clone, Debug, Default)]
pub struct Bearer {
    pub(crate) anonymous: Anonymous,
    pub(crate) lifetime: Lifetime,
    pub(crate) realm: Realm,
    user: Option<(String, String)>,
    identity_token: Option<String>,
    issued_at: Option<String>,
}

impl Bearer {
    /// Gives tokens to everybody.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// Gives tokens to this user alone.
    pub fn user(user: &str, password: &str) -> Self {
        let user = Some((user.to_owned(), password.to_owned()));
        Self { anonymous: Anonymous::Refused, user, ..Self::default() }
    }

    /// Says what happens to clients without a name.
    #[must_use]
    pub fn with_anonymous(mut self, anonymous: Anonymous) -> Self {
        self.anonymous = anonymous;
        self
    }

    /// Accepts this identity token as `refresh_token` of a POST.
    #[must_use]
    pub fn with_identity_token(mut self, token: &str) -> Self {
        self.identity_token = Some(token.to_owned());
        self
    }

    /// Says that tokens were issued at this time (RFC 3339), whenever that was.
    #[must_use]
    pub fn with_issued_at(mut self, time: &str) -> Self {
        self.issued_at = Some(time.to_owned());
        self
    }

    /// Sets how long a token serves.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets where challenges send clients.
    #[must_use]
    pub fn with_realm(mut self, realm: Realm) -> Self {
        self.realm = realm;
        self
    }
}

/// The tokens of a registry.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    rules: Bearer,
    issued: Mutex<Issued>,
}

#[derive(Debug, Default)]
struct Issued {
    count: usize,
    valid: HashMap<String, Grant>,
}

#[derive(Debug)]
struct Grant {
    scopes: Vec<String>,
    uses_left: Option<usize>,
}

impl Tokens {
    pub(crate) fn new(rules: Bearer) -> Self {
        Self { rules, ..Self::default() }
    }

    pub(crate) fn expire(&self) {
        lock(&self.issued).valid.clear();
    }

    /// Lets a request in, or gives the challenge.
    pub(crate) fn check(&self, request: &ReceivedRequest, here: &Here) -> Result<(), Answer> {
        let scope = here.scope();
        let Some(token) = request.header("authorization").and_then(|value| value.strip_prefix("Bearer ")) else {
            return Err(challenge(here, &scope, ""));
        };
        let mut issued = lock(&self.issued);
        let Some(grant) = issued.valid.get_mut(token) else {
            return Err(challenge(here, &scope, ",error=\"invalid_token\""));
        };
        // `/v2/` itself asks only whether the token is one.
        if Here::path(here).trim_end_matches('/') != "/v2" && !grant.scopes.contains(&scope) {
            return Err(challenge(here, &scope, ",error=\"insufficient_scope\""));
        }
        if let Some(left) = &mut grant.uses_left {
            *left -= 1;
            if *left == 0 {
                issued.valid.remove(token);
            }
        }
        Ok(())
    }

    /// Answers a request to the token endpoint.
    pub(crate) fn answer(&self, request: &ReceivedRequest) -> Answer {
        let form = match request.method.as_str() {
            "GET" => request.query.clone(),
            "POST" => parse_form(&String::from_utf8_lossy(&request.body)),
            _ => return Answer::new(405),
        };
        if !self.admits(request, &form) {
            let answer = Answer::error(401, "UNAUTHORIZED", "incorrect username or password");
            return answer.header("WWW-Authenticate", "Basic realm=\"testkit tokens\"");
        }
        let scopes: Vec<String> = form
            .iter()
            .filter(|(name, _)| name == "scope")
            .flat_map(|(_, scopes)| scopes.split(' '))
            .filter(|scope| scope.ends_with(":pull"))
            .map(str::to_owned)
            .collect();
        let token = self.issue(scopes);
        let key = if request.method == "POST" { "access_token" } else { "token" };
        let mut answer = json!({ key: token, "expires_in": 300 });
        if let Some(time) = &self.rules.issued_at {
            answer["issued_at"] = json!(time);
        }
        Answer::json(200, &answer)
    }

    fn admits(&self, request: &ReceivedRequest, form: &[(String, String)]) -> bool {
        let field = |wanted: &str| form.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        let known = |given: Option<(String, String)>| given.is_some() && given == self.rules.user;
        if request.method == "POST" {
            return match field("grant_type").as_deref() {
                Some("password") => known(field("username").zip(field("password"))),
                Some("refresh_token") => {
                    field("refresh_token").is_some_and(|token| Some(token) == self.rules.identity_token)
                }
                _ => false,
            };
        }
        match request.header("authorization") {
            None => self.rules.anonymous == Anonymous::Accepted,
            Some(_) => known(credentials(request)),
        }
    }

    fn issue(&self, scopes: Vec<String>) -> String {
        let mut issued = lock(&self.issued);
        issued.count += 1;
        let token = format!("token-{}-{}", issued.count, crate::content::digest(&issued.count.to_le_bytes()));
        let uses_left = match self.rules.lifetime {
            Lifetime::Unlimited => None,
            Lifetime::Uses(count) => Some(count.max(1)),
        };
        issued.valid.insert(token.clone(), Grant { scopes, uses_left });
        token
    }
}

fn challenge(here: &Here, scope: &str, error: &str) -> Answer {
    let value = format!("Bearer realm=\"{}\",service=\"testkit\",scope=\"{scope}\"{error}", here.realm);
    Answer::error(401, "UNAUTHORIZED", "authentication required").header("WWW-Authenticate", &value)
}
