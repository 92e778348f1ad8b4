//! Lies about content: manifests, digests, words of errors.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Fault, Here, Step, honest};
use crate::answer::Answer;
use crate::content::{digest, gzip_stored};
use crate::document::OCI_MANIFEST;

pub(super) fn lie(fault: &Fault, answer: &Answer, here: &Here) -> Option<Vec<Step>> {
    let changed = match fault {
        Fault::HugeManifest { bytes } => padded(answer, *bytes),
        Fault::EndlessJson => return Some(endless_json(answer)),
        Fault::WrongManifest => answer.clone().body(another_manifest()),
        Fault::WrongMediaType { media_type } => answer.clone().header("Content-Type", media_type),
        Fault::LyingDigestHeader => answer.clone().header("Docker-Content-Digest", &digest(b"something else")),
        Fault::LyingSizes => enlarged(answer),
        Fault::UnaskedGzip => answer.clone().header("Content-Encoding", "gzip").body(gzip_stored(&answer.body)),
        Fault::ErrorHuge => Answer::error(404, "UNKNOWN", &"long ".repeat((16 << 20) / 5)),
        Fault::ErrorEscapes => Answer::error(404, "MANIFEST_UNKNOWN", ESCAPES),
        Fault::ErrorHtml => Answer::new(502)
            .header("Content-Type", "text/html")
            .body("<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"),
        _ => return None,
    };
    Some(honest(&changed, here))
}

/// Clears the screen, sets the title, rings, goes back to the start of the line, and turns the direction of reading.
pub(super) const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\rdone\u{202e}txt.exe\u{2066}\u{9b}31m\u{0}end";

fn padded(answer: &Answer, bytes: usize) -> Answer {
    let mut body = answer.body.to_vec();
    body.resize(bytes.max(body.len()), b' ');
    answer.clone().body(body)
}

fn endless_json(answer: &Answer) -> Vec<Step> {
    let closing = answer.clone().without("Content-Length").header("Connection", "close");
    let nested = Bytes::from("[".repeat(16 * 1024));
    vec![Step::Bytes(closing.head_without_length().into()), Step::Endless(nested)]
}

fn another_manifest() -> String {
    json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [], "annotations": { "forged": "yes" } })
        .to_string()
}

/// Makes every `size` of a document one larger, and announces the digest of what it has become: by tag, nothing but
/// the content itself gives the lie away.
fn enlarged(answer: &Answer) -> Answer {
    let Ok(mut document) = serde_json::from_slice::<Value>(&answer.body) else {
        return answer.clone();
    };
    enlarge(&mut document);
    let text = document.to_string();
    answer.clone().header("Docker-Content-Digest", &digest(text.as_bytes())).body(text)
}

fn enlarge(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(enlarge),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_u64() {
                    Some(size) if name == "size" => *field = json!(size + 1),
                    _ => enlarge(field),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_grow_wherever_they_stand() {
        let answer = Answer::new(200).body(r#"{"layers":[{"size":1}],"config":{"size":2},"n":3}"#);
        let text = enlarged(&answer).body;
        assert_eq!(
            serde_json::from_slice::<Value>(&text).unwrap(),
            json!({ "layers": [{ "size": 2 }], "config": { "size": 3 }, "n": 3 })
        );
    }

    #[test]
    fn a_padded_manifest_is_the_same_document() {
        let padded = padded(&Answer::new(200).body("{}"), 100);
        assert_eq!(padded.body.len(), 100);
        assert_eq!(serde_json::from_slice::<Value>(&padded.body).unwrap(), json!({}));
    }
}
