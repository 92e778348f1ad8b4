use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
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

/// The mode of a file or a folder.
fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// Unpacks what a target was filled with, which is not published yet.
fn unpacked(target: &TreeTarget, bytes: &[u8]) -> Staging {
    target.unpack(target.filling.as_ref().unwrap(), bytes.len() as u64).unwrap()
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

#[test]
fn a_folder_that_is_put_in_place_of_the_unpacked_one_is_not_published() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    let (target, _proof) = filled(&out, &tar(), &Cancel::new());
    let mut staging = unpacked(&target, &tar());
    fs::rename(staging.path(), folder.path().join("gone")).unwrap();
    fs::create_dir(staging.path()).unwrap();
    fs::write(staging.path().join("evil"), "evil").unwrap();
    let error = target.publish_tree(&mut staging, target.filling.as_ref().unwrap()).unwrap_err();
    assert!(error.to_string().contains("another program took"), "{error}");
    assert!(!out.exists());
    let planted = staging.path();
    drop(staging);
    assert_eq!(names(&planted), [Path::new("evil")], "what is not this process's own is left alone");
}

#[test]
fn a_hidden_folder_that_could_be_someone_elses_is_neither_used_nor_removed() {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let (target, proof) = filled(&folder.path().join("out"), &tar(), &Cancel::new());
    let hidden = folder.path().join("..out.unlade-partial.unlade-partial");
    fs::create_dir(&hidden).unwrap();
    fs::write(hidden.join("mine"), "mine").unwrap();
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o755)).unwrap();
    let error = target.publish(proof).unwrap_err();
    assert!(matches!(error.context().advice, Some(Advice::RemoveStranger(_))), "{error}");
    assert_eq!(names(&hidden), [Path::new("mine")]);
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o700)).unwrap();
    let (target, proof) = filled(&folder.path().join("out"), &tar(), &Cancel::new());
    target.publish(proof).unwrap();
    assert_eq!(names(folder.path()), [Path::new("out")], "one that a killed run left is");
}

#[test]
fn what_breaks_off_while_folders_are_moved_leaves_them_their_modes() {
    let folder = TempDir::new().unwrap();
    let tar = Tar::new().with(0o755, 7).folder("tree").folder("tree/new").file("tree/new/x", b"x").with(0o555, 8);
    let tar = tar.folder("tree/shut").file("tree/shut/y", b"y").finish();
    let there = folder.path().join("out");
    fs::create_dir(&there).unwrap();
    fs::set_permissions(&there, fs::Permissions::from_mode(0o2711)).unwrap();
    let cancel = Cancel::new();
    let (target, _proof) = filled(&there, &tar, &cancel);
    let mut staging = unpacked(&target, &tar);
    let held = target.find(&target.filling.as_ref().unwrap().parent).unwrap().unwrap();
    staging.folders().compare(&held).unwrap();
    staging.furnish().unwrap();
    let hidden = staging.path();
    let mask = staging.folders().mask();
    assert_eq!(mode(&hidden) & 0o777, 0o700, "the folder itself was there");
    assert_eq!(mode(&hidden.join("new")), 0o2755 & !mask, "as it will be, with the group that it inherits");
    assert_eq!(mode(&hidden.join("shut")), 0o2755 & !mask, "and its owner can still move it");
    // From here on, no signal leaves a half.
    cancel.cancel();
    let merge = Merge { replace: Replace::Never, durability: Durability::Sync, cancel: &cancel };
    let mut moved = 0;
    merge.carry_out(staging.folder(), &held, &mut moved).unwrap();
    staging.folders().close(&held).unwrap();
    assert_eq!((moved, mode(&there), mode(&there.join("new"))), (2, 0o2711, 0o2755 & !mask));
    assert_eq!(mode(&there.join("shut")), 0o2555 & !mask);
    assert_eq!(fs::metadata(there.join("shut")).unwrap().mtime(), 8);
}

#[test]
fn a_size_that_cannot_be_true_takes_no_room() {
    let folder = TempDir::new().unwrap();
    let lying = |size: &str| Tar::new().records(&[("size", size)]).file("tree/x", b"").finish();
    let pebi = lying("1125899906842624");
    let gibi = lying("1000000000");
    for (bytes, expected) in [
        (pebi.clone(), ErrorKind::Malformed),
        (gibi.clone(), ErrorKind::Malformed),
        (unlade_testkit::content::gzip_stored(&pebi), ErrorKind::TooLarge),
        (unlade_testkit::content::gzip_stored(&gibi), ErrorKind::Malformed),
    ] {
        let (target, proof) = filled(&folder.path().join("out"), &bytes, &Cancel::new());
        let error = target.publish(proof).unwrap_err();
        assert_eq!((error.kind(), &error.context().advice), (expected, &Some(Advice::KeepArchive)), "{error:?}");
        assert!(names(folder.path()).is_empty());
    }
}

#[test]
fn what_a_killed_run_left_beside_the_folder_is_removed_by_the_next() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let blob = folder.path().join(".out.unlade-partial");
    fs::write(&blob, "the whole blob").unwrap();
    fs::create_dir_all(folder.path().join("..out.unlade-partial.unlade-partial/sub")).unwrap();
    fs::set_permissions(&blob, fs::Permissions::from_mode(0o600)).unwrap();
    let hidden = folder.path().join("..out.unlade-partial.unlade-partial");
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o700)).unwrap();
    // Of a file that was to have this name.
    fs::write(folder.path().join(".out.unlade-journal"), "records").unwrap();
    fs::set_permissions(folder.path().join(".out.unlade-journal"), fs::Permissions::from_mode(0o600)).unwrap();
    let held = fs::File::open(&blob).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let (target, proof) = filled(&out, &tar(), &Cancel::new());
    assert!(blob.exists() && hidden.exists(), "another run is alive there");
    target.publish(proof).unwrap();
    drop(held);
    let (target, proof) = filled(&out, &tar(), &Cancel::new());
    assert_eq!(names(folder.path()), [Path::new("out")]);
    target.publish(proof).unwrap();
    assert_eq!(names(&out), [Path::new("sub")]);
}
