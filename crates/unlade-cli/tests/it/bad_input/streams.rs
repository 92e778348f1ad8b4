//! A stdout that is closed, full, or read by nobody.

use unlade_testkit::LyingRegistry;
use unlade_testkit::content::{bytes, digest};
use unlade_testkit::document::{Document, Image};
use unlade_testkit::process::Outcome;

use crate::common::{registry_of, shell};

/// More than a pipe holds, so that a reader who left is noticed while bytes are still to come.
fn large() -> Document {
    Image::titled("disk.raw", bytes(2, 1 << 20))
}

/// Each verb that writes to stdout.
fn verbs(document: &Document) -> [(&'static str, String); 12] {
    let blob = format!("blob \"$HOST/acme/disk@{}\"", digest(document.payload()));
    [
        ("pull -o -", "pull \"$HOST/acme/disk:v1\" -o -".to_owned()),
        ("blob", blob),
        ("manifest", "manifest \"$HOST/acme/disk:v1\"".to_owned()),
        ("digest", "digest \"$HOST/acme/disk:v1\"".to_owned()),
        ("digest --json", "digest --json \"$HOST/acme/disk:v1\"".to_owned()),
        ("inspect", "inspect \"$HOST/acme/disk:v1\"".to_owned()),
        ("inspect --json", "inspect --json \"$HOST/acme/disk:v1\"".to_owned()),
        ("pick", "pick --explain \"$HOST/acme/disk:v1\"".to_owned()),
        ("pick --json", "pick --json \"$HOST/acme/disk:v1\"".to_owned()),
        ("tags", "tags \"$HOST/acme/disk\"".to_owned()),
        ("tags --json", "tags --json \"$HOST/acme/disk\"".to_owned()),
        ("referrers --json", "referrers --json \"$HOST/acme/disk:v1\"".to_owned()),
    ]
}

fn run(registry: &LyingRegistry, script: &str) -> Outcome {
    shell(script).env("HOST", registry.host()).run()
}

#[track_caller]
fn fails(outcome: &Outcome, name: &str, text: &str) {
    outcome.assert_code(7);
    assert_eq!(outcome.stderr, text, "{name}");
}

#[test]
fn a_closed_stdout_is_an_error() {
    let document = large();
    let registry = registry_of(&document);
    for (name, words) in verbs(&document) {
        let outcome = run(&registry, &format!("exec $UNLADE {words} >&-"));
        fails(&outcome, name, "error: cannot write to stdout, which is closed\n");
    }
    assert!(registry.requests_for("*/blobs/*").is_empty(), "nothing is fetched that could not be written");
}

#[test]
fn a_closed_stdout_is_none_of_a_files_business() {
    let registry = registry_of(&large());
    let outcome = run(&registry, "$UNLADE pull \"$HOST/acme/disk:v1\" -o out.img >&- && wc -c < out.img");
    assert_eq!(outcome.assert_code(0).stdout_text().trim(), "1048576");
}

#[test]
fn a_closed_stderr_says_nothing_and_changes_nothing() {
    let registry = registry_of(&large());
    let outcome = run(&registry, "$UNLADE pull \"$HOST/acme/disk:v1\" -vv -o out.img 2>&- && wc -c < out.img");
    assert_eq!(outcome.assert_code(0).stdout_text().trim(), "1048576");
    run(&registry, "exec $UNLADE pull \"$HOST/acme/disk:v2\" -o out.img 2>&-").assert_code(3);
    run(&registry, "exec $UNLADE pull \"$HOST/acme/disk:v2\" -o out.img 2>/dev/full").assert_code(3);
}

#[test]
fn a_full_stdout_is_an_error() {
    let document = large();
    let registry = registry_of(&document);
    for (name, words) in verbs(&document) {
        let outcome = run(&registry, &format!("exec $UNLADE {words} >/dev/full"));
        let text = "error: cannot write to stdout\n  caused by: No space left on device (os error 28)\n";
        fails(&outcome, name, text);
    }
}

#[test]
fn a_reader_that_leaves_is_an_error() {
    let document = large();
    let registry = registry_of(&document);
    for (name, words) in verbs(&document).into_iter().take(2) {
        let outcome =
            run(&registry, &format!("{{ $UNLADE {words}; echo \"exit $?\" >&2; }} | head -c 1000 >/dev/null"));
        outcome.assert_code(0);
        let text = "error: the reader of stdout went away\n  caused by: Broken pipe (os error 32)\nexit 7\n";
        assert_eq!(outcome.stderr, text, "{name}");
    }
}

#[test]
fn a_document_that_cannot_be_written_is_an_error_although_the_file_is_there() {
    let registry = registry_of(&large());
    let script = "$UNLADE pull \"$HOST/acme/disk:v1\" -o out.img --json >/dev/full; echo \"exit $?\"; wc -c < out.img";
    let outcome = run(&registry, script);
    assert_eq!(outcome.assert_code(0).stdout_text(), "exit 7\n1048576\n");
    assert!(outcome.stderr.starts_with("error: cannot write to stdout\n"), "{}", outcome.stderr);
}

#[test]
fn an_error_document_that_cannot_be_written_leaves_the_error_as_it_is() {
    let registry = registry_of(&large());
    for stdout in [">/dev/full", ">&-"] {
        let outcome = run(&registry, &format!("exec $UNLADE digest \"$HOST/acme/disk:v2\" --json {stdout}"));
        outcome.assert_code(3);
        assert!(outcome.stderr.contains("answered 404"), "{stdout}: {}", outcome.stderr);
    }
}
