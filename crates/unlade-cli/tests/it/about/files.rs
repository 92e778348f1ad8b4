//! Manual pages and completions: whole, readable by what reads them, and the same as those that are kept in `docs`.

use std::fs;
use std::path::{Path, PathBuf};

use unlade_testkit::process::{Run, files};

use super::help::verbs;
use crate::common::{document, shell, unlade};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn completions(shell: &str) -> String {
    unlade().args(["completions", shell]).run().assert_code(0).stdout_text()
}

/// Lets a program read a text from its stdin.
#[track_caller]
fn reads(program: &str, arguments: &[&str], text: &str) {
    assert!(Path::new(program).is_file(), "{program} is not installed: ./test installs it");
    let outcome = Run::new(program).args(arguments).stdin(text).run();
    outcome.assert_code(0);
    assert_eq!(outcome.stderr, "", "{program} on\n{text}");
}

#[test]
fn the_files_in_docs_are_those_that_the_command_writes() {
    let run = unlade().args(["man", "--all", "pages"]);
    run.run().assert_code(0);
    let written = run.home().join("pages");
    let renew = "is not what the command writes: run docs/generate";
    let names = files(&written);
    assert_eq!(files(&docs().join("man")), names, "the list of pages {renew}");
    let kept = |path: &str| fs::read_to_string(docs().join(path)).unwrap_or_default();
    for name in names {
        let page = fs::read_to_string(written.join(&name)).expect("read a page");
        assert!(kept(&format!("man/{name}")) == page, "docs/man/{name} {renew}");
    }
    for (shell, name) in [("bash", "unlade.bash"), ("fish", "unlade.fish"), ("zsh", "_unlade")] {
        assert!(kept(&format!("completions/{name}")) == completions(shell), "docs/completions/{name} {renew}");
    }
}

#[test]
fn pages_are_read_without_a_complaint() {
    for verb in verbs().iter().map(String::as_str).filter(|verb| *verb != "help").chain([""]) {
        let words = ["man", verb];
        let page = unlade().args(words.iter().filter(|word| !word.is_empty())).run().assert_code(0).stdout_text();
        reads("/usr/bin/groff", &["-man", "-ww", "-z", "-Tutf8", "-Kutf8"], &page);
    }
}

#[test]
fn pages_can_be_had_one_by_one_or_together() {
    let one = unlade().args(["man", "pull"]).run().assert_code(0).stdout_text();
    let run = unlade().args(["man", "--all", "a/b", "--json"]);
    let outcome = run.run();
    let listed = document(&outcome)["files"].clone();
    assert_eq!(listed[1], "a/b/unlade-pull.1");
    assert_eq!(fs::read_to_string(run.home().join("a/b/unlade-pull.1")).expect("read a page"), one);
    let said = document(&unlade().args(["man", "pull", "--json"]).run());
    assert_eq!(said, serde_json::json!({ "name": "unlade-pull.1", "page": one }));
    let outcome = unlade().args(["man", "pull", "--all", "a"]).run();
    outcome.assert_code(2);
    assert_eq!(outcome.stderr, "error: --all writes the pages of all verbs: leave the verb out\n");
    let outcome = shell("touch file; exec $UNLADE man --all file/pages").run();
    outcome.assert_code(7);
    assert!(outcome.stderr.starts_with("error: cannot make file/pages\n"), "{}", outcome.stderr);
}

#[test]
fn shells_can_read_their_scripts() {
    reads("/bin/bash", &["-n"], &completions("bash"));
    reads("/usr/bin/fish", &["--no-execute"], &completions("fish"));
    reads("/usr/bin/zsh", &["-n"], &completions("zsh"));
    let said = document(&unlade().args(["completions", "zsh", "--json"]).run());
    assert_eq!(said["script"], completions("zsh"));
}

#[test]
fn bash_completes_verbs_options_and_values() {
    let script = completions("bash");
    for (words, expected) in [
        (&["unlade", "pul"][..], "pull"),
        (&["unlade", "pull", "--outp"], "--output"),
        (&["unlade", "digest", "--progress", "js"], "json"),
        (&["unlade", "completions", "zs"], "zsh"),
    ] {
        let line = words.join(" ");
        let (last, before) = (words[words.len() - 1], words[words.len() - 2]);
        let ask = format!(
            "{script}\nCOMP_WORDS=({line}); COMP_CWORD={}; _unlade unlade {last} {before}; echo \"${{COMPREPLY[@]}}\"",
            words.len() - 1
        );
        let outcome = Run::new("/bin/bash").args(["-c", &ask]).run();
        assert_eq!(outcome.assert_code(0).stdout_text().trim_end(), expected, "{line}: {}", outcome.stderr);
    }
}
