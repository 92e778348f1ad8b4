//! A decoder between the hash and the target.

use super::source::{Scripted, Step};
use super::target::{End, Faults, Probe};
use super::toy::{BROKEN, Toy, encode};
use super::*;

fn encoded() -> Vec<u8> {
    encode(&blob())
}

#[tokio::test(start_paused = true)]
async fn what_comes_out_of_the_decoder_is_written_and_what_goes_in_is_verified() {
    let source = Scripted::new(encoded(), [Step::Break(1_000_000)]);
    let (probe, witness) = Probe::new();
    let toy = Toy::default();
    let delivery = deliver(&source, probe.behind(toy.clone())).await.unwrap();
    assert!(witness.bytes() == blob());
    assert_eq!((witness.end(), delivery.receipt.verified.size), (End::Published, 3_000_004));
    assert!(toy.saw_end());
    // What comes out has a size of its own.
    assert_eq!(witness.outputs(), [None]);
}

#[tokio::test(start_paused = true)]
async fn a_flipped_bit_that_breaks_the_decoder_is_a_mismatch() {
    // The first bit breaks the magic, the second one makes a byte that no text holds.
    let mut broken_by_a_bit = encoded();
    broken_by_a_bit[1_000_000] = BROKEN ^ 1;
    for (bytes, offset) in [(encoded(), 0), (broken_by_a_bit.clone(), 1_000_000)] {
        let source = Scripted::new(bytes, [Step::Flip(offset)]);
        let (probe, witness) = Probe::new();
        let toy = Toy::default();
        let error = deliver(&source, probe.behind(toy.clone())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{:?}", error.chain());
        assert_eq!(witness.end(), End::Suspended(Fate::Discard));
        assert_eq!(source.given(), source.content().size.unwrap(), "the rest is hashed all the same");
        assert!(!toy.saw_end());
    }
}

#[tokio::test(start_paused = true)]
async fn content_that_is_broken_although_it_is_the_blob_is_the_publishers() {
    let mut bytes = encoded();
    bytes[1_000_000] = BROKEN;
    for bytes in [bytes, blob().to_vec()] {
        let source = Scripted::new(bytes, []);
        let (probe, witness) = Probe::new();
        let error = deliver(&source, probe.behind(Toy::default())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert_eq!(error.chain(), ["the content cannot be decoded", "this is no toy"]);
        assert!(matches!(witness.end(), End::Suspended(_)));
        assert_eq!(source.given(), source.content().size.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_decoder_is_never_told_that_a_broken_fetch_has_ended() {
    for (step, expected) in [
        (Step::Fail(2_000_000, ErrorKind::Denied), ErrorKind::Denied),
        (Step::Flip(3_000_003), ErrorKind::Mismatch),
        (Step::End(2_000_000), ErrorKind::Mismatch),
        (Step::Endless, ErrorKind::Mismatch),
    ] {
        let source = Scripted::new(encoded(), [step]);
        let (probe, witness) = Probe::new();
        let toy = Toy::default();
        assert_eq!(kind(deliver(&source, probe.behind(toy.clone())).await), expected, "{step:?}");
        assert!(!toy.saw_end(), "{step:?}");
        assert!(matches!(witness.end(), End::Suspended(_)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_behind_a_decoder_ends_the_fetch() {
    // Farther behind than all buffers reach when they are filled twice, the second time while the threads between
    // have not been told yet: the source comes to it only if the rest of the blob is still wanted.
    let bytes = encode(&vec![7; 32 << 20]);
    let source = Scripted::new(bytes, [Step::Fail(30_000_000, ErrorKind::Denied)]);
    let (probe, witness) = Probe::failing(Faults { full_at: Some(100_000), ..Faults::default() });
    assert_eq!(kind(deliver(&source, probe.behind(Toy::default())).await), ErrorKind::NoSpace);
    assert!(matches!(witness.end(), End::Suspended(_)));
}

#[tokio::test(start_paused = true)]
async fn what_a_decoder_leaves_unread_is_verified_too() {
    for (step, expected) in [(None, Ok(())), (Some(Step::Flip(2_999_999)), Err(ErrorKind::Mismatch))] {
        let source = Scripted::new(encoded(), step);
        let (probe, witness) = Probe::new();
        let outcome = deliver(&source, probe.behind(Toy::stopping_after(1000))).await;
        assert_eq!(outcome.map(drop).map_err(|error| error.kind()), expected);
        assert_eq!(witness.bytes(), blob()[..1000]);
        assert_eq!(witness.end() == End::Published, expected.is_ok());
    }
}

#[tokio::test]
async fn a_download_that_is_dropped_in_a_decoder_cleans_up_by_itself() {
    let source = Scripted::new(encoded(), [Step::Hang(1_500_000)]);
    let (probe, witness) = Probe::new();
    let toy = Toy::default();
    let mut download = Box::pin(deliver(&source, probe.behind(toy.clone())));
    while source.given() < 1_500_000 {
        assert!(futures_util::poll!(download.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    drop(download);
    assert_eq!(witness.end(), End::Suspended(Fate::Keep));
    assert!(!toy.saw_end());
}
