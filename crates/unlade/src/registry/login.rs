//! How a repository's requests prove who asks: challenges answered, tokens asked for and shown.

use std::error::Error as _;
use std::net::IpAddr;
use std::sync::{Mutex, OnceLock, PoisonError};

use url::Url;

use super::api::Api;
use super::refusal::allow_hint;
use super::request::Terms;
use super::token::{self, host, is_refusal};
use super::travel::Pass;
use crate::auth::challenge::{Challenge, Scheme, choose};
use crate::auth::realm::{self, Doubt, Grant, Login as Lasting, Rule, Situation};
use crate::auth::scope::Scope;
use crate::auth::secret::blot;
use crate::auth::token::{TokenKey, basic};
use crate::auth::{Credential, Found, Secret, Token};
use crate::config::RealmRule;
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::spec::safe_url::SafeUrl;
use crate::transport::FailureKind;
use crate::transport::address::Peril;
use crate::transport::guard::{UrlRefusal, check, check_form};
use crate::transport::redirect::same_origin;

/// What a repository's requests carry, learnt from the registry's challenges.
#[derive(Debug)]
pub(super) struct Login {
    found: Found,
    scope: Scope,
    state: Mutex<State>,
    /// Why a realm was not shown the login, and the realm's host.
    doubt: OnceLock<(Doubt, String)>,
    /// In what way the registry asked for more than this repository's own scope.
    complaint: OnceLock<String>,
    /// What the user must know once another host has seen the login.
    notice: OnceLock<String>,
}

#[derive(Debug, Clone)]
enum State {
    /// A token of this name.
    Bearer(TokenKey),
    /// The same header each time.
    Fixed(Secret),
    /// Nothing was asked for yet.
    Unasked,
}

impl Login {
    pub(super) fn new(found: Found, repository: &str) -> Self {
        tracing::debug!("the login comes from {}", found.origin);
        let state = match &*found.credential {
            Credential::RegistryToken(token) => State::Fixed(Secret::new(format!("Bearer {}", token.expose()))),
            _ => State::Unasked,
        };
        Self {
            found,
            scope: Scope::pull(repository),
            state: Mutex::new(state),
            doubt: OnceLock::new(),
            complaint: OnceLock::new(),
            notice: OnceLock::new(),
        }
    }

    /// Returns what the next request to the registry shows; asks for a token where one is due.
    pub(super) async fn pass(&self, api: &Api, terms: Terms<'_>) -> Result<Option<Pass>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(match state {
            State::Unasked => None,
            State::Fixed(secret) => Some(Pass::Fixed(secret)),
            State::Bearer(key) => Some(self.token(key, api, terms).await?),
        })
    }

    /// Returns a token of a name. With a login a name may not lead into a private network; without one it may.
    async fn token(&self, key: TokenKey, api: &Api, terms: Terms<'_>) -> Result<Pass> {
        let outcome = api.registries.tokens.obtain(&key, || self.exchange(&key, api, terms)).await;
        let private = match &outcome {
            Err(error) if *key.credential != Credential::Anonymous => private_address(error),
            _ => None,
        };
        let Some(address) = private else {
            return outcome.map(|(token, age)| Pass::Token(key, token, age));
        };
        self.withhold(Doubt::Private(address), &key.realm, api, terms);
        let key = key.anonymous();
        self.set(State::Bearer(key.clone()));
        let (token, age) = api.registries.tokens.obtain(&key, || self.exchange(&key, api, terms)).await?;
        Ok(Pass::Token(key, token, age))
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Learns from a challenge of the registry what the next request must show.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unauthorized`] if there is nothing that would answer it, [`ErrorKind::Denied`] for a
    /// realm that may not be asked.
    pub(super) fn answer(&self, challenges: &[Challenge], api: &Api, terms: Terms<'_>) -> Result<()> {
        let chosen = chosen(challenges)?;
        let state = if chosen.scheme == Scheme::Basic {
            State::Fixed(self.password()?)
        } else {
            let realm = realm(chosen)?;
            let home = api.home();
            let checked =
                if same_origin(&realm, home) { check_form(&realm, home) } else { check(&realm, home, &api.bounds()) };
            checked.map_err(|refusal| forbidden(&realm, refusal))?;
            let credential = match self.grant(&realm, api) {
                Grant::Withheld(doubt) => {
                    self.withhold(doubt, &realm, api, terms);
                    Credential::Anonymous.into()
                }
                Grant::Full | Grant::Warned => self.found.credential.clone(),
            };
            State::Bearer(TokenKey::new(realm, chosen.service(), self.scope.clone(), credential))
        };
        self.set(state);
        Ok(())
    }

    /// Takes note of challenges that ask for more than this repository: they are not obeyed.
    pub(super) fn note_scopes(&self, challenges: &[Challenge]) {
        let asked = challenges.iter().flat_map(Challenge::scopes);
        if let Some(more) = asked.into_iter().find_map(|asked| self.scope.exceeded_by(&asked)) {
            let more = blot(&more, &self.found.credential.secrets());
            tracing::info!("the registry asks for the scope {more}, which is not obeyed");
            // The first complaint stands for all.
            self.complaint.get_or_init(|| format!("the registry asked for the scope {more}, which is not obeyed"));
        }
    }

    /// Adds to a refusal what was held back on our side, and what would help.
    pub(super) fn explain(&self, error: Error) -> Error {
        let refused = matches!(error.kind(), ErrorKind::Denied | ErrorKind::Unauthorized);
        // Registries say of what may not be seen that it does not exist.
        if let Some((doubt, host)) = self.doubt.get().filter(|_| refused || error.kind() == ErrorKind::NotFound) {
            let kind = if refused { ErrorKind::Denied } else { error.kind() };
            let cause = Error::new(ErrorKind::Denied, format!("the login was not shown to {host}: {doubt}"));
            return error.turned_into(kind).advise(doubt.advice(host)).caused_by(cause);
        }
        if !refused {
            return error;
        }
        let error = match (self.complaint.get(), error.source()) {
            (Some(complaint), None) => error.caused_by(Error::new(ErrorKind::Denied, complaint)),
            _ => error,
        };
        match (&error.context().advice, &*self.found.credential) {
            (Some(_), _) => error,
            // What we refused ourselves is not mended by a login.
            _ if error.context().status.is_none() => error,
            (None, Credential::Anonymous) => error.advise(Advice::LogIn),
            (None, _) => error.advise(Advice::Credential(self.found.origin.clone())),
        }
    }

    /// Returns where the login comes from, in words.
    pub(super) fn origin(&self) -> &str {
        &self.found.origin
    }

    /// Returns the texts that no message may repeat, although a server may.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.found.credential.secrets()
    }

    fn withhold(&self, doubt: Doubt, realm: &Url, api: &Api, terms: Terms<'_>) {
        let host = host(realm);
        let registry = api.repository.registry();
        api.warn(&format!("the login for {registry} is not shown to {host}: {doubt}"), terms.observer);
        self.doubt.get_or_init(|| (doubt, host));
    }

    fn password(&self) -> Result<Secret> {
        match &*self.found.credential {
            Credential::Password { user, password } => Ok(basic(user, password)),
            Credential::BareToken(token) => Ok(basic("", token)),
            Credential::Anonymous => {
                Err(Error::new(ErrorKind::Unauthorized, "a login is wanted, and none is known").advise(Advice::LogIn))
            }
            _ => Err(Error::new(
                ErrorKind::Unauthorized,
                format!("user and password are wanted, and {} holds a token", self.found.origin),
            )),
        }
    }

    fn grant(&self, realm: &Url, api: &Api) -> Grant {
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
            let text = format!("the login for {} was shown to {}", api.repository.registry(), host(realm));
            self.notice.get_or_init(|| text);
        }
        grant
    }

    /// Asks for a token; a bare token that the realm does not take is shown to the registry as it is.
    async fn exchange(&self, key: &TokenKey, api: &Api, terms: Terms<'_>) -> Result<Token> {
        let outcome = token::exchange(key, api, terms).await;
        let seen = outcome.as_ref().map_or_else(token::was_reached, |_| true);
        if let Some(notice) = self.notice.get().filter(|_| seen && *key.credential != Credential::Anonymous) {
            api.warn(notice, terms.observer);
        }
        match (&*key.credential, outcome) {
            (Credential::BareToken(token), Err(error)) if is_refusal(&error) => {
                tracing::info!("the token server does not take the pull secret: it is shown to the registry as it is");
                Ok(Token::lasting(token.clone()))
            }
            (_, outcome) => outcome,
        }
    }
}

/// Answers a challenge of the place that a redirect led to: without a login, for the same scope.
pub(super) async fn answer_abroad(
    challenges: &[Challenge],
    at: &Url,
    api: &Api,
    terms: Terms<'_>,
) -> Result<Option<Pass>> {
    let chosen = chosen(challenges)?;
    if chosen.scheme == Scheme::Basic {
        return Err(Error::new(ErrorKind::Unauthorized, format!("{} wants a login, and gets none", host(at))));
    }
    let realm = realm(chosen)?;
    check(&realm, at, &api.bounds()).map_err(|refusal| forbidden(&realm, refusal))?;
    let scope = Scope::pull(api.repository.name());
    let key = TokenKey::new(realm, chosen.service(), scope, Credential::Anonymous.into());
    let (token, age) = api.registries.tokens.obtain(&key, || token::exchange(&key, api, terms)).await?;
    Ok(Some(Pass::Token(key, token, age)))
}

/// A 401 without a challenge.
#[derive(Debug, thiserror::Error)]
#[error("no challenge says in what form a login is wanted")]
pub(super) struct Unchallenged;

/// Says whether an error comes from a 401 without a challenge.
pub(super) fn is_unchallenged(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(found) = cause {
        if found.is::<Unchallenged>() {
            return true;
        }
        cause = found.source();
    }
    false
}

fn chosen(challenges: &[Challenge]) -> Result<&Challenge> {
    choose(challenges).map_err(|schemes| {
        let error = if schemes.is_empty() {
            Error::new(ErrorKind::Unauthorized, "it cannot be answered").caused_by(Unchallenged)
        } else {
            let text = format!("a login is wanted in a form that is not spoken here: {schemes}");
            Error::new(ErrorKind::Unauthorized, text)
        };
        error.advise(Advice::SpeakKnownScheme)
    })
}

fn realm(challenge: &Challenge) -> Result<Url> {
    let text = challenge.realm().unwrap_or_default();
    Url::parse(text)
        .map_err(|error| Error::new(ErrorKind::PeerMisbehaved, "the realm of the challenge is no URL").caused_by(error))
}

fn forbidden(realm: &Url, refusal: UrlRefusal) -> Error {
    let shown = SafeUrl::from(realm.clone());
    let error = Error::new(ErrorKind::Denied, format!("the token server {shown} is not asked"))
        .with(|context| context.url = Some(shown));
    allow_hint(error, &refusal).caused_by(refusal)
}

/// Returns the private address at which a connection was given up.
fn private_address(error: &Error) -> Option<IpAddr> {
    match token::failure_behind(error)?.kind() {
        FailureKind::ForbiddenAddress(address, Peril::Private) => Some(*address),
        _ => None,
    }
}
