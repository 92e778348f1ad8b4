//! Partials: whose they are, and what becomes of them.

use super::resume::{blob, finish, stopped};
use super::*;

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
fn a_partial_stays_where_its_journal_cannot_be_used() {
    let blob = blob(0);
    let (folder, path) = folder();
    stopped(&path, &blob, &[0, 1]);
    let journal = folder.path().join(".disk.img.unlade-journal");
    fs::set_permissions(&journal, Permissions::from_mode(0o620)).unwrap();
    assert_eq!(kind(target(&path).prepare(&job(&blob))), ErrorKind::Io);
    fs::set_permissions(&journal, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(finish(target(&path), &blob), [0, 1]);
}

#[test]
fn a_partial_that_has_its_final_name_already_is_that_file() {
    for (there, expected) in [(NEW, Status::Present), (LONGER, Status::Downloaded)] {
        let (folder, path) = folder();
        let partial = folder.path().join(PARTIAL);
        // As a run leaves it that is killed where no renaming can promise to replace nothing.
        fs::write(&partial, there).unwrap();
        fs::hard_link(&partial, &path).unwrap();
        let mut target = target(&path);
        let room = target.prepare(&job(NEW)).unwrap();
        assert_eq!(matches!(room, Room::Present(_)), expected == Status::Present);
        if expected == Status::Downloaded {
            target.pages().unwrap().write_at(NEW, 0).unwrap();
        }
        assert_eq!(publish(target, NEW).unwrap().status, expected);
        assert_eq!(fs::read(&path).unwrap(), NEW);
        assert_eq!(names(&folder), ["disk.img"]);
    }
}

#[test]
fn what_is_filled_again_can_be_read_by_its_owner_alone() {
    let (folder, path) = folder();
    let partial = folder.path().join(PARTIAL);
    fs::write(&partial, LONGER).unwrap();
    // As a run leaves it that is killed while it publishes.
    fs::set_permissions(&partial, Permissions::from_mode(0o644)).unwrap();
    let target = prepared(target(&path), NEW);
    assert_eq!(mode(&partial), 0o600);
    publish(target, NEW).unwrap();
}
