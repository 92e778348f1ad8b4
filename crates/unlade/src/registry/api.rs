//! The one loop: every request to a registry, its redirects, challenges and retries.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use url::Url;

use super::host::Host;
use super::journey::{Journey, Objection, Step};
use super::login::{self, Login};
use super::pause::{Refused, answered, broken, pause};
use super::refusal;
use super::request::{Reply, Request, Terms};
use super::rest::rest;
use super::shared::Registries;
use super::targets::Targets;
use super::travel::{Pass, Travel};
use crate::auth::Secret;
use crate::auth::challenge::{self, Challenge};
use crate::auth::secret::blot_beside;
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::observe::Observer;
use crate::retry::Effort;
use crate::spec::reference::Repository;
use crate::spec::safe_url::SafeUrl;
use crate::spec::text::sanitise;
use crate::transport::guard::{AddressGuard, Exemption, check, check_form};
use crate::transport::redirect::{carried, is_trusted, same_origin, target};
use crate::transport::watch::watch;
use crate::transport::{Answer, Chunks, Exchange, Failure};

/// So much of a refusal's body is read: error documents are small, and web pages say nothing.
const MAX_REFUSAL: u64 = 64 << 10;

/// So long the words of a refusal are waited for.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(5);

/// A repository's way to its registry.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) registries: Arc<Registries>,
    pub(super) repository: Repository,
    pub(super) host: Arc<Host>,
    pub(super) base: Url,
    /// Whose repository a mirror is asked for, as `ns=` says it; of the registry itself nothing.
    pub(super) namespace: Option<String>,
    pub(super) login: Login,
    /// The registry has given a manifest of this repository.
    pub(super) gives_manifests: AtomicBool,
    /// Where its blobs were found.
    pub(super) targets: Arc<Targets>,
}

impl Api {
    /// Returns the registry's own URL.
    pub(super) fn home(&self) -> &Url {
        &self.base
    }

    /// Returns the texts that no message may repeat, although a server may.
    fn secrets(&self) -> Vec<Secret> {
        self.login.secrets().into_iter().chain(self.registries.shown.tokens()).collect()
    }

    /// Makes a text fit to be told: what steers a terminal is taken out, and then what the server learnt from us. The
    /// other way round a mark in the middle of a secret would hide it.
    pub(super) fn blot(&self, text: &str) -> String {
        let names = [&self.repository.registry().authority(), self.repository.name()];
        blot_beside(&sanitise(text), &self.secrets(), &names)
    }

    /// Does so with all texts of an error.
    pub(super) fn cleaned(&self, error: Error) -> Error {
        error.reworded_throughout(&|text| self.blot(text))
    }

    /// Makes a URL fit to be told.
    pub(super) fn safe(&self, url: &Url) -> String {
        self.blot(&SafeUrl::from(url.clone()).to_string())
    }

    /// Tells the observer what the user should know, once.
    pub(super) fn warn(&self, text: &str, observer: &dyn Observer) {
        self.registries.warn(self.blot(text), observer);
    }

    /// Makes a request and everything that follows from it, until there is an answer with a status of success.
    ///
    /// May be dropped at any time.
    pub(super) async fn send(&self, request: &Request, terms: Terms<'_>) -> Result<Reply> {
        self.send_after(Effort::begin(), request, terms).await
    }

    async fn send_after(&self, earlier: Effort, request: &Request, terms: Terms<'_>) -> Result<Reply> {
        let mut home = self.base.join(&request.path).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, format!("cannot {}", request.what)).caused_by(error)
        })?;
        if let Some(namespace) = &self.namespace {
            home.query_pairs_mut().append_pair("ns", namespace);
        }
        let mut travel = Travel::begin(Journey::begin(home).starting_at(request.outset.clone()), earlier);
        loop {
            rest(&self.registries, travel.journey.url(), &request.what, terms).await?;
            let exchange = self.exchange(request, &mut travel, terms).await?;
            travel.effort.note();
            match self.registries.call(exchange).await {
                Ok(answer) => {
                    if let Some(reply) = self.proceed(request, &mut travel, answer, terms).await? {
                        return Ok(reply);
                    }
                }
                // The registry may know another place by now.
                Err(failure) if travel.leave_outset() => {
                    tracing::info!("the place that the registry named before gives nothing: {failure}");
                }
                Err(failure) => {
                    self.recover(request, &travel, failure, terms).await?;
                    travel.restart();
                }
            }
        }
    }

    /// Makes a request and reads its whole answer, of at most `limit` bytes; a body that breaks off is asked for again.
    pub(super) async fn read(&self, request: &Request, limit: u64, terms: Terms<'_>) -> Result<(Reply, Bytes)> {
        let mut effort = Effort::begin();
        loop {
            let mut reply = self.send_after(effort, request, terms).await?;
            effort = reply.effort;
            let chunks = std::mem::replace(&mut reply.answer.chunks, futures_util::stream::empty().boxed());
            match collect(watch(chunks, self.registries.pace()), limit).await {
                Ok(Some(bytes)) => return Ok((reply, bytes)),
                Ok(None) => {
                    let text = format!("cannot {}: the answer is larger than {limit} bytes", request.what);
                    return Err(Travel::begin(reply.journey, effort).describe(Error::new(ErrorKind::TooLarge, text)));
                }
                Err(failure) => {
                    self.recover(request, &Travel::begin(reply.journey, effort), failure, terms).await?;
                }
            }
        }
    }

    /// Does what an answer calls for; returns it if it is the last one.
    async fn proceed(
        &self,
        request: &Request,
        travel: &mut Travel,
        answer: Answer,
        terms: Terms<'_>,
    ) -> Result<Option<Reply>> {
        let (home, status) = (travel.journey.is_home(), answer.status);
        tracing::debug!(url = %self.safe(travel.journey.url()), status = status.as_u16(), "answer");
        let challenges = challenge::parse(answer.headers.get_all(WWW_AUTHENTICATE));
        if home {
            self.host.reached(answer.peer);
            if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                self.login.note_scopes(&challenges);
            }
        }
        let objection = travel.objection(&challenges);
        match travel.journey.judge(status, objection) {
            Step::Accept => {
                let journey = travel.journey.clone();
                return Ok(Some(Reply { answer, journey, effort: travel.effort }));
            }
            Step::Authenticate => {
                self.forget(travel, objection).await;
                match self.authenticate(travel, &challenges, terms).await {
                    Ok(()) => travel.journey.note_answered(objection),
                    // It wants what it will not get: a fresh redirect may lead elsewhere.
                    Err(cause) if travel.journey.may_return() => {
                        let reason = self.blot(&cause.chain().join(": "));
                        tracing::info!("the redirect's target is not answered: {reason}");
                        travel.give_up_target();
                    }
                    Err(cause) => return Err(self.locked_out(request, travel, answer, cause).await),
                }
            }
            Step::Follow => match self.follow(request, travel, &answer) {
                Err(error) if travel.leave_outset() => {
                    let reason = self.blot(&error.chain().join(": "));
                    tracing::info!("the place that the registry named before leads nowhere: {reason}");
                }
                followed => followed?,
            },
            Step::Return => {
                self.forget(travel, objection).await;
                tracing::info!(status = status.as_u16(), "the redirect's target refused: asking for a fresh one");
                travel.give_up_target();
            }
            Step::Retry => {
                let outcome = answered(status, &answer.headers);
                terms.note_refusal(outcome, Refused::Other);
                let error = self.refuse(request, travel, answer).await;
                pause(&self.registries, travel.journey.url(), outcome, self.cleaned(error), terms).await?;
                travel.restart();
            }
            Step::Refuse => {
                self.forget(travel, objection).await;
                return Err(self.refuse(request, travel, answer).await);
            }
            Step::TooManyHops => {
                let error = misled(request, travel, "there are too many redirects");
                return Err(error.with(|context| context.status = Some(status.as_u16())));
            }
        }
        Ok(None)
    }

    /// Waits until a failed request may be made again, or says why it may not.
    async fn recover(&self, request: &Request, travel: &Travel, failure: Failure, terms: Terms<'_>) -> Result<()> {
        let outcome = broken(&failure);
        terms.note_refusal(outcome, Refused::from(&failure));
        let at = travel.journey.url();
        let mut asked = format!("cannot {}", request.what);
        if !travel.journey.is_home() {
            asked = format!("{asked} at {}", travel.place());
        }
        asked.push_str(&self.registries.detour_of(&failure, at));
        let error = travel.describe(refusal::failed(failure, &asked, at));
        pause(&self.registries, at, outcome, self.cleaned(error), terms).await
    }

    /// Writes the request for the place where it is now.
    async fn exchange(&self, request: &Request, travel: &mut Travel, terms: Terms<'_>) -> Result<Exchange> {
        let url = travel.journey.url().clone();
        let home = travel.journey.is_home();
        // A trusted host that wants a token of its own is asked on like any other.
        let trusted = travel.abroad.is_none() && self.trusts(travel);
        let (profile, mut headers) = if home || trusted {
            let pass = self.login.pass(self, terms).await;
            travel.shown =
                pass.map_err(|error| self.login.explain(error).making(format!("cannot {}", request.what)))?;
            let guard =
                if home { self.home_guard() } else { AddressGuard::Named(self.bounds_for(&url, Exemption::None)) };
            (self.home_profile().guarded(guard), request.headers.clone())
        } else {
            travel.shown.clone_from(&travel.abroad);
            let guard = AddressGuard::Named(self.bounds_for(&url, Exemption::ProvenName));
            (self.registries.profile().guarded(guard), carried(&request.headers))
        };
        if let Some(pass) = &travel.shown {
            self.registries.shown.note(pass);
            headers.insert(AUTHORIZATION, pass.header()?);
        }
        let mut exchange = self.bare_exchange(Method::GET, url);
        exchange.profile = profile;
        exchange.headers = headers;
        Ok(exchange)
    }

    /// Begins a request that carries nothing.
    pub(super) fn bare_exchange(&self, method: Method, url: Url) -> Exchange {
        let config = &self.registries.config;
        let mut exchange = Exchange::new(method, url, self.registries.profile());
        exchange.connect_timeout = config.connect_timeout;
        exchange.response_timeout = config.response_timeout;
        exchange
    }

    fn follow(&self, request: &Request, travel: &mut Travel, answer: &Answer) -> Result<()> {
        let from = travel.journey.url();
        let next = target(from, &answer.headers)
            .map_err(|error| misled(request, travel, "it is redirected to nowhere").caused_by(error))?;
        let stays = travel.journey.is_home() && same_origin(from, &next);
        let checked = if stays { check_form(&next, from) } else { check(&next, from, &self.bounds()) };
        checked.map_err(|refusal| {
            let text = format!("it is redirected to {}", self.safe(&next));
            let error = misled(request, travel, &text).with(|context| context.status = Some(answer.status.as_u16()));
            refusal::allow_hint(error, &refusal).caused_by(refusal)
        })?;
        tracing::debug!(to = %self.safe(&next), "redirect");
        travel.hop(next, &self.registries.config.trusted_hosts);
        Ok(())
    }

    /// Drops the token that was refused from those that are shared, unless it is as good as any other.
    async fn forget(&self, travel: &Travel, objection: Objection) {
        if let (Some(Pass::Token(key, token, _)), Objection::Stale | Objection::Unexplained) =
            (&travel.shown, objection)
        {
            self.registries.tokens.forget(key, token).await;
        }
    }

    /// Answers the challenge of the place where the request is.
    async fn authenticate(&self, travel: &mut Travel, challenges: &[Challenge], terms: Terms<'_>) -> Result<()> {
        if travel.journey.is_home() {
            return self.login.answer(challenges, self, terms);
        }
        travel.abroad = login::answer_abroad(challenges, travel.journey.url(), self, terms).await?;
        Ok(())
    }

    /// Says why a challenge was not answered, and what the server said.
    async fn locked_out(&self, request: &Request, travel: &Travel, answer: Answer, cause: Error) -> Error {
        let refused = self.refuse(request, travel, answer).await;
        // What we refuse ourselves is not mended by a login.
        let advice = match cause.kind() {
            ErrorKind::Unauthorized => cause.context().advice.clone().or_else(|| refused.context().advice.clone()),
            _ => cause.context().advice.clone(),
        };
        refused.turned_into(cause.kind()).with(|context| context.advice = advice).caused_by(cause)
    }

    /// Turns a refusal into an error, in the registry's own words.
    async fn refuse(&self, request: &Request, travel: &Travel, answer: Answer) -> Error {
        let (status, headers) = (answer.status, answer.headers);
        let body = words(answer.chunks, MAX_REFUSAL).await;
        let said = refusal::read(&headers, &body, &self.secrets());
        let home = travel.journey.is_home();
        let place = if home { self.repository.registry().authority() } else { travel.place() };
        let detour = self.registries.detour_of_answer(travel.journey.url());
        let text = format!("cannot {}: {place}{detour} answered {}", request.what, said.words(status));
        let advice = refusal::page_advice(status, &said, travel.journey.url());
        let error = travel.describe(Error::new(refusal::kind(status), text)).with(|context| {
            context.status = Some(status.as_u16());
            context.registry_errors = said.errors;
            context.advice = advice;
        });
        // A login that was shown is not asked for again: then nothing else tells of it.
        let error = if home && status == StatusCode::UNAUTHORIZED && !headers.contains_key(WWW_AUTHENTICATE) {
            error.caused_by(login::Unchallenged)
        } else {
            error
        };
        if home { self.login.explain(error) } else { self.explain_abroad(error, travel) }
    }

    /// Adds what would help where a place refuses that a redirect led to, and that never saw the login.
    fn explain_abroad(&self, error: Error, travel: &Travel) -> Error {
        let url = travel.journey.url();
        match error.kind() {
            ErrorKind::Denied | ErrorKind::Unauthorized | ErrorKind::NotFound => {}
            _ => return error,
        }
        if self.trusts(travel) && travel.shown.is_some() {
            return error.advise(Advice::Credential(self.login.origin().to_owned()));
        }
        let upgraded = self.base.scheme() == "http" && url.scheme() == "https" && self.base.host() == url.host();
        if same_origin(&self.base, url) {
            // It was led back to the registry, and trusting that with the login would be wrong.
            return error;
        }
        error.advise(if upgraded { Advice::SpeakTls } else { Advice::AskOperators(travel.place()) })
    }

    /// Says whether the place where a request is may be shown the registry's login, although it is another one.
    fn trusts(&self, travel: &Travel) -> bool {
        travel.journey.is_in_good_hands() && is_trusted(travel.journey.url(), &self.registries.config.trusted_hosts)
    }
}

/// Reads the words of a refusal; one whose words do not arrive soon is a refusal all the same.
pub(super) async fn words(chunks: Chunks, limit: u64) -> Bytes {
    let body = tokio::time::timeout(REFUSAL_PATIENCE, collect(chunks, limit)).await;
    body.ok().and_then(Result::ok).flatten().unwrap_or_default()
}

/// Reads a body into memory, unless it is larger than the limit.
pub(super) async fn collect(mut chunks: Chunks, limit: u64) -> Result<Option<Bytes>, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = chunks.next().await.transpose()? {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes.freeze()))
}

fn misled(request: &Request, travel: &Travel, how: &str) -> Error {
    travel.describe(Error::new(ErrorKind::PeerMisbehaved, format!("cannot {}: {how}", request.what)))
}
