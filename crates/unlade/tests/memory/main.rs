//! What a hostile document costs. It is the process that is measured: no other test runs in this one.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests to us, but not to the lint")]

use unlade::spec::manifest::{Manifest, RawManifest};

/// The largest document that is read.
const LARGEST: usize = 4 << 20;

/// What may be kept of it, the document itself not counted.
const MOST: usize = 16 << 20;

/// Returns the most memory that this process ever had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Fills a document with one thing after another, up to the largest size.
fn fill(before: &str, thing: impl Fn(usize) -> String, after: &str) -> RawManifest {
    let mut text = String::with_capacity(LARGEST);
    text.push_str(before);
    for at in 0.. {
        let next = thing(at);
        if text.len() + next.len() + after.len() > LARGEST {
            break;
        }
        text.push_str(&next);
        text.push(',');
    }
    text.pop();
    text.push_str(after);
    RawManifest::new(None, text)
}

type Case = (&'static str, fn() -> RawManifest);

/// Documents of as much of one thing as there is room for.
const DOCUMENTS: [Case; 10] = [
    ("numbers", || fill(r#"{"layers":[],"x":["#, |_| "1".to_owned(), "]}")),
    ("objects", || fill(r#"{"layers":[],"x":["#, |_| "{}".to_owned(), "]}")),
    ("members", || fill(r#"{"layers":[],"x":{"#, |at| format!(r#""{at}":1"#), "}}")),
    ("members of an entry", || fill(r#"{"layers":[{"x":["#, |_| "1".to_owned(), "]}]}")),
    ("nothings", || fill(r#"{"layers":["#, |_| "{}".to_owned(), "]}")),
    ("entries", || fill(r#"{"layers":["#, |at| format!(r#"{{"digest":"sha256:{at:064x}","size":1}}"#), "]}")),
    ("platforms", || {
        let entry = |at| format!(r#"{{"digest":"sha256:{at:064x}","size":1,"platform":{{"os":"linux"}}}}"#);
        fill(r#"{"manifests":["#, entry, "]}")
    }),
    ("annotations", || fill(r#"{"layers":[],"annotations":{"#, |at| format!(r#""{at:x}":"""#), "}}")),
    ("addresses", || fill(r#"{"layers":[{"urls":["#, |_| r#""""#.to_owned(), "]}]}")),
    ("annotations that are none", || fill(r#"{"layers":[],"annotations":{"#, |at| format!(r#""{at}":[1]"#), "}}")),
];

#[test]
fn a_hostile_document_takes_little_more_memory_than_its_bytes() {
    let before = peak();
    for (name, document) in DOCUMENTS {
        // Whether it is accepted is not the matter.
        drop(Manifest::parse(&document()));
        let grown = peak().saturating_sub(before);
        assert!(grown < LARGEST + MOST, "{name}: {} MiB", grown >> 20);
    }
}
