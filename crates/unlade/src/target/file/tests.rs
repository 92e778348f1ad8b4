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
use crate::verify::{Verifier, digest_of};

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
            Event::Waiting { reason } => Some(reason.clone()),
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
    let made = Event::PartialMade { path: folder.path().join(PARTIAL) };
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
fn a_missing_folder_with_a_slash_is_made() {
    let (folder, _) = folder();
    let deep = folder.path().join("new/deep/");
    let receipt = deliver(titled(&deep, "boot/disk.img"), NEW).unwrap();
    assert_eq!(receipt.path, Some(deep.join("boot/disk.img")));
    assert_eq!(fs::read(deep.join("boot/disk.img")).unwrap(), NEW);
}

#[test]
fn folders_that_were_made_go_if_nothing_comes_into_them() {
    let fails: [fn(Box<FileTarget>); 3] = [
        drop,
        |target| drop(target.suspend(Fate::Keep).unwrap()),
        |target| {
            let mut verifier = Verifier::begin(&content(NEW), &Ticket::new());
            verifier.absorb(NEW).unwrap();
            target.publish(verifier.settle().unwrap()).unwrap_err();
        },
    ];
    for fail in fails {
        let (folder, _) = folder();
        fs::create_dir(folder.path().join("there")).unwrap();
        fail(prepared(titled(&folder.path().join("there/new/deep/"), "boot/disk.img"), NEW));
        assert_eq!(fs::read_dir(folder.path().join("there")).unwrap().count(), 0);
    }
}

#[test]
fn folders_that_were_made_stay_if_a_stranger_uses_them() {
    let (folder, _) = folder();
    let target = prepared(titled(&folder.path().join("new/deep/"), "boot/disk.img"), NEW);
    fs::write(folder.path().join("new/deep/other"), OLD).unwrap();
    drop(target);
    assert_eq!(names(&folder), ["new"]);
    let deep: Vec<_> =
        fs::read_dir(folder.path().join("new/deep")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(deep, ["other"]);
}

#[test]
fn a_title_that_cannot_be_entered_leaves_no_folders_either() {
    let (folder, _) = folder();
    fs::create_dir(folder.path().join("a")).unwrap();
    fs::write(folder.path().join("a/b"), OLD).unwrap();
    let title = format!("new/{}/disk.img", "x".repeat(255));
    let mut target = titled(&folder.path().join("a"), &title);
    target.place.folders.push("y".repeat(256));
    target.prepare(&job(NEW)).unwrap_err();
    assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
}

#[test]
fn a_folder_that_another_run_removes_again_is_made_anew() {
    let (folder, _) = folder();
    let first = prepared(titled(&folder.path().join("new/"), "disk.img"), NEW);
    let mut second = titled(&folder.path().join("new"), "disk.img");
    let witness = Witness::on_wait(move || drop(first));
    second.place.missing = crate::target::place::Missing::Make;
    assert!(matches!(second.prepare(&watched(NEW, LONG, &Cancel::new(), &witness)).unwrap(), Room::Empty));
    second.pages().unwrap().write_at(NEW, 0).unwrap();
    publish(second, NEW).unwrap();
    assert_eq!(fs::read(folder.path().join("new/disk.img")).unwrap(), NEW);
}

#[test]
fn a_folder_that_went_away_is_named() {
    let (folder, path) = folder();
    let mut target = target(&path);
    drop(folder);
    let error = target.prepare(&job(NEW)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().starts_with("cannot open the folder "), "{error}");
}

#[test]
fn a_folder_that_takes_no_files_is_named() {
    let mut target = target(Path::new("/proc/disk.img"));
    let error = target.prepare(&job(NEW)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert_eq!(error.to_string(), "cannot make a file in the folder /proc");
}

#[test]
fn the_folders_of_a_title_are_never_links() {
    let (outside, _) = folder();
    for inside in ["boot", "boot/deep"] {
        let (folder, _) = folder();
        let link = folder.path().join(inside);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(outside.path(), &link).unwrap();
        let error = titled(folder.path(), "boot/deep/disk.img").prepare(&job(NEW)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().ends_with("which is a symbolic link"), "{error}");
        assert!(names(&outside).is_empty());
    }
}

#[test]
fn a_file_on_the_way_is_named() {
    let (folder, _) = folder();
    fs::write(folder.path().join("boot"), OLD).unwrap();
    let error = titled(folder.path(), "boot/disk.img").prepare(&job(NEW)).unwrap_err();
    assert!(error.to_string().ends_with("which is a regular file"), "{error}");
}

#[test]
fn rules_for_what_has_the_name() {
    let file = Occupant::Regular { length: 5 };
    for (occupant, offer, replace, expected) in [
        (Occupant::Nobody, Offer::OfSize(5), Replace::Never, Verdict::Fill),
        (Occupant::Nobody, Offer::Nothing, Replace::Always, Verdict::Fill),
        (file, Offer::OfSize(5), Replace::Never, Verdict::Offer),
        (file, Offer::OfSize(5), Replace::Always, Verdict::Offer),
        (file, Offer::Any, Replace::Never, Verdict::Offer),
        (file, Offer::OfSize(6), Replace::Never, Verdict::Refuse),
        (file, Offer::OfSize(6), Replace::Always, Verdict::Fill),
        (file, Offer::Nothing, Replace::Never, Verdict::Refuse),
        (file, Offer::Nothing, Replace::Always, Verdict::Fill),
        (Occupant::Other(FileType::Directory), Offer::Any, Replace::Always, Verdict::RefuseKind(FileType::Directory)),
    ] {
        assert_eq!(judge(occupant, offer, replace), expected, "{occupant:?} {offer:?} {replace:?}");
    }
}

#[test]
fn a_file_that_is_right_already_is_left_alone() {
    for make in [|folder: &Path| target(&folder.join("disk.img")), |folder: &Path| careful(folder, "disk.img")] {
        let (folder, path) = folder();
        fs::write(&path, NEW).unwrap();
        let before = fs::metadata(&path).unwrap();
        let mut target = make(folder.path());
        let Room::Present(mut present) = target.prepare(&job(NEW)).unwrap() else { panic!("it is there") };
        let mut bytes = Vec::new();
        present.read_to_end(&mut bytes).unwrap();
        let receipt = publish(target, &bytes).unwrap();
        assert_eq!(receipt.status, Status::Present);
        assert_eq!(names(&folder), ["disk.img"]);
        let after = fs::metadata(&path).unwrap();
        assert_eq!((before.ino(), before.ctime_nsec()), (after.ino(), after.ctime_nsec()));
    }
}

#[test]
fn a_file_of_the_right_size_and_wrong_bytes_is_replaced_the_second_time() {
    let (_folder, path) = folder();
    fs::write(&path, OLD).unwrap();
    let mut target = target(&path);
    assert!(matches!(target.prepare(&job(NEW)).unwrap(), Room::Present(_)));
    deliver(target, NEW).unwrap();
    assert_eq!(fs::read(&path).unwrap(), NEW);
}

#[test]
fn the_proof_of_a_present_file_does_not_publish_a_partial() {
    let (_folder, path) = folder();
    fs::write(&path, NEW).unwrap();
    let mut target = target(&path);
    target.prepare(&job(NEW)).unwrap();
    let proof = prove(&*target, NEW);
    target.prepare(&job(NEW)).unwrap();
    assert_eq!(target.publish(proof).unwrap_err().kind(), ErrorKind::Mismatch);
}

#[test]
fn a_present_file_that_changes_under_the_hash_is_not_vouched_for() {
    let (folder, path) = folder();
    fs::write(&path, NEW).unwrap();
    let mut target = target(&path);
    target.prepare(&job(NEW)).unwrap();
    let other = folder.path().join("other");
    fs::write(&other, OLD).unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(publish(target, NEW).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn without_a_size_any_file_may_be_the_blob() {
    let (_folder, path) = folder();
    fs::write(&path, OLD).unwrap();
    let mut job = job(NEW);
    job.content.size = None;
    assert!(matches!(target(&path).prepare(&job).unwrap(), Room::Present(_)));
}

#[test]
fn behind_a_decoder_no_file_is_the_blob() {
    let (_folder, path) = folder();
    fs::write(&path, OLD).unwrap();
    let mut job = job(OLD);
    job.output = Output::Decoded;
    for size in [job.content.size, None] {
        job.content.size = size;
        assert!(matches!(target(&path).prepare(&job).unwrap(), Room::Empty), "{size:?}");
    }
}

#[test]
fn what_a_decoder_makes_of_a_blob_is_as_long_as_it_is() {
    let mut job = job(NEW);
    job.output = Output::Decoded;
    for decoded in [OLD, b"", LONGER] {
        let (_folder, path) = folder();
        let mut target = target(&path);
        target.prepare(&job).unwrap();
        target.pages().unwrap().write_at(decoded, 0).unwrap();
        let receipt = publish(target, NEW).unwrap();
        assert_eq!(receipt.verified.digest, job.content.digest);
        assert_eq!(fs::read(&path).unwrap(), decoded);
    }
}

#[test]
fn a_name_chosen_by_a_server_replaces_nothing() {
    let (folder, path) = folder();
    fs::write(&path, OLD).unwrap();
    let error = careful(folder.path(), "disk.img").prepare(&job(LONGER)).unwrap_err();
    assert_eq!((error.kind(), &error.context().advice), (ErrorKind::Exists, &Some(Advice::Overwrite)));

    let mut target = careful(folder.path(), "disk.img");
    assert!(matches!(target.prepare(&job(NEW)).unwrap(), Room::Present(_)));
    assert_eq!(kind(target.prepare(&job(NEW))), ErrorKind::Exists);
    assert_eq!(fs::read(&path).unwrap(), OLD);
    assert_eq!(names(&folder), ["disk.img"]);
}

#[test]
fn a_name_chosen_by_a_server_replaces_what_the_user_allows() {
    let (folder, path) = folder();
    fs::write(&path, OLD).unwrap();
    let mut target = careful(folder.path(), "disk.img");
    target.options = FileOptions::default().replace(Replace::Always).durability(Durability::NoSync);
    deliver(target, LONGER).unwrap();
    assert_eq!(fs::read(&path).unwrap(), LONGER);
}

#[test]
fn a_file_that_appears_meanwhile_is_not_replaced_either() {
    let (folder, path) = folder();
    let target = prepared(careful(folder.path(), "disk.img"), NEW);
    fs::write(&path, OLD).unwrap();
    assert_eq!(publish(target, NEW).unwrap_err().kind(), ErrorKind::Exists);
    assert_eq!(fs::read(&path).unwrap(), OLD);
    assert_eq!(names(&folder), ["disk.img"]);
}

#[test]
fn what_is_no_file_is_not_replaced() {
    let (folder, path) = folder();
    fs::create_dir(&path).unwrap();
    assert_eq!(kind(titled(folder.path(), "disk.img").prepare(&job(NEW))), ErrorKind::Io);
    assert_eq!(kind(careful(folder.path(), "disk.img").prepare(&job(NEW))), ErrorKind::Exists);
    fs::remove_dir(&path).unwrap();
    symlink("elsewhere", &path).unwrap();
    assert_eq!(kind(titled(folder.path(), "disk.img").prepare(&job(NEW))), ErrorKind::Io);
    assert_eq!(names(&folder), ["disk.img"]);
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

#[test]
fn a_partial_of_a_killed_run_is_used_from_its_start() {
    let (folder, path) = folder();
    let partial = folder.path().join(PARTIAL);
    fs::write(&partial, LONGER).unwrap();
    fs::set_permissions(&partial, Permissions::from_mode(0o600)).unwrap();
    let before = fs::metadata(&partial).unwrap().ino();
    deliver(target(&path), NEW).unwrap();
    assert_eq!(fs::read(&path).unwrap(), NEW);
    assert_eq!(fs::metadata(&path).unwrap().ino(), before);
}

#[test]
fn suspending_removes_the_partial_and_says_so() {
    for fate in [Fate::Keep, Fate::Discard] {
        let (folder, path) = folder();
        fs::write(&path, OLD).unwrap();
        let kept = prepared(target(&path), LONGER).suspend(fate).unwrap();
        assert_eq!(kept, Kept::Removed(folder.path().join(PARTIAL)));
        assert_eq!(names(&folder), ["disk.img"]);
        assert_eq!(fs::read(&path).unwrap(), OLD);
    }
}

#[test]
fn a_partial_that_is_not_ours_any_more_is_not_removed() {
    let (folder, path) = folder();
    let target = prepared(target(&path), NEW);
    fs::remove_file(folder.path().join(PARTIAL)).unwrap();
    fs::write(folder.path().join(PARTIAL), "not ours").unwrap();
    assert_eq!(target.suspend(Fate::Discard).unwrap(), Kept::Nothing);
    assert_eq!(names(&folder), [PARTIAL]);
}

#[test]
fn dropping_a_target_removes_the_partial() {
    let (folder, path) = folder();
    drop(prepared(target(&path), NEW));
    assert!(names(&folder).is_empty());
}

/// Prepares beside a partial that someone else could have a hand in.
fn refusal(folder: &TempDir, path: &Path) -> String {
    let error = target(path).prepare(&job(NEW)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains(PARTIAL), "{error}");
    assert!(folder.path().join(PARTIAL).symlink_metadata().is_ok(), "it is not removed");
    error.to_string()
}

#[test]
fn a_link_as_partial_is_neither_used_nor_removed() {
    let (folder, path) = folder();
    let victim = folder.path().join("victim");
    fs::write(&victim, OLD).unwrap();
    symlink(&victim, folder.path().join(PARTIAL)).unwrap();
    assert!(refusal(&folder, &path).ends_with("which is a symbolic link"));
    assert_eq!(fs::read(&victim).unwrap(), OLD);
}

#[test]
fn a_partial_with_a_second_link_is_neither_used_nor_removed() {
    let (folder, path) = folder();
    let victim = folder.path().join("victim");
    fs::write(&victim, OLD).unwrap();
    fs::set_permissions(&victim, Permissions::from_mode(0o600)).unwrap();
    fs::hard_link(&victim, folder.path().join(PARTIAL)).unwrap();
    assert!(refusal(&folder, &path).ends_with("which has 2 links"));
    assert_eq!(fs::read(&victim).unwrap(), OLD);
}

#[test]
fn a_partial_that_others_can_write_is_neither_used_nor_removed() {
    for mode in [0o620, 0o602] {
        let (folder, path) = folder();
        let partial = folder.path().join(PARTIAL);
        fs::write(&partial, OLD).unwrap();
        fs::set_permissions(&partial, Permissions::from_mode(mode)).unwrap();
        assert!(refusal(&folder, &path).ends_with("which can be written by others"));
        assert_eq!(fs::read(&partial).unwrap(), OLD);
    }
}

#[test]
fn a_partial_of_another_user_is_neither_used_nor_removed() {
    let (folder, path) = folder();
    let partial = folder.path().join(PARTIAL);
    fs::write(&partial, OLD).unwrap();
    // Only a privileged user can give a file away; for others there is no such partial to make.
    if chown(&partial, Some(1000), None).is_ok() && fs::metadata(&partial).unwrap().uid() != geteuid() {
        assert!(refusal(&folder, &path).ends_with("which belongs to user 1000"));
        assert_eq!(fs::read(&partial).unwrap(), OLD);
    }
}

fn geteuid() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[test]
fn a_pipe_as_partial_is_refused_at_once() {
    let (folder, path) = folder();
    mkfifoat(CWD, folder.path().join(PARTIAL), Mode::from_raw_mode(0o600)).unwrap();
    assert!(refusal(&folder, &path).ends_with("which is a FIFO"));
}

#[test]
fn a_folder_as_partial_is_refused() {
    let (folder, path) = folder();
    fs::create_dir(folder.path().join(PARTIAL)).unwrap();
    assert!(refusal(&folder, &path).ends_with("which is a folder"));
}

#[test]
fn who_will_not_wait_is_told_who_holds_the_target() {
    let (folder, path) = folder();
    let _first = prepared(target(&path), NEW);
    let error = target(&path).prepare(&job(NEW)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("disk.img"), "{error}");
    assert_eq!(names(&folder), [PARTIAL], "the partial of the other is left alone");
}

#[test]
fn patience_ends() {
    let (_folder, path) = folder();
    let _first = prepared(target(&path), NEW);
    let witness = Arc::new(Witness::default());
    let job = watched(NEW, Duration::from_millis(20), &Cancel::new(), &witness);
    assert_eq!(kind(target(&path).prepare(&job)), ErrorKind::Locked);
    assert_eq!(witness.waits().len(), 1);
}

#[test]
fn who_waited_finds_the_finished_file() {
    let (folder, path) = folder();
    let first = prepared(target(&path), NEW);
    let witness = Witness::on_wait(move || drop(publish(first, NEW).unwrap()));
    let mut second = target(&path);
    let room = second.prepare(&watched(NEW, LONG, &Cancel::new(), &witness)).unwrap();
    assert!(matches!(room, Room::Present(_)));
    assert_eq!(publish(second, NEW).unwrap().status, Status::Present);
    let waits = witness.waits();
    assert_eq!(waits.len(), 1, "{waits:?}");
    assert!(waits[0].ends_with(&format!("is filling {}", path.display())), "{waits:?}");
    assert_eq!(names(&folder), ["disk.img"]);
}

#[test]
fn who_waited_for_nothing_fills_the_file_itself() {
    let (folder, path) = folder();
    let first = prepared(target(&path), NEW);
    let witness = Witness::on_wait(move || drop(first.suspend(Fate::Keep).unwrap()));
    let mut second = target(&path);
    let room = second.prepare(&watched(NEW, LONG, &Cancel::new(), &witness)).unwrap();
    assert!(matches!(room, Room::Empty));
    second.pages().unwrap().write_at(NEW, 0).unwrap();
    publish(second, NEW).unwrap();
    assert_eq!(names(&folder), ["disk.img"]);
}

#[test]
fn a_partial_whose_owner_died_is_taken_over() {
    let (folder, path) = folder();
    let mut dead = fs::OpenOptions::new().write(true).create_new(true).open(folder.path().join(PARTIAL)).unwrap();
    dead.set_permissions(Permissions::from_mode(0o600)).unwrap();
    dead.write_all(OLD).unwrap();
    flock(&dead, FlockOperation::LockExclusive).unwrap();
    let witness = Witness::on_wait(move || drop(dead));
    let mut target = target(&path);
    assert!(matches!(target.prepare(&watched(NEW, LONG, &Cancel::new(), &witness)).unwrap(), Room::Empty));
    assert_eq!(witness.waits().len(), 1);
}

#[test]
fn stopping_ends_the_wait() {
    let (folder, path) = folder();
    let _first = prepared(target(&path), NEW);
    let cancel = Cancel::new();
    let request = cancel.clone();
    let witness = Witness::on_wait(move || request.cancel());
    assert_eq!(kind(target(&path).prepare(&watched(NEW, LONG, &cancel, &witness))), ErrorKind::Interrupted);
    assert_eq!(names(&folder), [PARTIAL]);
}

#[test]
fn many_that_want_one_file_all_get_it() {
    let (folder, path) = folder();
    std::thread::scope(|scope| {
        let path = &path;
        let workers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(move || {
                    let mut target = target(path);
                    let job = watched(NEW, LONG, &Cancel::new(), &Arc::default());
                    if let Room::Empty = target.prepare(&job).unwrap() {
                        target.pages().unwrap().write_at(NEW, 0).unwrap();
                    }
                    publish(target, NEW).unwrap().status
                })
            })
            .collect();
        let statuses: Vec<Status> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
        assert_eq!(statuses.iter().filter(|status| **status == Status::Downloaded).count(), 1);
    });
    assert_eq!(names(&folder), ["disk.img"]);
}

fn unlockable(path: &Path) -> Box<FileTarget> {
    let mut target = target(path);
    target.ask = |_| Err(Errno::NOLCK);
    target
}

#[test]
fn without_locks_nobody_writes_into_what_another_publishes() {
    let (folder, path) = folder();
    let witness = Arc::new(Witness::default());
    let (mut first, mut second) = (unlockable(&path), unlockable(&path));
    first.prepare(&watched(LONGER, Duration::ZERO, &Cancel::new(), &witness)).unwrap();
    let published = first.pages().unwrap();
    published.write_at(LONGER, 0).unwrap();
    assert!(matches!(second.prepare(&job(NEW)).unwrap(), Room::Empty));
    assert_eq!(names(&folder).len(), 2, "each has a partial of its own");
    publish(first, LONGER).unwrap();
    second.pages().unwrap().write_at(NEW, 0).unwrap();
    assert_eq!(fs::read(&path).unwrap(), LONGER);
    publish(second, NEW).unwrap();
    assert_eq!(fs::read(&path).unwrap(), NEW);
    assert_eq!(names(&folder), ["disk.img"]);
    let events = witness.events.lock().unwrap();
    assert!(matches!(&events[0], Event::Warning { text } if text.contains("has no locks")), "{events:?}");
}

#[test]
fn without_locks_a_partial_that_was_there_is_neither_used_nor_removed() {
    let (folder, path) = folder();
    let partial = folder.path().join(PARTIAL);
    fs::write(&partial, OLD).unwrap();
    fs::set_permissions(&partial, Permissions::from_mode(0o600)).unwrap();
    deliver(unlockable(&path), NEW).unwrap();
    assert_eq!((fs::read(&path).unwrap(), fs::read(&partial).unwrap()), (NEW.to_vec(), OLD.to_vec()));
    assert_eq!(names(&folder), [PARTIAL, "disk.img"]);
}

#[test]
fn without_locks_a_longest_name_has_a_partial_too() {
    let (folder, _) = folder();
    let path = folder.path().join("x".repeat(255));
    deliver(unlockable(&path), NEW).unwrap();
    assert_eq!(names(&folder).len(), 1);
}
