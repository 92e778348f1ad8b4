//! Hostile documents, against every verb that reads one: each ends soon, within little memory, in clean words.

use std::time::Duration;

use serde_json::{Value, json};
use unlade::spec::text::is_plain;
use unlade_testkit::LyingRegistry;
use unlade_testkit::content::digest;
use unlade_testkit::document::{Document, Image, Index, OCI_INDEX, OCI_MANIFEST, TITLE};
use unlade_testkit::process::Outcome;

use crate::common::{registry_of, shell};

/// No verb takes longer with any of these, in a build without optimisation on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a verb may hold, in KiB: the largest document, what is kept of it, and the text that is made of that.
const MEMORY: usize = 64 << 10;

/// Text as nobody should send it: it clears the screen, turns the line around, and hides what follows.
const EVIL: &str = "a\u{1b}[2J\u{202e}b\u{0}\u{200b}\u{9b}31m\r\n";

/// A document, and how pull, pick, inspect and digest end with it.
struct Hostile {
    name: &'static str,
    document: Document,
    pull: i32,
    pick: i32,
    inspect: i32,
    digest: i32,
}

impl Hostile {
    fn new(name: &'static str, document: Document, [pull, pick, inspect, digest]: [i32; 4]) -> Self {
        Self { name, document, pull, pick, inspect, digest }
    }
}

fn raw(media_type: &str, text: impl Into<String>) -> Document {
    Document::raw(media_type, text)
}

/// An index whose entry promises another document, for which the server gives the index itself.
fn in_a_loop() -> Document {
    let of_size = |size: usize| {
        Index::new()
            .entry(Image::untitled("x"))
            .override_entry("digest", json!(digest(b"promised")))
            .override_entry("mediaType", json!(OCI_INDEX))
            .override_entry("size", json!(size))
            .build()
    };
    let mut index = of_size(of_size(100).bytes.len());
    index.children.clear();
    index
}

fn nested(depth: usize) -> Document {
    (0..depth).fold(Image::untitled("x"), |inner, _| Index::new().entry(inner).build())
}

/// A document whose list has so many entries, none of which is there.
fn many(media_type: &str, list: &str, count: usize) -> Document {
    let entry = |at: usize| json!({ "mediaType": if list == "layers" { "a/b" } else { OCI_MANIFEST }, "digest": format!("sha256:{at:064x}"), "size": at });
    let entries: Vec<Value> = (0..count).map(entry).collect();
    raw(media_type, json!({ "schemaVersion": 2, "mediaType": media_type, list: entries }).to_string())
}

/// Two manifests and a layer with evil words wherever words may stand.
fn evil_words() -> [Document; 2] {
    let annotations = json!({ EVIL: EVIL, TITLE: EVIL, "disktype": EVIL, "org.opencontainers.image.created": EVIL });
    let image = json!({
        "schemaVersion": 2,
        "artifactType": "a/\u{202e}b",
        "config": { "mediaType": "a/\u{202e}c", "digest": digest(b"{}"), "size": 2, "annotations": annotations },
        "layers": [
            { "mediaType": "a/\u{202e}d", "digest": digest(b"x"), "size": 1, "annotations": annotations },
            { "mediaType": EVIL, "digest": EVIL, "size": 1, "annotations": annotations, "platform": { "os": EVIL } },
        ],
        "annotations": annotations,
    });
    let image = raw(OCI_MANIFEST, image.to_string()).with_blob("{}").with_blob("x");
    let platform =
        json!({ "os": EVIL, "architecture": EVIL, "variant": EVIL, "os.version": EVIL, "os.features": [EVIL] });
    let index = Index::new()
        .entry(image.clone())
        .override_entry("platform", platform.clone())
        .override_entry("annotations", annotations.clone())
        .override_entry("artifactType", json!("a/\u{202e}b"))
        .entry(Image::untitled("y"))
        .override_entry("platform", platform)
        .override_entry("digest", json!(EVIL))
        .annotate(EVIL, EVIL);
    [image, index.build()]
}

fn documents() -> Vec<Hostile> {
    let layer = format!(r#"{{"mediaType":"a/b","digest":"{}","size":1}}"#, digest(b"x"));
    let mut no_text = raw(OCI_INDEX, "");
    no_text.bytes = b"{\"schemaVersion\":2,\"manifests\":[],\"annotations\":{\"a\":\"\xff\xfe\"}}".to_vec().into();
    let [evil_image, evil_index] = evil_words();
    let huge = format!(r#"{{"schemaVersion":1e999,"layers":[{}]}}"#, layer.replace(":1}", ":1e400}"));
    vec![
        Hostile::new("in a loop", in_a_loop(), [5, 5, 5, 0]),
        Hostile::new("64 deep", nested(64), [1, 1, 0, 0]),
        Hostile::new("15,000 entries", many(OCI_INDEX, "manifests", 15_000), [8, 8, 0, 0]),
        Hostile::new("10,000 layers", many(OCI_MANIFEST, "layers", 10_000), [8, 8, 0, 0]),
        Hostile::new(
            "17,000 empty entries",
            raw(OCI_INDEX, format!(r#"{{"manifests":[{}{{}}]}}"#, "{},".repeat(17_000))),
            [8, 8, 0, 0],
        ),
        Hostile::new(
            "too many entries",
            raw(OCI_INDEX, format!(r#"{{"manifests":[{}{{}}]}}"#, "{},".repeat(50_000))),
            [1, 1, 1, 0],
        ),
        Hostile::new("a list twice", raw(OCI_INDEX, r#"{"manifests":[],"manifests":[]}"#), [1, 1, 1, 0]),
        Hostile::new(
            "a key twice",
            raw(OCI_MANIFEST, format!(r#"{{"layers":[{}]}}"#, layer.replace("\"size\"", "\"size\":2,\"size\""))),
            [1, 1, 0, 0],
        ),
        Hostile::new("a number for a list", raw(OCI_INDEX, r#"{"manifests":5}"#), [1, 1, 1, 0]),
        Hostile::new("an object for a list", raw(OCI_MANIFEST, r#"{"layers":{"0":{}}}"#), [1, 1, 1, 0]),
        Hostile::new(
            "numbers for entries",
            raw(OCI_MANIFEST, r#"{"layers":[5,"x",null,[],true],"annotations":[5],"config":5}"#),
            [8, 8, 0, 0],
        ),
        Hostile::new("a list for a document", raw(OCI_INDEX, "[]"), [1, 1, 1, 0]),
        Hostile::new("nothing", raw(OCI_INDEX, ""), [1, 1, 1, 0]),
        Hostile::new("half a document", raw(OCI_INDEX, r#"{"manifests":[{"#), [1, 1, 1, 0]),
        Hostile::new("brackets", raw(OCI_INDEX, format!(r#"{{"manifests":{}"#, "[".repeat(1 << 20))), [1, 1, 1, 0]),
        Hostile::new("huge numbers", raw(OCI_MANIFEST, huge), [1, 1, 0, 0]),
        Hostile::new(
            "a size beyond all",
            raw(OCI_MANIFEST, format!(r#"{{"layers":[{0},{0}]}}"#, layer.replace(":1}", ":18446744073709551615}"))),
            [8, 8, 0, 0],
        ),
        Hostile::new("no text", no_text, [1, 1, 1, 0]),
        Hostile::new("evil words in a manifest", evil_image, [1, 1, 0, 0]),
        Hostile::new("evil words in an index", evil_index, [8, 8, 0, 0]),
    ]
}

/// Runs a verb in little memory.
#[track_caller]
fn run(registry: &LyingRegistry, words: &str) -> Outcome {
    let script = format!("ulimit -d {MEMORY}; exec $UNLADE {words}");
    shell(&script).env("REF", registry.reference("acme/disk:v1")).timeout(PATIENCE).run()
}

/// Holds a run to what all have in common.
#[track_caller]
fn is_fair(outcome: &Outcome, name: &str) {
    assert!(!outcome.stderr.contains("panicked"), "{name}: {}", outcome.stderr);
    assert!(outcome.stderr.lines().all(is_plain), "{name}: {:?}", outcome.stderr);
    let stdout = String::from_utf8(outcome.stdout.clone()).expect("stdout is text");
    assert!(stdout.lines().all(is_plain), "{name}: {stdout:?}");
}

/// Holds all texts of a document to be clean, also those that are written with escapes.
#[track_caller]
fn is_clean(value: &Value, name: &str) {
    match value {
        Value::String(text) => assert!(is_plain(text), "{name}: {text:?}"),
        Value::Array(values) => values.iter().for_each(|value| is_clean(value, name)),
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            assert!(is_plain(key), "{name}: {key:?}");
            is_clean(value, name);
        }),
        _ => {}
    }
}

#[test]
fn every_verb_ends_well_with_every_document() {
    for Hostile { name, document, pull, pick, inspect, digest } in documents() {
        let registry = registry_of(&document);
        // What the index in a loop promises.
        registry.publish("acme/disk", &unlade_testkit::content::digest(b"promised"), &document);
        for (words, code) in [
            ("pull $REF -o out.img", pull),
            ("pick $REF --explain", pick),
            ("inspect $REF", inspect),
            ("digest $REF", digest),
            ("referrers $REF", digest),
            ("tags ${REF%:v1}", 0),
        ] {
            let name = format!("{words} with {name}");
            let outcome = run(&registry, words);
            assert_eq!(outcome.code, Some(code), "{name}: {}", outcome.stderr);
            is_fair(&outcome, &name);
            let outcome = run(&registry, &format!("{words} --json"));
            assert_eq!(outcome.code, Some(code), "{name}: {}", outcome.stderr);
            is_fair(&outcome, &name);
            is_clean(&serde_json::from_slice(&outcome.stdout).expect(&name), &name);
        }
        let outcome = run(&registry, "manifest $REF");
        outcome.assert_code(0);
        assert!(outcome.stdout == document.bytes, "{name} is given as it is");
    }
}

#[test]
fn a_document_below_that_is_broken_fails_what_reads_it() {
    let broken = raw(OCI_MANIFEST, r#"{"layers":5}"#);
    let swollen = Index::new().entry(Image::untitled("x")).override_entry("size", json!(5)).build();
    let another = Index::new().entry(nested(1)).override_entry("mediaType", json!(OCI_MANIFEST)).build();
    for (name, document, code, kind) in [
        ("broken", Index::new().entry(broken).build(), 1, "Malformed"),
        ("of another size", swollen, 5, "Mismatch"),
        ("of another kind", another, 1, "Malformed"),
    ] {
        let registry = registry_of(&document);
        for verb in ["pull", "pick", "inspect"] {
            let options = if verb == "pull" { "-o out.img" } else { "" };
            let outcome = run(&registry, &format!("{verb} $REF --json {options}"));
            assert_eq!(outcome.code, Some(code), "{verb} {name}: {}", outcome.stderr);
            let error = crate::common::fair_error(&outcome);
            assert_eq!(error["kind"], kind, "{verb} {name}: {error}");
        }
    }
}

#[test]
fn many_swollen_manifests_take_no_more_memory_than_one() {
    let swollen = |number: usize| {
        let text = format!(r#"{{"layers":[{}{{}}],"annotations":{{"n":"{number}"}}}}"#, "{},".repeat(20_000));
        raw(OCI_MANIFEST, text)
    };
    let registry = registry_of(&(0..40).fold(Index::new(), |index, number| index.entry(swollen(number))).build());
    for words in ["inspect $REF", "inspect $REF --json"] {
        let outcome = run(&registry, words);
        outcome.assert_code(0);
        assert_eq!(
            outcome.stderr,
            "39 manifests were not read: they are too large, too deep in the tree, or too many\n"
        );
    }
}

#[test]
fn what_is_no_manifest_is_listed_and_not_read() {
    let registry = registry_of(&Index::new().entry(Document::schema1("a")).entry(Image::untitled("x")).build());
    let outcome = run(&registry, "inspect $REF");
    let text = outcome.assert_code(0).stdout_text();
    assert!(text.contains("\nentry ") && text.contains("\nmanifest "), "{text}");
    assert_eq!(registry.requests().len(), 2);
}

#[test]
fn a_long_table_may_be_read_in_part() {
    let registry = registry_of(&many(OCI_MANIFEST, "layers", 10_000));
    for (words, code) in [("inspect $REF", 0), ("inspect $REF --json", 7)] {
        let script = format!("{{ {}; echo \"exit $?\" >&2; }} | head -c0", format_args!("$UNLADE {words}"));
        let outcome = shell(&script).env("REF", registry.reference("acme/disk:v1")).run();
        assert!(outcome.stderr.ends_with(&format!("exit {code}\n")), "{words}: {}", outcome.stderr);
    }
}
