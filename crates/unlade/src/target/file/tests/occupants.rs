//! What has the name already.

use super::*;

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
