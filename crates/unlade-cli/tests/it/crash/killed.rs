//! A run is killed, or asked to stop, at any moment: nothing wrong is ever there, and the last run comes to its end.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::Signal;
use unlade_testkit::layout::assert_sound;
use unlade_testkit::link::Link;
use unlade_testkit::process::{Outcome, files};

use super::scene::{Scene, disk};
use super::seeds;
use crate::common::{folder, registry_of, unlade};

/// What a connection carries in a second: slow enough that there is a middle to be killed in.
const RATE: u64 = 24 << 20;

/// What is under way on a connection: little, so that what a server sent is what a client got.
const WINDOW: u64 = 64 << 10;

/// A run that is stopped so often is let come to its end.
const STOPS: u32 = 3;

/// What a run needs besides blobs, and what the one before it had on its way when it was stopped: no more than that is
/// under way on eight connections.
const BESIDES: u64 = 8 * WINDOW;

/// What became of a run that something was done to.
enum End {
    /// It ended by itself, or because it was asked to.
    Ended(Outcome),
    Killed,
}

/// Stops runs at moments that the seeds decide, `look`s at what they leave, and runs the command to its end.
fn play(scene: &Scene, few: u64, signals: &[Signal], look: impl Fn(&Path, &End, &str)) {
    let registry = registry_of(&scene.document);
    let link = Link::builder().rate(RATE).window(WINDOW).start(registry.address());
    let host = link.address().to_string();
    let begun = Instant::now();
    {
        let place = folder();
        scene.command(unlade(), &host, place.path()).run().assert_code(0);
    }
    let usual = begun.elapsed();
    let (seeds, mut most_left) = (seeds(few), 0);
    for &seed in &seeds {
        let place = folder();
        let root = place.path().join("root");
        scene.start.write(&root);
        let mut rng = Rng::with_seed(seed);
        let stops = rng.u32(1..=STOPS);
        let mut story = format!("seed {seed}");
        for _ in 0..stops {
            let moment = usual.mul_f64(rng.f64() * 1.1);
            let signal = signals[rng.usize(..signals.len())];
            let (before, held) = (link.carried(), scene.held(&root));
            let running = scene.command(unlade(), &host, &root).arg("--progress=json").start();
            thread::sleep(moment);
            let end = if signal == Signal::KILL {
                running.kill();
                End::Killed
            } else {
                running.signal(signal);
                End::Ended(running.finish())
            };
            assert_nothing_twice(scene, link.carried() - before, held, &story);
            let left = scene.held(&root);
            most_left = most_left.max(left);
            story = format!("{story}, {signal:?} after {moment:?} leaves {left} bytes in {:?}", files(&root));
            look(&root, &end, &story);
        }
        let (before, held) = (link.carried(), scene.held(&root));
        let outcome = scene.command(unlade(), &host, &root).timeout(Duration::from_mins(2)).run();
        assert_nothing_twice(scene, link.carried() - before, held, &story);
        if scene.expected.is_empty() {
            assert_eq!(outcome.code, Some(0), "{}\n{story}", outcome.stderr);
            assert!(assert_sound(&root.join("layout")).contains(&scene.document.digest()), "{story}");
            assert!(!files(&root).iter().any(|name| name.contains("partial")), "{:?} {story}", files(&root));
        } else {
            scene.assert_done(&root, &outcome, &story);
        }
    }
    // Otherwise nothing was there that could have been fetched twice. One seed may be one that stops at once.
    assert!(most_left > 0 || seeds.len() < 8, "no run left anything behind that another could go on with");
}

/// Holds a run to fetching nothing that was there when it began. A connection that is slower than the others may be given
/// up, with what it had under way.
#[track_caller]
fn assert_nothing_twice(scene: &Scene, carried: u64, held: u64, story: &str) {
    let most = scene.size - held + scene.size / 20 + BESIDES;
    assert!(carried <= most, "{carried} bytes of {} were sent though {held} were there: {story}", scene.size);
}

#[test]
fn a_file_is_never_wrong_whenever_a_run_is_killed() {
    let scene = Scene::file(20_000_000);
    play(&scene, 8, &[Signal::KILL], |root, _, story| scene.assert_right(root, story));
}

#[test]
fn a_file_that_is_replaced_is_never_wrong_whenever_a_run_is_killed() {
    let old = disk(|folder| fs::write(folder.join("out.img"), "old").expect("write a file"));
    let scene = Scene::file(2_500_000).starting(old);
    play(&scene, 8, &[Signal::KILL], |root, _, story| scene.assert_right(root, story));
}

#[test]
fn files_of_a_folder_are_never_wrong_whenever_a_run_is_killed() {
    let scene = Scene::folder();
    play(&scene, 8, &[Signal::KILL], |root, _, story| scene.assert_right(root, story));
}

#[test]
fn a_layout_names_nothing_that_is_not_there_whenever_a_run_is_killed() {
    let scene = Scene::layout();
    play(&scene, 8, &[Signal::KILL], |root, _, _| drop(assert_sound(&root.join("layout"))));
}

#[test]
fn a_signal_at_any_moment_ends_a_run_in_order() {
    let scene = Scene::file(6_000_000);
    play(&scene, 12, &[Signal::HUP, Signal::INT, Signal::TERM], |root, end, story| {
        scene.assert_right(root, story);
        let End::Ended(Outcome { code, stderr, .. }) = end else { panic!("nobody was killed: {story}") };
        // Before it takes signals over, the system ends it.
        assert!(matches!(code, Some(0 | 130) | None), "{code:?}: {stderr}\n{story}");
        // One that ended before it came to the file leaves what an earlier one has kept, and does not speak of it.
        let is_left = files(root).iter().any(|name| name.ends_with("-partial"));
        assert!(!is_left || *code != Some(0), "{stderr}\n{story}");
    });
}
