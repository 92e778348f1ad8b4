mod orphans;
mod others;

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;
use unlade_testkit::layout::write_long_ago;

use super::super::deposit::{MAX_TURNS, prove};
use super::*;
use crate::observe::Blind;
use crate::source::SourceExt as _;
use crate::spec::descriptor::REF_NAME;
use crate::spec::media_type::{OCI_INDEX, OCI_MANIFEST};
use crate::target::{Fate, Kept, Positioned as _, Room, Stage as _, Status};
use crate::verify::Verifier;

fn terms() -> Terms {
    Terms::new(Duration::from_mins(1), Cancel::new(), Arc::new(Blind))
}

fn open(path: &Path) -> LayoutWriter {
    LayoutWriter::open(path, Durability::NoSync).unwrap()
}

/// A manifest of nothing, which differs by its note.
fn manifest(note: &str) -> (Digest, Vec<u8>) {
    let manifest = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [], "annotations": {"note": note}});
    let text = manifest.to_string().into_bytes();
    (digest_of(Algorithm::Sha256, &text), text)
}

fn entry(note: &str, name: Option<&str>) -> Descriptor {
    let (digest, text) = manifest(note);
    let mut entry = Descriptor::new(MediaType::known(OCI_MANIFEST), digest, text.len() as u64);
    entry.annotations.extend(name.map(|name| (REF_NAME.to_owned(), name.to_owned())));
    entry
}

/// Adds a manifest under its note.
fn add(writer: &LayoutWriter, note: &str) -> Result<()> {
    let (digest, text) = manifest(note);
    writer.put(&digest, &text, &terms())?;
    writer.publish(&[entry(note, Some(note))], [Content::from(&entry(note, None))], &terms())
}

fn names(path: &Path) -> Vec<String> {
    let index: Value = serde_json::from_slice(&fs::read(path.join(INDEX)).unwrap()).unwrap();
    let name = |entry: &Value| entry["annotations"][REF_NAME].as_str().unwrap_or("-").to_owned();
    index["manifests"].as_array().unwrap().iter().map(name).collect()
}

fn listing(path: &Path) -> Vec<String> {
    unlade_testkit::process::files(path)
}

#[test]
fn a_folder_becomes_a_layout_with_its_first_index() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("a/b");
    let writer = open(&path);
    assert!(!place.path().join("a").exists(), "looking changes nothing");
    let (digest, text) = manifest("v1");
    let receipt = writer.put(&digest, &text, &terms()).unwrap();
    assert_eq!(
        (receipt.status, receipt.path),
        (Status::Downloaded, Some(path.join("blobs/sha256").join(digest.hex())))
    );
    assert_eq!(listing(&path).len(), 1, "a blob makes no layout");
    writer.publish(&[entry("v1", Some("v1"))], [], &terms()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let layout = crate::layout::Layout::open(&path).unwrap();
    let found = runtime.block_on(layout.manifest(&Selector::Tag("v1".parse().unwrap()))).unwrap();
    assert_eq!(found.raw().bytes, text);
    assert_eq!(writer.put(&digest, &text, &terms()).unwrap().status, Status::Present);
}

#[test]
fn what_a_killed_run_left_is_gone_on_with() {
    for left in [
        &[][..],
        &["blobs/sha256/.x.unlade-partial"],
        &["blobs/x", ".oci-layout.unlade-partial"],
        &["blobs/x", ".index.json.unlade-partial", "lost+found/x"],
        &["oci-layout", "anything"],
    ] {
        let place = TempDir::new().unwrap();
        for name in left {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, VERSION_TEXT).unwrap();
        }
        add(&open(place.path()), "v1").unwrap();
        assert_eq!(names(place.path()), ["v1"], "{left:?}");
        assert!(!listing(place.path()).iter().any(|name| name.starts_with('.')), "{:?}", listing(place.path()));
    }
}

#[test]
fn what_is_no_place_for_a_layout_is_refused() {
    for (files, expected) in [
        (&["notes"][..], ErrorKind::InvalidInput),
        (&["index.json"], ErrorKind::InvalidInput),
        (&["blobs/x", ".hidden"], ErrorKind::InvalidInput),
        (&["oci-layout", "index.json"], ErrorKind::Malformed),
    ] {
        let place = TempDir::new().unwrap();
        for name in files {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            write_long_ago(&path, if *name == VERSION { VERSION_TEXT } else { b"[]" });
        }
        let before = listing(place.path());
        let error = LayoutWriter::open(place.path(), Durability::NoSync).unwrap_err();
        assert_eq!((error.kind(), listing(place.path())), (expected, before), "{files:?}");
    }
}

#[test]
fn a_blob_that_is_not_what_it_is_named_is_replaced_and_never_put() {
    let place = TempDir::new().unwrap();
    let writer = open(place.path());
    let (digest, text) = manifest("v1");
    assert!(writer.manifest(&digest).unwrap().is_none());
    assert_eq!(writer.put(&digest, b"something else", &terms()).unwrap_err().kind(), ErrorKind::Mismatch);
    assert_eq!(listing(place.path()), Vec::<String>::new());
    let path = place.path().join("blobs/sha256").join(digest.hex());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    for wrong in [vec![b' '; text.len()], b"shorter".to_vec()] {
        fs::write(&path, wrong).unwrap();
        assert!(writer.manifest(&digest).unwrap().is_none());
        assert_eq!(writer.put(&digest, &text, &terms()).unwrap().status, Status::Downloaded);
        assert_eq!(writer.manifest(&digest).unwrap().unwrap().raw().bytes, text);
    }
}

#[test]
fn an_index_that_cannot_be_added_to_stays_as_it_is() {
    let place = TempDir::new().unwrap();
    let writer = open(place.path());
    add(&writer, "v1").unwrap();
    let path = place.path().join(INDEX);
    for (text, expected) in [
        ("{", ErrorKind::Malformed),
        ("[]", ErrorKind::Malformed),
        (r#"{"manifests":[],"manifests":[]}"#, ErrorKind::Malformed),
        (r#"{"layers":[]}"#, ErrorKind::Malformed),
        (&format!(r#"{{"manifests":[],"x":"{}"}}"#, "x".repeat(4 << 20)), ErrorKind::TooLarge),
        (&format!(r#"{{"manifests":[],"x":"{}"}}"#, "x".repeat((4 << 20) - 100)), ErrorKind::TooLarge),
    ] {
        write_long_ago(&path, text);
        let error = writer.publish(&[entry("v2", Some("v2"))], [], &terms()).unwrap_err();
        assert_eq!(error.kind(), expected, "{error:?}");
        assert!(fs::read(&path).unwrap() == text.as_bytes(), "it was changed");
        assert_eq!(listing(place.path()).len(), 3, "{:?}", listing(place.path()));
    }
}

#[test]
fn an_index_that_names_it_already_is_not_touched() {
    let place = TempDir::new().unwrap();
    let writer = open(place.path());
    add(&writer, "v1").unwrap();
    let before = fs::metadata(place.path().join(INDEX)).unwrap().modified().unwrap();
    writer.publish(&[entry("v1", Some("v1")), entry("v1", None)], [], &terms()).unwrap();
    assert_eq!(fs::metadata(place.path().join(INDEX)).unwrap().modified().unwrap(), before);
    assert_eq!(listing(place.path()).len(), 3);
}

#[test]
fn the_folder_itself_may_be_a_link_and_nothing_below_it() {
    let (place, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let link = place.path().join("link");
    symlink(elsewhere.path(), &link).unwrap();
    add(&open(&link), "v1").unwrap();
    assert_eq!(names(elsewhere.path()), ["v1"]);

    let victim = place.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    fs::remove_file(elsewhere.path().join(INDEX)).unwrap();
    symlink(&victim, elsewhere.path().join(INDEX)).unwrap();
    assert_eq!(LayoutWriter::open(&link, Durability::NoSync).unwrap_err().kind(), ErrorKind::Io);
    let writer = open(&place.path().join("other"));
    add(&writer, "v1").unwrap();
    fs::remove_file(writer.path().join(INDEX)).unwrap();
    symlink(&victim, writer.path().join(INDEX)).unwrap();
    assert_eq!(add(&writer, "v2").unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(fs::read(&victim).unwrap(), b"mine");
}

#[test]
fn what_another_program_removed_is_not_named() {
    let place = TempDir::new().unwrap();
    let writer = open(place.path());
    add(&writer, "v1").unwrap();
    let before = fs::read(place.path().join(INDEX)).unwrap();
    let (digest, text) = manifest("v2");
    let part = Content { digest: digest.clone(), size: Some(text.len() as u64) };
    let path = writer.path_of(&digest);
    let publish =
        || writer.publish(&[entry("v2", Some("v2"))], [Content::from(&entry("v1", None)), part.clone()], &terms());
    for wrong in [None, Some("shorter")] {
        writer.put(&digest, &text, &terms()).unwrap();
        fs::remove_file(&path).unwrap();
        if let Some(wrong) = wrong {
            fs::write(&path, wrong).unwrap();
        }
        let error = publish().unwrap_err();
        assert_eq!((error.kind(), error.context().advice.clone()), (ErrorKind::Io, Some(Advice::RunAgain)));
        assert!(error.to_string().starts_with(&format!("another program removed the blob {digest} of ocidir://")));
        assert_eq!(fs::read(place.path().join(INDEX)).unwrap(), before);
    }
    let elsewhere = Content { digest: digest_of(Algorithm::Sha512, b"x"), size: Some(1) };
    assert_eq!(writer.publish(&[], [elsewhere], &terms()).unwrap_err().kind(), ErrorKind::Io);
    writer.put(&digest, &text, &terms()).unwrap();
    publish().unwrap();
    assert_eq!(names(place.path()), ["v1", "v2"]);
}

#[test]
fn all_goes_into_the_folder_that_was_opened() {
    let place = TempDir::new().unwrap();
    let (path, moved) = (place.path().join("layout"), place.path().join("moved"));
    add(&open(&path), "v1").unwrap();
    let writer = open(&path);
    fs::rename(&path, &moved).unwrap();
    let decoy = open(&path);
    add(&decoy, "decoy").unwrap();
    add(&writer, "v2").unwrap();
    assert_eq!((names(&path), names(&moved)), (vec!["decoy".to_owned()], vec!["v1".to_owned(), "v2".to_owned()]));
    assert_eq!(listing(&moved).len(), 4);
    assert!(
        writer.manifest(&manifest("v1").0).unwrap().is_some()
            && writer.manifest(&manifest("decoy").0).unwrap().is_none()
    );
}

#[test]
fn a_folder_that_a_failed_run_removes_is_made_anew() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("deep/layout");
    thread::scope(|scope| {
        for number in 0..8 {
            let path = &path;
            scope.spawn(move || {
                for turn in 0..20 {
                    let writer = open(path);
                    if number % 2 == 0 {
                        // It makes the folders, and removes them.
                        let _target = writer
                            .blob(&manifest("never").0)
                            .unwrap()
                            .prepare(&terms().job(Content::from(&entry("never", None))))
                            .unwrap();
                    } else {
                        add(&writer, &format!("v{number}.{turn}")).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(names(&path).len(), 80);
}

#[test]
fn an_index_is_not_made_larger_than_readers_look_into() {
    let place = TempDir::new().unwrap();
    let writer = open(place.path());
    add(&writer, "v1").unwrap();
    let before = fs::read(place.path().join(INDEX)).unwrap();
    let nested = |inner: &Descriptor| {
        let text = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [inner]}).to_string().into_bytes();
        let digest = digest_of(Algorithm::Sha256, &text);
        writer.put(&digest, &text, &terms()).unwrap();
        Descriptor::new(MediaType::known(OCI_INDEX), digest, text.len() as u64)
    };
    let deep = (0..9).fold(entry("v1", None), |inner, _| nested(&inner));
    let error = writer.publish(std::slice::from_ref(&deep), [], &terms()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let chain = error.chain().join(": ");
    assert!(chain.ends_with(": its indexes nest deeper than 8"), "{chain}");
    assert_eq!(fs::read(place.path().join(INDEX)).unwrap(), before);
    // Where another program did it, there is nothing to lose.
    fs::write(place.path().join(INDEX), json!({"manifests": [deep]}).to_string()).unwrap();
    add(&writer, "v2").unwrap();
    assert_eq!(names(place.path()), ["-", "v2"]);
}

/// An index with entries of many forms, and what may be put into its text anywhere.
fn index_of_many_forms() -> String {
    let entries =
        [json!(entry("v1", Some("v1"))), json!(entry("v2", None)), json!({"digest": "blake3:0"}), json!(null)];
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "x": [1.5, "\u{e9}\\"], "manifests": entries}).to_string()
}

proptest! {
    #[test]
    fn whatever_an_index_is_it_is_added_to_or_refused(
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), 0..3_usize, prop::sample::select(vec![
                "", "\"", "{", "}", "[", "]", ",", ":", " ", "\\", "null", "7", "\"manifests\":[]", "{}", "[]", "\u{0}", "v1",
            ])),
            0..4,
        ),
    ) {
        let mut text = index_of_many_forms();
        for (place, cut, put) in edits {
            let place = place.index(text.len() + 1);
            let end = (place + cut).min(text.len());
            if text.is_char_boundary(place) && text.is_char_boundary(end) {
                text.replace_range(place..end, put);
            }
        }
        let new = entry("new", Some("v1"));
        if let Ok(after) = index_text::add(text.as_bytes(), std::slice::from_ref(&new)) {
            let after = after.unwrap();
            // What another reader takes it for is the same document with another list.
            let found: Value = serde_json::from_slice(&after).unwrap();
            let before: Value = serde_json::from_str(&text).unwrap();
            for (key, value) in before.as_object().unwrap().iter().filter(|(key, _)| *key != "manifests") {
                prop_assert_eq!(&found[key], value);
            }
            let list = found["manifests"].as_array().unwrap();
            let named = |entry: &&Value| entry["annotations"][REF_NAME] == "v1";
            prop_assert_eq!(list.iter().filter(named).collect::<Vec<_>>(), [&json!(new)]);
        }
    }

    #[test]
    fn no_index_makes_it_panic(text in prop::collection::vec(any::<u8>(), 0..60), json in "[\\[\\]{}:,\"a-z0-9 ]{0,60}") {
        for text in [text, json.into_bytes()] {
            let _ = index_text::add(&text, &[entry("v1", Some("v1"))]);
        }
    }
}
