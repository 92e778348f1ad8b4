use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use unlade_testkit::archive::Tar;

use super::*;
use crate::spec::descriptor::Content;
use crate::verify::{Verifier, digest_of};

fn tar() -> Vec<u8> {
    Tar::new().folder("tree").file("tree/sub/x", b"cargo").finish()
}

fn job(bytes: &[u8], cancel: &Cancel) -> Job {
    let content = Content { digest: digest_of(Algorithm::Sha256, bytes), size: Some(bytes.len() as u64) };
    Job::new(content, Duration::ZERO, cancel.clone(), Arc::new(Blind))
}

/// A target that is filled, and the proof of that.
fn filled(output: &Path, bytes: &[u8], cancel: &Cancel) -> (Box<TreeTarget>, Proof) {
    let place = resolve_tree(Some(output), Some("tree")).unwrap();
    let mut target = TreeTarget::new(Archive::new("tree", None).unwrap(), place, FileOptions::default());
    let job = job(bytes, cancel);
    assert!(matches!(target.prepare(&job).unwrap(), Room::Empty));
    target.pages().unwrap().write_at(bytes, 0).unwrap();
    let mut verifier = Verifier::begin(&job.content, target.ticket());
    verifier.absorb(bytes).unwrap();
    (Box::new(target), verifier.settle().unwrap())
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_appears_with_its_proof_and_not_before() {
    let folder = TempDir::new().unwrap();
    let (target, proof) = filled(&folder.path().join("new/out"), &tar(), &Cancel::new());
    assert_eq!(names(&folder.path().join("new")), [Path::new(".out.unlade-partial")]);
    let receipt = target.publish(proof).unwrap();
    assert_eq!((receipt.path, receipt.status), (Some(folder.path().join("new/out")), Status::Downloaded));
    assert_eq!(fs::read(folder.path().join("new/out/sub/x")).unwrap(), b"cargo");
    assert_eq!(names(&folder.path().join("new")), [Path::new("out")]);
}

#[test]
fn without_its_proof_nothing_appears_and_nothing_stays() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("new/out");
    let (target, _) = filled(&out, &tar(), &Cancel::new());
    let (_other, foreign) = filled(&folder.path().join("other"), &tar(), &Cancel::new());
    assert_eq!(target.publish(foreign).unwrap_err().kind(), ErrorKind::Mismatch);
    let (target, _) = filled(&out, &tar(), &Cancel::new());
    assert!(matches!(target.suspend(Fate::Keep).unwrap(), Kept::Removed(_)));
    let cancel = Cancel::new();
    let (target, proof) = filled(&out, &tar(), &cancel);
    cancel.cancel();
    assert_eq!(target.publish(proof).unwrap_err().kind(), ErrorKind::Interrupted);
    assert!(!folder.path().join("new").exists());
}

#[test]
fn a_folder_that_is_made_meanwhile_is_filled_like_one_that_was_there() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let (target, proof) = filled(&out, &tar(), &Cancel::new());
    fs::create_dir(&out).unwrap();
    fs::write(out.join("mine"), "mine").unwrap();
    target.publish(proof).unwrap();
    assert_eq!(names(&out), [Path::new("mine"), Path::new("sub")]);
    assert_eq!(names(folder.path()), [Path::new("out")]);
}

#[test]
fn only_one_fills_a_folder_at_a_time() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let (_first, _) = filled(&out, &tar(), &Cancel::new());
    let place = resolve_tree(Some(&out), Some("tree")).unwrap();
    let mut second = TreeTarget::new(Archive::new("tree", None).unwrap(), place, FileOptions::default());
    assert_eq!(second.prepare(&job(&tar(), &Cancel::new())).unwrap_err().kind(), ErrorKind::Locked);
}

#[test]
fn a_folder_that_its_owner_may_not_write_is_made_and_removed_all_the_same() {
    let folder = TempDir::new().unwrap();
    let locked = |tar: Tar| tar.with(0o555, 1).folder("tree").folder("tree/sub").file("tree/sub/x", b"cargo");
    let (target, proof) = filled(&folder.path().join("out"), &locked(Tar::new()).finish(), &Cancel::new());
    target.publish(proof).unwrap();
    let mut text = String::new();
    fs::File::open(folder.path().join("out/sub/x")).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "cargo");
    let broken = locked(Tar::new()).file("elsewhere", b"x").finish();
    let (target, proof) = filled(&folder.path().join("other"), &broken, &Cancel::new());
    let error = target.publish(proof).unwrap_err();
    assert_eq!((error.kind(), &error.context().advice), (ErrorKind::Malformed, &Some(Advice::KeepArchive)));
    assert_eq!(names(folder.path()), [Path::new("out")]);
}

#[test]
fn paths_name_the_folder_itself() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("there")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    std::os::unix::fs::symlink("there", folder.path().join("link")).unwrap();
    let real = folder.path().canonicalize().unwrap();
    let resolved = |name: &str| {
        let place = resolve_tree(Some(&folder.path().join(name)), Some("tree")).map_err(|error| error.kind())?;
        Ok::<_, ErrorKind>(place.base.join(place.name))
    };
    assert_eq!(resolved("there").unwrap(), folder.path().join("there"));
    assert_eq!(resolved("link/").unwrap(), real.join("there"));
    assert_eq!(resolved("there/..").unwrap(), real);
    assert_eq!(resolved("not/there/").unwrap(), folder.path().join("not/there"));
    assert_eq!(resolved("file"), Err(ErrorKind::InvalidInput));
    assert_eq!(resolve_tree(Some(Path::new("/")), Some("tree")).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(resolve_tree(None, Some("a/tree")).unwrap().path(), Path::new("a/tree"));
}
