//! Help and version, and what is said of a command line that cannot be read.

use serde_json::json;

use crate::common::{document, shell, unlade};

/// The verbs, as the help lists them.
pub(super) fn verbs() -> Vec<String> {
    let text = unlade().arg("--help").run().assert_code(0).stdout_text();
    let lines = text.lines().skip_while(|line| *line != "Verbs:").skip(1).take_while(|line| !line.is_empty());
    // The explanation of a verb may go on in the next line.
    let named = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    named.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_version_is_a_line_or_a_document() {
    let version = env!("CARGO_PKG_VERSION");
    for words in [&["--version"][..], &["-V"]] {
        assert_eq!(unlade().args(words).run().assert_code(0).stdout_text(), format!("unlade {version}\n"));
    }
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    for run in [
        unlade().args(["--version", "--json"]),
        unlade().args(["--json", "--version"]),
        unlade().arg("-V").env("UNLADE_JSON", "true"),
    ] {
        let outcome = run.run();
        outcome.assert_code(0);
        let mut said = document(&outcome);
        let target = said["target"].take();
        assert!(target.as_str().is_some_and(|target| target.starts_with(arch) && target.contains(os)), "{target}");
        let expected = json!({ "name": "unlade", "version": version, "target": null, "os": os, "arch": arch });
        assert_eq!((said, outcome.stderr.as_str()), (expected, ""));
    }
}

#[test]
fn every_verb_has_examples_and_one_help() {
    let verbs = verbs();
    assert!(verbs.len() > 6, "{verbs:?}");
    for verb in verbs.iter().filter(|verb| *verb != "help") {
        let help = |words: &[&str]| unlade().args(words).run().assert_code(0).stdout_text();
        let (long, short) = (help(&[verb, "--help"]), help(&[verb, "-h"]));
        assert_eq!(help(&["help", verb]), long, "{verb}");
        for text in [&long, &short] {
            assert!(text.contains(&format!("\nUsage: unlade {verb} ")), "{text}");
            assert!(text.contains(&format!("\nExamples:\n  unlade {verb} ")), "{text}");
            assert!(text.lines().all(|line| line.len() <= 100), "{verb} has lines that are too long");
        }
        let first = |text: &str| text.lines().next().map(str::to_owned);
        assert_eq!(first(&long), first(&short), "{verb}");
        assert!(short.lines().count() <= 60, "{verb}: {} lines", short.lines().count());
    }
}

#[test]
fn without_a_verb_the_help_is_shown_as_an_error() {
    let outcome = unlade().run();
    outcome.assert_code(2);
    assert_eq!(outcome.stdout_text(), "");
    assert!(outcome.stderr.contains("\nUsage: unlade [OPTIONS] <VERB>\n"), "{}", outcome.stderr);
}

#[test]
fn a_slip_of_the_fingers_is_answered_with_what_was_meant() {
    for (words, text) in [
        (
            &["pul", "localhost:1/a"][..],
            "error: unrecognized subcommand 'pul'\n\n  tip: a similar subcommand exists: 'pull'\n\n\
             Usage: unlade [OPTIONS] <VERB>\n\nFor more information, try '--help'.\n",
        ),
        (
            &["digest", "localhost:1/a", "--platfrom", "linux/amd64"],
            "error: unexpected argument '--platfrom' found\n\n  tip: a similar argument exists: '--platform'\n\n\
             Usage: unlade digest --platform <OS/ARCH[/VARIANT]> <REFERENCE>\n\nFor more information, try '--help'.\n",
        ),
        (
            &["completions", "bsh"],
            "error: invalid value 'bsh' for '<SHELL>'\n  [possible values: bash, fish, zsh]\n\n  \
             tip: a similar value exists: 'bash'\n\nFor more information, try '--help'.\n",
        ),
        // Verbs that are to come are none.
        (
            &["frobnicate", "localhost:1/a"],
            "error: unrecognized subcommand 'frobnicate'\n\nUsage: unlade [OPTIONS] <VERB>\n\n\
             For more information, try '--help'.\n",
        ),
        (&["man", "pul"], "error: there is no verb \"pul\": see unlade --help\n"),
    ] {
        let outcome = unlade().args(words).run();
        outcome.assert_code(2);
        assert_eq!((outcome.stderr.as_str(), outcome.stdout_text().as_str()), (text, ""), "{words:?}");
    }
}

#[test]
fn a_reader_that_has_read_enough_is_no_error() {
    for words in ["--help", "--version", "man pull", "completions bash"] {
        let outcome = shell(&format!("{{ $UNLADE {words}; echo \"exit $?\" >&2; }} | head -c0")).run();
        assert_eq!(outcome.assert_code(0).stderr, "exit 0\n", "{words}");
        let outcome = shell(&format!("exec $UNLADE {words} >/dev/full")).run();
        outcome.assert_code(7);
        assert!(outcome.stderr.starts_with("error: cannot write to stdout\n"), "{words}: {}", outcome.stderr);
    }
}

#[test]
fn nothing_that_is_configured_keeps_the_command_from_telling_of_itself() {
    for words in [&["--version"][..], &["man", "pull"], &["completions", "fish"]] {
        let run = unlade().args(words).env("UNLADE_CA_FILE", "/missing").env("REGISTRY_AUTH_FILE", "/missing");
        let outcome = run.run();
        assert_eq!(outcome.assert_code(0).stderr, "", "{words:?}");
    }
}
