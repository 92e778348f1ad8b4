//! Whatever the script: the right bytes or an error, and never a wrong target.

use proptest::prelude::*;

use super::source::{Scripted, Step};
use super::target::{End, Faults, Probe};
use super::toy::{Toy, encode};
use super::*;

fn step() -> impl Strategy<Value = Step> {
    let bytes = 0_u64..400_000;
    prop_oneof![
        4 => bytes.clone().prop_map(Step::Break),
        2 => bytes.clone().prop_map(Step::Part),
        2 => bytes.clone().prop_map(Step::Early),
        1 => Just(Step::Elsewhere),
        1 => bytes.clone().prop_map(Step::End),
        1 => bytes.clone().prop_map(Step::Flip),
        1 => (0_u64..3).prop_map(Step::Late),
        1 => bytes.clone().prop_map(Step::Total),
        1 => bytes.prop_map(|after| Step::Fail(after, ErrorKind::Denied)),
        1 => Just(Step::Refuse(ErrorKind::Unavailable)),
        1 => Just(Step::Endless),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_script_ends_in_the_right_bytes_or_an_error(
        size in 0_usize..500_000,
        steps in proptest::collection::vec(step(), 0..6),
        says_size: bool,
        way in 0_u8..3,
        full_at in proptest::option::weighted(0.1, 0_usize..500_000),
    ) {
        let bytes = blob().slice(..size);
        let content = if way == 2 { Bytes::from(encode(&bytes)) } else { bytes.clone() };
        // Of a blob without a size nobody could say that there are too many bytes.
        let steps: Vec<Step> = steps.into_iter().filter(|step| says_size || *step != Step::Endless).collect();
        let source =
            if says_size { Scripted::new(content, steps) } else { Scripted::of_unknown_size(content, steps) };
        let (probe, witness) = Probe::failing(Faults { full_at, ..Faults::default() });
        let target = match way {
            0 => probe.positioned(),
            1 => probe.ordered(),
            _ => probe.behind(Toy::default()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let outcome = runtime.block_on(deliver(&source, target));
        match (outcome, witness.end()) {
            (Ok(delivery), End::Published) => {
                prop_assert!(witness.bytes() == bytes);
                prop_assert_eq!(delivery.receipt.verified.digest, source.content().digest);
                prop_assert!(delivery.bytes_fetched >= delivery.receipt.verified.size);
            }
            (Err(_), End::Suspended(_)) => {}
            (outcome, end) => prop_assert!(false, "{:?}, and the target is {:?}", outcome.map(drop), end),
        }
    }
}
