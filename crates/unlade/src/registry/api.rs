//! The one loop: every request to a registry, its redirects, challenges and retries.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Method};
use url::{Host as UrlHost, Url};

use super::host::Host;
use super::journey::{Journey, Step};
use super::login::Login;
use super::request::{Reply, Request, Terms};
use super::shared::Registries;
use super::{login, refusal};
use crate::auth::{Credential, challenge};
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::observe::Event;
use crate::retry::{Outcome, Verdict, judge, retry_after};
use crate::spec::api_error;
use crate::spec::reference::Repository;
use crate::spec::safe_url::SafeUrl;
use crate::transport::guard::{AddressGuard, Bounds, Exemption, UrlRefusal, check};
use crate::transport::redirect::{carried, is_trusted, same_origin, target};
use crate::transport::watch::watch;
use crate::transport::{Answer, Chunks, Exchange, Failure};

/// So much of a refusal's body is read: error documents are small, and web pages say nothing.
const MAX_REFUSAL: u64 = 64 << 10;

/// A repository's way to its registry.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) registries: Arc<Registries>,
    pub(super) repository: Repository,
    pub(super) host: Arc<Host>,
    base: Url,
    pub(super) login: Login,
}

/// One request on its way: where it is, and how often it was tried.
struct Travel {
    journey: Journey,
    /// The answer to a challenge of the place that a redirect led to.
    abroad: Option<HeaderValue>,
    attempts: u32,
    started: Instant,
}

impl Api {
    pub(super) fn new(registries: Arc<Registries>, repository: Repository) -> Result<Self> {
        let base = registries.base(&repository)?;
        let host = registries.host(&repository.registry().api_authority());
        let login = Login::new(registries.credential(&repository)?, repository.name());
        Ok(Self { registries, repository, host, base, login })
    }

    /// Returns the registry's own URL.
    pub(super) fn home(&self) -> &Url {
        &self.base
    }

    /// Makes a request and everything that follows from it, until there is an answer with a status of success.
    ///
    /// May be dropped at any time.
    pub(super) async fn send(&self, request: &Request, terms: Terms<'_>) -> Result<Reply> {
        let home = self.base.join(&request.path).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, format!("cannot {}", request.what)).caused_by(error)
        })?;
        let mut travel = Travel { journey: Journey::begin(home), abroad: None, attempts: 0, started: Instant::now() };
        loop {
            self.host.rest().await;
            let exchange = self.exchange(request, &travel, terms).await?;
            travel.attempts += 1;
            match self.registries.transport.call(exchange).await {
                Ok(answer) => {
                    if let Some(reply) = self.proceed(request, &mut travel, answer, terms).await? {
                        return Ok(reply);
                    }
                }
                Err(failure) => self.recover(request, &mut travel, failure, terms).await?,
            }
        }
    }

    /// Makes a request and reads its whole answer, of at most `limit` bytes; a body that breaks off is asked for again.
    pub(super) async fn read(&self, request: &Request, limit: u64, terms: Terms<'_>) -> Result<(Reply, Bytes)> {
        loop {
            let mut reply = self.send(request, terms).await?;
            let chunks = std::mem::replace(&mut reply.answer.chunks, futures_util::stream::empty().boxed());
            match collect(watch(chunks, self.registries.pace()), limit).await {
                Ok(Some(bytes)) => return Ok((reply, bytes)),
                Ok(None) => {
                    let error = Error::new(
                        ErrorKind::TooLarge,
                        format!("cannot {}: the answer is larger than {limit} bytes", request.what),
                    );
                    return Err(error.with(|context| context.url = Some(SafeUrl::from(reply.url))));
                }
                Err(failure) => {
                    let mut travel = Travel {
                        journey: Journey::begin(reply.url),
                        abroad: None,
                        attempts: reply.attempts,
                        started: Instant::now(),
                    };
                    self.recover(request, &mut travel, failure, terms).await?;
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
        if travel.journey.is_home() {
            self.host.reached(answer.peer);
        }
        tracing::debug!(url = %SafeUrl::from(travel.journey.url().clone()), status = answer.status.as_u16(), "answer");
        match travel.journey.judge(answer.status) {
            Step::Accept => {
                let url = travel.journey.url().clone();
                return Ok(Some(Reply { answer, url, attempts: travel.attempts }));
            }
            Step::Authenticate => self.authenticate(request, travel, answer, terms).await?,
            Step::Follow => self.follow(request, travel, &answer)?,
            Step::Return => {
                tracing::info!(
                    status = answer.status.as_u16(),
                    "the redirect's target refused: asking for a fresh one"
                );
                travel.journey.give_up_target();
            }
            Step::Retry => {
                let asked = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let asked = asked.and_then(|value| retry_after(value, SystemTime::now()));
                let outcome = Outcome::Status(answer.status.as_u16(), asked);
                let error = self.refuse(request, travel, answer).await;
                self.pause(outcome, error, terms).await?;
                travel.journey.restart();
            }
            Step::Refuse => return Err(self.refuse(request, travel, answer).await),
            Step::TooManyHops => {
                return Err(misled(request, travel, "there are too many redirects"));
            }
        }
        Ok(None)
    }

    async fn recover(&self, request: &Request, travel: &mut Travel, failure: Failure, terms: Terms<'_>) -> Result<()> {
        let outcome = if failure.is_transient() { Outcome::Broken } else { Outcome::Final };
        let url = travel.journey.url();
        let host = SafeUrl::from(url.clone()).authority();
        let error = refusal::failed(failure, &format!("cannot {}", request.what), &host, url.scheme());
        self.pause(outcome, travel.describe(error), terms).await?;
        travel.journey.restart();
        Ok(())
    }

    /// Waits before a retry, or gives the error back.
    pub(super) async fn pause(&self, outcome: Outcome, error: Error, terms: Terms<'_>) -> Result<()> {
        let retry = if outcome == Outcome::Final { None } else { terms.budget.spend() };
        match judge(outcome, retry, terms.budget.policy(), fastrand::f64()) {
            Verdict::Again(wait) => {
                let reason = error.chain().join(": ");
                tracing::info!(?wait, "trying again: {reason}");
                terms.observer.notice(&Event::Retrying { reason, wait });
                self.host.back_off(wait);
                tokio::time::sleep(wait).await;
                Ok(())
            }
            Verdict::GiveUp => Err(match terms.budget.spent() {
                0 => error,
                spent => error.reworded(|message| format!("{message}, after {} tries", spent + 1)),
            }),
            Verdict::TooLong(wait) => Err(come_back_in(&error, wait)),
        }
    }

    /// Writes the request for the place where it is now.
    async fn exchange(&self, request: &Request, travel: &Travel, terms: Terms<'_>) -> Result<Exchange> {
        let url = travel.journey.url().clone();
        let trusted = is_trusted(&url, &self.registries.config.trusted_hosts);
        let (profile, headers) = if travel.journey.is_home() || trusted {
            let mut headers = request.headers.clone();
            let login = self.login.header(self, terms).await;
            if let Some(value) = login.map_err(|error| error.making(format!("cannot {}", request.what)))? {
                headers.insert(AUTHORIZATION, value);
            }
            let guard = if travel.journey.is_home() { AddressGuard::Open } else { self.guard(&url, Exemption::None) };
            (self.registries.home_profile().guarded(guard), headers)
        } else {
            let mut headers = carried(&request.headers);
            if let Some(value) = &travel.abroad {
                headers.insert(AUTHORIZATION, value.clone());
            }
            (self.registries.profile().guarded(self.guard(&url, Exemption::ProvenName)), headers)
        };
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

    /// Returns the bounds for what this registry's servers name.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds::new(self.host.class(), Arc::clone(&self.registries.allow_nets))
    }

    /// Returns the guard for a URL that a server named. The exemption is for names behind verified TLS.
    pub(super) fn guard(&self, url: &Url, exemption: Exemption) -> AddressGuard {
        let proven = url.scheme() == "https"
            && self.registries.profile().verifies()
            && matches!(url.host(), Some(UrlHost::Domain(_)));
        let exemption = if proven { exemption } else { Exemption::None };
        AddressGuard::Named(self.bounds().exempt(exemption))
    }

    fn follow(&self, request: &Request, travel: &mut Travel, answer: &Answer) -> Result<()> {
        let from = travel.journey.url();
        let next = target(from, &answer.headers)
            .map_err(|error| misled(request, travel, "it is redirected to nowhere").caused_by(error))?;
        if !same_origin(from, &next) || !travel.journey.is_home() {
            check(&next, from, &self.bounds()).map_err(|refusal| {
                let shown = SafeUrl::from(next.clone());
                let error = misled(request, travel, &format!("it is redirected to {shown}"));
                allow_hint(error, &refusal).caused_by(refusal)
            })?;
        }
        tracing::debug!(to = %SafeUrl::from(next.clone()), "redirect");
        travel.journey.hop(next);
        travel.abroad = None;
        Ok(())
    }

    async fn authenticate(
        &self,
        request: &Request,
        travel: &mut Travel,
        answer: Answer,
        terms: Terms<'_>,
    ) -> Result<()> {
        let challenges = challenge::parse(answer.headers.get_all(WWW_AUTHENTICATE));
        let home = travel.journey.is_home();
        let outcome = if home {
            self.login.answer(&challenges, self, terms).await
        } else {
            let url = travel.journey.url().clone();
            login::answer_abroad(&challenges, &url, self, terms).await.map(|value| travel.abroad = value)
        };
        if let Err(cause) = outcome {
            if !home {
                // What a redirect led to wants a login that it will not get: a fresh redirect may lead elsewhere.
                tracing::info!("the redirect's target wants a login: {}", cause.chain().join(": "));
                travel.journey.note_answered();
                return Ok(());
            }
            let refused = self.refuse(request, travel, answer).await;
            let context = refused.context().clone();
            let advice = cause.context().advice.clone().or_else(|| context.advice.clone());
            let kind = cause.kind();
            return Err(Error::new(kind, format!("cannot {}", request.what))
                .with(|into| {
                    *into = context;
                    into.advice = advice;
                })
                .caused_by(cause));
        }
        travel.journey.note_answered();
        Ok(())
    }

    /// Turns a refusal into an error, in the registry's own words.
    async fn refuse(&self, request: &Request, travel: &Travel, answer: Answer) -> Error {
        let status = answer.status;
        let body = collect(watch(answer.chunks, self.registries.pace()), MAX_REFUSAL).await;
        // A refusal whose words do not arrive is a refusal all the same.
        let body = body.ok().flatten().unwrap_or_default();
        let errors = api_error::parse(&body);
        let words = refusal::words(status, &errors);
        let kind = refusal::kind(status);
        let place = if travel.journey.is_home() {
            self.repository.registry().authority()
        } else {
            SafeUrl::from(travel.journey.url().clone()).authority()
        };
        let error = travel
            .describe(Error::new(kind, format!("cannot {}: {place} answered {words}", request.what)))
            .with(|context| {
                context.status = Some(status.as_u16());
                context.registry_errors = errors;
            });
        self.advise(self.explain(error), &body, travel.journey.url())
    }

    /// Adds to a refusal what was held back on our side.
    fn explain(&self, error: Error) -> Error {
        if !matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Denied) {
            return error;
        }
        if let Some((doubt, host)) = self.login.doubt() {
            return Error::new(ErrorKind::Denied, error.to_string())
                .with(|context| *context = error.context().clone())
                .advise(Advice::TrustRealm(host.clone()))
                .caused_by(Error::new(ErrorKind::Denied, format!("the login was not shown to {host}: {doubt}")));
        }
        match self.login.complaint() {
            Some(complaint) => error.caused_by(Error::new(ErrorKind::Denied, complaint)),
            None => error,
        }
    }

    /// Adds what would help against a refusal.
    fn advise(&self, error: Error, body: &[u8], url: &Url) -> Error {
        if error.context().status == Some(400)
            && let Some(advice) = refusal::page_advice(&String::from_utf8_lossy(body), url.scheme())
        {
            return error.advise(advice);
        }
        let refused = matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Denied);
        if refused && error.context().advice.is_none() && *self.login.credential() != Credential::Anonymous {
            return error.advise(Advice::Credential(self.login.origin().to_owned()));
        }
        error
    }
}

impl Travel {
    fn describe(&self, error: Error) -> Error {
        error.with(|context| {
            context.url = Some(SafeUrl::from(self.journey.url().clone()));
            context.attempts = self.attempts;
            context.elapsed = Some(self.started.elapsed());
        })
    }
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
    let error = Error::new(ErrorKind::PeerMisbehaved, format!("cannot {}: {how}", request.what));
    travel.describe(error)
}

fn come_back_in(error: &Error, wait: Duration) -> Error {
    let seconds = wait.as_secs();
    let kind = error.kind();
    Error::new(kind, format!("{error}, and asks to come back in {seconds} s")).with(|context| {
        *context = error.context().clone();
        context.retry_after = Some(wait);
    })
}

fn allow_hint(error: Error, refusal: &UrlRefusal) -> Error {
    match refusal {
        UrlRefusal::Address(address, crate::transport::address::Peril::Private) => {
            error.advise(Advice::AllowNet(address.to_string()))
        }
        _ => error,
    }
}
