//! Mirrors: asked first, without the registry's login, and passed over where they are of no use.

use unlade_testkit::content::bytes;
use unlade_testkit::document::{Document, Image};
use unlade_testkit::process::{Outcome, files};
use unlade_testkit::{Access, Fault, LyingRegistry, Matcher, RetryAfter, Which};

use crate::common::{disk, document, error, events, folder, registry_of, unlade};

const MIB: usize = 1 << 20;

/// Pulls `acme/disk:v1` of a registry by way of mirrors.
fn pull_by(mirrors: &[&str], registry: &LyingRegistry, arguments: &[&str]) -> (Outcome, Vec<String>) {
    let folder = folder();
    let mut run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "--json", "-o"]);
    run = run.arg(folder.path().join("out.img")).args(arguments.iter().copied());
    for mirror in mirrors {
        run = run.args(["--mirror", mirror]);
    }
    (run.run(), files(folder.path()))
}

fn large() -> Document {
    Image::titled("disk.raw", bytes(3, 40 * MIB))
}

fn endpoints(outcome: &Outcome) -> Vec<String> {
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let report = document(outcome);
    report["endpoints"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|name| name.as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn a_mirror_that_has_everything_is_asked_alone_and_told_for_whom_it_stands() {
    let (registry, mirror) = (LyingRegistry::start(), registry_of(&disk()));
    let (outcome, _) = pull_by(&[&mirror.host()], &registry, &[]);
    assert_eq!(endpoints(&outcome), [mirror.host()]);
    assert_eq!(registry.requests().len(), 0);
    for request in mirror.requests() {
        assert_eq!(request.query, [("ns".to_owned(), registry.host())], "{}", request.path);
    }
}

#[test]
fn a_path_stands_before_the_names_of_repositories() {
    let (registry, mirror) = (LyingRegistry::start(), LyingRegistry::start());
    mirror.publish("hub/acme/disk", "v1", &disk());
    let (outcome, _) = pull_by(&[&format!("http://{}/hub", mirror.host())], &registry, &[]);
    assert_eq!(endpoints(&outcome), [mirror.host()]);
}

#[test]
fn what_a_mirror_lacks_comes_from_the_next_and_is_not_asked_for_again() {
    let large = Image::titled("disk.raw", bytes(3, 96 * MIB));
    let (registry, empty, full) = (LyingRegistry::start(), LyingRegistry::start(), registry_of(&large));
    let (outcome, _) = pull_by(&[&empty.host(), &full.host()], &registry, &[]);
    assert_eq!(endpoints(&outcome), [full.host()]);
    assert_eq!(empty.requests_for("/v2/acme/disk/manifests/*").len(), 1);
    // All connections may ask before one of them has heard.
    let blobs = empty.requests_for("/v2/acme/disk/blobs/*").len();
    assert!((1..=8).contains(&blobs), "{blobs} requests for a blob of twelve pieces");
    assert_eq!(registry.requests().len(), 0);
}

#[test]
fn what_nobody_has_does_not_exist_and_the_registry_says_so() {
    let (registry, mirror) = (LyingRegistry::start(), LyingRegistry::start());
    let (outcome, left) = pull_by(&[&mirror.host()], &registry, &[]);
    assert_eq!((outcome.code, left), (Some(3), Vec::new()));
    let said = error(&outcome);
    assert_eq!(said["kind"], "NotFound");
    let message = said["message"].as_str().unwrap().to_owned() + &said["causes"].to_string();
    assert!(message.contains(&registry.host()) && message.contains(&mirror.host()), "{said}");
}

#[test]
fn a_mirror_that_fails_is_passed_over_with_a_word_and_asked_once() {
    let (registry, mirror) = (registry_of(&disk()), registry_of(&disk()));
    mirror
        .script(Matcher::new(Which::Any).always(), Fault::ServerError { status: 500, retry_after: RetryAfter::Absent });
    let (outcome, _) = pull_by(&[&mirror.host()], &registry, &[]);
    assert_eq!(endpoints(&outcome), [registry.host()]);
    assert_eq!(mirror.requests().len(), 1);
    assert!(outcome.stderr.contains(&format!("the mirror {} is passed over", mirror.host())), "{}", outcome.stderr);
}

#[test]
fn a_mirror_where_nobody_listens_is_passed_over() {
    let registry = registry_of(&disk());
    let gone = LyingRegistry::start().host();
    let (outcome, _) = pull_by(&[&gone], &registry, &[]);
    assert_eq!(endpoints(&outcome), [registry.host()]);
}

#[test]
fn a_registry_that_is_gone_is_not_missed_where_a_mirror_has_everything() {
    let mirror = registry_of(&disk());
    let gone = LyingRegistry::start();
    let (reference, folder) = (gone.reference("acme/disk:v1"), folder());
    drop(gone);
    let run = unlade().args(["pull", &reference, "--json", "--mirror", &mirror.host(), "-o"]);
    let outcome = run.arg(folder.path().join("out.img")).run();
    assert_eq!(endpoints(&outcome), [mirror.host()]);
}

#[test]
fn a_body_moves_to_another_place_in_the_middle() {
    let (registry, mirror) = (registry_of(&disk()), registry_of(&disk()));
    mirror.script(Matcher::new(Which::Blob), Fault::CutBody { after: 100_000 });
    let (outcome, _) = pull_by(&[&mirror.host()], &registry, &["--progress", "json"]);
    assert_eq!(endpoints(&outcome), [mirror.host(), registry.host()]);
    let changed: Vec<_> =
        events(&outcome.stderr).into_iter().filter(|event| event["event"] == "endpoint_changed").collect();
    assert_eq!(changed.len(), 1, "{}", outcome.stderr);
    let again = registry.requests_for("/v2/acme/disk/blobs/*");
    assert_eq!(again.len(), 1);
    assert!(again[0].header("range").is_some_and(|range| !range.starts_with("bytes=0-")), "from where it broke");
}

#[test]
fn a_mirror_of_wrong_bytes_is_named_and_none_of_them_stays() {
    for document in [disk(), large()] {
        let (registry, mirror) = (registry_of(&document), registry_of(&document));
        mirror.script(Matcher::new(Which::Blob).always(), Fault::FlipByte { at: 12_345 });
        let (outcome, _) = pull_by(&[&mirror.host()], &registry, &[]);
        assert_eq!(endpoints(&outcome), [registry.host()]);
        let named = format!("the bytes from {} are not the blob", mirror.host());
        assert!(outcome.stderr.contains(&named), "{}", outcome.stderr);
    }
}

#[test]
fn wrong_bytes_of_the_registry_are_a_mismatch_although_a_mirror_was_asked_that_has_none() {
    let (registry, mirror) = (registry_of(&disk()), LyingRegistry::start());
    registry.script(Matcher::new(Which::Blob).always(), Fault::FlipByte { at: 12_345 });
    let (outcome, left) = pull_by(&[&mirror.host()], &registry, &[]);
    assert_eq!((outcome.code, left), (Some(5), Vec::new()), "{}", outcome.stderr);
    assert_eq!(error(&outcome)["kind"], "Mismatch");
    assert_eq!(mirror.requests_for("/v2/acme/disk/blobs/*").len(), 1);
}

#[test]
fn a_mirror_gets_neither_the_pull_secret_nor_a_login_that_is_not_its_own() {
    let registry = LyingRegistry::builder().access(Access::basic("tester", "hunter2")).start();
    registry.publish("acme/disk", "v1", &disk());
    let mirror = LyingRegistry::builder().access(Access::basic("other", "sesame")).start();
    mirror.publish("acme/disk", "v1", &disk());
    let keys = folder();
    let secret = keys.path().join("secret");
    std::fs::write(&secret, "tester:hunter2").unwrap();
    let (outcome, _) = pull_by(&[&mirror.host()], &registry, &["--pull-secret-file", secret.to_str().unwrap()]);
    assert_eq!(endpoints(&outcome), [registry.host()]);
    assert!(mirror.requests().iter().all(|request| request.header("authorization").is_none()));
}
