//! One blob over several connections.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use unlade::source::{Ask, EndpointId, Zeal};

use super::target::Records;
use super::wide::{Reply, Wide, large};
use super::*;

const MIB: u64 = 1 << 20;

pub(super) fn wide_download(source: &Arc<Wide>, client: &Client) -> Download {
    client.download(Arc::clone(source) as _, source.content(), Arc::default())
}

// The clock of these tests runs: threads of the download work while connections wait.

async fn deliver_wide(source: &Arc<Wide>, target: Target) -> Result<Delivery> {
    let mut download = wide_download(source, &Client::builder().build().unwrap());
    (download.policy.base, download.policy.cap) = (Duration::from_millis(1), Duration::from_millis(4));
    download.into_target(target).await
}

/// Checks that windows are closed, none is too long, and together they are the blob; what is slow may be divided.
fn assert_cover(windows: impl IntoIterator<Item = Range<u64>>) {
    let mut windows: Vec<_> = windows.into_iter().collect();
    windows.sort_by_key(|window| window.start);
    let mut end = 0;
    for window in windows {
        assert!(window.start <= end, "{window:?}");
        assert!(window.end - window.start <= 8 * MIB, "{window:?}");
        end = end.max(window.end);
    }
    assert_eq!(end, large().0.len() as u64);
}

/// Fails where nothing would ever come.
async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("it stands still")
}

fn is_spare(ask: &Ask) -> bool {
    ask.zeal == Zeal::Spare
}

#[tokio::test]
async fn four_are_at_work_at_once_and_all_within_a_second() {
    for ordered in [false, true] {
        // No body gives a byte before so many requests are there.
        for (together, at_most) in [(4, Duration::from_millis(300)), (8, Duration::from_secs(1))] {
            let source = Wide::new(
                8,
                move |_, number| {
                    if number < together { Reply::AfterAsks(together) } else { Reply::Right }
                },
            );
            let (probe, witness) = Probe::new();
            let target = if ordered { probe.ordered() } else { probe.positioned() };
            let delivery = deliver_wide(&source, target).await.unwrap();
            assert!(witness.bytes() == large().0);
            assert_eq!(witness.end(), End::Published);
            assert!(delivery.bytes_fetched < large().0.len() as u64 + 16 * MIB);
            let asked = source.asked();
            assert!(asked[together - 1].after <= at_most, "{:?}", asked[together - 1].after);
            assert_eq!(asked.iter().take(together).filter(|asked| asked.zeal == Zeal::Stubborn).count(), 1);
            assert_cover(asked.into_iter().map(|asked| asked.window));
        }
    }
}

#[tokio::test]
async fn a_source_that_gives_no_parts_gives_one_stream() {
    for (ordered, first_answer) in [(false, 0), (true, 0), (false, 3), (true, 2)] {
        let source =
            Wide::new(4, move |_, number| if number < first_answer { Reply::AfterAsks(100) } else { Reply::Whole });
        let (probe, witness) = Probe::new();
        deliver_wide(&source, if ordered { probe.ordered() } else { probe.positioned() }).await.unwrap();
        assert!(witness.bytes() == large().0);
        assert!(source.asked().len() <= 5, "{:?}", source.asked());
    }
}

#[tokio::test]
async fn what_the_others_cannot_get_costs_nothing() {
    for kind in [ErrorKind::RateLimited, ErrorKind::Unavailable, ErrorKind::NotFound] {
        let source = Wide::new(8, move |ask, _| if is_spare(ask) { Reply::Refuse(kind) } else { Reply::Right });
        let (probe, witness) = Probe::new();
        let client = Client::builder().build().unwrap();
        let mut download = wide_download(&source, &client);
        download.policy.retries = 0;
        download.into_target(probe.positioned()).await.unwrap();
        assert!(witness.bytes() == large().0);
        let spare = source.asked().iter().filter(|asked| asked.zeal == Zeal::Spare).count();
        assert!(spare < 8, "each failure makes the next trial rarer: {spare}");
    }
}

#[tokio::test]
async fn what_was_held_back_is_tried_again_all_together() {
    // The stubborn one gives nothing before as many ask again as were held back.
    for pause in [Some(Duration::from_millis(200)), None] {
        let source = Wide::new(8, move |ask, number| match (number, ask.zeal) {
            (_, Zeal::Stubborn) => Reply::AfterAsks(4 + 3),
            (0..4, _) => Reply::HoldBack(pause),
            _ => Reply::Right,
        });
        let (probe, witness) = Probe::new();
        let delivered = tokio::time::timeout(Duration::from_secs(10), deliver_wide(&source, probe.positioned())).await;
        assert!(delivered.is_ok_and(|delivered| delivered.is_ok()), "{pause:?}: {:?}", source.asked());
        assert!(witness.bytes() == large().0);
        let asked = source.asked();
        let until = pause.unwrap_or_default();
        assert!(asked[4..7].iter().all(|asked| asked.after >= until), "{pause:?}: {asked:?}");
        assert!(asked.len() <= 14, "{pause:?}: {asked:?}");
    }
}

#[tokio::test]
async fn a_break_of_one_connection_costs_its_bytes_in_flight() {
    let broken = AtomicUsize::new(0);
    let source = Wide::new(4, move |ask, _| {
        // Each of the first pieces breaks off once, in the middle of a granule.
        let is_first_try = ask.window.start % MIB == 0 && broken.fetch_add(1, Ordering::Relaxed) < 3;
        if is_first_try { Reply::Break(3 * MIB + 5) } else { Reply::Right }
    });
    let (probe, witness) = Probe::new();
    let delivery = deliver_wide(&source, probe.positioned()).await.unwrap();
    assert!(witness.bytes() == large().0);
    assert!(delivery.bytes_fetched < large().0.len() as u64 + 4 * MIB);
}

#[tokio::test]
async fn a_part_that_ends_early_without_a_word_is_completed() {
    let source = Wide::new(4, |_, number| if number < 4 { Reply::Less(MIB + 5) } else { Reply::Right });
    let (probe, witness) = Probe::new();
    deliver_wide(&source, probe.positioned()).await.unwrap();
    assert!(witness.bytes() == large().0);
}

#[tokio::test]
async fn the_stubborn_ones_failure_is_that_of_the_download() {
    let source =
        Wide::new(8, |ask, _| if is_spare(ask) { Reply::AfterAsks(1000) } else { Reply::Refuse(ErrorKind::NotFound) });
    let (probe, witness) = Probe::new();
    assert_eq!(kind(deliver_wide(&source, probe.positioned()).await), ErrorKind::NotFound);
    assert_eq!(witness.end(), End::Suspended(Fate::Keep));
}

#[tokio::test]
async fn a_connection_that_lags_behind_is_replaced() {
    let slow = AtomicUsize::new(0);
    let source = Wide::new(4, move |ask, number| {
        let lags = number == 1 && slow.fetch_add(1, Ordering::Relaxed) == 0;
        match (lags, ask.window.start) {
            (true, _) => Reply::Slowly(Duration::from_mins(1)),
            _ => Reply::Slowly(Duration::from_millis(20)),
        }
    });
    let (probe, witness) = Probe::new();
    let delivery = deliver_wide(&source, probe.positioned());
    // Waited for to its end, it would take an hour.
    tokio::time::timeout(Duration::from_secs(10), delivery).await.expect("it is replaced").unwrap();
    assert!(witness.bytes() == large().0);
}

#[tokio::test]
async fn what_is_slow_at_the_end_is_divided() {
    let source = Wide::new(4, |ask, _| match ask.window.start {
        start if start >= 32 * MIB => Reply::Slowly(Duration::from_millis(100)),
        _ => Reply::Right,
    });
    let (probe, witness) = Probe::new();
    deliver_wide(&source, probe.positioned()).await.unwrap();
    assert!(witness.bytes() == large().0);
    let slow = source.asked().into_iter().map(|asked| asked.window).filter(|window| window.start >= 32 * MIB);
    let slow: Vec<_> = slow.collect();
    // In the middle, and not where one that lags behind is gone on with.
    assert!(slow.len() > 1 && slow[1].start >= 35 * MIB, "{slow:?}");
}

#[tokio::test]
async fn a_window_that_is_full_waits_for_its_first_bytes() {
    // All that comes after the first piece is there at once, and must wait in memory or on the disk.
    for (ordered, lead) in [(false, 64 * MIB), (true, 24 * MIB)] {
        let source = Wide::new(8, |ask, _| match ask.window.start {
            0 => Reply::Slowly(Duration::from_millis(200)),
            _ => Reply::Right,
        });
        let (probe, witness) = Probe::new();
        deliver_wide(&source, if ordered { probe.ordered() } else { probe.positioned() }).await.unwrap();
        assert!(witness.bytes() == large().0);
        let first = source.asked().into_iter().map(|asked| asked.window).take_while(|window| window.end <= 8 * MIB);
        assert!(first.count() >= 1);
        let early = source.asked().into_iter().filter(|asked| asked.after < Duration::from_millis(200));
        assert!(early.map(|asked| asked.window.end).max() <= Some(lead));
    }
}

#[tokio::test]
async fn a_break_before_what_is_held_is_mended_though_the_others_wait_for_it() {
    // Those that bring what comes later do so bit by bit, until the one before them breaks off.
    let pause = Duration::from_millis(210);
    let source = Wide::new(8, move |_, number| match number {
        1 => Reply::SlowlyThenBreak(pause, 12),
        2..9 => Reply::Slowly(pause),
        _ => Reply::Right,
    });
    let (probe, witness) = Probe::new();
    in_time(deliver_wide(&source, probe.ordered())).await.unwrap();
    assert!(witness.bytes() == large().0);
}

#[tokio::test]
async fn what_comes_next_is_fetched_before_what_has_to_wait_for_it() {
    // One of two breaks off, and the other gives nothing before that is asked for again.
    let source = Wide::new(2, |_, number| match number {
        1 => Reply::BreakAfterAsks(3),
        2 => Reply::AfterAsks(4),
        _ => Reply::Right,
    });
    let (probe, witness) = Probe::new();
    in_time(deliver_wide(&source, probe.ordered())).await.unwrap();
    assert!(witness.bytes() == large().0);
    let again = &source.asked()[3];
    assert_eq!((again.window.start, again.zeal), (12 * MIB, Zeal::Stubborn));
}

#[tokio::test]
async fn after_a_mismatch_another_endpoint_is_asked_alone() {
    let source = Wide::between(4, &["a", "b"], |ask, number| match (ask.avoid.is_empty(), number % 2) {
        (true, 0) => Reply::From("a"),
        (true, _) => Reply::WrongFrom("a"),
        (false, _) => Reply::From("b"),
    });
    let notes = Arc::new(Notes::default());
    let client = Client::builder().observer(Arc::clone(&notes) as _).build().unwrap();
    let (probe, witness) = Probe::new();
    let delivery = wide_download(&source, &client).into_target(probe.positioned()).await.unwrap();
    assert!(witness.bytes() == large().0);
    assert_eq!(delivery.endpoints.iter().map(EndpointId::as_str).collect::<Vec<_>>(), ["b"]);
    let avoided: Vec<_> = source.asked().into_iter().flat_map(|asked| asked.avoid).collect();
    assert!(!avoided.is_empty() && avoided.iter().all(|endpoint| endpoint.as_str() == "a"));
    let warned =
        notes.0.lock().unwrap().iter().any(
            |event| matches!(event, Event::Warning { text } if text.contains("the bytes from a are not the blob")),
        );
    assert!(warned);

    let source = Wide::between(4, &["a", "b"], |ask, _| Reply::WrongFrom(if ask.avoid.is_empty() { "a" } else { "b" }));
    let (probe, witness) = Probe::new();
    let error = deliver_wide(&source, probe.positioned()).await.unwrap_err();
    assert_eq!((error.kind(), witness.end()), (ErrorKind::Mismatch, End::Suspended(Fate::Discard)));
    assert!(error.to_string().contains("a, b"), "{error}");
}

fn reply() -> impl Strategy<Value = Reply> {
    let bytes = 0_u64..9 * MIB;
    prop_oneof![
        6 => Just(Reply::Right),
        4 => bytes.clone().prop_map(Reply::Break),
        2 => bytes.clone().prop_map(Reply::Part),
        2 => bytes.prop_map(Reply::Less),
        1 => Just(Reply::Whole),
        2 => (0_u64..4).prop_map(|millis| Reply::Slowly(Duration::from_millis(millis))),
        1 => Just(Reply::Flip),
        1 => Just(Reply::Late),
        1 => Just(Reply::TooMuch),
        2 => Just(Reply::Refuse(ErrorKind::Unavailable)),
        1 => Just(Reply::Refuse(ErrorKind::RateLimited)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_replies_end_in_the_right_bytes_or_an_error(
        replies in proptest::collection::vec(reply(), 0..25),
        lanes in 1_usize..9,
        ordered: bool,
        full_at in proptest::option::weighted(0.1, 0_usize..50_000_000),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (probe, witness) = Probe::failing(Faults { full_at, records: Some(Records::default()), ..Faults::default() });
        let target = if ordered { probe.ordered() } else { probe.positioned() };
        let outcome = runtime.block_on(async {
            let source = Wide::new(lanes, move |_, number| replies.get(number).cloned().unwrap_or(Reply::Right));
            deliver_wide(&source, target).await
        });
        match (outcome, witness.end()) {
            (Ok(_), End::Published) => prop_assert!(witness.bytes() == large().0),
            (Err(_), End::Suspended(_)) => {}
            (outcome, end) => prop_assert!(false, "{:?}, and the target is {:?}", outcome.map(drop), end),
        }
    }
}
