//! What is no partial or journal of ours and stands where one should be: named, neither used nor removed.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, mknodat};
use unlade_testkit::process::files;
use unlade_testkit::real::{Lack, not_run};

use crate::common::{disk, folder, pull, refused, registry_of};

const PARTIAL: &str = ".out.img.unlade-partial";

/// The two that a download has beside its target.
const BOTH: [&str; 2] = [PARTIAL, ".out.img.unlade-journal"];

/// Lets `stranger` put something in the place of either, and holds the pull to naming it.
#[track_caller]
fn refuses(objection: &str, stranger: impl Fn(&Path)) {
    for name in BOTH {
        refuses_one(name, objection, &stranger);
    }
}

#[track_caller]
fn refuses_one(name: &str, objection: &str, stranger: &impl Fn(&Path)) {
    let registry = registry_of(&disk());
    let folder = folder();
    fs::write(folder.path().join("out.img"), "old").expect("write the old file");
    let partial = folder.path().join(name);
    stranger(&partial);
    let before = (files(folder.path()), fs::symlink_metadata(&partial).expect("look at it").ino());
    refused(
        pull(&registry.reference("acme/disk:v1"), folder.path()),
        7,
        "Io",
        &format!(
            "error: cannot use DIR/{name}, which {objection}\n\
             hint: see what DIR/{name} is, and remove it if nobody needs it; or name another file with -o FILE\n"
        ),
    );
    let after = (files(folder.path()), fs::symlink_metadata(&partial).expect("it is still there").ino());
    assert_eq!(before, after);
    assert_eq!(fs::read(folder.path().join("out.img")).expect("read the old file"), b"old");
    assert!(registry.requests_for("*/blobs/*").is_empty());
}

#[test]
fn a_link_is_not_followed() {
    let elsewhere = folder();
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    refuses("is a symbolic link", |partial| symlink(&victim, partial).unwrap());
    refuses("is a symbolic link", |partial| symlink("nowhere", partial).unwrap());
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn a_file_with_another_name_is_not_used() {
    let elsewhere = folder();
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
    refuses("has 2 links", |partial| fs::hard_link(&victim, partial).unwrap());
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
}

#[test]
fn a_file_that_others_can_write_is_not_used() {
    for mode in [0o620, 0o602, 0o666] {
        refuses("can be written by others", |partial| {
            fs::write(partial, "theirs").unwrap();
            fs::set_permissions(partial, fs::Permissions::from_mode(mode)).unwrap();
        });
    }
}

#[test]
fn a_strangers_file_is_not_used() {
    if !rustix::process::geteuid().is_root() {
        return not_run(&Lack::Right("only root can make a stranger's file".to_owned()));
    }
    refuses("belongs to user 12345", |partial| {
        fs::write(partial, "theirs").unwrap();
        std::os::unix::fs::chown(partial, Some(12345), Some(12345)).unwrap();
    });
}

#[test]
fn what_is_no_file_is_not_opened() {
    refuses("is a folder", |partial| fs::create_dir(partial).unwrap());
    // Opening it to write would wait for a reader for ever.
    refuses("is a FIFO", |partial| mknodat(CWD, partial, FileType::Fifo, 0o600.into(), 0).unwrap());
}

#[test]
fn a_partial_of_a_run_that_was_killed_is_ours() {
    let registry = registry_of(&disk());
    let folder = folder();
    let partial = folder.path().join(PARTIAL);
    fs::write(&partial, vec![7; 500_000]).unwrap();
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o600)).unwrap();
    pull(&registry.reference("acme/disk:v1"), folder.path()).run().assert_code(0);
    assert_eq!(files(folder.path()), ["out.img"]);
    assert!(fs::read(folder.path().join("out.img")).unwrap() == *disk().payload());
}
