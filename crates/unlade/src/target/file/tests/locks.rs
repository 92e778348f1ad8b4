//! Several that want one file.

use super::*;

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
