//! What a stopped run leaves, and what the next one makes of it.

use twox_hash::XxHash3_64;

use super::*;
use crate::target::GRANULE;

const JOURNAL: &str = ".disk.img.unlade-journal";
const KEPT: [&str; 2] = [JOURNAL, PARTIAL];
pub(super) const STEP: usize = 1 << 20;

/// A blob of three granules and a bit.
pub(super) fn blob(seed: u8) -> Vec<u8> {
    (0..3 * STEP + 1000).map(|at| u8::try_from(at % 251).unwrap() ^ seed).collect()
}

fn granule(blob: &[u8], number: usize) -> &[u8] {
    &blob[number * STEP..blob.len().min((number + 1) * STEP)]
}

fn checksum(blob: &[u8], number: usize) -> (u64, u64) {
    (number as u64, XxHash3_64::oneshot(granule(blob, number)))
}

/// Writes granules and notes them, as a download does.
pub(super) fn fill(target: &FileTarget, blob: &[u8], granules: &[usize]) {
    let (pages, ledger) = (target.pages().unwrap(), target.ledger().expect("it can be gone on with"));
    for number in granules {
        pages.write_at(granule(blob, *number), (number * STEP) as u64).unwrap();
        let (number, checksum) = checksum(blob, *number);
        ledger.note(number, checksum).unwrap();
    }
}

/// Fills some granules of a blob and stops.
pub(super) fn stopped(path: &Path, blob: &[u8], granules: &[usize]) -> Kept {
    let mut target = target(path);
    target.prepare(&job(blob)).unwrap();
    fill(&target, blob, granules);
    target.suspend(Fate::Keep).unwrap()
}

/// Goes on with what is there as a download does, and returns what it could use.
pub(super) fn finish(mut target: Box<FileTarget>, blob: &[u8]) -> Vec<u64> {
    let room = target.prepare(&job(blob)).unwrap();
    let pages = target.pages().unwrap();
    let mut used = Vec::new();
    if let Room::Partial = room {
        for (number, noted) in target.ledger().unwrap().replay().unwrap() {
            let at = usize::try_from(number).unwrap();
            let mut bytes = vec![0; granule(blob, at).len()];
            assert_eq!(pages.read_at(&mut bytes, number * GRANULE).unwrap(), bytes.len());
            if XxHash3_64::oneshot(&bytes) == noted {
                used.push(number);
            }
        }
    }
    let missing: Vec<usize> = (0..4).filter(|number| !used.contains(&(*number as u64))).collect();
    fill(&target, blob, &missing);
    publish(target, blob).unwrap();
    used
}

#[test]
fn what_a_stopped_run_noted_is_there_for_the_next() {
    let (folder, path) = folder();
    let blob = blob(0);
    assert_eq!(stopped(&path, &blob, &[0, 2, 3]), Kept::Partial(folder.path().join(PARTIAL)));
    assert_eq!(names(&folder), KEPT);
    assert!(KEPT.iter().all(|name| mode(&folder.path().join(name)) == 0o600));
    let before = fs::metadata(folder.path().join(PARTIAL)).unwrap().ino();
    assert_eq!(finish(target(&path), &blob), [0, 2, 3]);
    assert!(fs::read(&path).unwrap() == blob);
    assert_eq!(fs::metadata(&path).unwrap().ino(), before);
    assert_eq!(names(&folder), ["disk.img"]);
}

#[test]
fn a_run_that_was_killed_is_gone_on_with_as_one_that_stopped() {
    let (folder, path) = folder();
    let blob = blob(0);
    let mut dead = target(&path);
    dead.prepare(&job(&blob)).unwrap();
    fill(&dead, &blob, &[1]);
    // As a process ends: nothing runs, and what it had open is closed.
    let (pages, journal) = (folder.path().join(PARTIAL), folder.path().join(JOURNAL));
    let state = (fs::read(&pages).unwrap(), fs::read(&journal).unwrap());
    dead.suspend(Fate::Discard).unwrap();
    for (path, bytes) in [(&pages, &state.0), (&journal, &state.1)] {
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }
    assert_eq!(finish(target(&path), &blob), [1]);
    assert_eq!(names(&folder), ["disk.img"]);
}

#[test]
fn several_runs_add_up() {
    let (_folder, path) = folder();
    let blob = blob(0);
    for number in 0..3 {
        let mut target = target(&path);
        assert_eq!(matches!(target.prepare(&job(&blob)).unwrap(), Room::Partial), number > 0);
        let known: Vec<u64> = target.ledger().unwrap().replay().unwrap().iter().map(|(number, _)| *number).collect();
        assert_eq!(known, (0..number as u64).collect::<Vec<_>>());
        fill(&target, &blob, &[number]);
        target.suspend(Fate::Keep).unwrap();
    }
    assert_eq!(finish(target(&path), &blob), [0, 1, 2]);
}

#[test]
fn how_much_is_kept_is_told() {
    let (folder, path) = folder();
    let (blob, witness) = (blob(0), Arc::new(Witness::default()));
    let mut target = target(&path);
    target.prepare(&watched(&blob, Duration::ZERO, &Cancel::new(), &witness)).unwrap();
    fill(&target, &blob, &[1, 3]);
    target.suspend(Fate::Keep).unwrap();
    let (partial, journal) = (folder.path().join(PARTIAL), folder.path().join(JOURNAL));
    let made = Event::PartialMade { path: partial.clone(), journal: Some(journal) };
    let kept = Event::PartialKept { path: partial, bytes: Some(GRANULE + 1000) };
    assert_eq!(*witness.events.lock().unwrap(), [made, kept]);
}

#[test]
fn what_nobody_can_go_on_with_is_removed() {
    let blob = blob(0);
    let (folder, path) = folder();
    assert_eq!(stopped(&path, &blob, &[]), Kept::Removed(folder.path().join(PARTIAL)));
    let mut wrong = target(&path);
    wrong.prepare(&job(&blob)).unwrap();
    fill(&wrong, &blob, &[0, 1]);
    assert_eq!(wrong.suspend(Fate::Discard).unwrap(), Kept::Removed(folder.path().join(PARTIAL)));
    assert!(names(&folder).is_empty());
    let mut small = target(&path);
    small.prepare(&job(NEW)).unwrap();
    assert!(small.ledger().is_none(), "a blob of one granule has no use for a journal");
}

#[test]
fn a_target_that_is_dropped_keeps_what_is_of_use() {
    let (folder, path) = folder();
    let blob = blob(0);
    let mut dropped = target(&path);
    dropped.prepare(&job(&blob)).unwrap();
    let late = (dropped.pages().unwrap(), dropped.ledger().unwrap());
    fill(&dropped, &blob, &[2]);
    drop(dropped);
    assert_eq!(names(&folder), KEPT);
    // A thread that stayed behind holds nobody up, and changes nothing.
    let mut next = target(&path);
    assert!(matches!(next.prepare(&job(&blob)).unwrap(), Room::Partial));
    assert!(late.0.write_at(b"late", 0).is_err());
    late.1.note(0, 0).unwrap();
    assert_eq!(next.ledger().unwrap().replay().unwrap(), [checksum(&blob, 2)]);
}

#[test]
fn another_blob_starts_afresh() {
    let (folder, path) = folder();
    let (old, new) = (blob(0), blob(1));
    stopped(&path, &old, &[0, 1, 2]);
    let mut target = target(&path);
    assert!(matches!(target.prepare(&job(&new)).unwrap(), Room::Empty));
    assert!(target.ledger().unwrap().replay().unwrap().is_empty());
    fill(&target, &new, &[3]);
    target.suspend(Fate::Keep).unwrap();
    assert_eq!(finish(self::target(&path), &new), [3]);
    assert!(fs::read(&path).unwrap() == new);
    assert_eq!(names(&folder), ["disk.img"]);
}

#[test]
fn a_partial_of_another_length_starts_afresh() {
    let blob = blob(0);
    for length in [0, 2 * GRANULE, 4 * GRANULE] {
        let (folder, path) = folder();
        stopped(&path, &blob, &[0]);
        File::options().write(true).open(folder.path().join(PARTIAL)).unwrap().set_len(length).unwrap();
        assert_eq!(finish(target(&path), &blob), [0; 0], "{length}");
    }
}

#[test]
fn either_of_the_two_alone_is_worth_nothing() {
    let blob = blob(0);
    for missing in KEPT {
        let (folder, path) = folder();
        stopped(&path, &blob, &[0]);
        fs::remove_file(folder.path().join(missing)).unwrap();
        assert_eq!(finish(target(&path), &blob), [0; 0], "{missing}");
        assert_eq!(names(&folder), ["disk.img"]);
    }
}

#[test]
fn what_a_torn_or_lying_journal_says_costs_that_alone() {
    let blob = blob(0);
    let (folder, path) = folder();
    stopped(&path, &blob, &[0, 1, 2]);
    let journal = folder.path().join(JOURNAL);
    let text = fs::read(&journal).unwrap();
    fs::write(&journal, &text[..text.len() - 1]).unwrap();
    let mut target = target(&path);
    assert!(matches!(target.prepare(&job(&blob)).unwrap(), Room::Partial));
    assert_eq!(target.ledger().unwrap().replay().unwrap(), [checksum(&blob, 0), checksum(&blob, 1)]);
    // The torn record is written over, and a lie is for its reader to find out.
    target.ledger().unwrap().note(3, 7).unwrap();
    target.suspend(Fate::Keep).unwrap();
    assert_eq!(fs::metadata(&journal).unwrap().len(), text.len() as u64);
    assert_eq!(finish(self::target(&path), &blob), [0, 1]);
    assert!(fs::read(&path).unwrap() == blob);
}

#[test]
fn a_journal_without_end_is_read_to_a_point() {
    let blob = blob(0);
    let (folder, path) = folder();
    stopped(&path, &blob, &[0, 1]);
    File::options().write(true).open(folder.path().join(JOURNAL)).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(finish(target(&path), &blob), [0, 1]);
    assert_eq!(names(&folder), ["disk.img"]);
}

#[test]
fn who_wants_no_resume_uses_nothing_and_leaves_nothing() {
    let blob = blob(0);
    let (folder, path) = folder();
    stopped(&path, &blob, &[0, 1]);
    let options = FileOptions::default().resume(Resume::Afresh);
    let mut target = Box::new(FileTarget::new(resolve(&path, None).unwrap(), options));
    assert!(matches!(target.prepare(&job(&blob)).unwrap(), Room::Empty));
    assert!(target.ledger().is_none());
    assert_eq!(names(&folder), [PARTIAL]);
    target.pages().unwrap().write_at(&blob, 0).unwrap();
    target.suspend(Fate::Keep).unwrap();
    assert!(names(&folder).is_empty());
}

#[test]
fn a_second_preparation_can_start_afresh() {
    let blob = blob(0);
    let (folder, path) = folder();
    stopped(&path, &blob, &[0, 1]);
    let (mut target, witness) = (target(&path), Arc::new(Witness::default()));
    let mut job = watched(&blob, Duration::ZERO, &Cancel::new(), &witness);
    assert!(matches!(target.prepare(&job).unwrap(), Room::Partial));
    // Threads of the first round may not have ended.
    let _held = (target.pages().unwrap(), target.ledger().unwrap());
    job.resume = Resume::Afresh;
    assert!(matches!(target.prepare(&job).unwrap(), Room::Empty));
    assert!(target.ledger().unwrap().replay().unwrap().is_empty());
    fill(&target, &blob, &[0, 1, 2, 3]);
    publish(target, &blob).unwrap();
    assert_eq!(names(&folder), ["disk.img"]);
    let kept = |event: &Event| matches!(event, Event::PartialKept { .. });
    assert!(!witness.events.lock().unwrap().iter().any(kept), "nothing was kept");
}

#[test]
fn what_is_left_beside_a_finished_file_is_removed_by_the_next_run() {
    let blob = blob(0);
    for left in [&KEPT[..], &KEPT[..1], &KEPT[1..]] {
        let (folder, path) = folder();
        stopped(&path, &blob, &[0]);
        for name in KEPT.iter().filter(|name| !left.contains(name)) {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        fs::write(&path, &blob).unwrap();
        let mut target = target(&path);
        assert!(matches!(target.prepare(&job(&blob)).unwrap(), Room::Present(_)));
        publish(target, &blob).unwrap();
        assert_eq!(names(&folder), ["disk.img"], "{left:?}");
    }
}

#[test]
fn what_is_being_filled_beside_a_finished_file_is_left_alone() {
    let (old, new) = (blob(0), blob(1));
    let (folder, path) = folder();
    fs::write(&path, &old[1..]).unwrap();
    let mut busy = target(&path);
    busy.prepare(&job(&new)).unwrap();
    fill(&busy, &new, &[0]);
    fs::write(&path, &old).unwrap();
    let mut done = target(&path);
    done.prepare(&job(&old)).unwrap();
    publish(done, &old).unwrap();
    assert_eq!(names(&folder), [JOURNAL, PARTIAL, "disk.img"]);
    fill(&busy, &new, &[1, 2, 3]);
    publish(busy, &new).unwrap();
    assert_eq!(names(&folder), ["disk.img"]);
}

#[test]
fn without_locks_nothing_is_kept_and_no_journal_is_touched() {
    let blob = blob(0);
    let (folder, path) = folder();
    stopped(&path, &blob, &[0]);
    let mut alone = target(&path);
    alone.ask = |_| Err(Errno::NOLCK);
    assert!(matches!(alone.prepare(&job(&blob)).unwrap(), Room::Empty));
    assert!(alone.ledger().is_none());
    alone.suspend(Fate::Keep).unwrap();
    assert_eq!(names(&folder), KEPT);
}

#[test]
fn a_publication_that_fails_leaves_what_the_next_run_publishes() {
    let blob = blob(0);
    let (folder, path) = folder();
    let mut careful = careful(folder.path(), "disk.img");
    careful.prepare(&job(&blob)).unwrap();
    fill(&careful, &blob, &[0, 1, 2, 3]);
    fs::write(&path, OLD).unwrap();
    assert_eq!(publish(careful, &blob).unwrap_err().kind(), ErrorKind::Exists);
    assert_eq!(names(&folder), [JOURNAL, PARTIAL, "disk.img"]);
    assert_eq!(finish(target(&path), &blob), [0, 1, 2, 3]);
    assert_eq!(names(&folder), ["disk.img"]);
}

/// Lets someone put something in the journal's place, and prepares beside it.
#[track_caller]
fn refusal(objection: &str, stranger: impl Fn(&Path, &Path)) {
    for bytes in [&blob(0)[..], NEW] {
        let (folder, path) = folder();
        let (journal, victim) = (folder.path().join(JOURNAL), folder.path().join("victim"));
        fs::write(&victim, OLD).unwrap();
        fs::set_permissions(&victim, Permissions::from_mode(0o600)).unwrap();
        stranger(&journal, &victim);
        let error = target(&path).prepare(&job(bytes)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().ends_with(&format!("{JOURNAL}, which {objection}")), "{error}");
        assert!(journal.symlink_metadata().is_ok(), "it is not removed");
        assert_eq!(fs::read(&victim).unwrap(), OLD);
        assert_eq!(names(&folder), [JOURNAL, "victim"]);
    }
}

#[test]
fn a_strangers_journal_is_neither_used_nor_removed() {
    refusal("is a symbolic link", |journal, victim| symlink(victim, journal).unwrap());
    refusal("has 2 links", |journal, victim| fs::hard_link(victim, journal).unwrap());
    refusal("is a FIFO", |journal, _| mkfifoat(CWD, journal, Mode::from_raw_mode(0o600)).unwrap());
    refusal("is a folder", |journal, _| fs::create_dir(journal).unwrap());
    for mode in [0o620, 0o602] {
        refusal("can be written by others", |journal, _| {
            fs::write(journal, OLD).unwrap();
            fs::set_permissions(journal, Permissions::from_mode(mode)).unwrap();
        });
    }
}

#[test]
fn a_journal_that_cannot_be_written_costs_no_download() {
    let blob = blob(0);
    let (folder, path) = folder();
    let witness = Arc::new(Witness::default());
    let mut target = target(&path);
    target.prepare(&watched(&blob, Duration::ZERO, &Cancel::new(), &witness)).unwrap();
    // Someone comes in between.
    fs::create_dir(folder.path().join(JOURNAL)).unwrap();
    fill(&target, &blob, &[0, 1, 2, 3]);
    publish(target, &blob).unwrap();
    assert_eq!(names(&folder), [JOURNAL, "disk.img"]);
    let events = witness.events.lock().unwrap();
    let warnings: Vec<_> = events.iter().filter(|event| matches!(event, Event::Warning { .. })).collect();
    assert_eq!(warnings.len(), 1, "{events:?}");
}

#[test]
fn what_is_left_of_another_blob_is_kept_for_those_who_come_back() {
    let (old, new) = (blob(0), blob(1));
    let (folder, path) = folder();
    stopped(&path, &new, &[0, 2]);
    fs::write(&path, &old[1..]).unwrap();
    let mut target = target(&path);
    assert!(matches!(target.prepare(&job(&old[1..])).unwrap(), Room::Present(_)));
    publish(target, &old[1..]).unwrap();
    assert_eq!(names(&folder), [JOURNAL, PARTIAL, "disk.img"]);
    assert_eq!(finish(self::target(&path), &new), [0, 2]);
    assert_eq!(names(&folder), ["disk.img"]);
}
