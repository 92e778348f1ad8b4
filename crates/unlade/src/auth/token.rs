//! Tokens: how they are asked for, what an answer says, and who shares them.
//!
//! <https://distribution.github.io/distribution/spec/auth/token/>,
//! <https://distribution.github.io/distribution/spec/auth/oauth/>

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use super::credential::basic_parameter;
use super::scope::Scope;
use super::{Credential, Secret};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::safe_url::SafeUrl;

/// The largest answer that is read: a token must fit the header of a request, which servers limit to some 10 KiB.
pub const MAX_ANSWER: u64 = 64 << 10;

/// The lifetime of a token whose answer does not say it, by the specification.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(1);

/// A longer lifetime is not believed: a token that is refused is renewed anyway.
const MAX_LIFETIME: Duration = Duration::from_hours(24);

/// So long before its end a token is renewed: a request must have time to arrive.
const MARGIN: Duration = Duration::from_secs(10);

/// Parameters of a token request that no realm may bring along.
const OURS: [&str; 5] = ["account", "client_id", "offline_token", "refresh_token", "scope"];

/// More tokens than this are not kept.
const MAX_TOKENS: usize = 1024;

/// What a token is for and whose it is. Credentials are compared as a whole: no two share a token.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TokenKey {
    /// The server that hands it out.
    pub realm: Url,
    /// The registry's name there.
    pub service: Option<String>,
    /// What it is for.
    pub scope: Scope,
    /// Who asks.
    pub credential: Arc<Credential>,
}

impl TokenKey {
    /// Names a token. What the realm's own query says of scope and account is left out, for that is ours to say;
    /// so is a service where the challenge names one.
    pub fn new(mut realm: Url, service: Option<&str>, scope: Scope, credential: Arc<Credential>) -> Self {
        let ours = |name: &str| OURS.contains(&name) || (name == "service" && service.is_some());
        if realm.query_pairs().any(|(name, _)| ours(&name)) {
            let kept: Vec<_> = realm.query_pairs().into_owned().filter(|(name, _)| !ours(name)).collect();
            realm.set_query(None);
            if !kept.is_empty() {
                realm.query_pairs_mut().extend_pairs(kept);
            }
        }
        Self { realm, service: service.map(str::to_owned), scope, credential }
    }

    /// Names the same token for someone without a login.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self { credential: Arc::new(Credential::Anonymous), ..self.clone() }
    }

    /// Says whether a token is the very secret that it would be asked for with.
    pub(crate) fn is_spent_on(&self, token: &Token) -> bool {
        matches!(&*self.credential, Credential::BareToken(secret) if *secret == token.secret)
    }

    /// Writes the request for the token.
    pub fn call(&self) -> TokenCall {
        match &*self.credential {
            Credential::IdentityToken(token) => self.post(token),
            Credential::Password { user, password } => self.get(Some(user), Some(basic(user, password))),
            // A bare token is a password without a user, as Ironic sends it.
            Credential::BareToken(token) => self.get(None, Some(basic("", token))),
            Credential::Anonymous | Credential::RegistryToken(_) => self.get(None, None),
        }
    }

    fn get(&self, account: Option<&str>, authorization: Option<Secret>) -> TokenCall {
        let mut url = self.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &self.service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", &self.scope.to_string());
            if let Some(account) = account {
                query.append_pair("account", account);
            }
        }
        TokenCall { url, authorization, form: None }
    }

    fn post(&self, token: &Secret) -> TokenCall {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token");
        if let Some(service) = &self.service {
            form.append_pair("service", service);
        }
        form.append_pair("scope", &self.scope.to_string());
        form.append_pair("client_id", "unlade");
        form.append_pair("refresh_token", token.expose());
        TokenCall { url: self.realm.clone(), authorization: None, form: Some(Secret::new(form.finish())) }
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey")
            .field("realm", &SafeUrl::from(self.realm.clone()))
            .field("service", &self.service)
            .field("scope", &self.scope)
            .field("credential", &self.credential)
            .finish()
    }
}

/// A request for a token: a POST if it has a form, else a GET.
#[derive(Clone)]
#[non_exhaustive]
pub struct TokenCall {
    /// Where it goes.
    pub url: Url,
    /// The value of the `Authorization` header.
    pub authorization: Option<Secret>,
    /// The form to be posted.
    pub form: Option<Secret>,
}

impl fmt::Debug for TokenCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCall")
            .field("url", &SafeUrl::from(self.url.clone()))
            .field("authorization", &self.authorization)
            .field("form", &self.form)
            .finish()
    }
}

/// Writes user and password as the value of an `Authorization` header (RFC 7617).
pub fn basic(user: &str, password: &Secret) -> Secret {
    Secret::new(format!("Basic {}", basic_parameter(user, password).expose()))
}

/// A token, and until when it is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    secret: Secret,
    expires_at: Instant,
    margin: Duration,
}

impl Token {
    /// Reads the answer that a token server has just given.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::PeerMisbehaved`] if there is no token in it, or one that cannot stand in a header.
    pub fn from_answer(body: &[u8]) -> Result<Self> {
        Self::read(body, Instant::now(), SystemTime::now())
    }

    fn read(body: &[u8], now: Instant, clock: SystemTime) -> Result<Self> {
        let misbehaved =
            |what: &str| Error::new(ErrorKind::PeerMisbehaved, format!("the answer of the token server {what}"));
        // The cause is left out: it may quote the token.
        let answer: Value = serde_json::from_slice(body).map_err(|_| misbehaved("is not JSON"))?;
        let field = |name: &str| answer.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let text = field("token").or_else(|| field("access_token")).ok_or_else(|| misbehaved("holds no token"))?;
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(misbehaved("holds a token that cannot stand in a header"));
        }
        let lifetime = remaining(&answer, clock);
        Ok(Self { secret: Secret::new(text), expires_at: now + lifetime, margin: MARGIN.min(lifetime / 4) })
    }

    /// Takes a secret as a token that is good until it is refused.
    pub fn lasting(secret: Secret) -> Self {
        Self { secret, expires_at: Instant::now() + MAX_LIFETIME, margin: MARGIN }
    }

    /// Returns the token itself.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Returns the value of the `Authorization` header.
    pub fn authorization(&self) -> Secret {
        Secret::new(format!("Bearer {}", self.secret.expose()))
    }

    fn is_usable(&self, now: Instant) -> bool {
        now + self.margin < self.expires_at
    }
}

/// Returns how long a token is still good.
///
/// `issued_at` may lie in the past, where the server keeps tokens for a while. One
/// that makes no sense by our clock says that the clocks differ, and is passed over.
fn remaining(answer: &Value, clock: SystemTime) -> Duration {
    let seconds = match answer.get("expires_in") {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let lifetime =
        seconds.filter(|seconds| *seconds > 0).map_or(DEFAULT_LIFETIME, Duration::from_secs).min(MAX_LIFETIME);
    let issued = answer.get("issued_at").and_then(Value::as_str).and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let age = issued.and_then(|issued| clock.duration_since(SystemTime::from(issued)).ok());
    age.and_then(|age| lifetime.checked_sub(age)).filter(|left| !left.is_zero()).unwrap_or(lifetime)
}

/// Whether a token was asked for just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Age {
    /// It was: a refusal of it is not for its age.
    Fresh,
    /// It was known from earlier requests.
    Known,
}

/// Tokens shared by all that need them: one exchange at a time for each key.
#[derive(Debug, Default)]
pub struct TokenCache {
    slots: Mutex<HashMap<TokenKey, Arc<Slot>>>,
}

type Slot = tokio::sync::Mutex<Option<Token>>;

impl TokenCache {
    /// Makes an empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a token that is good now, and whether it was asked for just now; asks for one if there is none.
    ///
    /// Whoever asks while an exchange is under way waits for it. An exchange that fails
    /// or is dropped is nobody's: the next one who waits makes his own.
    pub async fn obtain<F>(&self, key: &TokenKey, exchange: impl FnOnce() -> F) -> Result<(Token, Age)>
    where
        F: Future<Output = Result<Token>>,
    {
        self.obtain_at(key, Instant::now, exchange).await
    }

    async fn obtain_at<F>(
        &self,
        key: &TokenKey,
        now: impl FnOnce() -> Instant,
        exchange: impl FnOnce() -> F,
    ) -> Result<(Token, Age)>
    where
        F: Future<Output = Result<Token>>,
    {
        let slot = self.slot(key);
        let mut held = slot.lock().await;
        let now = now();
        if let Some(token) = held.as_ref().filter(|token| token.is_usable(now)) {
            return Ok((token.clone(), Age::Known));
        }
        let token = exchange().await?;
        *held = Some(token.clone());
        Ok((token, Age::Fresh))
    }

    /// Forgets a token that was refused, unless another has taken its place already.
    pub async fn forget(&self, key: &TokenKey, refused: &Token) {
        let slot = self.slot(key);
        let mut held = slot.lock().await;
        if held.as_ref() == Some(refused) {
            *held = None;
        }
    }

    fn slot(&self, key: &TokenKey) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_TOKENS && !slots.contains_key(key) {
            // Those in use are held by whoever uses them; the others cost an exchange.
            slots.clear();
        }
        Arc::clone(slots.entry(key.clone()).or_default())
    }
}

#[cfg(test)]
mod tests;
