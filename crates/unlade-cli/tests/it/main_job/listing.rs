//! Tags, and what refers to a manifest.

use rustix::process::Signal;
use serde_json::{Value, json};
use unlade::spec::text::is_plain;
use unlade_testkit::archive::Tar;
use unlade_testkit::document::{Document, Image, Index, OCI_MANIFEST};
use unlade_testkit::process::{Outcome, Run};
use unlade_testkit::{Fault, LyingRegistry, Matcher, Which, layout};

use crate::common::{disk, document, fair_error, folder, refused, registry_of, shell, unlade};

const CREATED: &str = "org.opencontainers.image.created";

/// So many tags that they come in three pages.
const MANY: usize = 2500;

fn tags(place: &str) -> Run {
    unlade().args(["tags", place])
}

fn referrers(reference: &str) -> Run {
    unlade().args(["referrers", reference])
}

fn many() -> LyingRegistry {
    let registry = LyingRegistry::start();
    let disk = Image::untitled("payload");
    for number in 0..MANY {
        registry.publish("acme/disk", &tag(number), &disk);
    }
    registry
}

/// A long one, so that a page of them fills a pipe.
fn tag(number: usize) -> String {
    format!("v{number:0100}")
}

#[track_caller]
fn lines(outcome: &Outcome) -> Vec<String> {
    outcome.assert_code(0).stdout_text().lines().map(str::to_owned).collect()
}

#[test]
fn tags_are_lines_in_the_order_of_the_registry() {
    let registry = many();
    let place = registry.reference("acme/disk");
    let all: Vec<String> = (0..MANY).map(tag).collect();
    let outcome = tags(&place).run();
    assert!(lines(&outcome) == all, "{} lines", lines(&outcome).len());
    assert_eq!(outcome.stderr, "");
    assert_eq!(registry.requests_for("*/tags/list").len(), 3);

    let described = document(&tags(&place).arg("--json").run());
    assert_eq!(described["repository"], place);
    assert!(described["tags"] == json!(all), "the same tags");
    assert_eq!(described.as_object().unwrap().len(), 2);
}

#[test]
fn no_more_is_asked_for_than_is_wanted() {
    let registry = many();
    let place = registry.reference("acme/disk");
    for (options, expected, requests) in [
        (&["--limit", "3"][..], 0..3, 1),
        (&["--limit", "1000"], 0..1000, 1),
        (&["--limit", "1001"], 0..1001, 2),
        (&["--limit", "99999"], 0..MANY, 3),
        (&["--last", &tag(MANY - 3)], MANY - 2..MANY, 1),
        (&["--last", &tag(4), "--limit", "2"], 5..7, 1),
        (&["--last", "zzz"], 0..0, 1),
    ] {
        registry.recorder().forget();
        let found = lines(&tags(&place).args(options).run());
        assert!(found == expected.map(tag).collect::<Vec<_>>(), "{options:?}: {} lines", found.len());
        assert_eq!(registry.requests().len(), requests, "{options:?}");
    }
}

#[test]
fn a_tag_to_begin_behind_is_any_text() {
    let registry = registry_of(&disk());
    tags(&registry.reference("acme/disk")).args(["--last", "a b&n=1#+é"]).run().assert_code(0);
    let asked = &registry.requests()[0];
    assert_eq!((asked.query_value("last"), asked.query_value("n")), (Some("a b&n=1#+é"), Some("1000")));
}

#[test]
fn a_page_is_printed_before_the_next_one_has_come() {
    let registry = many();
    // It may be stopped before it has asked for the second page.
    registry.script(Matcher::new(Which::Tags).skip(1).optional(), Fault::StallBeforeHeaders);
    let running = tags(&registry.reference("acme/disk")).start();
    running.stdout_line(&tag(999));
    running.kill();
}

#[test]
fn a_signal_ends_a_list_that_waits_for_its_next_page() {
    let registry = many();
    registry.script(Matcher::new(Which::Tags).skip(1).optional(), Fault::StallBeforeHeaders);
    let running = tags(&registry.reference("acme/disk")).start();
    running.stdout_line(&tag(999));
    running.signal(Signal::INT);
    let outcome = running.finish();
    outcome.assert_code(130);
    assert_eq!(outcome.stderr, "error: stopped on request\n");
}

#[test]
fn a_reader_that_has_read_enough_ends_a_list() {
    let registry = many();
    let subject = Image::untitled("payload");
    for number in 0..1000 {
        let referrer = Image::new().subject(&subject).artifact_type(&format!("a/b{number}")).build();
        registry.put("acme/disk", &referrer);
    }
    let place = registry.reference("acme/disk");
    for words in [format!("tags {place}"), format!("referrers {place}:{}", tag(1))] {
        let script = format!("{{ $UNLADE {words}; echo code $? >&2; }} | head -n 1");
        let outcome = shell(&script).run();
        assert_eq!(lines(&outcome).len(), 1, "{words}");
        assert_eq!(outcome.stderr, "code 0\n", "{words}");
        let full = shell(&format!("$UNLADE {words} > /dev/full")).run();
        full.assert_code(7);
    }
    // Of a document a part is of no use.
    let script = format!("{{ $UNLADE tags {place} --json; echo code $? >&2; }} | head -c 1");
    let outcome = shell(&script).run();
    assert!(outcome.stderr.ends_with("code 7\n"), "{}", outcome.stderr);
}

#[test]
fn a_list_that_fails_gives_what_came_before_and_a_document_gives_nothing() {
    let registry = many();
    let place = registry.reference("acme/disk");
    let elsewhere = || Fault::TagsElsewhere { to: "http://127.0.0.1:9/v2/acme/disk/tags/list".to_owned() };
    registry.script(Matcher::new(Which::Tags).skip(1), elsewhere());
    let outcome = tags(&place).run();
    outcome.assert_code(1);
    assert_eq!(outcome.stdout_text().lines().count(), 2000);
    assert!(outcome.stderr.contains("after 2000 tags"), "{}", outcome.stderr);
    registry.script(Matcher::new(Which::Tags).skip(1), elsewhere());
    let outcome = tags(&place).arg("--json").run();
    outcome.assert_code(1);
    assert_eq!(fair_error(&outcome)["kind"], "PeerMisbehaved");
}

#[test]
fn tags_cannot_steer_a_terminal() {
    let registry = registry_of(&disk());
    registry.script(Matcher::new(Which::Tags), Fault::TagsEscapes);
    let outcome = tags(&registry.reference("acme/disk")).run();
    let lines = lines(&outcome);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines.iter().all(|line| is_plain(line)), "{lines:?}");
}

#[test]
fn tags_are_those_of_a_repository_as_a_whole() {
    let registry = registry_of(&disk());
    let digest = disk().digest();
    for rest in [":v1".to_owned(), format!("@{digest}"), format!(":v1@{digest}")] {
        let settled = rest.replace(&digest, "DIGEST");
        let text = format!(
            "error: HOST/acme/disk{settled} names a manifest, and tags are those of a whole repository: leave out what \
             is behind HOST/acme/disk\n"
        );
        refused(tags(&registry.reference(&format!("acme/disk{rest}"))), 2, "InvalidInput", &text);
    }
    assert!(registry.requests().is_empty());
    let missing = tags(&registry.reference("acme/absent")).arg("--json").run();
    missing.assert_code(3);
    assert_eq!(fair_error(&missing)["registry_errors"][0]["code"], "NAME_UNKNOWN");
    for limit in ["0", "-1", "many", ""] {
        tags(&registry.reference("acme/disk")).arg(format!("--limit={limit}")).run().assert_code(2);
    }
}

#[test]
fn a_layout_is_listed_like_a_registry() {
    let disk = disk();
    let sbom = Image::new().subject(&disk).artifact_type("application/x-sbom").build();
    let place = folder();
    let path = place.path().join("layout");
    layout::write(&path, &[("v2", &disk), ("v1", &disk), ("sbom", &sbom)]);
    let tar = place.path().join("layout.tar");
    std::fs::write(&tar, Tar::of_folder(&path, "").finish()).unwrap();
    for name in [format!("ocidir://{}", path.display()), format!("ocitar://{}", tar.display())] {
        assert_eq!(lines(&tags(&name).run()), ["v2", "v1", "sbom"], "{name}");
        assert_eq!(lines(&tags(&name).args(["--last", "v2", "--limit", "1"]).run()), ["v1"], "{name}");
        assert_eq!(document(&tags(&name).arg("--json").run())["repository"], name);
        tags(&name).args(["--last", "v9"]).run().assert_code(3);
        let found = document(&referrers(&format!("{name}:v1")).arg("--json").run());
        assert_eq!((&found["source"], &found["referrers"][0]["digest"]), (&json!("api"), &json!(sbom.digest())));
        let latest = lines(&referrers(&format!("{name}:v1")).arg("--latest").run());
        assert_eq!(latest[..2], [sbom.digest(), "artifact type: application/x-sbom".to_owned()]);
    }
}

fn referrer(subject: &Document, kind: &str, created: &str) -> Document {
    let image = Image::new().subject(subject).artifact_type(kind);
    if created.is_empty() { image.build() } else { image.annotate(CREATED, created).build() }
}

/// A registry that has an index with referrers of its own, and of one of its manifests.
fn scene() -> (LyingRegistry, Document, [Document; 4]) {
    let index = Index::two_architectures(Image::untitled("of amd64"), Image::untitled("of arm64"));
    let registry = registry_of(&index);
    let all = [
        referrer(&index, "application/x-sbom", "2024-05-02T00:00:00+02:00"),
        referrer(&index, "application/x-signature", "2024-05-01T23:00:00Z"),
        referrer(&index, "application/x-sbom", ""),
        referrer(&index.children[1], "application/x-sbom", "2025-01-01T00:00:00Z"),
    ];
    for one in &all {
        registry.put("acme/disk", one);
    }
    (registry, index, all)
}

#[test]
fn referrers_are_lines_that_begin_with_their_digest() {
    let (registry, index, [sbom, signature, undated, of_arm64]) = scene();
    let reference = registry.reference("acme/disk:v1");
    let outcome = referrers(&reference).run();
    let mut found = lines(&outcome);
    found.sort_by_key(|line| line.contains("signature"));
    let mut expected = [
        format!("{}  application/x-sbom       {} B  2024-05-02T00:00:00+02:00", sbom.digest(), sbom.bytes.len()),
        format!("{}  application/x-sbom       {} B", undated.digest(), undated.bytes.len()),
        format!("{}  application/x-signature  {} B  2024-05-01T23:00:00Z", signature.digest(), signature.bytes.len()),
    ];
    expected[..2].sort();
    found[..2].sort();
    assert_eq!(found, expected);
    assert_eq!(outcome.stderr, "");

    let wanted = |run: Run| {
        let found = document(&run.arg("--json").run());
        let digests =
            found["referrers"].as_array().unwrap().iter().map(|one| one["digest"].as_str().unwrap().to_owned());
        (found["subject"].as_str().unwrap().to_owned(), digests.collect::<Vec<_>>())
    };
    let signatures = referrers(&reference).args(["--artifact-type", "application/x-signature"]);
    assert_eq!(wanted(signatures), (index.digest(), vec![signature.digest()]));
    let arm64 = referrers(&reference).args(["--arch", "arm64"]);
    assert_eq!(wanted(arm64), (index.children[1].digest(), vec![of_arm64.digest()]));
}

#[test]
fn a_digest_is_asked_about_as_it_is() {
    let (registry, index, _) = scene();
    let reference = registry.reference(&format!("acme/disk@{}", index.digest()));
    assert_eq!(lines(&referrers(&reference).run()).len(), 3);
    assert_eq!(registry.requests().len(), 1);
    let absent = unlade_testkit::content::digest(b"absent");
    let outcome = referrers(&registry.reference(&format!("acme/disk@{absent}"))).run();
    assert_eq!(lines(&outcome), [""; 0]);
    assert!(outcome.stderr.starts_with(&format!("nothing refers to {absent} in ")), "{}", outcome.stderr);
    referrers(&registry.reference("acme/disk:v9")).run().assert_code(3);
}

#[test]
fn without_the_api_and_without_the_tag_nothing_refers_to_it() {
    let registry = registry_of(&disk());
    registry.script(Matcher::new(Which::Referrers).times(2), Fault::ReferrersAbsent { status: 404 });
    let reference = registry.reference("acme/disk:v1");
    let expected = json!({ "subject": disk().digest(), "source": "tag", "referrers": [] });
    assert_eq!(document(&referrers(&reference).arg("--json").run()), expected);
    // Nobody has misspelt the tag that was made up: no other is suggested, nor asked for.
    assert!(registry.requests_for("*/tags/list").is_empty());
    refused(
        referrers(&reference).arg("--latest"),
        8,
        "NoCandidate",
        "error: nothing refers to DIGEST in HOST/acme/disk\n",
    );
}

#[test]
fn a_registry_that_takes_the_tag_for_the_digest_has_no_referrers() {
    let (registry, index, _) = scene();
    let single = disk();
    registry.publish("acme/disk", "single", &single);
    for (tag, subject) in [("v1", &index), ("single", &single)] {
        // As GitLab does: the tag that is made of a digest names the manifest of that digest.
        registry.publish("acme/disk", &subject.digest().replace(':', "-"), subject);
        registry.script(Matcher::new(Which::Referrers), Fault::ReferrersAbsent { status: 404 });
        registry.recorder().forget();
        let outcome = referrers(&registry.reference(&format!("acme/disk:{tag}"))).arg("--json").run();
        let expected = json!({ "subject": subject.digest(), "source": "tag", "referrers": [] });
        assert_eq!((document(&outcome), outcome.stderr.as_str()), (expected, ""), "{tag}");
        assert_eq!(registry.requests().len(), 3, "none of what it names is read");
    }
    // What anybody else has put there, and is no index, lists nothing either.
    registry.publish("acme/disk", &single.digest().replace(':', "-"), &Image::untitled("else"));
    registry.script(Matcher::new(Which::Referrers), Fault::ReferrersAbsent { status: 404 });
    assert_eq!(lines(&referrers(&registry.reference("acme/disk:single")).run()), [""; 0]);
}

#[test]
fn a_refusal_without_a_challenge_means_no_api_only_where_manifests_can_be_read() {
    let (registry, index, _) = scene();
    let run = || referrers(&registry.reference(&format!("acme/disk@{}", index.digest()))).arg("--json");
    registry.script(Matcher::new(Which::Referrers).times(2), Fault::UnauthorizedWithoutChallenge);
    assert_eq!(document(&run().run())["source"], "tag");
    // The list, the subject, the tag.
    assert_eq!(registry.requests().len(), 3);
    registry.script(Matcher::new(Which::Manifest), Fault::UnauthorizedWithoutChallenge);
    let outcome = run().run();
    outcome.assert_code(4);
    assert_eq!(fair_error(&outcome)["causes"][1], "no challenge says in what form a login is wanted");
}

#[test]
fn what_the_list_says_of_the_latest_is_held_against_it() {
    let disk = disk();
    let registry = registry_of(&disk);
    let sbom = referrer(&disk, "application/x-sbom", "2024-05-02T00:00:00Z");
    registry.put("acme/disk", &sbom);
    let lie = Fault::ReferrersForeign { digest: sbom.digest(), size: sbom.bytes.len() };
    registry.script(Matcher::new(Which::Referrers), lie);
    let run = referrers(&registry.reference("acme/disk:v1"));
    refused(
        run.args(["--latest", "--artifact-type", "application/x-invented"]),
        1,
        "PeerMisbehaved",
        "error: HOST/acme/disk lists DIGEST as a referrer of DIGEST, of the type application/x-invented, \
         and it is of the type application/x-sbom\n",
    );
}

#[test]
fn a_tag_that_is_not_there_has_no_referrers() {
    let (registry, ..) = scene();
    let outcome = referrers(&registry.reference("acme/disk:v2")).arg("--json").run();
    outcome.assert_code(3);
    assert!(fair_error(&outcome)["hint"].as_str().is_some_and(|hint| hint.contains("v1")), "{}", outcome.stderr);
    let outcome = referrers(&registry.reference(&format!("acme/absent@{}", disk().digest()))).arg("--json").run();
    outcome.assert_code(3);
    assert_eq!(fair_error(&outcome)["registry_errors"][0]["code"], "NAME_UNKNOWN");
}

#[test]
fn referrers_are_described_with_the_contracts_keys() {
    let (registry, index, [_, signature, ..]) = scene();
    let run = referrers(&registry.reference("acme/disk:v1")).args(["--artifact-type", "application/x-signature"]);
    let expected = json!({
        "subject": index.digest(),
        "source": "api",
        "referrers": [{
            "media_type": OCI_MANIFEST,
            "digest": signature.digest(),
            "size": signature.bytes.len(),
            "artifact_type": "application/x-signature",
            "annotations": { CREATED: "2024-05-01T23:00:00Z" },
        }],
    });
    assert_eq!(document(&run.arg("--json").run()), expected);
}

#[test]
fn the_latest_is_told_with_its_digest_first() {
    let (registry, index, [sbom, signature, ..]) = scene();
    let reference = registry.reference("acme/disk:v1");
    for (options, expected, created) in [
        (&[][..], &signature, "2024-05-01T23:00:00Z"),
        (&["--artifact-type", "application/x-sbom"], &sbom, "2024-05-02T00:00:00+02:00"),
    ] {
        let found = lines(&referrers(&reference).arg("--latest").args(options).run());
        assert_eq!((&found[0], found.last().unwrap()), (&expected.digest(), &format!("created: {created}")));
        let found = document(&referrers(&reference).args(["--latest", "--json"]).args(options).run());
        assert_eq!(found["subject"], index.digest());
        let digests: Vec<&Value> = found["referrers"].as_array().unwrap().iter().map(|one| &one["digest"]).collect();
        assert_eq!(digests, [&json!(expected.digest())]);
    }
    let none = referrers(&reference).args(["--latest", "--artifact-type", "a/b"]);
    let text = "error: nothing of the type a/b refers to DIGEST in HOST/acme/disk\n";
    refused(none, 8, "NoCandidate", text);
}

#[test]
fn what_a_publisher_says_cannot_steer_a_terminal() {
    let disk = disk();
    let registry = registry_of(&disk);
    registry.put("acme/disk", &referrer(&disk, "a/b\u{202e}c", "\u{1b}[2J2024\nnow"));
    let reference = registry.reference("acme/disk:v1");
    for options in [&[][..], &["--json"], &["--latest"], &["--latest", "--json"]] {
        let text = referrers(&reference).args(options).run().assert_code(0).stdout_text();
        assert!(text.lines().all(is_plain) && !text.contains("\\u"), "{options:?}: {text:?}");
    }
}
