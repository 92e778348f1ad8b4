//! What a registry and its stores are burdened with: bodies at once, requests, and asking again.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, future};
use unlade::config::Config;
use unlade::observe::{Event, Observer};
use unlade::retry::{Budget, Policy};
use unlade::source::{Ask, Body, NotAsked, Source};
use unlade::spec::descriptor::Content;
use unlade::{Client, ErrorKind, Result};
use unlade_testkit::content::{bytes, digest};
use unlade_testkit::{Fault, LyingRegistry, Matcher, Origin, RetryAfter, Which};

const REPOSITORY: &str = "acme/disk";
const SIZE: usize = 40_000;
/// No body fits into a socket as a whole before it is read, so each is under way until the test has read it.
const LARGE: usize = 16 << 20;

/// A registry with one blob, which a store may keep for it, and the repository as one client sees it.
struct Site {
    store: Option<Origin>,
    registry: LyingRegistry,
    payload: Bytes,
    blob: Content,
    source: Arc<dyn Source>,
}

impl Site {
    fn start(connections: usize) -> Self {
        Self::with(LyingRegistry::start(), None, connections, SIZE)
    }

    fn large(connections: usize) -> Self {
        Self::with(LyingRegistry::start(), None, connections, LARGE)
    }

    fn stored() -> Self {
        let store = Origin::start();
        let registry = LyingRegistry::builder().blobs_at(&store.url("")).start();
        Self::with(registry, Some(store), 8, SIZE)
    }

    fn with(registry: LyingRegistry, store: Option<Origin>, connections: usize, size: usize) -> Self {
        let payload = Bytes::from(bytes(1, size));
        let digest = digest(&payload);
        registry.put_blob(REPOSITORY, &digest, payload.clone());
        if let Some(store) = &store {
            store.offer(&format!("/signed/{REPOSITORY}/{digest}"), payload.clone());
        }
        let mut config = Config::default();
        config.connections = NonZeroUsize::new(connections).unwrap();
        let client = Client::builder().config(config).build().unwrap();
        let source = client.source(&format!("{}/{REPOSITORY}", registry.host()).parse().unwrap()).unwrap();
        let blob = Content { digest: digest.parse().unwrap(), size: Some(size as u64) };
        Self { store, registry, payload, blob, source }
    }

    async fn open(&self, ask: Ask) -> Result<Body> {
        self.source.open_unverified(&self.blob, ask).await
    }

    /// Reads a range, and holds it to its bytes.
    async fn read(&self, ask: Ask) -> Result<()> {
        let window = ask.window.clone();
        let read: Vec<Bytes> = self.open(ask).await?.chunks.try_collect().await?;
        let place = usize::try_from(window.start).unwrap()..usize::try_from(window.end).unwrap();
        assert!(read.concat() == self.payload[place], "the bytes of {window:?} are others");
        Ok(())
    }

    /// How many requests for the blob the registry and its store saw.
    fn requests(&self) -> (usize, usize) {
        let store = self.store.as_ref().map_or(0, |store| store.recorder().requests().len());
        (self.registry.requests().len(), store)
    }

    fn lie_at_store(&self, matcher: Matcher, fault: Fault) {
        self.store.as_ref().unwrap().script(matcher, fault);
    }
}

fn principal(window: Range<u64>) -> Ask {
    Ask::default().window(window)
}

fn spare(window: Range<u64>) -> Ask {
    principal(window).spare()
}

/// Lets failures be paid out of a budget.
fn on(budget: &Arc<Budget>, mut ask: Ask) -> Ask {
    ask.budget = Arc::clone(budget);
    ask
}

fn signed() -> Matcher {
    Matcher::new(Which::Redirected)
}

#[tokio::test]
async fn no_more_bodies_are_open_than_connections_are_allowed() {
    let site = Site::start(2);
    let held = [site.open(principal(0..10_000)).await.unwrap(), site.open(spare(10_000..20_000)).await.unwrap()];
    let budget = Arc::new(Budget::new(Policy::default(), None));
    let ask = on(&budget, spare(20_000..30_000));
    let error = site.open(ask).await.unwrap_err();
    assert_eq!((error.kind(), budget.spent()), (ErrorKind::RateLimited, 0), "{error}");
    assert_eq!(site.requests().0, 2, "nothing was asked");
    assert_eq!(NotAsked::in_error(&error).map(|not_asked| not_asked.until), Some(None), "and it says so");
    let [first, _second] = held;
    drop(first);
    site.read(spare(20_000..30_000)).await.unwrap();
    site.read(principal(30_000..40_000)).await.unwrap();
}

#[tokio::test]
async fn several_blobs_share_one_connection_and_all_get_it() {
    let site = Site::start(1);
    let open = Cell::new(0);
    future::join_all((0..8_u64).map(|number| {
        let (site, open) = (&site, &open);
        async move {
            let body = site.open(principal(number * 5_000..(number + 1) * 5_000)).await.unwrap();
            assert_eq!(open.replace(1), 0, "another body is open");
            let chunks = body.chunks.inspect_ok(|_| assert_eq!(open.get(), 1));
            let read: Vec<Bytes> = chunks.try_collect().await.unwrap();
            open.set(0);
            assert_eq!(read.concat().len(), 5_000);
        }
    }))
    .await;
}

#[tokio::test]
async fn a_body_holds_its_permit_until_it_has_come() {
    let site = Site::large(1);
    let body = site.open(principal(0..LARGE as u64)).await.unwrap();
    let mut chunks = body.chunks;
    assert!(chunks.next().await.unwrap().is_ok());
    assert_eq!(site.open(spare(0..10)).await.unwrap_err().kind(), ErrorKind::RateLimited);
    while chunks.next().await.transpose().unwrap().is_some() {}
    site.read(spare(0..10)).await.unwrap();
}

#[tokio::test]
async fn a_spare_that_is_refused_costs_nothing_and_lowers_the_number() {
    let limited = Fault::TooManyRequests { retry_after: RetryAfter::Absent };
    let busy = Fault::ServerError { status: 503, retry_after: RetryAfter::Absent };
    for (fault, kind) in [
        (limited, ErrorKind::RateLimited),
        (busy, ErrorKind::Unavailable),
        (Fault::ResetBeforeAnswer, ErrorKind::Unavailable),
    ] {
        let site = Site::start(8);
        let mut held = vec![site.open(principal(0..10)).await.unwrap()];
        for _ in 0..2 {
            held.push(site.open(spare(0..10)).await.unwrap());
        }
        site.registry.script(Matcher::new(Which::Blob), fault);
        let budget = Arc::new(Budget::new(Policy::default(), None));
        let error = site.open(on(&budget, spare(0..10))).await.unwrap_err();
        assert_eq!((error.kind(), budget.spent(), error.context().attempts), (kind, 0, 1), "{error}");
        // Of four there are two left.
        assert_eq!(site.open(spare(0..10)).await.unwrap_err().kind(), ErrorKind::RateLimited);
        held.truncate(1);
        site.read(spare(0..10)).await.unwrap();
        assert_eq!(site.requests().0, 5);
    }
}

#[tokio::test]
async fn a_spare_does_not_wait_for_a_host_that_wants_to_be_left_alone() {
    let site = Site::start(8);
    let retry_after = RetryAfter::Seconds(100);
    site.registry.script(Matcher::new(Which::Blob), Fault::TooManyRequests { retry_after });
    for _ in 0..3 {
        let error = site.open(spare(0..10)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
    }
    assert_eq!(site.requests().0, 1);
}

#[tokio::test]
async fn a_spare_does_not_ask_for_the_whole() {
    let site = Site::start(8);
    site.registry.script(Matcher::new(Which::Blob), Fault::RangeRefused);
    assert_eq!(site.open(spare(0..10)).await.unwrap_err().context().status, Some(416));
    assert_eq!(site.requests().0, 1);
}

#[tokio::test]
async fn the_target_of_a_redirect_is_asked_at_once() {
    let site = Site::stored();
    for start in 0..8 {
        site.read(principal(start * 5_000..(start + 1) * 5_000)).await.unwrap();
    }
    assert_eq!(site.requests(), (1, 8));
}

#[tokio::test]
async fn a_target_that_refuses_is_looked_for_anew() {
    for status in [400, 403, 404, 410] {
        let site = Site::stored();
        site.read(principal(0..10)).await.unwrap();
        site.lie_at_store(signed(), Fault::ServerError { status, retry_after: RetryAfter::Absent });
        site.read(spare(10..20)).await.unwrap();
        assert_eq!(site.requests(), (2, 3), "{status}");
        site.read(spare(20..30)).await.unwrap();
        assert_eq!(site.requests(), (2, 4), "{status}: the fresh one is asked at once");
    }
}

#[tokio::test]
async fn a_target_that_always_refuses_is_given_up() {
    let site = Site::stored();
    site.read(principal(0..10)).await.unwrap();
    site.lie_at_store(signed().times(2), Fault::SignedUrlExpired);
    assert_eq!(site.read(spare(10..20)).await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(site.requests(), (2, 3));
    // It is not begun at again.
    site.read(principal(20..30)).await.unwrap();
    assert_eq!(site.requests(), (3, 4));
}

#[tokio::test]
async fn a_target_that_gives_no_answer_costs_no_try() {
    // The first reset may be no more than a connection that was closed while it was kept: the target is asked twice.
    for (fault, times, expected) in [
        (Fault::ResetBeforeAnswer, 1, (1, 3)),
        (Fault::ResetBeforeAnswer, 2, (2, 4)),
        (Fault::GarbageStatusLine, 1, (2, 3)),
    ] {
        let site = Site::stored();
        site.read(principal(0..10)).await.unwrap();
        site.lie_at_store(signed().times(times), fault);
        let budget = Arc::new(Budget::new(Policy::default(), None));
        site.read(on(&budget, principal(10..20))).await.unwrap();
        assert_eq!((site.requests(), budget.spent()), (expected, 0));
    }
}

#[tokio::test]
async fn a_target_whose_bodies_break_is_looked_for_anew() {
    let site = Site::stored();
    site.read(principal(0..10)).await.unwrap();
    site.lie_at_store(signed(), Fault::CutBody { after: 100 });
    assert_eq!(site.read(spare(10..20_000)).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(site.requests(), (1, 2));
    site.read(principal(110..20_000)).await.unwrap();
    assert_eq!(site.requests(), (2, 3));
}

#[tokio::test]
async fn a_target_that_is_busy_is_still_the_right_one() {
    let site = Site::stored();
    let held = site.open(principal(0..10)).await.unwrap();
    let retry_after = RetryAfter::Absent;
    site.lie_at_store(signed(), Fault::TooManyRequests { retry_after });
    assert_eq!(site.open(spare(10..20)).await.unwrap_err().kind(), ErrorKind::RateLimited);
    assert_eq!(site.requests(), (1, 2));
    // Of two there is one left, which is in use.
    assert_eq!(site.open(spare(10..20)).await.unwrap_err().kind(), ErrorKind::RateLimited);
    assert_eq!(site.requests(), (1, 2));
    drop(held);
    site.read(spare(10..20)).await.unwrap();
    assert_eq!(site.requests(), (1, 3));
}

#[tokio::test]
async fn a_target_that_answers_with_something_else_is_looked_for_anew() {
    let refused = |status| Fault::ServerError { status, retry_after: RetryAfter::Absent };
    for fault in [
        Fault::RangeWrongStart,
        Fault::RangeWrongTotal,
        Fault::RangeMissing,
        Fault::RangeRefused,
        Fault::NoContent,
        Fault::RedirectLinkLocal,
        Fault::RedirectFile,
        refused(405),
        refused(501),
    ] {
        for ask in [principal(10..20), spare(10..20)] {
            let site = Site::stored();
            site.read(principal(0..10)).await.unwrap();
            site.lie_at_store(signed(), fault.clone());
            let budget = Arc::new(Budget::new(Policy::default(), None));
            site.read(on(&budget, ask)).await.unwrap();
            assert_eq!((site.requests(), budget.spent()), ((2, 3), 0), "{fault:?}");
            site.read(spare(20..30)).await.unwrap();
            assert_eq!(site.requests(), (2, 4), "{fault:?}: the fresh one is asked at once");
        }
    }
}

#[tokio::test]
async fn a_target_that_always_answers_with_something_else_is_given_up() {
    let site = Site::stored();
    site.read(principal(0..10)).await.unwrap();
    site.lie_at_store(signed().times(2), Fault::RangeWrongStart);
    assert_eq!(site.read(principal(10..20)).await.unwrap_err().kind(), ErrorKind::PeerMisbehaved);
    assert_eq!(site.requests(), (2, 3));
    // It is not begun at again.
    site.read(principal(20..30)).await.unwrap();
    assert_eq!(site.requests(), (3, 4));
}

#[tokio::test]
async fn a_target_that_refuses_ranges_is_asked_for_the_whole_by_way_of_the_registry() {
    let site = Site::stored();
    site.read(principal(0..10)).await.unwrap();
    site.lie_at_store(signed().ranged().times(2), Fault::RangeRefused);
    let body = site.open(principal(10..20)).await.unwrap();
    assert_eq!(body.window, 0..SIZE as u64);
    assert_eq!(site.requests(), (3, 4));
}

#[tokio::test]
async fn a_target_that_was_not_asked_is_not_forgotten() {
    let site = Site::stored();
    site.read(principal(0..10)).await.unwrap();
    site.lie_at_store(signed(), Fault::TooManyRequests { retry_after: RetryAfter::Seconds(1) });
    for _ in 0..3 {
        let error = site.open(spare(10..20)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited, "{error}");
    }
    assert_eq!(site.requests(), (1, 2));
    site.read(principal(10..20)).await.unwrap();
    assert_eq!(site.requests(), (1, 3));
}

/// Remembers what was told.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<Event>>);

impl Observer for Notes {
    fn notice(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

#[tokio::test]
async fn who_waits_for_a_host_says_so_and_how_long() {
    let site = Site::start(8);
    let retry_after = RetryAfter::Seconds(100);
    site.registry.script(Matcher::new(Which::Blob), Fault::TooManyRequests { retry_after });
    let error = site.open(spare(0..10)).await.unwrap_err();
    assert_eq!(NotAsked::in_error(&error), None, "it was asked");
    let error = site.open(spare(0..10)).await.unwrap_err();
    assert!(NotAsked::in_error(&error).is_some_and(|held| held.until.is_some()), "{error:?}");
    let notes = Arc::new(Notes::default());
    let mut ask = principal(0..10);
    ask.observer = Arc::clone(&notes) as _;
    assert!(site.open(ask).now_or_never().is_none());
    let told = notes.0.lock().unwrap().clone();
    let [Event::Waiting { reason, wait: Some(wait) }] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(*reason, format!("{} wants to be left alone", site.registry.host()));
    assert!((95..=100).contains(&wait.as_secs()), "{wait:?}");
}
