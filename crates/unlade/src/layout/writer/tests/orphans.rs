//! What killed runs left.

use super::*;

#[test]
fn what_killed_runs_left_of_other_blobs_is_removed_and_nothing_else() {
    let place = TempDir::new().unwrap();
    let writer = open(place.path());
    add(&writer, "v1").unwrap();
    let blobs = place.path().join("blobs/sha256");
    let partial = |digit: char| blobs.join(format!(".{}.unlade-partial", digit.to_string().repeat(64)));
    for digit in ['a', 'b', 'c', 'd'] {
        fs::write(partial(digit), "unfinished").unwrap();
    }
    // One that is being filled, one that others may write, one that has another name as well, and names of another form.
    let filled = fs::File::open(partial('b')).unwrap();
    rustix::fs::flock(&filled, rustix::fs::FlockOperation::LockExclusive).unwrap();
    fs::set_permissions(partial('c'), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    fs::hard_link(partial('d'), blobs.join("other")).unwrap();
    symlink(blobs.join("other"), partial('e')).unwrap();
    let others = [blobs.join(".disk.img.unlade-partial"), blobs.join(format!(".{}.partial", "f".repeat(64)))];
    for other in &others {
        fs::write(other, "not ours").unwrap();
    }
    add(&writer, "v2").unwrap();
    assert!(!partial('a').exists());
    let kept = [partial('b'), partial('c'), partial('d'), partial('e')].into_iter().chain(others);
    for path in kept {
        assert!(path.symlink_metadata().is_ok(), "{}", path.display());
    }
    drop(filled);
    add(&writer, "v3").unwrap();
    assert!(!partial('b').exists());
}

#[test]
fn what_another_image_can_go_on_with_stays_until_its_blob_is_there() {
    let place = TempDir::new().unwrap();
    let writer = open(place.path());
    let bytes = vec![7; 2 << 20];
    let content = Content { digest: digest_of(Algorithm::Sha256, &bytes), size: Some(2 << 20) };
    let mut target = Box::new(writer.blob(&content.digest).unwrap());
    target.prepare(&terms().job(content.clone())).unwrap();
    target.ledger().unwrap().note(0, 0).unwrap();
    assert!(matches!(target.suspend(Fate::Keep).unwrap(), Kept::Partial(_)));
    let left = || listing(place.path()).into_iter().filter(|name| name.contains(".unlade-")).count();
    add(&writer, "v1").unwrap();
    assert_eq!(left(), 2, "{:?}", listing(place.path()));
    fs::write(writer.path_of(&content.digest), &bytes).unwrap();
    add(&writer, "v2").unwrap();
    assert_eq!(left(), 0, "{:?}", listing(place.path()));
}

#[test]
fn what_a_killed_run_left_of_the_layouts_own_files_is_removed() {
    let place = TempDir::new().unwrap();
    let writer = open(place.path());
    add(&writer, "v1").unwrap();
    for name in [".index.json.unlade-partial", ".oci-layout.unlade-partial"] {
        fs::write(place.path().join(name), "{").unwrap();
    }
    // Nothing is to be written this time.
    add(&writer, "v1").unwrap();
    assert_eq!(listing(place.path()).iter().filter(|name| name.contains(".unlade-")).count(), 0);
}
