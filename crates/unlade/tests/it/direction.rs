//! Which module may name which: the picture of the architecture, held.

use std::collections::BTreeSet;
use std::path::Path;

use crate::sources::{Name, Sources};

/// The modules from the bottom up. One may name those of lower rungs; those of one rung do not name each other.
///
/// The architecture's picture has spec; config, retry and verify; source, target and transport; auth; transfer to
/// site; client. What it leaves out stands where what it needs allows:
/// - `error` is what all but the formats end in, and quotes what those say: right above `spec`, which is pure and has
///   errors of its own.
/// - `cancel` ends in an error, `observe` speaks of digests. Whoever waits or works needs them: below all that do.
/// - `artifact` is what a client hands out, and asks the client back: one part in two files, see [`TOGETHER`].
/// - `manual` is text, and neither names nor is named.
const LADDER: [&[&str]; 9] = [
    &["manual"],
    &["spec"],
    &["error"],
    &["cancel", "observe"],
    &["config", "retry", "verify"],
    &["source", "target", "transport"],
    &["auth"],
    &["transfer", "registry", "layout", "image", "trust", "site"],
    &["client", "artifact"],
];

/// The one part that is two modules.
const TOGETHER: [&str; 2] = ["client", "artifact"];

/// A module, and one that it must not know, whatever becomes of the rungs.
const FORBIDDEN: [(&str, &str); 3] = [
    // An engine for any source and any target.
    ("transfer", "image"),
    ("transfer", "registry"),
    // What arrives is for others to put somewhere.
    ("registry", "target"),
];

/// All of `spec` that the transport may know: it speaks HTTP, and nothing of OCI.
const SPEC_OF_TRANSPORT: [&str; 1] = ["safe_url"];

/// Crates and parts of the standard library that do I/O, or wait: nothing for what is pure.
const IMPURE: [&str; 11] =
    ["fs", "futures_util", "hyper", "hyper_util", "os", "process", "rustix", "rustls", "thread", "time", "tokio"];

fn library() -> Sources {
    Sources::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"))
}

fn rung(module: &str) -> usize {
    let found = LADDER.iter().position(|rung| rung.contains(&module));
    found.unwrap_or_else(|| panic!("the module {module} has no place yet: decide on its rung in LADDER"))
}

/// Says whether the rungs allow one module to name another.
fn is_downward(from: &str, to: &str) -> bool {
    from == to || rung(to) < rung(from) && to != "manual" || TOGETHER.contains(&from) && TOGETHER.contains(&to)
}

/// Returns the names that point the wrong way.
fn upward(sources: &Sources) -> Vec<String> {
    let arrows = sources.names.iter().filter_map(|name| Some((name.module.first()?, name.target(sources)?, name)));
    arrows.filter(|(from, to, _)| !is_downward(from, to)).map(|(_, _, name)| name.to_string()).collect()
}

/// Returns the names that a module uses and another has.
fn between<'a>(sources: &'a Sources, from: &'a str, to: &'a str) -> impl Iterator<Item = &'a Name> {
    let names = sources.names.iter().filter(move |name| name.module.first().is_some_and(|module| module == from));
    names.filter(move |name| name.target(sources) == Some(to))
}

#[test]
fn every_arrow_points_down() {
    let sources = library();
    for module in &sources.modules {
        // Panics for a module that is not on the ladder.
        rung(module);
    }
    let upward = upward(&sources);
    assert!(upward.is_empty(), "these names point the wrong way:\n  {}", upward.join("\n  "));
}

#[test]
fn what_is_to_be_separate_is() {
    let sources = library();
    for (from, to) in FORBIDDEN {
        let found: Vec<String> = between(&sources, from, to).map(ToString::to_string).collect();
        assert!(found.is_empty(), "{from} is not to know {to}: {found:?}");
    }
}

#[test]
fn the_transport_knows_no_oci() {
    let sources = library();
    let known: BTreeSet<&str> = between(&sources, "transport", "spec").map(|name| name.parts[2].as_str()).collect();
    assert_eq!(known, BTreeSet::from(SPEC_OF_TRANSPORT));
}

#[test]
fn the_formats_are_pure() {
    let sources = library();
    let impure = |name: &&Name| {
        let first = if name.parts[0] == "std" { &name.parts[1] } else { &name.parts[0] };
        IMPURE.contains(&first.as_str())
    };
    let names = sources.names.iter().filter(|name| name.module.first().is_some_and(|module| module == "spec"));
    let found: Vec<String> = names.filter(impure).map(ToString::to_string).collect();
    assert!(found.is_empty(), "spec is to be pure: {found:?}");
}

#[test]
fn the_whole_library_was_read() {
    let sources = library();
    let files = crate::house::rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert_eq!(sources.files, files.into_iter().collect());
    let arrows = sources.names.iter().filter(|name| name.target(&sources).is_some()).count();
    assert!(arrows > 300, "only {arrows} names of the library were found in it");
}

#[test]
fn an_arrow_that_points_up_is_seen() {
    let library = library();
    for (module, text, expected) in [
        ("spec", "use crate::error::Error;", 1),
        ("error", "use crate::spec::digest::Digest;", 0),
        ("transfer", "fn f(r: &crate::registry::Remote) {}", 1),
        ("registry", "pub use super::layout::Layout;", 1),
        ("target", "macro_rules! m { () => { crate::source::Ask } }", 1),
        ("auth", "use crate::{transport::Profile, client};", 1),
        ("client", "use crate::artifact::Artifact;", 0),
        ("artifact", "use crate::client::Client;", 0),
        ("client", "use crate::manual::retries;", 1),
        ("verify", "#[cfg(test)] mod tests { use crate::client::Client; }", 0),
        // A name that lib.rs re-exports is its module's.
        ("verify", "use crate::Client;", 1),
        ("verify", "use crate::{Error, Result};", 0),
    ] {
        let mut sources = Sources::of_text(&[module], text);
        sources.modules = library.modules.clone();
        sources.exports = library.exports.clone();
        assert_eq!(upward(&sources).len(), expected, "{text} in {module}");
    }
}
