use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use proptest::prelude::*;
use rustix::fs::{CWD, Mode, mkfifoat};
use tempfile::TempDir;

use super::*;

const TITLE: Option<&str> = Some("disk.img");

fn refusal(output: &Path, title: Option<&str>) -> Error {
    resolve(output, title).unwrap_err()
}

#[test]
fn a_new_name_is_the_files_own() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("new.img");
    let place = resolve(&path, TITLE).unwrap();
    assert_eq!(place.path(), path);
    assert_eq!((place.base.as_path(), place.name.to_str()), (folder.path(), Some("new.img")));
    assert_eq!(place.replace(), Replace::Always);
}

#[test]
fn an_existing_file_may_be_replaced() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("old.img");
    fs::write(&path, "old").unwrap();
    assert_eq!(resolve(&path, None).unwrap().replace(), Replace::Always);
}

#[test]
fn an_existing_folder_takes_the_title() {
    let folder = TempDir::new().unwrap();
    let place = resolve(folder.path(), Some("boot/vmlinuz")).unwrap();
    assert_eq!(place.path(), folder.path().join("boot/vmlinuz"));
    assert_eq!((place.folders, place.missing), (vec!["boot".to_owned()], Missing::Fail));
}

#[test]
fn a_trailing_slash_names_a_folder_to_make() {
    let folder = TempDir::new().unwrap();
    for name in ["new/", "new/deep/", "new/."] {
        let place = resolve(&folder.path().join(name), TITLE).unwrap();
        assert_eq!(place.missing, Missing::Make, "{name}");
        assert_eq!(place.name, "disk.img", "{name}");
    }
    assert!(!folder.path().join("new").exists(), "resolving changes nothing");
}

#[test]
fn a_link_to_a_folder_is_that_folder() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    let link = folder.path().join("link");
    symlink("real", &link).unwrap();
    assert_eq!(resolve(&link, TITLE).unwrap().path(), link.join("disk.img"));
}

#[test]
fn a_link_to_a_file_leads_to_the_file_and_keeps_its_name_for_the_user() {
    let folder = TempDir::new().unwrap();
    let real = folder.path().canonicalize().unwrap().join("real");
    fs::create_dir(&real).unwrap();
    fs::write(real.join("v1.img"), "old").unwrap();
    let link = folder.path().join("latest.img");
    symlink("real/v1.img", &link).unwrap();
    let place = resolve(&link, None).unwrap();
    assert_eq!(place.path(), link);
    assert_eq!((place.base, place.name.to_str()), (real, Some("v1.img")));
}

#[test]
fn a_link_that_leads_nowhere_is_an_error_that_names_it() {
    let folder = TempDir::new().unwrap();
    let link = folder.path().join("latest.img");
    symlink("gone.img", &link).unwrap();
    let error = refusal(&link, TITLE);
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("latest.img"), "{error}");
}

#[test]
fn a_missing_folder_is_named() {
    let folder = TempDir::new().unwrap();
    let error = refusal(&folder.path().join("missing/disk.img"), TITLE);
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().ends_with("missing"), "{error}");
}

#[test]
fn without_a_path_the_title_is_a_name_that_replaces_nothing() {
    let place = resolve_titled(Some("boot/vmlinuz")).unwrap();
    assert_eq!(place.path(), Path::new("boot/vmlinuz"));
    assert_eq!(place.replace(), Replace::Never);
}

#[test]
fn a_name_must_come_from_somewhere() {
    let folder = TempDir::new().unwrap();
    for place in [resolve_titled(None), resolve(folder.path(), None), resolve(&folder.path().join("new/"), None)] {
        let error = place.unwrap_err();
        assert_eq!((error.kind(), &error.context().advice), (ErrorKind::InvalidInput, &Some(Advice::NameOutput)));
    }
    for output in ["", "missing/.."] {
        let error = refusal(Path::new(output), TITLE);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{output:?}");
    }
}

#[test]
fn a_title_from_outside_must_be_plain() {
    let folder = TempDir::new().unwrap();
    for place in [resolve_titled(Some("../x")), resolve(folder.path(), Some("../x"))] {
        assert_eq!(place.unwrap_err().kind(), ErrorKind::Malformed);
    }
}

#[test]
fn a_title_does_not_matter_where_the_user_names_the_file() {
    let folder = TempDir::new().unwrap();
    assert!(resolve(&folder.path().join("disk.img"), Some("../x")).is_ok());
}

#[test]
fn devices_are_left_to_the_verb_made_for_them() {
    let folder = TempDir::new().unwrap();
    let link = folder.path().join("link");
    symlink("/dev/null", &link).unwrap();
    for path in [Path::new("/dev/null"), &link, Path::new("/dev/a-mistyped-disk")] {
        let error = refusal(path, TITLE);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path:?}");
        assert_eq!(error.context().advice, Some(Advice::WriteDevice), "{path:?}");
    }
}

#[test]
fn streams_are_left_to_the_dash() {
    let folder = TempDir::new().unwrap();
    let fifo = folder.path().join("fifo");
    mkfifoat(CWD, &fifo, Mode::from_raw_mode(0o600)).unwrap();
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let streams = ["/dev/stdout", "/dev/stderr", "/dev/fd/1", "/proc/self/fd/1"].map(Path::new);
    for path in streams.into_iter().chain([fifo.as_path(), &socket]) {
        let error = refusal(path, TITLE);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{path:?}");
        assert!(error.to_string().contains("`-o -`"), "{error}");
    }
}

#[test]
fn a_file_is_no_folder() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    for below in ["", "disk.img"] {
        assert_eq!(refusal(&path.join(below), TITLE).kind(), ErrorKind::Io, "{below:?}");
    }
}

proptest! {
    #[test]
    fn whatever_the_title_the_file_stays_in_the_folder(title in r"([./a-c]|\.\./|\PC){0,16}") {
        let folder = std::env::temp_dir();
        if let Ok(place) = resolve(&folder, Some(&title)) {
            let below = place.path().strip_prefix(&folder).unwrap();
            prop_assert!(below.components().all(|part| matches!(part, std::path::Component::Normal(_))));
            prop_assert_eq!(&place.base, &folder);
        }
    }
}
