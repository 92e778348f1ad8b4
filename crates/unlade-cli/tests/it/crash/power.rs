//! The power goes at any moment of a pull: what is on the disk then is right, and the next run comes to the end.

use std::fs;
use std::path::Path;
use std::thread;

use unlade_testkit::LyingRegistry;
use unlade_testkit::crash::{Cut, Recording, record};
use unlade_testkit::layout::assert_sound;
use unlade_testkit::process::{Run, files};

use super::scene::{Scene, disk, fetched};
use super::seeds;
use crate::common::{folder, registry_of, unlade};

/// Looking at what a cut leaves costs little: so many are looked at for each from which the command runs again.
const LOOKS: u64 = 10;

/// What was there before, where something was.
const OLD: &[u8] = b"what was there before";

/// Records a run from the start to its end, in which no power fails.
fn recording(scene: &Scene, registry: &LyingRegistry) -> Recording {
    let place = folder();
    let root = place.path().join("root");
    scene.start.write(&root);
    let program = |strace: Run| scene.command(strace.arg(env!("CARGO_BIN_EXE_unlade")), &registry.host(), &root);
    let (outcome, recording) = record(&root, program);
    outcome.assert_code(0);
    recording
}

/// Holds what a cut leaves to the promise: each name stands for what it stood for before, or for what it shall.
fn judge(scene: &Scene, cut: &Cut) {
    let Cut { disk, story, is_late, .. } = cut;
    let wrong = scene.wrong(*is_late, |path| disk.file(path).map(<[u8]>::to_vec));
    assert_eq!(wrong, None, "neither as it was nor as it shall be: {disk:?} after {story}");
}

/// Puts what a cut left where a command can run on it.
fn restored(cut: &Cut, place: &Path) -> (std::path::PathBuf, String) {
    let root = place.join("root");
    cut.disk.write(&root);
    (root, format!("{:?} after {}", cut.disk, cut.story))
}

/// What was recorded, written into a file if a test fails on it: threads take turns anew in each run, so that a seed
/// alone does not bring it back.
struct Evidence<'a> {
    recording: &'a Recording,
    seed: u64,
}

impl Drop for Evidence<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let name = format!("power-{}-{}.txt", std::process::id(), self.seed);
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
            let written = fs::write(&path, format!("seed {}\n{}", self.seed, self.recording.told()));
            eprintln!("what the run did, in its order, is in {}: {written:?}", path.display());
        }
    }
}

/// Cuts the power at moments that seeds decide, and runs the command on what is left.
fn play(scene: &Scene, seeds: &[u64]) {
    let registry = registry_of(&scene.document);
    let recording = recording(scene, &registry);
    for &seed in seeds {
        let _evidence = Evidence { recording: &recording, seed };
        for look in 0..LOOKS {
            // The first is the seed itself.
            judge(scene, &recording.cut(seed ^ look << 40));
        }
        let place = folder();
        let (root, about) = restored(&recording.cut(seed), place.path());
        let outcome = scene.command(unlade(), &registry.host(), &root).run();
        scene.assert_done(&root, &outcome, &about);
        let fetched = fetched(&outcome);
        // A connection that is slower than the others may be given up, with what it had under way.
        assert!(fetched <= scene.size + scene.size / 20, "{fetched} bytes fetched of {}: {about}", scene.size);
    }
}

#[test]
fn a_file_is_whole_or_not_there() {
    play(&Scene::file(3_500_000), &seeds(16));
}

#[test]
fn a_file_that_is_replaced_is_the_old_one_or_the_new() {
    let old = disk(|folder| fs::write(folder.join("out.img"), OLD).expect("write a file"));
    play(&Scene::file(3_500_000).starting(old), &seeds(12));
}

#[test]
fn a_large_file_is_whole_or_not_there() {
    play(&Scene::file(20_000_000), &seeds(4));
}

#[test]
fn what_was_synced_on_the_way_is_not_fetched_again() {
    // Of a granule that is not whole nothing is known: each connection has one.
    const IN_FLIGHT: u64 = 8 << 20;
    let scene = Scene::file(24_000_000);
    let registry = registry_of(&scene.document);
    let recording = recording(&scene, &registry);
    let known = |cut: &Cut| {
        // A record has 24 bytes, and speaks of a MiB.
        let noted = cut.synced(".out.img.unlade-journal") / 24 * (1 << 20);
        cut.synced(".out.img.unlade-partial").min(noted)
    };
    let is_telling = |cut: &Cut| !cut.is_late && cut.disk.file("out.img").is_none() && known(cut) > IN_FLIGHT;
    let cut = (0..2000).map(|seed| recording.cut(seed)).find(is_telling).expect("much was synced before the end");
    let known = known(&cut) - IN_FLIGHT;
    let place = folder();
    let (root, about) = restored(&cut, place.path());
    let outcome = scene.command(unlade(), &registry.host(), &root).run();
    scene.assert_done(&root, &outcome, &about);
    let fetched = fetched(&outcome);
    assert!(fetched <= scene.size + scene.size / 20 - known, "{fetched} bytes fetched, {known} known: {about}");
}

#[test]
fn a_file_is_whole_or_not_there_however_often_the_power_goes() {
    let scene = Scene::file(3_500_000);
    let registry = registry_of(&scene.document);
    let first = recording(&scene, &registry);
    // What is left in the middle, and not the file itself.
    let all = seeds(24);
    let cuts = all.iter().map(|seed| (*seed, first.cut(*seed)));
    let unfinished = cuts.filter(|(_, cut)| cut.disk.file(".out.img.unlade-partial").is_some());
    let mut tried = 0;
    for (seed, cut) in unfinished.take(all.len().div_ceil(8)) {
        let _evidence = Evidence { recording: &first, seed };
        let scene = Scene::file(3_500_000).starting(cut.disk);
        // However many are asked for: each of the first ones gets a few.
        let then: Vec<u64> = seeds(3).into_iter().take(3).collect();
        play(&scene, &then);
        tried += 1;
    }
    // One seed may be one that cuts before the file is begun.
    assert!(tried > 0 || all.len() < 24, "no power cut left an unfinished file");
}

#[test]
fn files_of_a_folder_are_whole_or_not_there() {
    play(&Scene::folder(), &seeds(12));
}

#[test]
fn a_layout_names_nothing_that_is_not_there_whole() {
    let scene = Scene::layout();
    let registry = registry_of(&scene.document);
    let recording = recording(&scene, &registry);
    for seed in seeds(12) {
        let _evidence = Evidence { recording: &recording, seed };
        let cut = recording.cut(seed);
        let place = folder();
        let (root, about) = restored(&cut, place.path());
        // What goes wrong below is about this one.
        eprintln!("{about}");
        let named = assert_sound(&root.join("layout"));
        assert!(named.contains(&scene.document.digest()) || !cut.is_late);
        scene.command(unlade(), &registry.host(), &root).run().assert_code(0);
        assert!(assert_sound(&root.join("layout")).contains(&scene.document.digest()));
        assert!(!files(&root).iter().any(|name| name.contains("partial")), "{:?}", files(&root));
    }
}
