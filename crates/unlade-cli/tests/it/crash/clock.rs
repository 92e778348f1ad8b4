//! The wall clock jumps, by ten years and back: nobody waits longer for it, and no token is the worse for it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use unlade_testkit::link::Link;
use unlade_testkit::real::FakeTime;
use unlade_testkit::{Access, Bearer, Fault, LyingRegistry, Matcher, RetryAfter, Which};

use super::scene::Scene;
use crate::common::{error, folder, unlade};

/// What a connection carries in a second: slow enough for the clock to jump in the middle.
const RATE: u64 = 8 << 20;

/// A registry that asks for tokens, and breaks off in the middle of the first body, so that it is asked again.
fn registry_of(scene: &Scene, tokens: Bearer) -> LyingRegistry {
    // Its tokens are good for five minutes.
    let registry = LyingRegistry::builder().access(Access::Bearer(tokens)).start();
    registry.publish("acme/disk", "v1", &scene.document);
    registry.script(Matcher::new(Which::Blob), Fault::CutBody { after: 2_000_000 });
    let retry_after = RetryAfter::Seconds(0);
    registry.script(Matcher::new(Which::Blob), Fault::ServerError { status: 503, retry_after });
    registry
}

fn set(clock: &Path, by: &str) {
    // In one go: it is read at any moment.
    let new = clock.with_extension("new");
    fs::write(&new, by).and_then(|()| fs::rename(&new, clock)).expect("set a clock");
}

#[test]
fn a_clock_that_jumps_makes_no_difference() {
    let faketime = FakeTime::find().expect("./test installs it");
    let scene = Scene::file(4_000_000);
    let dated = |time| Bearer::anonymous().with_issued_at(time);
    for (first, then, tokens) in [
        ("+0", "+3650d", Bearer::anonymous()),
        ("+0", "-3650d", Bearer::anonymous()),
        ("-3650d", "+3650d", dated("2024-01-01T00:00:00Z")),
        ("+3650d", "-3650d", dated("1971-01-01T00:00:00Z")),
        ("+0", "+3650d", dated("2199-12-31T23:59:59Z")),
    ] {
        let about = format!("a clock that goes from {first} to {then}, and {tokens:?}");
        let registry = registry_of(&scene, tokens);
        let link = Link::builder().rate(RATE).window(64 << 10).start(registry.address());
        let place = folder();
        let (root, clock) = (place.path().join("root"), place.path().join("clock"));
        scene.start.write(&root);
        set(&clock, first);
        let run = scene.command(unlade(), &link.address().to_string(), &root);
        let running = faketime.command(run, &clock).args(["--retries", "3"]).start();
        registry.recorder().wait_for("*/blobs/*");
        set(&clock, then);
        let outcome = running.finish();
        scene.assert_done(&root, &outcome, &about);
        assert_eq!(registry.requests_for("/token").len(), 1, "{about}: {}", outcome.stderr);
    }
}

#[test]
fn the_clock_that_is_set_is_the_one_that_is_seen() {
    let faketime = FakeTime::find().expect("./test installs it");
    let place = folder();
    let clock = place.path().join("clock");
    // A date that has passed by the true clock is years away by this one.
    set(&clock, "-3650d");
    let scene = Scene::file(1000);
    let registry = LyingRegistry::start();
    registry.publish("acme/disk", "v1", &scene.document);
    let retry_after = RetryAfter::Date(Duration::ZERO);
    registry.script(Matcher::new(Which::Manifest), Fault::TooManyRequests { retry_after });
    let run = scene.command(unlade(), &registry.host(), &place.path().join("root"));
    let outcome = faketime.command(run, &clock).run();
    outcome.assert_code(6);
    let seconds = error(&outcome)["retry_after_seconds"].as_u64();
    assert!(seconds.is_some_and(|seconds| seconds > 3_000 * 24 * 60 * 60), "{}", outcome.stderr);
}

#[test]
fn a_date_to_come_back_at_is_measured_by_the_clock_of_the_server() {
    let faketime = FakeTime::find().expect("./test installs it");
    let scene = Scene::file(1000);
    for clock_is in ["-3650d", "+3650d"] {
        let place = folder();
        let (root, clock) = (place.path().join("root"), place.path().join("clock"));
        scene.start.write(&root);
        set(&clock, clock_is);
        let registry = LyingRegistry::start();
        registry.publish("acme/disk", "v1", &scene.document);
        let retry_after = RetryAfter::Dated(Duration::from_secs(1));
        registry.script(Matcher::new(Which::Manifest), Fault::TooManyRequests { retry_after });
        let outcome = faketime.command(scene.command(unlade(), &registry.host(), &root), &clock).run();
        scene.assert_done(&root, &outcome, clock_is);
    }
}
