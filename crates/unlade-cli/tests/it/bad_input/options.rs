//! Options, and files that they name, that cannot be used.

use unlade_testkit::tls::Authority;

use super::{authority, file};
use crate::common::{disk, fair_error, folder, refused, registry_of, settled, unlade};

#[test]
fn a_value_that_cannot_be_read_is_told_with_what_is_expected() {
    let registry = registry_of(&disk());
    let duration = "expected a duration such as 500ms, 2s or 1m";
    let size = "expected a size such as 1000, 64K or 1MiB";
    let network = "expected a network such as 10.0.0.0/8 or fd00::/8, or an address";
    for (option, value, expected) in [
        ("--connect-timeout", "5x", duration),
        ("--response-timeout", "", duration),
        ("--stall-timeout", "-1s", duration),
        ("--lock-timeout", "soon", duration),
        ("--lock-timeout", "99999999999999999999s", duration),
        ("--min-rate", "1X", size),
        ("--min-rate", "fast", size),
        ("--allow-net", "10.0.0.0/33", network),
        ("--allow-net", "registry.example", network),
        ("--retries", "many", "invalid digit found in string"),
        ("--retries", "-1", "-1 is not in 0..=4294967295"),
        ("--tls-min", "1.1", "[possible values: 1.2, 1.3]"),
        ("--progress", "loud", "[possible values: auto, bar, json, none]"),
        ("--realm", "lax", "[possible values: strict, warn]"),
        ("--pull-secret-format", "xml", "[possible values: auto, authfile, base64, token, user-password]"),
        ("--plain-http", "maybe", "invalid value 'maybe' for '--plain-http[=<true|false>]'"),
    ] {
        let reference = registry.reference("acme/disk:v1");
        let outcome = unlade().args(["pull", &reference, "--json", &format!("{option}={value}")]).run();
        outcome.assert_code(2);
        let error = fair_error(&outcome);
        assert_eq!((&error["kind"], &error["exit_code"]), (&"InvalidInput".into(), &2.into()), "{option}={value}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(option) && message.contains(expected), "{option}={value}: {message}");
        assert!(outcome.stderr.contains(expected), "{option}={value}: {}", outcome.stderr);

        // A variable is read in the same way, but for one that is empty.
        if !value.is_empty() {
            let variable = format!("UNLADE_{}", option.trim_start_matches('-').to_uppercase().replace('-', "_"));
            let outcome = unlade().args(["pull", &reference]).env("UNLADE_JSON", "yes").env(&variable, value).run();
            outcome.assert_code(2);
            let error = fair_error(&outcome);
            assert!(error["message"].as_str().unwrap().contains(expected), "{variable}={value}: {error}");
        }
    }
    assert_eq!(registry.connections(), 0);
}

#[test]
fn a_command_line_that_is_none_is_told_how_it_goes() {
    for (words, expected) in [
        (&["frob"][..], "unrecognized subcommand 'frob'"),
        (&["pull"], "the following required arguments were not provided:"),
        (&["pull", "a", "b"], "unexpected argument 'b' found"),
        (&["pull", "a", "--no-such-option"], "unexpected argument '--no-such-option' found"),
        (&["pull", "a", "-o"], "a value is required for '--output <PATH>' but none was supplied"),
        (&["serve"], "the following required arguments were not provided:"),
    ] {
        let plain = unlade().args(words).run();
        plain.assert_code(2);
        assert!(plain.stderr.starts_with(&format!("error: {expected}")), "{words:?}: {}", plain.stderr);
        assert_eq!(plain.stdout_text(), "", "{words:?}");
        let outcome = unlade().arg("--json").args(words).run();
        outcome.assert_code(2);
        let error = fair_error(&outcome);
        assert!(error["message"].as_str().unwrap().starts_with(expected), "{words:?}: {error}");
        assert_eq!(error["hint"], "try '--help'");
    }
    let bare = unlade().run();
    bare.assert_code(2);
    assert!(bare.stderr.contains("Usage: unlade"), "{}", bare.stderr);
}

#[test]
fn a_platform_that_is_none_is_told_how_it_goes() {
    let registry = registry_of(&disk());
    for platform in ["linux", "linux/", "a/b/c/d"] {
        let run = unlade().args(["digest", &registry.reference("acme/disk:v1"), "--platform", platform]);
        let text = format!(
            "error: the platform \"{platform}\" cannot be used\n  \
               caused by: a platform is written OS/ARCH or OS/ARCH/VARIANT\n"
        );
        refused(run, 2, "InvalidInput", &text);
    }
    assert_eq!(registry.connections(), 0);
}

#[test]
fn an_auth_file_that_cannot_be_used_is_told_with_the_place() {
    let registry = registry_of(&disk());
    let host = registry.host();
    let folder = folder();
    let entry = |entry: &str| format!("{{\"auths\":{{\"{host}\":{entry}}}}}");
    for (content, text) in [
        ("{\n \"auths\": s3cret\n}".to_owned(), "error: DIR/auth.json, line 2, column 11: this is not JSON\n"),
        ("[]".to_owned(), "error: DIR/auth.json: an auth file is a JSON object\n"),
        ("{\"auths\":\"s3cret\"}".to_owned(), "error: DIR/auth.json, key auths: expected an object\n"),
        (entry("\"s3cret\""), "error: DIR/auth.json, key auths[HOST]: it is not an object\n"),
        (entry("{\"auth\":7}"), "error: DIR/auth.json, key auths[HOST]: auth is not a text\n"),
        (entry("{\"auth\":\"s3cret!\"}"), "error: DIR/auth.json, key auths[HOST]: auth is not base64\n"),
        (
            entry("{\"auth\":\"czNjcmV0\"}"),
            "error: DIR/auth.json, key auths[HOST]: auth is not base64 of user:password\n",
        ),
    ] {
        let path = file(&folder, "auth.json", &content);
        let digest = || unlade().args(["digest", &registry.reference("acme/disk:v1")]);
        refused(digest().arg("--authfile").arg(&path), 2, "InvalidInput", text);
        refused(digest().env("REGISTRY_AUTH_FILE", &path), 2, "InvalidInput", text);
    }
    assert_eq!(registry.connections(), 0);
}

#[test]
fn an_auth_file_that_was_only_found_is_an_error_where_it_would_have_decided() {
    let registry = registry_of(&disk());
    let run = unlade().args(["digest", &registry.reference("acme/disk:v1")]);
    std::fs::create_dir(run.home().join(".docker")).unwrap();
    std::fs::write(run.home().join(".docker/config.json"), "{").unwrap();
    let text = "error: DIR/.docker/config.json, line 1, column 1: this is not JSON\n";
    refused(run, 2, "InvalidInput", text);
}

#[test]
fn an_auth_file_that_was_only_found_is_a_warning_where_it_decides_nothing() {
    let registry = registry_of(&disk());
    let run = unlade().args(["digest", &registry.reference("acme/disk:v1"), "--pull-secret-file=-"]).stdin("a:b");
    std::fs::create_dir(run.home().join(".docker")).unwrap();
    std::fs::write(run.home().join(".docker/config.json"), "{").unwrap();
    let outcome = run.run();
    let text = "warning: DIR/.docker/config.json, line 1, column 1: this is not JSON\n";
    assert_eq!(settled(&outcome.assert_code(0).stderr), text);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let registry = registry_of(&disk());
    let folder = folder();
    let missing = folder.path().join("missing");
    let cause = "  caused by: No such file or directory (os error 2)\n";
    for (option, text) in [
        ("--authfile", "error: cannot read the auth file DIR/missing\n"),
        ("--pull-secret-file", "error: cannot read DIR/missing\n"),
        ("--ca-file", "error: cannot read DIR/missing\n"),
    ] {
        let run = unlade().args(["digest", &registry.reference("acme/disk:v1"), option]).arg(&missing);
        refused(run, 2, "InvalidInput", &format!("{text}{cause}"));
    }
    let run = unlade().args(["digest", &registry.reference("acme/disk:v1")]).env("REGISTRY_AUTH_FILE", &missing);
    // podman goes on without it, and so do we: the content may be public.
    run.run().assert_code(0);
}

#[test]
fn a_pull_secret_that_cannot_be_used_is_named_and_not_repeated() {
    let registry = registry_of(&disk());
    let folder = folder();
    let forms = "is in no known form: expected an auth file, user:password, base64 of that, or a token";
    for (content, format, text) in [
        ("  \n", "auto", "is empty".to_owned()),
        ("two s3cret words", "auto", forms.to_owned()),
        ("s3cret", "user-password", "is not of the form user:password".to_owned()),
        ("s3cret!", "base64", "is not base64 of user:password".to_owned()),
        ("s3cret token", "token", forms.to_owned()),
    ] {
        let path = file(&folder, "secret", content);
        let run = unlade().args(["digest", &registry.reference("acme/disk:v1"), "--pull-secret-format", format]);
        let run = run.arg("--pull-secret-file").arg(path);
        refused(run, 2, "InvalidInput", &format!("error: the pull secret DIR/secret {text}\n"));
    }
    let path = file(&folder, "secret", "s3cret");
    let run = unlade().args(["digest", &registry.reference("acme/disk:v1"), "--pull-secret-format=authfile"]);
    let text = "error: DIR/secret, line 1, column 1: this is not JSON\n";
    refused(run.arg("--pull-secret-file").arg(path), 2, "InvalidInput", text);
    std::fs::write(folder.path().join("secret"), b"\xff\xfe").unwrap();
    let run = unlade().args(["digest", &registry.reference("acme/disk:v1"), "--pull-secret-file"]);
    let text = "error: the pull secret DIR/secret is not a text\n";
    refused(run.arg(folder.path().join("secret")), 2, "InvalidInput", text);
    assert_eq!(registry.connections(), 0);
}

#[test]
fn certificates_and_keys_that_cannot_be_used_are_named() {
    let (authority, _) = authority();
    let registry = registry_of(&disk());
    let folder = folder();
    let another = Authority::new();
    let (one, other) = (authority.client("one"), another.client("other"));
    let junk = file(&folder, "junk.pem", "s3cret");
    let digest = || unlade().args(["digest", &registry.reference("acme/disk:v1")]);
    let pair = "error: --cert-file and --key-file belong together\n";
    refused(digest().arg("--key-file").arg(&one.key), 2, "InvalidInput", pair);
    refused(digest().arg("--cert-file").arg(&one.certificate), 2, "InvalidInput", pair);
    refused(
        digest().arg("--cert-file").arg(&one.certificate).arg("--key-file").arg(&junk),
        2,
        "InvalidInput",
        "error: DIR/junk.pem holds no private key in PEM\n",
    );
    refused(
        digest().arg("--cert-file").arg(&junk).arg("--key-file").arg(&one.key),
        2,
        "InvalidInput",
        "error: DIR/junk.pem holds no certificate in PEM\n",
    );
    refused(
        digest().arg("--ca-file").arg(&junk),
        2,
        "InvalidInput",
        "error: DIR/junk.pem holds no certificate in PEM\n",
    );
    let run = digest().arg("--cert-file").arg(&one.certificate).arg("--key-file").arg(&other.key).arg("--json");
    let outcome = run.run();
    outcome.assert_code(2);
    let message = fair_error(&outcome)["message"].as_str().unwrap().to_owned();
    assert!(message.contains(" does not fit the certificate in "), "{message}");
    assert_eq!(registry.connections(), 0);
}

#[test]
fn a_place_to_listen_that_is_none_is_told_how_it_goes() {
    for place in ["localhost:5000", "127.0.0.1", "127.0.0.1:65536", "5000"] {
        let outcome = unlade().args(["serve", ".", "--json", "--listen", place]).run();
        outcome.assert_code(2);
        let message = fair_error(&outcome)["message"].as_str().unwrap().to_owned();
        let expected = "expected an address and a port such as 127.0.0.1:5000 or [::1]:5000";
        assert!(message.ends_with(expected), "{place}: {message}");
    }
}
