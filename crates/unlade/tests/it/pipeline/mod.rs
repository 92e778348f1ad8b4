//! From a source to a target, whatever becomes of either.

mod decoding;
mod parallel;
mod recalled;
mod scripts;
mod source;
mod target;
mod toy;
mod wide;

use std::sync::mpsc::channel;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use unlade::cancel::Cancel;
use unlade::observe::{Event, Observer};
use unlade::source::EndpointId;
use unlade::target::{Fate, Room, Target};
use unlade::transfer::{Delivery, Download, Progress};
use unlade::{Client, Error, ErrorKind, Result};

use source::{Scripted, Step};
use target::{End, Faults, Probe, present};

/// Remembers what was told.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<Event>>);

impl Observer for Notes {
    fn notice(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Notes {
    fn names(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(Event::name).collect()
    }
}

fn download(source: &Arc<Scripted>) -> Download {
    download_with(source, &Client::builder().build().unwrap())
}

fn download_with(source: &Arc<Scripted>, client: &Client) -> Download {
    let mut download = client.download(Arc::clone(source) as _, source.content(), Arc::default());
    // Small blobs make progress too.
    download.policy.progress = 1000;
    download
}

async fn deliver(source: &Arc<Scripted>, target: Target) -> Result<Delivery> {
    download(source).into_target(target).await
}

fn kind(outcome: Result<Delivery>) -> ErrorKind {
    outcome.map_err(|error| error.kind()).unwrap_err()
}

/// Makes a blob of more chunks than fit between the stages.
fn blob() -> Bytes {
    static BLOB: LazyLock<Bytes> = LazyLock::new(|| {
        let noise = |at: u32| u8::try_from((at.wrapping_mul(2_654_435_761) >> 16) % 127).unwrap();
        (0..3_000_000).map(noise).collect::<Vec<_>>().into()
    });
    BLOB.clone()
}

#[tokio::test(start_paused = true)]
async fn a_blob_arrives_whole_in_either_kind_of_target() {
    for size in [0, 1, 59_999, 262_144, 262_145, 3_000_000] {
        let bytes = blob().slice(..size);
        for ordered in [false, true] {
            let source = Scripted::new(bytes.clone(), []);
            let (probe, witness) = Probe::new();
            let delivery = deliver(&source, if ordered { probe.ordered() } else { probe.positioned() }).await.unwrap();
            assert_eq!((witness.end(), witness.bytes().len()), (End::Published, size));
            assert!(witness.bytes() == bytes);
            assert_eq!(delivery.receipt.verified.digest, source.content().digest);
            assert_eq!((delivery.bytes_fetched, delivery.bytes_resumed), (size as u64, 0));
            assert_eq!((source.starts(), witness.outputs()), (vec![0], vec![Some(size as u64)]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_break_costs_the_bytes_in_flight_alone() {
    let (first, second) = (1_000_001, 600_000);
    let steps = [Step::Break(first), Step::Refuse(ErrorKind::NotFound)];
    assert_eq!(kind(deliver(&Scripted::new(blob(), steps), Probe::new().0.ordered()).await), ErrorKind::NotFound);

    let source = Scripted::new(blob(), [Step::Break(first), Step::Break(second), Step::Break(0)]);
    let notes = Arc::new(Notes::default());
    let client = Client::builder().observer(Arc::clone(&notes) as _).build().unwrap();
    let (probe, witness) = Probe::new();
    let delivery = download_with(&source, &client).into_target(probe.positioned()).await.unwrap();
    assert!(witness.bytes() == blob());
    assert_eq!(source.starts(), [0, first, first + second, first + second]);
    assert_eq!(delivery.bytes_resumed, first + second);
    assert_eq!((source.given(), delivery.bytes_fetched), (3_000_000, 3_000_000));
    assert_eq!(notes.names(), ["started", "retrying", "resumed", "retrying", "resumed", "retrying", "resumed"]);
}

#[tokio::test(start_paused = true)]
async fn a_body_may_come_in_parts_from_several_places() {
    let steps = [Step::Break(500_000), Step::Part(70_000), Step::Part(9), Step::Elsewhere];
    let source = Scripted::new(blob(), steps);
    let notes = Arc::new(Notes::default());
    let client = Client::builder().observer(Arc::clone(&notes) as _).build().unwrap();
    let (probe, witness) = Probe::new();
    let delivery = download_with(&source, &client).into_target(probe.positioned()).await.unwrap();
    assert!(witness.bytes() == blob());
    assert_eq!(source.starts(), [0, 500_000, 570_000, 570_009]);
    let endpoints: Vec<&str> = delivery.endpoints.iter().map(EndpointId::as_str).collect();
    assert_eq!(endpoints, ["here", "elsewhere"]);
    assert!(notes.names().contains(&"endpoint_changed"));
}

#[tokio::test(start_paused = true)]
async fn a_body_may_begin_early() {
    for (early, fetched, resumed) in [(400_000, 3_400_000, 100_000), (u64::MAX, 3_500_000, 0)] {
        let source = Scripted::new(blob(), [Step::Break(500_000), Step::Early(early)]);
        let (probe, witness) = Probe::new();
        let delivery = deliver(&source, probe.positioned()).await.unwrap();
        assert!(witness.bytes() == blob());
        assert_eq!((delivery.bytes_fetched, delivery.bytes_resumed), (fetched, resumed));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_blob_is_never_published() {
    for (step, expected) in [
        (Step::Flip(0), ErrorKind::Mismatch),
        (Step::Flip(2_999_999), ErrorKind::Mismatch),
        (Step::End(2_999_999), ErrorKind::Mismatch),
        (Step::End(0), ErrorKind::Mismatch),
        (Step::Endless, ErrorKind::Mismatch),
        (Step::Total(2_999_999), ErrorKind::Mismatch),
        (Step::Late(1), ErrorKind::PeerMisbehaved),
        (Step::Fail(1_000_000, ErrorKind::PeerMisbehaved), ErrorKind::PeerMisbehaved),
        (Step::Refuse(ErrorKind::Denied), ErrorKind::Denied),
    ] {
        for ordered in [false, true] {
            let source = Scripted::new(blob(), [step]);
            let (probe, witness) = Probe::new();
            let outcome = deliver(&source, if ordered { probe.ordered() } else { probe.positioned() }).await;
            assert_eq!(kind(outcome), expected, "{step:?}");
            assert!(matches!(witness.end(), End::Suspended(_)), "{step:?}: {:?}", witness.end());
            assert_eq!(source.starts().len(), 1, "{step:?} is not asked for again");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_bytes_are_thrown_away_and_their_endpoints_are_named() {
    let source = Scripted::new(blob().slice(1..), [Step::Part(1_000_000), Step::Elsewhere]);
    let mut download = download(&source);
    download.content.digest = Scripted::new(blob(), []).content().digest;
    let expected = format!("the bytes from here, elsewhere are not the blob {}", download.content.digest);
    let (probe, witness) = Probe::new();
    let error = download.into_target(probe.positioned()).await.unwrap_err();
    assert_eq!((error.kind(), witness.end()), (ErrorKind::Mismatch, End::Suspended(Fate::Discard)));
    assert_eq!(error.to_string(), expected);
    let url = error.context().url.as_ref().unwrap().to_string();
    assert_eq!((url.as_str(), error.context().attempts), ("https://elsewhere.example/blob?***", 2));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_fit_names_its_url() {
    for step in [Step::Total(7), Step::Late(1)] {
        let source = Scripted::new(blob(), [step]);
        let error = deliver(&source, Probe::new().0.positioned()).await.unwrap_err();
        assert!(error.context().url.is_some(), "{step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn on_a_line_that_stands_still_what_came_goes_on() {
    for (given, ordered) in [(9, true), (9, false), (300_000, true), (300_000, false)] {
        let source = Scripted::new(blob(), [Step::Hang(given), Step::Refuse(ErrorKind::Denied)]);
        let (probe, witness) = Probe::new();
        let progress = Arc::<Progress>::default();
        let client = Client::builder().build().unwrap();
        let download = client.download(Arc::clone(&source) as _, source.content(), Arc::clone(&progress));
        let mut download = Box::pin(download.into_target(if ordered { probe.ordered() } else { probe.positioned() }));
        while source.given() < given {
            assert!(futures_util::poll!(download.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
        assert!(futures_util::poll!(download.as_mut()).is_pending());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(futures_util::poll!(download.as_mut()).is_pending());
        witness.wait_for(usize::try_from(given).unwrap());
        assert_eq!(progress.verified(), given);
        assert_eq!(source.starts().len(), 1, "what was asked for is not asked for again");
    }
}

#[tokio::test(start_paused = true)]
async fn of_more_bytes_than_promised_hardly_any_are_read() {
    for source in [Scripted::new(blob(), [Step::Endless]), Scripted::new(blob().slice(..0), [Step::Endless])] {
        let size = source.content().size.unwrap();
        let (probe, _) = Probe::new();
        assert_eq!(kind(deliver(&source, probe.positioned()).await), ErrorKind::Mismatch);
        assert!(source.given() < size + (8 << 20), "{} bytes were read", source.given());
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_known_size_the_digest_decides() {
    let source = Scripted::of_unknown_size(blob(), [Step::Break(1_000_000)]);
    let (probe, witness) = Probe::new();
    assert_eq!(deliver(&source, probe.positioned()).await.unwrap().receipt.verified.size, 3_000_000);
    assert_eq!((witness.end(), witness.outputs()), (End::Published, vec![None]));
    for step in [Step::End(1_000_000), Step::Flip(1)] {
        let source = Scripted::of_unknown_size(blob(), [step]);
        assert_eq!(kind(deliver(&source, Probe::new().0.positioned()).await), ErrorKind::Mismatch, "{step:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_gives_nothing_new_is_given_up() {
    // Less than 1000 bytes in all are no progress here.
    for step in [Step::Break(0), Step::Part(0), Step::Break(100), Step::Part(100)] {
        let source = Scripted::new(blob(), [step; 50]);
        let (probe, witness) = Probe::new();
        let error = deliver(&source, probe.positioned()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!((source.starts().len(), error.context().attempts), (6, 6), "{step:?}");
        assert!(error.to_string().contains("broke off at byte"), "{error}");
        assert_eq!(witness.end(), End::Suspended(Fate::Keep));
    }
    let source = Scripted::new(blob(), [Step::Break(500); 50]);
    assert!(deliver(&source, Probe::new().0.positioned()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_in_the_middle_ends_it() {
    for ordered in [false, true] {
        for full_at in [0, 1_000_000, 2_999_999] {
            let source = Scripted::new(blob(), []);
            let (probe, witness) = Probe::failing(Faults { full_at: Some(full_at), ..Faults::default() });
            let outcome = deliver(&source, if ordered { probe.ordered() } else { probe.positioned() }).await;
            assert_eq!(kind(outcome), ErrorKind::NoSpace);
            assert_eq!(witness.end(), End::Suspended(Fate::Keep));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_that_stands_still_does_not_hide_that_the_end_has_come() {
    // Full buffers reach the other stages, and then nothing more comes.
    for (step, full_at, expected) in [
        (Step::Hang(2_900_000), Some(1_000_000), ErrorKind::NoSpace),
        (Step::Hang(2_900_000), Some(2_500_000), ErrorKind::NoSpace),
        (Step::Surplus(600_000), None, ErrorKind::Mismatch),
    ] {
        for ordered in [false, true] {
            let source = Scripted::new(blob(), [step]);
            let (probe, witness) = Probe::failing(Faults { full_at, ..Faults::default() });
            let outcome = deliver(&source, if ordered { probe.ordered() } else { probe.positioned() }).await;
            assert_eq!(kind(outcome), expected);
            assert!(matches!(witness.end(), End::Suspended(_)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_error_is_the_one_that_is_told() {
    // The rest is cleaning up.
    let faults = || Faults { suspend: Some(ErrorKind::Io), ..Faults::default() };
    let source = Scripted::new(blob(), [Step::Fail(1000, ErrorKind::Denied)]);
    assert_eq!(kind(deliver(&source, Probe::failing(faults()).0.positioned()).await), ErrorKind::Denied);
    let full = Faults { full_at: Some(1000), ..faults() };
    assert_eq!(kind(deliver(&Scripted::new(blob(), []), Probe::failing(full).0.ordered()).await), ErrorKind::NoSpace);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_cannot_be_prepared_or_published_says_so() {
    let refused = Err(Error::new(ErrorKind::Locked, "another process is filling it"));
    let (probe, witness) = Probe::failing(Faults { rooms: vec![refused], ..Faults::default() });
    let source = Scripted::new(blob(), []);
    assert_eq!(kind(deliver(&source, probe.positioned()).await), ErrorKind::Locked);
    assert!(source.starts().is_empty(), "nothing is fetched for a target that takes nothing");
    assert!(matches!(witness.end(), End::Suspended(_)));

    let (probe, witness) = Probe::failing(Faults { publish: Some(ErrorKind::Io), ..Faults::default() });
    assert_eq!(kind(deliver(&Scripted::new(blob(), []), probe.positioned()).await), ErrorKind::Io);
    assert_ne!(witness.end(), End::Published);
}

#[tokio::test(start_paused = true)]
async fn what_is_there_already_is_hashed_and_not_fetched() {
    let source = Scripted::new(blob(), []);
    let (probe, witness) = Probe::failing(Faults { rooms: vec![Ok(present(&blob()))], ..Faults::default() });
    let download = download(&source);
    let progress: Arc<Progress> = Arc::clone(&download.progress);
    let delivery = download.into_target(probe.positioned()).await.unwrap();
    assert_eq!((delivery.bytes_fetched, delivery.endpoints.len()), (0, 0));
    assert_eq!((progress.verified(), progress.total()), (3_000_000, Some(3_000_000)));
    assert!(source.starts().is_empty() && witness.bytes().is_empty());
    assert_eq!(witness.end(), End::Published);
}

#[tokio::test(start_paused = true)]
async fn what_is_there_and_is_not_the_blob_is_fetched() {
    let mut wrong = blob().to_vec();
    wrong[9] ^= 1;
    for other in [&wrong[..], b"short", &[wrong.clone(), wrong.clone()].concat()] {
        let source = Scripted::new(blob(), []);
        let (probe, witness) = Probe::failing(Faults { rooms: vec![Ok(present(other))], ..Faults::default() });
        deliver(&source, probe.positioned()).await.unwrap();
        assert!(witness.bytes() == blob());
        assert_eq!((witness.end(), witness.outputs().len()), (End::Published, 2));
    }
    // A target that offers the same again would do so for ever.
    let rooms = vec![Ok(present(&wrong)), Ok(present(&wrong)), Ok(Room::Empty)];
    let (probe, witness) = Probe::failing(Faults { rooms, ..Faults::default() });
    assert_eq!(kind(deliver(&Scripted::new(blob(), []), probe.positioned()).await), ErrorKind::Mismatch);
    assert_ne!(witness.end(), End::Published);
}

#[tokio::test(start_paused = true)]
async fn a_request_to_stop_is_obeyed_in_the_middle() {
    for (steps, given) in
        [(vec![Step::Hang(1_500_000)], 1_500_000), (vec![Step::Hang(0)], 0), (vec![Step::Break(9), Step::Hang(0)], 9)]
    {
        let openings = steps.len();
        let source = Scripted::new(blob(), steps);
        let cancel = Cancel::new();
        let client = Client::builder().cancel(cancel.clone()).build().unwrap();
        let (probe, witness) = Probe::new();
        let download = download_with(&source, &client).into_target(probe.positioned());
        let stop = async {
            while source.starts().len() < openings || source.given() < given {
                // Waits between retries must not stop the clock that stands still.
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            cancel.cancel();
        };
        let (outcome, ()) = tokio::join!(download, stop);
        assert_eq!(kind(outcome), ErrorKind::Interrupted);
        assert_eq!(witness.end(), End::Suspended(Fate::Keep));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_to_stop_that_came_before_is_obeyed_at_once() {
    let cancel = Cancel::new();
    cancel.cancel();
    for rooms in [vec![], vec![Ok(present(&blob()))]] {
        let source = Scripted::new(blob(), []);
        let client = Client::builder().cancel(cancel.clone()).build().unwrap();
        let (probe, witness) = Probe::failing(Faults { rooms, ..Faults::default() });
        let outcome = download_with(&source, &client).into_target(probe.positioned()).await;
        assert_eq!(kind(outcome), ErrorKind::Interrupted);
        assert_eq!(source.given(), 0);
        assert_eq!(witness.end(), End::Suspended(Fate::Keep));
    }
}

#[tokio::test]
async fn a_download_that_is_dropped_cleans_up_by_itself() {
    for ordered in [false, true] {
        let source = Scripted::new(blob(), [Step::Hang(1_500_000)]);
        let (probe, witness) = Probe::new();
        let mut download = Box::pin(deliver(&source, if ordered { probe.ordered() } else { probe.positioned() }));
        // Until it stands still in the middle.
        while source.given() < 1_500_000 {
            assert!(futures_util::poll!(download.as_mut()).is_pending());
            tokio::task::yield_now().await;
        }
        drop(download);
        assert_eq!(witness.end(), End::Suspended(Fate::Keep));
    }
}

#[tokio::test]
async fn a_download_that_is_dropped_while_the_target_is_prepared_fetches_nothing() {
    let (open, gate) = channel();
    let source = Scripted::new(blob(), []);
    let (probe, witness) = Probe::failing(Faults { gate: Some(gate), ..Faults::default() });
    let mut download = Box::pin(deliver(&source, probe.positioned()));
    assert!(futures_util::poll!(download.as_mut()).is_pending());
    drop(download);
    open.send(()).unwrap();
    assert_eq!(witness.end(), End::Suspended(Fate::Keep));
    assert!(source.starts().is_empty());
}

#[tokio::test]
async fn a_download_that_is_dropped_does_not_hash_what_is_there_to_its_end() {
    let source = Scripted::of_unknown_size(blob(), []);
    let rooms = vec![Ok(Room::Present(Box::new(std::io::repeat(7))))];
    let (probe, witness) = Probe::failing(Faults { rooms, ..Faults::default() });
    let download = download(&source);
    let progress = Arc::clone(&download.progress);
    let mut download = Box::pin(download.into_target(probe.positioned()));
    while progress.verified() == 0 {
        assert!(futures_util::poll!(download.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    drop(download);
    assert_eq!(witness.end(), End::Suspended(Fate::Keep));
}

#[tokio::test(start_paused = true)]
async fn progress_counts_what_came_and_what_was_hashed() {
    let source = Scripted::new(blob(), [Step::Break(1_000_000), Step::Early(10)]);
    let download = download(&source);
    let progress = Arc::clone(&download.progress);
    let delivery = download.into_target(Probe::new().0.positioned()).await.unwrap();
    assert_eq!((progress.total(), progress.verified()), (Some(3_000_000), 3_000_000));
    assert_eq!((progress.fetched(), delivery.bytes_fetched), (3_000_010, 3_000_010));
    assert_eq!((progress.resumed(), delivery.bytes_resumed), (999_990, 999_990));
    assert_eq!(source.to_string(), "script");
}
