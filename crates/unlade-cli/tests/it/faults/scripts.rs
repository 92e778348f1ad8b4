//! Any script of lies about a blob ends in the same bytes or in an error, never in a wrong file with the right name.

use std::cell::Cell;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use unlade::config::Config;
use unlade::image::Selection;
use unlade::spec::descriptor::Content;
use unlade::target::Target;
use unlade::target::file::{Durability, FileOptions, FileTarget, resolve};
use unlade::{Client, Error};
use unlade_testkit::content::bytes;
use unlade_testkit::document::Image;
use unlade_testkit::process::files;
use unlade_testkit::{Fault, LyingRegistry, RetryAfter};

use super::matchers::blob;
use crate::common::folder;

const SIZE: usize = 300_000;
const OLD: &[u8] = b"what was there before";

#[test]
fn any_script_ends_in_the_same_bytes_or_an_error() {
    let ends = [Cell::new(0), Cell::new(0)];
    run(48, &(vec(any_lie(), 1..6), any::<bool>()), |(script, taken)| {
        let outcome = pull(&script, taken);
        let end = &ends[usize::from(outcome.is_ok())];
        end.set(end.get() + 1);
    });
    assert!(ends.iter().all(|count| count.get() > 0), "all runs ended alike: {ends:?}");
}

#[test]
fn breaks_alone_end_in_the_same_bytes() {
    run(24, &(vec(passing_lie(), 1..6), any::<bool>()), |(script, taken)| {
        if let Err(error) = pull(&script, taken) {
            panic!("{script:?} ends in {:?}", error.chain());
        }
    });
}

/// A lie after which nothing but another try is called for.
fn passing_lie() -> impl Strategy<Value = Fault> {
    let break_at = prop_oneof![Just(0), Just(SIZE - 1), 0..SIZE];
    prop_oneof![
        break_at.clone().prop_map(|after| Fault::CutBody { after }),
        break_at.clone().prop_map(|after| Fault::ResetBody { after }),
        break_at.clone().prop_map(|after| Fault::StallBody { after }),
        break_at.prop_map(|after| Fault::ChunkedUnfinished { after }),
        prop::sample::select(vec![
            Fault::ResetBeforeAnswer,
            Fault::CloseBeforeAnswer,
            Fault::StallBeforeHeaders,
            Fault::TooManyRequests { retry_after: RetryAfter::Seconds(0) },
            Fault::ServerError { status: 503, retry_after: RetryAfter::Absent },
            Fault::RequestTimeout,
            Fault::RangeIgnored,
            Fault::ErrorHtml,
            Fault::EarlyAnswer,
            Fault::ConnectionClose,
            Fault::ExtraBytes,
            Fault::Chunked,
            Fault::LengthAndChunked,
            Fault::LyingDigestHeader,
            Fault::WrongMediaType { media_type: "text/html".to_owned() },
            Fault::HugeHeader { bytes: 4096 },
        ]),
    ]
}

/// A lie of any kind that a blob can meet.
fn any_lie() -> impl Strategy<Value = Fault> {
    let place = 0..SIZE;
    let few = 1..2000_usize;
    prop_oneof![
        8 => passing_lie(),
        1 => place.clone().prop_map(|at| Fault::FlipByte { at }),
        1 => place.prop_map(|after| Fault::LengthMissing { after }),
        1 => few.clone().prop_map(|by| Fault::LengthTooLarge { by }),
        1 => few.clone().prop_map(|by| Fault::LengthTooSmall { by }),
        2 => few.clone().prop_map(|by| Fault::RangeShort { by }),
        1 => few.prop_map(|by| Fault::RangeLong { by }),
        4 => prop::sample::select(vec![
            Fault::NoContent,
            Fault::RangeWrongStart,
            Fault::RangeWrongTotal,
            Fault::RangeMissing,
            Fault::RangeDuplicated,
            Fault::RangeUnasked,
            Fault::RangeRefused,
            Fault::EndlessBody,
            Fault::EndlessHeaders,
            Fault::EndlessInformational { status: 103 },
            Fault::UnaskedGzip,
            Fault::GarbageStatusLine,
            Fault::SshBanner,
            Fault::Http09,
            Fault::NegativeLength,
            Fault::TwoLengths,
            Fault::TrickleBody { pause: Duration::from_millis(1) },
            Fault::RedirectLoop,
            Fault::SignedUrlExpired,
        ]),
    ]
}

fn run<S: Strategy>(cases: u32, strategy: &S, check: impl Fn(S::Value)) {
    let config = ProptestConfig { cases, max_shrink_iters: 32, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(strategy, |value| {
        check(value);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// Pulls from a registry that follows the script, as far as it is asked, and holds the end to what every end
/// promises.
fn pull(script: &[Fault], taken: bool) -> Result<(), Error> {
    let registry = LyingRegistry::start();
    let image = Image::titled("disk.raw", bytes(1, SIZE));
    registry.publish("os/disk", "v1", &image);
    for fault in script {
        registry.script(blob().optional(), fault.clone());
    }
    let folder = folder();
    let target = folder.path().join("out.img");
    if taken {
        fs::write(&target, OLD).expect("write the file that was there before");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("start the runtime");
    let reference = registry.reference("os/disk:v1");
    let download = download(&reference, &target);
    let bounded = async { tokio::time::timeout(Duration::from_secs(20), download).await };
    let outcome = runtime.block_on(bounded).unwrap_or_else(|_| panic!("{script:?} has no end"));
    // The connections end with the runtime, and the servers' threads with them.
    drop(runtime);
    let left = fs::read(&target).ok();
    match &outcome {
        Ok(()) => assert!(left.as_deref() == Some(image.payload()), "{script:?} commits other bytes"),
        Err(error) => assert_eq!(left.as_deref(), taken.then_some(OLD), "{script:?} ends in {:?}", error.chain()),
    }
    let expected: &[&str] = if left.is_some() { &["out.img"] } else { &[] };
    assert_eq!(files(folder.path()), expected, "{script:?} leaves files");
    outcome
}

async fn download(reference: &str, target: &std::path::Path) -> Result<(), Error> {
    let mut config = Config::default();
    config.stall_timeout = Duration::from_millis(150);
    config.response_timeout = Duration::from_millis(150);
    config.min_rate = 64 << 10;
    config.retries = 20;
    let client = Client::builder().config(config).build()?;
    let artifact = client.artifact(&reference.parse().expect("a reference"), &Selection::default()).await?;
    let content = Content::from(artifact.layer()?);
    let mut download = client.download(Arc::clone(artifact.source()), content, Arc::default());
    // Waits are another matter's, and would only take time here.
    download.policy.base = Duration::from_millis(1);
    let file = FileTarget::new(resolve(target, None)?, FileOptions::default().durability(Durability::NoSync));
    download.into_target(Target::Positioned(Box::new(file))).await.map(drop)
}
