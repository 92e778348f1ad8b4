//! Rules of the house that the compiler and its lints do not hold.

use std::path::{Path, PathBuf};

use crate::sources::{Name, Sources, path};

/// The modules that read the clock, with the reason. All others are told what time it is, or do not need to know.
const CLOCKS: [(&str, &str); 10] = [
    ("auth::token", "tokens expire"),
    ("layout::patience", "what is broken is judged at once, unless it is so new that somebody may still be writing it"),
    ("registry::host", "a host says until when it wants to be left alone"),
    ("retry", "servers say when to come back, and errors how long was tried"),
    ("target::lock", "another process is waited for until a deadline"),
    ("target::orphans", "what a run has left a week ago nobody goes on with any more"),
    ("transfer", "a delivery says how long it took"),
    ("transport::pool", "an answer has its time, of which a kept connection may take a part in vain"),
    ("transport::shelf", "a connection does not rest for ever"),
    ("transport::watch", "a body that stands still is given up: only its waiting is counted, so no one else can tell"),
];

/// The longest file, without its tests.
const MAX_LINES: usize = 400;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn crates() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(workspace().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|folder| folder.join("Cargo.toml").is_file()).collect()
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Lists the sources in a folder.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn library(name: &str) -> Sources {
    Sources::read(&workspace().join("crates").join(name).join("src/lib.rs"))
}

fn is_in(module: &[String], place: &str) -> bool {
    let module = path(module);
    module == place || module.strip_prefix(place).is_some_and(|rest| rest.starts_with("::"))
}

/// Says whether a name is one of the environment. What the compiler knows of its target is not.
fn is_environment(name: &Name) -> bool {
    name.parts.starts_with(&["std".to_owned(), "env".to_owned()])
        && name.parts.get(2).is_none_or(|part| part != "consts")
}

/// Returns the modules that ask what time it is.
fn clock_readers(sources: &Sources) -> Vec<&[String]> {
    let calls = sources.names.iter().filter(|name| name.parts.last().is_some_and(|last| last == "now"));
    let spans = sources.methods.iter().filter(|(method, _)| method == "elapsed");
    let readers = calls.map(|name| name.module.as_slice()).chain(spans.map(|(_, module)| module.as_slice()));
    readers.collect()
}

#[test]
fn the_environment_is_read_by_the_site_and_the_command_alone() {
    for (name, site) in [("unlade", Some("site")), ("unlade-serve", None)] {
        let sources = library(name);
        let outside = |name: &&Name| is_environment(name) && site.is_none_or(|site| !is_in(&name.module, site));
        let found: Vec<String> = sources.names.iter().filter(outside).map(ToString::to_string).collect();
        assert!(found.is_empty(), "{name}: {found:?}");
    }
    let sources = library("unlade");
    let readers = sources.names.iter().filter(|name| name.parts[0] == "rustls_native_certs");
    assert!(readers.into_iter().all(|name| is_in(&name.module, "site")), "it reads SSL_CERT_FILE");
}

#[test]
fn the_clock_is_read_where_time_is_the_matter_alone() {
    let sources = library("unlade");
    let readers = clock_readers(&sources);
    for module in &readers {
        let allowed = CLOCKS.iter().any(|(place, _)| is_in(module, place));
        assert!(allowed, "{} reads the clock; it could be told what time it is", path(module));
    }
    for (place, reason) in CLOCKS {
        assert!(readers.iter().any(|module| is_in(module, place)), "{place} does not read the clock for: {reason}");
    }
}

#[test]
fn readers_of_environment_and_clock_are_seen() {
    for (text, environment, clock) in [
        ("use std::env;", true, false),
        ("use std::{env::var_os, fs};", true, false),
        ("fn f() { std::env::var(\"HOME\"); }", true, false),
        ("const A: &str = std::env::consts::ARCH;", false, false),
        ("use std::time::Instant as Clock; fn f() -> Clock { Clock::now() }", false, true),
        ("fn f() { assert!(jiff::Timestamp::now() > x); }", false, true),
        ("fn f(since: Instant) { since.elapsed(); }", false, true),
        ("fn f(now: Instant, then: Instant) { now - then; }", false, false),
    ] {
        let sources = Sources::of_text(&["target"], text);
        assert_eq!(sources.names.iter().any(is_environment), environment, "{text}");
        assert_eq!(!clock_readers(&sources).is_empty(), clock, "{text}");
    }
}

/// The one crate that may hold unsafe code, and so little that it can be read as a whole.
const UNSAFE: &str = "unlade-sys";
const MAX_UNSAFE_LINES: usize = 150;

#[test]
fn one_small_crate_may_use_unsafe_code() {
    let manifest = read(&workspace().join("Cargo.toml"));
    let lints = manifest.split("[workspace.lints.rust]").nth(1).unwrap();
    assert!(lints.split('[').next().unwrap().lines().any(|line| line == r#"unsafe_code = "forbid""#));
    let crates = crates();
    assert!(crates.len() >= 5, "{crates:?}");
    for folder in crates {
        let manifest = read(&folder.join("Cargo.toml"));
        if folder.ends_with(UNSAFE) {
            assert!(manifest.contains(r#"unsafe_code = "deny""#), "unsafe code says why");
            let length: usize = rust_files(&folder.join("src")).iter().map(|file| read(file).lines().count()).sum();
            assert!(length <= MAX_UNSAFE_LINES, "{UNSAFE} has {length} lines");
            continue;
        }
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} has lints of its own", folder.display());
    }
}

#[test]
fn no_file_is_too_long() {
    for file in crates().iter().flat_map(|folder| rust_files(&folder.join("src"))) {
        // The tests are at the end, by the style of the house.
        let lines = read(&file).lines().take_while(|line| *line != "#[cfg(test)]").count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines: one noun a file", file.display());
    }
}
