use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use rustix::fs::{CWD, FlockOperation, flock, mkfifoat};
use tempfile::TempDir;

use super::*;
use crate::cancel::Cancel;
use crate::error::Advice;
use crate::spec::descriptor::Content;
use crate::spec::digest::Algorithm;
use crate::target::Resume;
use crate::verify::{Verifier, digest_of};

mod folders;
mod locks;
mod occupants;
mod partials;
mod resume;
mod sparse;

const OLD: &[u8] = b"what was there before";
const NEW: &[u8] = b"what a registry sends";
const LONGER: &[u8] = b"what a registry sends, at length";
const PARTIAL: &str = ".disk.img.unlade-partial";
/// Longer than any test may take.
const LONG: Duration = Duration::from_mins(10);

/// Remembers what happened, and does something about the first wait.
#[derive(Default)]
struct Witness {
    events: Mutex<Vec<Event>>,
    on_wait: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Witness")
    }
}

impl Witness {
    fn on_wait(action: impl FnOnce() + Send + 'static) -> Arc<Self> {
        Arc::new(Self { events: Mutex::default(), on_wait: Mutex::new(Some(Box::new(action))) })
    }

    fn waits(&self) -> Vec<String> {
        let events = self.events.lock().unwrap();
        let reasons = events.iter().filter_map(|event| match event {
            Event::Waiting { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        reasons.collect()
    }
}

impl Observer for Witness {
    fn notice(&self, event: &Event) {
        self.events.lock().unwrap().push(event.clone());
        if matches!(event, Event::Waiting { .. })
            && let Some(action) = self.on_wait.lock().unwrap().take()
        {
            action();
        }
    }
}

fn content(bytes: &[u8]) -> Content {
    Content { digest: digest_of(Algorithm::Sha256, bytes), size: Some(bytes.len() as u64) }
}

fn job(bytes: &[u8]) -> Job {
    Job::new(content(bytes), Duration::ZERO, Cancel::new(), Arc::new(Blind))
}

fn watched(bytes: &[u8], wait: Duration, cancel: &Cancel, witness: &Arc<Witness>) -> Job {
    Job::new(content(bytes), wait, cancel.clone(), Arc::clone(witness) as Arc<dyn Observer>)
}

fn target(path: &Path) -> Box<FileTarget> {
    Box::new(FileTarget::new(resolve(path, None).unwrap(), FileOptions::default()))
}

/// A target as for a title without `-o`, but in a folder of the test's own.
fn careful(folder: &Path, title: &str) -> Box<FileTarget> {
    let mut target = titled(folder, title);
    let place = resolve_titled(Some(title)).unwrap();
    target.place = Place { base: folder.to_owned(), ..place };
    target
}

fn titled(folder: &Path, title: &str) -> Box<FileTarget> {
    Box::new(FileTarget::new(resolve(folder, Some(title)).unwrap(), FileOptions::default()))
}

fn prove(target: &dyn Stage, bytes: &[u8]) -> Proof {
    let mut verifier = Verifier::begin(&content(bytes), target.ticket());
    verifier.absorb(bytes).unwrap();
    verifier.settle().unwrap()
}

fn prepared(mut target: Box<FileTarget>, bytes: &[u8]) -> Box<FileTarget> {
    assert!(matches!(target.prepare(&job(bytes)).unwrap(), Room::Empty));
    target.pages().unwrap().write_at(bytes, 0).unwrap();
    target
}

fn publish(target: Box<FileTarget>, bytes: &[u8]) -> Result<Receipt> {
    let proof = prove(&*target, bytes);
    target.publish(proof)
}

fn deliver(target: Box<FileTarget>, bytes: &[u8]) -> Result<Receipt> {
    publish(prepared(target, bytes), bytes)
}

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("disk.img");
    (folder, path)
}

fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn kind(outcome: Result<Room>) -> ErrorKind {
    outcome.unwrap_err().kind()
}

#[test]
fn a_file_appears_whole_under_its_name() {
    let (folder, path) = folder();
    let target = prepared(target(&path), NEW);
    assert_eq!(names(&folder), [PARTIAL]);
    assert_eq!(mode(&folder.path().join(PARTIAL)), 0o600);
    let receipt = publish(target, NEW).unwrap();
    assert_eq!((receipt.path.as_deref(), receipt.status), (Some(path.as_path()), Status::Downloaded));
    assert_eq!(fs::read(&path).unwrap(), NEW);
    assert_eq!(names(&folder), ["disk.img"]);
}

#[test]
fn pages_are_filled_in_any_order_and_read_back() {
    let (_folder, path) = folder();
    let mut target = target(&path);
    target.prepare(&job(NEW)).unwrap();
    let pages = target.pages().unwrap();
    pages.write_at(&NEW[10..], 10).unwrap();
    pages.write_at(&NEW[..10], 0).unwrap();
    let mut buffer = [0; 64];
    assert_eq!(pages.read_at(&mut buffer, 5).unwrap(), NEW.len() - 5);
    assert_eq!(buffer[..NEW.len() - 5], NEW[5..]);
    assert_eq!(pages.read_at(&mut buffer, 1 << 40).unwrap(), 0);
    pages.sync_data().unwrap();
    publish(target, NEW).unwrap();
    assert_eq!(fs::read(&path).unwrap(), NEW);
}

#[test]
fn several_threads_fill_one_file_while_another_reads() {
    const GRANULE: usize = 4096;
    const COUNT: usize = 64;
    let bytes: Vec<u8> = (0..GRANULE * COUNT).map(|at| u8::try_from(at / GRANULE).unwrap()).collect();
    let (_folder, path) = folder();
    let mut target = target(&path);
    target.prepare(&job(&bytes)).unwrap();
    let pages = target.pages().unwrap();
    std::thread::scope(|scope| {
        let (done, filled) = std::sync::mpsc::channel();
        for first in 0..8 {
            let (pages, done, bytes) = (Arc::clone(&pages), done.clone(), &bytes);
            scope.spawn(move || {
                // From the end on, as ranges that overtake each other.
                for granule in (first..COUNT).step_by(8).rev() {
                    let at = granule * GRANULE;
                    pages.write_at(&bytes[at..at + GRANULE], at as u64).unwrap();
                    done.send(at).unwrap();
                }
            });
        }
        drop(done);
        for at in filled {
            let mut buffer = [0; GRANULE];
            assert_eq!(pages.read_at(&mut buffer, at as u64).unwrap(), GRANULE);
            assert_eq!(buffer, bytes[at..at + GRANULE]);
        }
    });
    publish(target, &bytes).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_thread_that_stayed_behind_cannot_change_what_is_published() {
    let (_folder, path) = folder();
    let target = prepared(target(&path), NEW);
    let pages = target.pages().unwrap();
    publish(target, NEW).unwrap();
    assert_eq!(pages.write_at(b"late", 0).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(fs::read(&path).unwrap(), NEW);
}

#[test]
fn an_empty_blob_is_a_file_too() {
    let (_folder, path) = folder();
    deliver(target(&path), b"").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[test]
fn a_blob_of_unknown_size_is_as_long_as_it_is() {
    let (_folder, path) = folder();
    let mut job = job(NEW);
    job.content.size = None;
    let mut target = target(&path);
    target.prepare(&job).unwrap();
    target.pages().unwrap().write_at(LONGER, 0).unwrap();
    target.pages().unwrap().write_at(NEW, 0).unwrap();
    publish(target, NEW).unwrap();
    assert_eq!(fs::read(&path).unwrap(), NEW);
}

#[test]
fn fewer_bytes_than_were_proven_are_not_published() {
    let (folder, path) = folder();
    let mut job = job(NEW);
    job.content.size = None;
    let mut target = target(&path);
    target.prepare(&job).unwrap();
    target.pages().unwrap().write_at(&NEW[..5], 0).unwrap();
    assert_eq!(publish(target, NEW).unwrap_err().kind(), ErrorKind::Io);
    assert!(names(&folder).is_empty());
}

#[test]
fn the_partial_and_its_publication_are_told() {
    let (folder, path) = folder();
    let witness = Arc::new(Witness::default());
    let mut target = target(&path);
    target.prepare(&watched(NEW, Duration::ZERO, &Cancel::new(), &witness)).unwrap();
    publish(target, NEW).unwrap();
    let made = Event::PartialMade { path: folder.path().join(PARTIAL), journal: None };
    let committed = Event::Committed { target: path.display().to_string(), digest: content(NEW).digest };
    assert_eq!(*witness.events.lock().unwrap(), [made, committed]);
}

#[test]
fn nothing_can_be_done_before_room_is_made() {
    let (_folder, path) = folder();
    assert!(target(&path).pages().is_err());
    assert_eq!(publish(target(&path), NEW).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(target(&path).suspend(Fate::Keep).unwrap(), Kept::Nothing);
}

#[test]
fn a_proof_for_another_filling_publishes_nothing() {
    let (folder, path) = folder();
    fs::write(&path, OLD).unwrap();
    let target = prepared(target(&path), LONGER);
    let mut verifier = Verifier::begin(&content(LONGER), &Ticket::new());
    verifier.absorb(LONGER).unwrap();
    assert_eq!(target.publish(verifier.settle().unwrap()).unwrap_err().kind(), ErrorKind::Mismatch);
    assert_eq!(fs::read(&path).unwrap(), OLD);
    assert_eq!(names(&folder), ["disk.img"]);
}

#[test]
fn the_mode_of_the_replaced_file_is_kept_without_its_special_bits() {
    for (before, after) in [(0o640, 0o640), (0o400, 0o400), (0o666, 0o666), (0o4755, 0o755), (0o2775, 0o775)] {
        let (_folder, path) = folder();
        fs::write(&path, OLD).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
        deliver(target(&path), LONGER).unwrap();
        assert_eq!(mode(&path), after, "{before:o}");
    }
}

#[test]
fn a_new_file_has_the_mode_that_any_new_file_has() {
    let (folder, path) = folder();
    deliver(target(&path), NEW).unwrap();
    let other = folder.path().join("other");
    fs::write(&other, "").unwrap();
    assert_eq!(mode(&path), mode(&other));
}

#[test]
fn a_link_stays_and_its_file_is_replaced() {
    let (folder, path) = folder();
    let real = folder.path().join("v1.img");
    fs::write(&real, OLD).unwrap();
    symlink("v1.img", &path).unwrap();
    let receipt = deliver(target(&path), LONGER).unwrap();
    assert_eq!(receipt.path.as_deref(), Some(path.as_path()));
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("v1.img"));
    assert_eq!(fs::read(&real).unwrap(), LONGER);
}

#[test]
fn a_longest_name_has_a_partial_too() {
    let (folder, _) = folder();
    let path = folder.path().join("x".repeat(255));
    let target = prepared(target(&path), NEW);
    assert_eq!(names(&folder).len(), 1);
    publish(target, NEW).unwrap();
    assert_eq!(fs::read(&path).unwrap(), NEW);
}

#[test]
fn a_failed_publication_leaves_the_old_file() {
    let (folder, path) = folder();
    fs::write(&path, OLD).unwrap();
    let target = prepared(target(&path), LONGER);
    fs::remove_file(folder.path().join(PARTIAL)).unwrap();
    fs::write(folder.path().join(PARTIAL), "not ours").unwrap();
    assert_eq!(publish(target, LONGER).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(fs::read(&path).unwrap(), OLD);
    assert_eq!(fs::read(folder.path().join(PARTIAL)).unwrap(), b"not ours");
}

#[test]
fn more_than_the_file_system_holds_is_refused_before_the_first_byte() {
    for size in [u64::MAX / 2, u64::MAX] {
        let (folder, path) = folder();
        fs::write(&path, OLD).unwrap();
        let mut job = job(NEW);
        job.content.size = Some(size);
        let error = target(&path).prepare(&job).unwrap_err();
        assert_eq!((error.kind(), &error.context().advice), (ErrorKind::NoSpace, &Some(Advice::FreeSpace(size))));
        assert_eq!(fs::read(&path).unwrap(), OLD);
        assert_eq!(names(&folder), ["disk.img"]);
    }
}
