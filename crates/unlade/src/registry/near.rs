//! Tags that are nearly the one that is missing.

use std::time::Duration;

use super::api::Api;
use super::request::{Request, Terms};
use crate::observe::Blind;
use crate::retry::{Budget, Policy};
use crate::spec::tag_list::TagList;
use crate::spec::text::sanitise;

/// So many tags are looked at, and so many bytes of them.
const MAX_TAGS: usize = 1000;
const MAX_PAGE: u64 = 1 << 20;

/// So long a suggestion is waited for: the error that it belongs to is known already.
const PATIENCE: Duration = Duration::from_secs(5);

/// No tag is longer.
const MAX_TAG: usize = 128;

/// So many tags are suggested.
const MAX_NEAR: usize = 5;

/// Returns tags that are nearly the one given: one page, one try, no error.
pub(super) async fn names(api: &Api, wanted: &str) -> Vec<String> {
    let budget = Budget::new(Policy::default().with_retries(0), None);
    let terms = Terms::new(&budget, &Blind);
    let request = Request::new(format!("tags/list?n={MAX_TAGS}"), format!("list the tags of {}", api.repository));
    let Ok(Ok((_, body))) = tokio::time::timeout(PATIENCE, api.read(&request, MAX_PAGE, terms)).await else {
        return Vec::new();
    };
    // A page that cannot be read suggests nothing.
    TagList::parse(&body).map_or_else(|_| Vec::new(), |tags| nearest(wanted, tags.iter()))
}

/// Returns the nearest of the names, the best first. Pure.
fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let limit = 1 + wanted.chars().count() / 3;
    let mut scored: Vec<(usize, String)> = names
        .take(MAX_TAGS)
        .filter(|name| name.len() <= MAX_TAG)
        .filter_map(|name| {
            let distance = strsim::levenshtein(wanted, name);
            let related = distance <= limit || name.starts_with(wanted) || wanted.starts_with(name);
            related.then(|| (distance, sanitise(name).into_owned()))
        })
        .collect();
    scored.sort();
    scored.into_iter().take(MAX_NEAR).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use futures_util::StreamExt as _;
    use http::{HeaderMap, StatusCode};
    use rustls::pki_types::CertificateDer;

    use super::super::{Registries, Remote};
    use super::*;
    use crate::auth::Keychain;
    use crate::config::Config;
    use crate::error::ErrorKind;
    use crate::source::Source as _;
    use crate::spec::reference::{Place, Reference};
    use crate::transport::{Answer, Exchange, Failure, RootLoader, Transport};

    /// Has no manifest, and never answers a request for tags.
    #[derive(Debug)]
    struct SilentAboutTags;

    #[async_trait]
    impl Transport for SilentAboutTags {
        async fn call(&self, exchange: Exchange) -> Result<Answer, Failure> {
            if exchange.url.path().ends_with("/tags/list") {
                std::future::pending::<()>().await;
            }
            Ok(Answer::new(StatusCode::NOT_FOUND, HeaderMap::new(), None, futures_util::stream::empty().boxed()))
        }
    }

    impl RootLoader for SilentAboutTags {
        fn load(&self) -> crate::error::Result<Vec<CertificateDer<'static>>> {
            Ok(Vec::new())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_suggestion_is_not_waited_for_long() {
        let (config, policy) = (Arc::new(Config::default()), Policy::default());
        let (transport, roots) = (Arc::new(SilentAboutTags), Arc::new(SilentAboutTags));
        let registries = Registries::new(config, policy, Keychain::default(), transport, roots).unwrap();
        let reference: Reference = "r.example/a/b:1.4".parse().unwrap();
        let Place::Registry(repository) = reference.place() else { panic!("{reference} is in a registry") };
        let remote = Remote::open(&Arc::new(registries), repository, Arc::new(Blind)).unwrap();
        let started = tokio::time::Instant::now();
        let error = remote.manifest_unverified(&reference.selector()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(started.elapsed().as_secs(), PATIENCE.as_secs());
    }

    #[test]
    fn the_nearest_come_first() {
        let nearest = |wanted| nearest(wanted, ["1.4", "1.40", "1.5", "latest", "2024-01-01", "1.4-rc1"].into_iter());
        assert_eq!(nearest("1.4"), ["1.4", "1.40", "1.5", "1.4-rc1"]);
        assert_eq!(nearest("lastest"), ["latest"]);
        assert_eq!(nearest("unlike-anything"), Vec::<String>::new());
    }
}
