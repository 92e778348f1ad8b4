//! What the cases share: the command, and what it left behind.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use unlade_testkit::LyingRegistry;
use unlade_testkit::content::bytes;
use unlade_testkit::document::{Document, Image};
use unlade_testkit::process::{Outcome, Run};

/// The keys that an error document always has.
const ERROR_KEYS: [&str; 8] = ["attempts", "causes", "exit_code", "hint", "kind", "message", "status", "url"];

/// The keys that it has where there is something to say.
const MORE_ERROR_KEYS: [&str; 6] =
    ["candidates", "elapsed_seconds", "files", "reference", "registry_errors", "retry_after_seconds"];

/// The command as it was built, in a clean environment.
pub(crate) fn unlade() -> Run {
    Run::new(env!("CARGO_BIN_EXE_unlade"))
}

/// A shell script in which `$UNLADE` is the command: for what only a shell can set up.
pub(crate) fn shell(script: &str) -> Run {
    Run::new("/bin/sh").args(["-c", script]).env("UNLADE", env!("CARGO_BIN_EXE_unlade"))
}

/// A folder for one case.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("make a folder")
}

/// Pulls a reference into `out.img` of a folder.
pub(crate) fn pull(reference: &str, folder: &Path) -> Run {
    unlade().args(["pull", reference, "-o"]).arg(folder.join("out.img"))
}

/// An artifact of one titled layer of some 300 KB, so of many pieces.
pub(crate) fn disk() -> Document {
    Image::titled("disk.raw", bytes(1, 300_000))
}

/// A registry that has a document as `acme/disk:v1`.
pub(crate) fn registry_of(document: &Document) -> LyingRegistry {
    let registry = LyingRegistry::start();
    registry.publish("acme/disk", "v1", document);
    registry
}

/// The one document that a run with `--json` printed.
#[track_caller]
pub(crate) fn document(outcome: &Outcome) -> Value {
    let text = outcome.stdout_text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1, "stdout holds one document:\n{text}\nstderr:\n{}", outcome.stderr);
    serde_json::from_str(lines[0]).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The keys of an object, sorted.
#[track_caller]
pub(crate) fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The lines of `--progress json`.
#[track_caller]
pub(crate) fn events(stderr: &str) -> Vec<Value> {
    stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))).collect()
}

/// The error document that `--json` prints.
pub(crate) fn error(outcome: &Outcome) -> Value {
    document(outcome)["error"].clone()
}

/// Runs a command that must fail, with `--json`, and gives its error document.
///
/// Holds it to the exit code, the kind and the whole text on stderr, in which `HOST`, `DIGEST` and `DIR` stand for
/// what differs from run to run; and to what every failure has: no panic, one error, a text and a document that say
/// the same, and no key that the contract does not know.
#[track_caller]
pub(crate) fn refused(run: Run, code: i32, kind: &str, text: &str) -> Value {
    let outcome = run.arg("--json").run();
    outcome.assert_code(code);
    assert_eq!(settled(&outcome.stderr), text, "what stderr says");
    let error = fair_error(&outcome);
    assert_eq!((error["kind"].as_str(), error["exit_code"].as_i64()), (Some(kind), Some(code.into())), "{error}");
    error
}

/// Holds a failure to what all have, whatever it is about, and gives its error document.
#[track_caller]
pub(crate) fn fair_error(outcome: &Outcome) -> Value {
    let Outcome { stderr, .. } = outcome;
    assert!(!stderr.contains("panicked") && outcome.code != Some(101), "a panic: {stderr}");
    let errors = stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "one error on stderr:\n{stderr}");
    let document = document(outcome);
    assert_eq!(keys(&document), ["error"]);
    let error = &document["error"];
    let mut unknown = keys(error);
    unknown.retain(|key| !ERROR_KEYS.contains(key) && !MORE_ERROR_KEYS.contains(key));
    assert!(unknown.is_empty(), "keys that the contract does not know: {unknown:?}");
    for key in ERROR_KEYS {
        assert!(error.get(key).is_some(), "{key} is missing: {error}");
    }
    let message = error["message"].as_str().expect("a message");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let said = words(stderr).contains(&format!("error: {}", words(message)));
    assert!(said, "{message:?} is not what stderr says:\n{stderr}");
    let causes = error["causes"].as_array().expect("a list of causes");
    assert_eq!(causes.len(), stderr.matches("  caused by: ").count(), "causes: {causes:?}\n{stderr}");
    match error["hint"].as_str() {
        Some(hint) => assert!(stderr.contains(hint), "{hint:?}\n{stderr}"),
        None => assert!(!stderr.contains("\nhint: "), "{stderr}"),
    }
    error.clone()
}

/// Puts `HOST`, `DIGEST` and `DIR` in the place of what differs from run to run.
pub(crate) fn settled(text: &str) -> String {
    let temporary = format!("{}/.tmp", std::env::temp_dir().display());
    let text = replaced(text, &temporary, |rest| rest.len().min(6), "DIR");
    let text = replaced(&text, "sha256:", |rest| count(rest, |c| c.is_ascii_hexdigit()), "DIGEST");
    let text = replaced(&text, "the clock of this machine says ", |rest| rest.find('\n').unwrap_or(0), "NOW");
    let text = replaced(&text, " again in ", |rest| rest.find(" s: ").unwrap_or(0), " again in TIME");
    ["127.0.0.1:", "localhost:", "[::1]:"]
        .into_iter()
        .fold(text, |text, host| replaced(&text, host, |rest| count(rest, |c| c.is_ascii_digit()), "HOST"))
}

fn count(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c| !fits(c)).unwrap_or(text.len())
}

/// Replaces each place that begins with `start` and goes on for as long as `length` says, unless that is nothing.
fn replaced(text: &str, start: &str, length: impl Fn(&str) -> usize, by: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(start) {
        let tail = &rest[at + start.len()..];
        let end = length(tail);
        out.push_str(&rest[..at]);
        out.push_str(if end == 0 { start } else { by });
        rest = &tail[end..];
    }
    out + rest
}

#[test]
fn what_differs_from_run_to_run_is_settled() {
    let folder = folder();
    let digest = unlade_testkit::content::digest(b"");
    let text = format!("{}/x from 127.0.0.1:123/a, {digest} or sha256: y", folder.path().display());
    assert_eq!(settled(&text), "DIR/x from HOST/a, DIGEST or sha256: y");
}
