//! The places that a repository may be read from: mirrors, and the registry itself.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::api::Api;
use super::shared::Registries;
use crate::config::Mirror;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Observer;
use crate::source::{EndpointId, NotAsked, Zeal};
use crate::spec::digest::Digest;
use crate::spec::reference::Repository;

/// So many digests that a mirror lacks are remembered; more have no place in one artifact.
const MAX_LACKING: usize = 1024;

/// The mirrors of a repository in their order, and its registry.
#[derive(Debug)]
pub(super) struct Endpoints {
    mirrors: Vec<Arc<Endpoint>>,
    home: Arc<Endpoint>,
}

/// A place, and what is known of it.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) api: Arc<Api>,
    /// What it does not have: a blob comes in many ranges, and it need not be asked for each.
    lacking: Mutex<HashSet<Digest>>,
    /// It gives nothing of this repository.
    is_closed: AtomicBool,
}

/// Those that are asked for one thing.
pub(super) struct Round {
    digest: Option<Digest>,
    order: std::vec::IntoIter<Arc<Endpoint>>,
    home: Arc<Endpoint>,
    /// Others are at work on the same: it is for them to find another place.
    is_spare: bool,
    /// What the mirrors had to say.
    refused: Vec<String>,
    last: Option<Error>,
}

/// What is done after an endpoint gave nothing. Pure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It does not have it: the next one is asked.
    Lacks,
    /// It does not want to be asked: so is the next one.
    Closed,
    /// It has failed: so is the next one, and this one is passed over for a while.
    Ill,
    /// The failure is not the endpoint's.
    Stop,
}

impl Endpoints {
    /// Opens all of them; no request is made.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a mirror whose name is none, and for a malformed auth file that would have decided.
    pub(super) fn open(registries: &Arc<Registries>, repository: &Repository, observer: &dyn Observer) -> Result<Self> {
        let mirrors = registries.config.mirrors.iter().filter_map(|mirror| {
            let opened = mirrored(registries, repository, mirror)?;
            Some(opened.map(|api| Arc::new(Endpoint::new(api))))
        });
        let home = Api::new(Arc::clone(registries), repository.clone(), observer)?;
        Ok(Self { mirrors: mirrors.collect::<Result<_>>()?, home: Arc::new(Endpoint::new(home)) })
    }

    /// Returns the way to the registry itself.
    pub(super) fn home(&self) -> &Arc<Api> {
        &self.home.api
    }

    /// Says whether a blob may be had from another endpoint than those.
    pub(super) fn has_others(&self, blob: &Digest, than: &[EndpointId]) -> bool {
        let mut all = self.mirrors.iter().chain([&self.home]);
        all.any(|endpoint| endpoint.may_have(Some(blob)) && !than.contains(&endpoint.api.id()))
    }

    /// Notes that an endpoint gave wrong bytes.
    pub(super) fn note_wrong(&self, wrong: &EndpointId) {
        self.all().filter(|api| api.id() == *wrong).for_each(|api| api.note_illness());
    }

    /// Takes out of a text what any of them was shown.
    pub(super) fn blot(&self, text: &str) -> String {
        self.all().fold(text.to_owned(), |text, api| api.blot(&text))
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Api>> {
        self.mirrors.iter().chain([&self.home]).map(|endpoint| &endpoint.api)
    }

    /// Begins to ask for what a digest, or a tag, names, one after the other until one gives it: mirrors first, once each;
    /// then the registry, as often as its retries allow; and last those that have failed a short time ago. What is spare
    /// goes on to another only from one that is known not to have it.
    pub(super) fn round(&self, digest: Option<&Digest>, avoid: &[EndpointId], zeal: Zeal) -> Round {
        let fit = |mirror: &&Arc<Endpoint>| mirror.may_have(digest);
        let (well, ill): (Vec<_>, Vec<_>) =
            self.mirrors.iter().filter(fit).cloned().partition(|mirror| mirror.api.host.is_well());
        let order = well.into_iter().chain([Arc::clone(&self.home)]).chain(ill);
        let order: Vec<_> = order.filter(|endpoint| !avoid.contains(&endpoint.api.id())).collect();
        Round {
            digest: digest.cloned(),
            order: order.into_iter(),
            home: Arc::clone(&self.home),
            is_spare: zeal == Zeal::Spare,
            refused: Vec::new(),
            last: None,
        }
    }
}

impl Endpoint {
    fn new(api: Api) -> Self {
        Self { api: Arc::new(api), lacking: Mutex::default(), is_closed: AtomicBool::new(false) }
    }

    /// Says whether it is worth asking for a digest, or for a tag: of tags it may have learnt meanwhile.
    fn may_have(&self, digest: Option<&Digest>) -> bool {
        let lacks = |digest| self.lacking.lock().unwrap_or_else(PoisonError::into_inner).contains(digest);
        !self.is_closed.load(Ordering::Relaxed) && !digest.is_some_and(lacks)
    }

    fn note_lack(&self, digest: &Digest) {
        let mut lacking = self.lacking.lock().unwrap_or_else(PoisonError::into_inner);
        if lacking.len() >= MAX_LACKING {
            lacking.clear();
        }
        lacking.insert(digest.clone());
    }
}

impl Round {
    /// Returns who is asked next, and what is done about its failures; nobody if there is nobody left.
    pub(super) fn next(&mut self) -> Option<(Arc<Endpoint>, Zeal)> {
        let endpoint = self.order.next()?;
        let stubborn = !self.is_spare && Arc::ptr_eq(&endpoint, &self.home);
        Some((endpoint, if stubborn { Zeal::Stubborn } else { Zeal::Spare }))
    }

    /// Notes that one who was asked gave nothing.
    ///
    /// # Errors
    ///
    /// The failure itself, if no other endpoint would help.
    pub(super) fn failed(&mut self, endpoint: &Arc<Endpoint>, error: Error, observer: &dyn Observer) -> Result<()> {
        let api = &endpoint.api;
        let error = api.cleaned(error);
        let next = after(error.kind());
        if Arc::ptr_eq(endpoint, &self.home) {
            // What it does not have, nobody has who was passed over.
            if self.is_spare || next != Next::Ill {
                return Err(self.told(error));
            }
            self.last = Some(error);
            return Ok(());
        }
        let reason = error.chain().join(": ");
        match next {
            Next::Stop => return Err(error),
            Next::Lacks => {
                tracing::info!("the mirror {} does not have it: {reason}", api.id());
                if let Some(digest) = &self.digest {
                    endpoint.note_lack(digest);
                }
            }
            Next::Closed => {
                tracing::info!("the mirror {} gives nothing of {}: {reason}", api.id(), api.repository);
                endpoint.is_closed.store(true, Ordering::Relaxed);
            }
            Next::Ill if self.is_spare => return Err(error),
            // It wants to be left alone, or has no connection free: that is no illness.
            Next::Ill if NotAsked::in_error(&error).is_some() => {}
            Next::Ill => {
                api.note_illness();
                api.warn(&format!("the mirror {} is passed over: {reason}", api.id()), observer);
            }
        }
        self.refused.push(format!("{}: {error}", api.id()));
        self.last.get_or_insert(error);
        Ok(())
    }

    /// Says why nobody gave what was wanted: the registry's reason, or else the first one.
    pub(super) fn end(mut self) -> Error {
        let nobody = || Error::new(ErrorKind::Unavailable, "all places that have it are to be avoided");
        let error = self.last.take().unwrap_or_else(nobody);
        self.told(error)
    }

    fn told(&self, error: Error) -> Error {
        if self.refused.is_empty() {
            return error;
        }
        error.reworded(|message| format!("{message} (mirrors that were asked: {})", self.refused.join("; ")))
    }
}

/// Opens a mirror, unless it is the registry itself.
fn mirrored(registries: &Arc<Registries>, of: &Repository, mirror: &Mirror) -> Option<Result<Api>> {
    let registry = of.registry();
    if mirror.authority == registry.authority() || mirror.authority == registry.api_authority() {
        return None;
    }
    let slash = if mirror.prefix.is_empty() { "" } else { "/" };
    let text = format!("oci://{}/{}{slash}{}", mirror.authority, mirror.prefix, of.name());
    let repository = text.parse::<Repository>().map_err(|cause| {
        let text = format!("{} has no place for {of} that could be named", mirror.authority);
        Error::new(ErrorKind::InvalidInput, text).caused_by(cause)
    });
    let opened = repository.and_then(|repository| {
        Api::mirrored(Arc::clone(registries), repository, mirror.plain_http, registry.authority())
    });
    Some(opened)
}

/// Says what is done after a mirror's failure of that kind. Pure.
fn after(kind: ErrorKind) -> Next {
    use ErrorKind::{
        Denied, Malformed, Mismatch, NotFound, PeerMisbehaved, RateLimited, Rejected, Tls, TooLarge, Unauthorized,
        Unavailable, Unsupported,
    };
    match kind {
        NotFound => Next::Lacks,
        // It may want a login that nobody gave.
        Unauthorized | Denied | Rejected => Next::Closed,
        Malformed | Mismatch | PeerMisbehaved | RateLimited | Tls | TooLarge | Unavailable | Unsupported => Next::Ill,
        // Ours, and the same everywhere.
        _ => Next::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_what_follows_a_mirrors_failure() {
        for (kind, next) in [
            (ErrorKind::NotFound, Next::Lacks),
            (ErrorKind::Unauthorized, Next::Closed),
            (ErrorKind::Denied, Next::Closed),
            (ErrorKind::Rejected, Next::Closed),
            (ErrorKind::Unavailable, Next::Ill),
            (ErrorKind::RateLimited, Next::Ill),
            (ErrorKind::Tls, Next::Ill),
            (ErrorKind::Mismatch, Next::Ill),
            (ErrorKind::PeerMisbehaved, Next::Ill),
            (ErrorKind::InvalidInput, Next::Stop),
            (ErrorKind::Interrupted, Next::Stop),
            (ErrorKind::Io, Next::Stop),
        ] {
            assert_eq!(after(kind), next, "{kind:?}");
        }
    }
}
