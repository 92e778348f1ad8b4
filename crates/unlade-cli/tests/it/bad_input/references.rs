//! References that are none: refused before any request, with a caret under the place.

use unlade_testkit::process::files;

use crate::common::{fair_error, registry_of, unlade};

const SPACES: &str = "a reference has no spaces and no control characters";
const NAME: &str = "the name of a repository is made of lower-case letters, digits and single separators (. _ __ -)";
const TAG: &str =
    "a tag has 1 to 128 letters, digits, dots, dashes and underscores, and does not begin with a dot or dash";
const DIGEST: &str = "this is no digest: a digest is written ALGORITHM:HEX";
const HEX: &str = "this is no digest: a digest is written in lower-case hexadecimal digits";
const LOGIN: &str = "a reference has no login: give it with --pull-secret-file or an auth file";
const QUERY: &str = "a reference has no query and no fragment";
const SCHEME: &str = "the scheme is none of oci, docker, ocidir, ocitar";
const HOST: &str = "this is no name of a registry";
const PORT: &str = "a port is a number from 1 to 65535";
const PATH: &str = "the path of a layout is missing";

/// Holds a refusal to its text: the reference as it is shown, and the caret below the place that `^` marks in it.
#[track_caller]
fn shows(verb: &str, reference: &str, reason: &str, marked: &str) {
    let run = unlade().args([verb, reference, "--json"]);
    let outcome = run.run();
    outcome.assert_code(2);
    let (before, after) = marked.split_once('^').unwrap_or_else(|| panic!("{marked} has no mark"));
    let expected = format!(
        "error: the reference cannot be used: {reason}\n    {before}{after}\n    {}^\n",
        " ".repeat(before.chars().count())
    );
    assert_eq!(outcome.stderr, expected, "{verb} {reference}");
    let error = fair_error(&outcome);
    assert_eq!(error["kind"], "InvalidInput");
    assert!(error["message"].as_str().is_some_and(|text| text.contains(reason)), "{error}");
    assert!(files(run.home()).is_empty(), "{verb} {reference}: {:?}", files(run.home()));
}

#[test]
fn the_caret_stands_under_the_place() {
    for (marked, reason) in [
        ("a^ b/c", SPACES),
        ("^https://registry.example/acme/disk", SCHEME),
        ("^file:///etc/passwd", SCHEME),
        ("oci://registry.example^", "a repository is missing: expected HOST/REPOSITORY"),
        ("oci://registry.example/^", NAME),
        ("oci://reg^_istry.example/a", HOST),
        ("oci://^/a", HOST),
        ("oci://^-x.example/a", HOST),
        ("oci://^[::1/a", HOST),
        ("oci://[^::g]/a", HOST),
        ("oci://h^ôst/a", HOST),
        ("oci://registry.example:^65536/a", PORT),
        ("oci://registry.example:^0/a", PORT),
        ("registry.example:^/a", PORT),
        ("registry.example/acme/^Disk", NAME),
        ("registry.example/acme//disk".replace("//", "/^/").as_str(), NAME),
        ("registry.example/a.^.b", NAME),
        ("registry.example/a__^_b", NAME),
        ("registry.example/acme/disk:^", TAG),
        ("registry.example/acme/disk:^.v1", TAG),
        ("registry.example/acme/disk:v^+1", TAG),
        ("registry.example/acme/disk@^", DIGEST),
        ("registry.example/acme/disk@^sha256", DIGEST),
        ("registry.example/acme/disk@sha256:^xyz", HEX),
        ("registry.example/acme/disk@sha256:00000000^ABCD", HEX),
        ("registry.example/acme/disk@^sha256:00", "this is no digest: a sha256 digest has 64 digits, not 2"),
        (
            "registry.example/acme/disk@^md5:d41d8cd98f00b204e9800998ecf8427e",
            "this is no digest: the digest algorithm is none of sha256, sha384, sha512",
        ),
        ("registry.example/acme/disk^?n=1", QUERY),
        ("registry.example/acme/disk^#x", QUERY),
        ("ocidir://^", PATH),
        ("ocidir://^:v1", PATH),
    ] {
        shows("pull", &marked.replace('^', ""), reason, marked);
    }
}

#[test]
fn a_login_in_a_reference_is_not_repeated() {
    shows("pull", "oci://tester:s3cret@registry.example/a", LOGIN, "oci://***^@registry.example/a");
    shows("digest", "tester:s3cret@registry.example/a", LOGIN, "***^@registry.example/a");
    shows("blob", "https://tester:s3cret@registry.example/a", SCHEME, "^https://***@registry.example/a");
}

#[test]
fn what_could_steer_a_terminal_is_not_repeated() {
    shows("pull", "registry.example/\u{1b}[31ma", SPACES, "registry.example/^[31ma");
    shows("pull", "a\tb", SPACES, "a^ b");
}

#[test]
fn an_empty_reference_has_no_place_to_show() {
    for (reference, reason) in [("", "the reference is empty"), ("  ", SPACES)] {
        let outcome = unlade().args(["pull", reference, "--json"]).run();
        outcome.assert_code(2);
        assert_eq!(outcome.stderr, format!("error: the reference cannot be used: {reason}\n"));
        fair_error(&outcome);
    }
}

#[test]
fn nobody_is_asked_before_a_reference_is_understood() {
    let registry = registry_of(&crate::common::disk());
    let host = registry.host();
    for verb in ["pull", "digest", "manifest", "blob"] {
        for (rest, reason) in [("^Disk:v1", NAME), ("disk:^-v1", TAG), ("disk@sha256:^x", HEX), ("disk^?x=1", QUERY)] {
            let marked = format!("{host}/acme/{rest}");
            shows(verb, &marked.replace('^', ""), reason, &marked);
        }
    }
    assert_eq!(registry.connections(), 0);
}
