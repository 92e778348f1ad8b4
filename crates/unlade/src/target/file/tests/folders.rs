//! Folders that are made on the way, and those that are in it.

use super::*;

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
