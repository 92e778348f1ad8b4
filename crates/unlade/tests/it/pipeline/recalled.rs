//! What an earlier run left.

use proptest::prelude::*;
use twox_hash::XxHash3_64;
use unlade::target::{GRANULE, Resume};

use super::parallel::wide_download;
use super::target::{Records, Witness};
use super::wide::{Reply, Wide, large};
use super::*;

fn granule(number: u64) -> std::ops::Range<usize> {
    let start = usize::try_from(number * GRANULE).unwrap();
    start..large().0.len().min(start + usize::try_from(GRANULE).unwrap())
}

/// Makes a target that holds some granules of the blob, and nothing else of it.
fn left_behind(numbers: impl IntoIterator<Item = u64>) -> (Probe, Witness, Records) {
    let (bytes, _) = large();
    let records = Records::default();
    let mut left = vec![0x55; bytes.len()];
    for number in numbers {
        left[granule(number)].copy_from_slice(&bytes[granule(number)]);
        records.0.lock().unwrap().insert(number, XxHash3_64::oneshot(&bytes[granule(number)]));
    }
    let faults = Faults { rooms: vec![Ok(Room::Partial)], records: Some(records.clone()), ..Faults::default() };
    let (probe, witness) = Probe::failing(faults);
    witness.leave(&left);
    (probe, witness, records)
}

#[tokio::test]
async fn only_what_is_missing_is_fetched() {
    for (numbers, lanes) in [(vec![0, 1, 2, 7, 39, 40], 4), (vec![3], 1), ((0..=40).collect(), 8)] {
        let (probe, witness, records) = left_behind(numbers.clone());
        let source = Wide::new(lanes, |_, _| Reply::Right);
        let notes = Arc::new(Notes::default());
        let client = Client::builder().observer(Arc::clone(&notes) as _).build().unwrap();
        let delivery = wide_download(&source, &client).into_target(probe.positioned()).await.unwrap();
        assert!(witness.bytes() == large().0);
        let kept: usize = numbers.iter().map(|number| granule(*number).len()).sum();
        assert_eq!(delivery.bytes_resumed, kept as u64);
        assert_eq!(delivery.bytes_fetched, (large().0.len() - kept) as u64);
        assert!(notes.names().contains(&"resumed"));
        let recorded = records.0.lock().unwrap().clone();
        let expected = (0..=40).map(|number| (number, XxHash3_64::oneshot(&large().0[granule(number)])));
        assert!(recorded.into_iter().eq(expected), "each granule is on record in the end");
    }
}

#[tokio::test]
async fn a_granule_that_does_not_fit_its_checksum_is_fetched() {
    let (probe, witness, records) = left_behind([0, 1, 2, 3]);
    records.0.lock().unwrap().insert(1, 7);
    records.0.lock().unwrap().insert(30, 7);
    records.0.lock().unwrap().insert(1 << 60, 7);
    let source = Wide::new(4, |_, _| Reply::Right);
    let delivery = wide_download(&source, &Client::builder().build().unwrap());
    let delivery = delivery.into_target(probe.positioned()).await.unwrap();
    assert!(witness.bytes() == large().0);
    assert_eq!(delivery.bytes_resumed, 3 * GRANULE);
}

#[tokio::test]
async fn what_is_fetched_whether_it_is_there_or_not_is_not_resumed() {
    for (lanes, numbers) in [(1, vec![3, 5]), (4, vec![0, 1, 2, 7]), (1, vec![0, 1])] {
        let (probe, witness, _) = left_behind(numbers);
        let source = Wide::new(lanes, |_, _| Reply::Whole);
        let delivery = wide_download(&source, &Client::builder().build().unwrap());
        let progress = Arc::clone(&delivery.progress);
        let delivery = delivery.into_target(probe.positioned()).await.unwrap();
        assert!(witness.bytes() == large().0);
        assert_eq!((delivery.bytes_resumed, progress.resumed()), (0, 0), "{lanes}");
    }
}

#[tokio::test]
async fn a_record_that_lies_well_costs_a_fresh_start() {
    let (probe, witness, records) = left_behind([0, 1]);
    records.0.lock().unwrap().insert(5, XxHash3_64::oneshot(&vec![0x55; granule(5).len()]));
    let source = Wide::new(4, |_, _| Reply::Right);
    let notes = Arc::new(Notes::default());
    let client = Client::builder().observer(Arc::clone(&notes) as _).build().unwrap();
    let delivery = wide_download(&source, &client).into_target(probe.positioned()).await.unwrap();
    assert!(witness.bytes() == large().0);
    assert_eq!(witness.resumes(), [Resume::GoOn, Resume::Afresh]);
    assert_eq!(delivery.bytes_resumed, 0);
    assert!(notes.names().contains(&"warning"));
}

#[tokio::test]
async fn wrong_bytes_of_the_source_are_its_own_fault() {
    let (probe, witness, _) = left_behind([0]);
    let source = Wide::new(1, |_, _| Reply::Flip);
    let error = wide_download(&source, &Client::builder().build().unwrap()).into_target(probe.positioned()).await;
    assert_eq!(kind(error), ErrorKind::Mismatch);
    // What was left may have been at fault the first time, and not the second.
    assert_eq!(witness.resumes(), [Resume::GoOn, Resume::Afresh]);
    assert_eq!(witness.end(), End::Suspended(Fate::Discard));
}

#[tokio::test]
async fn one_stream_is_hashed_from_memory() {
    let (probe, witness) = Probe::new();
    let source = Wide::new(1, |_, _| Reply::Right);
    wide_download(&source, &Client::builder().build().unwrap()).into_target(probe.positioned()).await.unwrap();
    assert_eq!(witness.read_back(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 15, ..ProptestConfig::default() })]

    /// Whatever the record says: the right bytes.
    #[test]
    fn any_record_ends_in_the_right_bytes(
        numbers in proptest::collection::btree_set(0_u64..41, 0..41),
        lies in proptest::collection::vec((0_u64..50, any::<u64>()), 0..5),
        lanes in 1_usize..9,
    ) {
        let (probe, witness, records) = left_behind(numbers);
        records.0.lock().unwrap().extend(lies);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let source = Wide::new(lanes, |_, _| Reply::Right);
            wide_download(&source, &Client::builder().build().unwrap()).into_target(probe.positioned()).await
        }).unwrap();
        prop_assert!(witness.bytes() == large().0);
    }
}
