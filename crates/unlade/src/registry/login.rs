//! How a repository's requests prove who asks: challenges answered, tokens asked for and shown.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Instant, SystemTime};

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use http::{HeaderValue, Method};
use url::Url;

use super::api::{Api, collect};
use super::refusal;
use super::request::Terms;
use crate::auth::challenge::{Challenge, Scheme, choose};
use crate::auth::realm::{self, Doubt, Grant, Login as Lasting, Rule, Situation};
use crate::auth::scope::Scope;
use crate::auth::token::{MAX_ANSWER, TokenKey, basic};
use crate::auth::{Credential, Found, Secret, Token};
use crate::config::RealmRule;
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::observe::Event;
use crate::retry::{Outcome, retry_after};
use crate::spec::api_error;
use crate::spec::safe_url::SafeUrl;
use crate::transport::guard::{AddressGuard, Exemption, check};
use crate::transport::redirect::{same_origin, target};
use crate::transport::watch::watch;
use crate::transport::{Answer, Exchange};

/// So many redirects of a token request are followed, on its own origin.
const MAX_TOKEN_HOPS: u8 = 3;

/// What a repository's requests carry, learnt from the registry's challenges.
#[derive(Debug)]
pub(super) struct Login {
    found: Found,
    scope: Scope,
    state: Mutex<State>,
    doubt: OnceLock<(Doubt, String)>,
    complaint: OnceLock<String>,
}

#[derive(Debug, Clone)]
enum State {
    /// The same header each time.
    Basic(Secret),
    /// A token of this name, and the one that was shown last.
    Bearer(TokenKey, Option<Token>),
    /// Nothing was asked for yet.
    Unasked,
}

impl Login {
    pub(super) fn new(found: Found, repository: &str) -> Self {
        tracing::debug!("the login comes from {}", found.origin);
        let state = match &*found.credential {
            Credential::RegistryToken(token) => State::Basic(Secret::new(format!("Bearer {}", token.expose()))),
            _ => State::Unasked,
        };
        Self {
            found,
            scope: Scope::pull(repository),
            state: Mutex::new(state),
            doubt: OnceLock::new(),
            complaint: OnceLock::new(),
        }
    }

    pub(super) fn credential(&self) -> &Credential {
        &self.found.credential
    }

    pub(super) fn origin(&self) -> &str {
        &self.found.origin
    }

    /// Returns what is wrong with files that could have held the login.
    pub(super) fn complaints(&self) -> &[String] {
        &self.found.complaints
    }

    /// Returns why a realm was not shown the login, and the realm's host.
    pub(super) fn doubt(&self) -> Option<&(Doubt, String)> {
        self.doubt.get()
    }

    /// Returns in what way the registry asked for more than this repository's own scope.
    pub(super) fn complaint(&self) -> Option<&str> {
        self.complaint.get().map(String::as_str)
    }

    /// Returns the `Authorization` that the next request carries; asks for a token where one is due.
    pub(super) async fn header(&self, api: &Api, terms: Terms<'_>) -> Result<Option<HeaderValue>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match state {
            State::Unasked => Ok(None),
            State::Basic(secret) => sensitive(&secret).map(Some),
            State::Bearer(key, _) => {
                let exchange = || self.exchange(&key, api, terms);
                let token = api.registries.tokens.obtain(&key, Instant::now(), exchange).await?;
                let value = sensitive(&token.authorization())?;
                self.set(State::Bearer(key, Some(token)));
                Ok(Some(value))
            }
        }
    }

    /// Learns from a challenge of the registry what the next request must carry.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unauthorized`] if there is nothing that would answer it, [`ErrorKind::Denied`] for a
    /// realm that may not be asked.
    pub(super) async fn answer(&self, challenges: &[Challenge], api: &Api, terms: Terms<'_>) -> Result<()> {
        let chosen = chosen(challenges)?;
        if let Some(more) = chosen.scope().and_then(|asked| self.scope.exceeded_by(asked)) {
            tracing::warn!("the registry asks for the scope {more}, which is not obeyed");
            // The first complaint stands for all.
            self.complaint.get_or_init(|| format!("the registry asked for the scope {more}, which is not obeyed"));
        }
        if chosen.scheme == Scheme::Basic {
            self.set(State::Basic(self.password()?));
            return Ok(());
        }
        let realm = realm(chosen)?;
        let home = api.home();
        if !same_origin(&realm, home) {
            let checked = check(&realm, home, &api.bounds());
            checked.map_err(|refusal| forbidden(&realm).caused_by(refusal))?;
        }
        let credential = match self.grant(&realm, api, terms) {
            Grant::Withheld(doubt) => {
                tracing::warn!("the login is not shown to {}: {doubt}", host(&realm));
                self.doubt.get_or_init(|| (doubt, host(&realm)));
                Credential::Anonymous.into()
            }
            _ => self.found.credential.clone(),
        };
        let key = TokenKey::new(realm, chosen.service().map(str::to_owned), self.scope.clone(), credential);
        let refused = match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Bearer(shown, Some(token)) if *shown == key => Some(token.clone()),
            _ => None,
        };
        if let Some(token) = refused {
            api.registries.tokens.forget(&key, &token).await;
        }
        self.set(State::Bearer(key, None));
        Ok(())
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    fn password(&self) -> Result<Secret> {
        match &*self.found.credential {
            Credential::Password { user, password } => Ok(basic(user, password)),
            Credential::BareToken(token) => Ok(basic("", token)),
            Credential::Anonymous => Err(Error::new(ErrorKind::Unauthorized, "a login is wanted, and none is known")),
            _ => Err(Error::new(
                ErrorKind::Unauthorized,
                format!("user and password are wanted, and {} holds a token", self.found.origin),
            )),
        }
    }

    fn grant(&self, realm: &Url, api: &Api, terms: Terms<'_>) -> Grant {
        let lasting = match &*self.found.credential {
            Credential::Anonymous => return Grant::Full,
            Credential::Password { .. } => Lasting::Password,
            _ => Lasting::Lasting,
        };
        let realms = &api.registries.config.realms;
        let rule = if realms.rule == RealmRule::Strict { Rule::Strict } else { Rule::Warn };
        let verified = api.registries.profile().verifies();
        let situation = Situation::new(api.home(), realm, verified, lasting).ruled(rule, &realms.trusted);
        let grant = realm::judge(&situation);
        if grant == Grant::Warned {
            let text = format!("the login for {} is shown to {}", api.repository.registry(), host(realm));
            if api.registries.is_news(&text) {
                terms.observer.notice(&Event::Warning { text });
            }
        }
        grant
    }

    /// Asks for a token; a bare token that the realm does not take is shown to the registry as it is.
    async fn exchange(&self, key: &TokenKey, api: &Api, terms: Terms<'_>) -> Result<Token> {
        let outcome = exchange(key, api, terms).await;
        match (&*key.credential, outcome) {
            (Credential::BareToken(token), Err(error)) if is_refusal(&error) => {
                tracing::info!("the token server does not take the pull secret: it is shown to the registry as it is");
                Ok(Token::lasting(token.clone(), Instant::now()))
            }
            (Credential::Anonymous, Err(error)) if is_refusal(&error) => Err(self.without_login(error)),
            (_, Err(error)) if is_refusal(&error) => Err(error.advise(Advice::Credential(self.found.origin.clone()))),
            (_, outcome) => outcome,
        }
    }

    /// Says why there was no login, where a login is what is missing.
    fn without_login(&self, error: Error) -> Error {
        let Some((doubt, host)) = self.doubt() else {
            return error;
        };
        Error::new(ErrorKind::Denied, format!("the login was not shown to {host}: {doubt}"))
            .with(|context| *context = error.context().clone())
            .advise(Advice::TrustRealm(host.clone()))
            .caused_by(error)
    }
}

/// Answers a challenge of the place that a redirect led to: without a login, for the same scope.
pub(super) async fn answer_abroad(
    challenges: &[Challenge],
    at: &Url,
    api: &Api,
    terms: Terms<'_>,
) -> Result<Option<HeaderValue>> {
    let chosen = chosen(challenges)?;
    if chosen.scheme == Scheme::Basic {
        return Err(Error::new(ErrorKind::Unauthorized, format!("{} wants a login, and gets none", host(at))));
    }
    let realm = realm(chosen)?;
    check(&realm, at, &api.bounds()).map_err(|refusal| forbidden(&realm).caused_by(refusal))?;
    let scope = Scope::pull(api.repository.name());
    let key = TokenKey::new(realm, chosen.service().map(str::to_owned), scope, Credential::Anonymous.into());
    let token = api.registries.tokens.obtain(&key, Instant::now(), || exchange(&key, api, terms)).await?;
    sensitive(&token.authorization()).map(Some)
}

fn chosen(challenges: &[Challenge]) -> Result<&Challenge> {
    choose(challenges).map_err(|schemes| {
        let text = if schemes.is_empty() {
            "a login is wanted, and no challenge says in what form".to_owned()
        } else {
            format!("a login is wanted in a form that is not spoken here: {schemes}")
        };
        Error::new(ErrorKind::Unauthorized, text).advise(Advice::SpeakKnownScheme)
    })
}

fn realm(challenge: &Challenge) -> Result<Url> {
    let text = challenge.realm().unwrap_or_default();
    Url::parse(text)
        .map_err(|error| Error::new(ErrorKind::PeerMisbehaved, "the realm of the challenge is no URL").caused_by(error))
}

fn forbidden(realm: &Url) -> Error {
    let shown = SafeUrl::from(realm.clone());
    Error::new(ErrorKind::Denied, format!("the token server {shown} is not asked"))
        .with(|context| context.url = Some(shown))
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Denied) && error.context().status.is_some()
}

fn host(url: &Url) -> String {
    SafeUrl::from(url.clone()).authority()
}

fn sensitive(secret: &Secret) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(secret.expose())
        .map_err(|_| Error::new(ErrorKind::InvalidInput, "the login cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Makes one token request, with retries; never led to another origin, where a
/// redirect would carry the login along.
async fn exchange(key: &TokenKey, api: &Api, terms: Terms<'_>) -> Result<Token> {
    let mut url = None;
    let (mut hops, mut attempts) = (0, 0);
    loop {
        let exchange = write(key, url.as_ref(), api)?;
        let at = exchange.url.clone();
        attempts += 1;
        let (outcome, error) = match api.registries.transport.call(exchange).await {
            Ok(answer) if answer.status.is_success() => return read(answer, &at, api).await,
            Ok(answer) if answer.status.is_redirection() => {
                let next = target(&at, &answer.headers)
                    .ok()
                    .filter(|next| same_origin(&at, next) && key.call().form.is_none() && hops < MAX_TOKEN_HOPS);
                let Some(next) = next else { return Err(redirected(&at)) };
                hops += 1;
                url = Some(next);
                continue;
            }
            Ok(answer) => {
                let asked = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let asked = asked.and_then(|value| retry_after(value, SystemTime::now()));
                (Outcome::Status(answer.status.as_u16(), asked), refused(answer, &at, api).await)
            }
            Err(failure) => {
                let outcome = if failure.is_transient() { Outcome::Broken } else { Outcome::Final };
                let what = format!("cannot get a token from {}", host(&at));
                let forbidden = matches!(failure.kind(), crate::transport::FailureKind::ForbiddenAddress(..));
                let error = refusal::failed(failure, &what, &host(&at), at.scheme());
                let error = if forbidden { Error::new(ErrorKind::Denied, what).caused_by(error) } else { error };
                (outcome, error.with(|context| context.url = Some(SafeUrl::from(at))))
            }
        };
        let outcome = if is_refusal(&error) { Outcome::Final } else { outcome };
        api.pause(outcome, error.with(|context| context.attempts = attempts), terms).await?;
        url = None;
    }
}

fn write(key: &TokenKey, url: Option<&Url>, api: &Api) -> Result<Exchange> {
    let call = key.call();
    let method = if call.form.is_some() { Method::POST } else { Method::GET };
    let mut exchange = api.bare_exchange(method, url.cloned().unwrap_or(call.url));
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(authorization) = &call.authorization {
        headers.insert(AUTHORIZATION, sensitive(authorization)?);
    }
    if let Some(form) = &call.form {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        exchange.body = Some(form.expose().as_bytes().to_vec().into());
    }
    exchange.headers = headers;
    exchange.profile = if same_origin(&exchange.url, api.home()) {
        api.registries.home_profile().guarded(AddressGuard::Open)
    } else {
        let anonymous = *key.credential == Credential::Anonymous;
        let exemption = if anonymous { Exemption::ProvenName } else { Exemption::None };
        api.registries.profile().guarded(api.guard(&exchange.url, exemption))
    };
    Ok(exchange)
}

async fn read(answer: Answer, at: &Url, api: &Api) -> Result<Token> {
    let from = host(at);
    let locate = |error: Error| error.with(|context| context.url = Some(SafeUrl::from(at.clone())));
    let body = collect(watch(answer.chunks, api.registries.pace()), MAX_ANSWER).await.map_err(|failure| {
        locate(refusal::failed(failure, &format!("cannot read the token from {from}"), &from, at.scheme()))
    })?;
    let body = body.ok_or_else(|| {
        locate(Error::new(ErrorKind::TooLarge, format!("the answer of {from} is larger than {MAX_ANSWER} bytes")))
    })?;
    Token::from_answer(&body, Instant::now(), SystemTime::now()).map_err(locate)
}

async fn refused(answer: Answer, at: &Url, api: &Api) -> Error {
    let status = answer.status;
    // A refusal whose words do not arrive is a refusal all the same.
    let body =
        collect(watch(answer.chunks, api.registries.pace()), MAX_ANSWER).await.ok().flatten().unwrap_or_default();
    let errors = api_error::parse(&body);
    let kind = match status.as_u16() {
        // OAuth2 says 400 for a refresh token that is no longer good (RFC 6749, section 5.2).
        400 | 404 => ErrorKind::Unauthorized,
        _ => refusal::kind(status),
    };
    Error::new(kind, format!("the token server {} answered {}", host(at), refusal::words(status, &errors))).with(
        |context| {
            context.url = Some(SafeUrl::from(at.clone()));
            context.status = Some(status.as_u16());
            context.registry_errors = errors;
        },
    )
}

fn redirected(at: &Url) -> Error {
    Error::new(ErrorKind::Denied, format!("the token server {} leads to another place, which is not asked", host(at)))
        .with(|context| context.url = Some(SafeUrl::from(at.clone())))
}
