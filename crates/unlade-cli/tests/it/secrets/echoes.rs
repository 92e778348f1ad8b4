//! Servers that repeat what they were shown, in places where it is told as something else.

use unlade_testkit::content::bytes;
use unlade_testkit::document::{Document, Image, Index};
use unlade_testkit::{Access, Bearer, Fault, LyingRegistry, Matcher, Which};

use super::canary::{PASSWORD, Secrets, USER, Vault, at_each_verbosity};
use crate::common::unlade;

fn disk() -> Document {
    Image::titled("disk.raw", bytes(1, 300))
}

/// What stands on stdout: messages, or what the registry has.
#[derive(Clone, Copy, PartialEq)]
enum Stdout {
    Data,
    Messages,
}

/// Plays a lie about one kind of request to a command, with a password and with a token.
#[track_caller]
fn play(words: &[&str], which: Which, fault: &Fault, stdout: Stdout) {
    let secrets = Secrets::all();
    let vault = Vault::new();
    for access in [Access::basic(USER, PASSWORD), Access::Bearer(Bearer::user(USER, PASSWORD))] {
        let registry = LyingRegistry::builder().access(access.clone()).start();
        registry.publish("acme/disk", "v1", &disk());
        let index = Index::new().entry(disk()).build();
        registry.publish("acme/disk", "index", &index);
        let file = vault.auth_file(&registry.host(), &Vault::login());
        at_each_verbosity(
            || {
                // The first request carries no login, and is asked for one; that may be the one for the manifest.
                let first = !(which == Which::Referrers);
                registry.script(Matcher::new(which).skip(usize::from(first)), fault.clone());
                let words = words.iter().map(|word| word.replace("REPO", &registry.reference("acme/disk")));
                unlade().args(words).arg("--authfile").arg(&file)
            },
            |run, outcome, verbosity| {
                let name = format!("F{} for {words:?} {verbosity}", fault.number());
                registry.assert_script_used();
                assert!(registry.saw_text("token-") || registry.saw_text(PASSWORD), "{name}: no secret was in play");
                let mut outcome = outcome.clone();
                if stdout == Stdout::Data {
                    outcome.stdout.clear();
                }
                secrets.assert_kept(&outcome, &[run.home()], &name);
            },
        );
    }
}

#[test]
fn a_link_that_repeats_a_secret_does_not_tell_it() {
    for words in [&["tags", "REPO"][..], &["tags", "REPO", "--json"]] {
        play(words, Which::Tags, &Fault::EchoInLink, Stdout::Messages);
    }
    for words in [&["referrers", "REPO:v1"][..], &["referrers", "REPO:v1", "--latest", "--json"]] {
        play(words, Which::Referrers, &Fault::EchoInLink, Stdout::Messages);
    }
}

#[test]
fn a_document_that_repeats_a_secret_does_not_tell_it() {
    for words in [&["referrers", "REPO:v1"][..], &["referrers", "REPO:v1", "--json"]] {
        play(words, Which::Referrers, &Fault::EchoInIndex, Stdout::Messages);
    }
    for words in [
        &["pick", "REPO:v1"][..],
        &["pick", "REPO:v1", "--json"],
        &["pull", "REPO:v1", "-o", "out.img", "--json", "--progress=json"],
        &["pull", "REPO:v1", "-o", "ocidir://layout"],
        &["pull", "REPO:v1", "-o", "ocidir://layout", "--platform", "linux/arm64"],
        &["manifest", "REPO:v1", "--platform", "linux/arm64"],
        &["inspect", "REPO:v1", "--platform", "linux/arm64"],
    ] {
        play(words, Which::Manifest, &Fault::EchoInIndex, Stdout::Messages);
    }
    // What is there is there: a table of it is not read for secrets.
    for words in [&["inspect", "REPO:v1"][..], &["pick", "REPO:v1", "--explain"]] {
        play(words, Which::Manifest, &Fault::EchoInIndex, Stdout::Data);
    }
}

#[test]
fn a_redirect_that_repeats_a_secret_does_not_tell_it() {
    for verb in ["digest", "inspect", "manifest", "pick", "pull"] {
        play(&[verb, "REPO:v1"], Which::Manifest, &Fault::EchoInRedirect, Stdout::Messages);
    }
    play(&["tags", "REPO"], Which::Tags, &Fault::EchoInRedirect, Stdout::Messages);
    play(&["referrers", "REPO:v1"], Which::Referrers, &Fault::EchoInRedirect, Stdout::Messages);
}
