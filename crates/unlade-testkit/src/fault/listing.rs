//! Lies about lists: pages of tags and of referrers.

use serde_json::{Value, json};

use super::content::ESCAPES;
use super::{Fault, Here, Step, honest};
use crate::answer::Answer;
use crate::content::digest;
use crate::document::{EMPTY_JSON, OCI_INDEX, OCI_MANIFEST};

/// So many tags stand on an invented page, and so many referrers, which take longer to make and to read.
const TAGS: u64 = 100;
const REFERRERS: u64 = 4;

/// So large is a heavy page.
const HEAVY: usize = 4_000_000;

pub(super) fn lie(fault: &Fault, answer: &Answer, here: &Here) -> Option<Vec<Step>> {
    let changed = match fault {
        Fault::TagsLoop => linked(answer.clone(), &here.target),
        Fault::TagsElsewhere { to } => linked(answer.clone(), to),
        Fault::TagsEndless => {
            page_of_tags(here, &numbers(here, TAGS).map(|number| format!("t{number}")).collect::<Vec<_>>())
        }
        Fault::TagsNull => Answer::json(200, &json!({ "name": "null", "tags": null })),
        Fault::TagsRepeated => page_of_tags(here, &["v1", "v2"]),
        Fault::TagsBarren => page_of_tags(here, &[] as &[&str]),
        Fault::TagsOdd { tags } => Answer::json(200, &Value::Null).body(format!(r#"{{"name":"odd","tags":{tags}}}"#)),
        Fault::TagsEscapes => Answer::json(200, &json!({ "name": "escapes", "tags": ["v1", ESCAPES, "two\nlines"] })),
        Fault::LinkGarbage => answer.clone().header("Link", "page 2; rel=\"next\""),
        Fault::ReferrersAbsent { status } => {
            Answer::new(*status).header("Content-Type", "text/plain").body("404 page not found\n")
        }
        Fault::PageInstead => Answer::new(200)
            .header("Content-Type", "text/html")
            .body("<html><head><title>Welcome</title></head><body>Sign in</body></html>"),
        Fault::ReferrersMistyped => retyped(answer, EMPTY_JSON),
        Fault::ReferrersRetyped { to } => retyped(answer, to),
        Fault::TagsHeavy => {
            let page = page_of_tags(here, &[format!("t{}", before(here))]);
            let padding = " ".repeat(HEAVY - page.body.len());
            let body = [page.body.as_ref(), padding.as_bytes()].concat();
            page.body(body)
        }
        Fault::EchoInLink => linked(answer.clone(), &format!("http://127.0.0.1:9/{}", here.shown)),
        Fault::EchoInIndex => index(&[referrer(&here.shown, 1)]),
        Fault::ReferrersForeign { digest, size } => index(&[referrer(digest, *size)]),
        Fault::ReferrersEndless => {
            let entries: Vec<Value> =
                numbers(here, REFERRERS).map(|number| referrer(&digest(&number.to_le_bytes()), 1)).collect();
            linked(index(&entries), &next(here, REFERRERS))
        }
        _ => return None,
    };
    Some(honest(&changed, here))
}

fn linked(answer: Answer, to: &str) -> Answer {
    answer.header("Link", &format!("<{to}>; rel=\"next\""))
}

fn page_of_tags<T: AsRef<str>>(here: &Here, tags: &[T]) -> Answer {
    let tags: Vec<&str> = tags.iter().map(AsRef::as_ref).collect();
    linked(Answer::json(200, &json!({ "name": "endless", "tags": tags })), &next(here, TAGS))
}

fn index(entries: &[Value]) -> Answer {
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
    Answer::json(200, &index).header("Content-Type", OCI_INDEX)
}

fn retyped(answer: &Answer, to: &str) -> Answer {
    let Ok(mut index) = serde_json::from_slice::<Value>(&answer.body) else {
        return answer.clone();
    };
    for entry in index["manifests"].as_array_mut().into_iter().flatten() {
        entry["artifactType"] = to.into();
    }
    answer.clone().without("Docker-Content-Digest").body(index.to_string())
}

fn referrer(digest: &str, size: usize) -> Value {
    json!({ "mediaType": OCI_MANIFEST, "digest": digest, "size": size, "artifactType": "application/x-invented" })
}

/// Gives the number of the last entry before this page.
fn before(here: &Here) -> u64 {
    here.target.rsplit("last=t").next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn numbers(here: &Here, count: u64) -> impl Iterator<Item = u64> {
    before(here) + 1..=before(here) + count
}

/// Names the page behind this one, which nobody has named before.
fn next(here: &Here, count: u64) -> String {
    format!("{}?n={count}&last=t{}", here.path(), before(here) + count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_invented_page_leads_to_another() {
        let at = |target: &str| Here { target: target.into(), ..Here::example("GET") };
        assert_eq!(next(&at("/v2/a/tags/list"), 100), "/v2/a/tags/list?n=100&last=t100");
        assert_eq!(next(&at("/v2/a/tags/list?n=100&last=t100"), 100), "/v2/a/tags/list?n=100&last=t200");
        assert_eq!(numbers(&at("/v2/a/tags/list?n=100&last=t100"), 100).next(), Some(101));
    }

    #[test]
    fn a_link_that_is_none_stands_in_the_header() {
        let steps = lie(&Fault::LinkGarbage, &Answer::new(200), &Here::example("GET")).unwrap();
        let Step::Bytes(bytes) = &steps[0] else { panic!("bytes first: {steps:?}") };
        assert!(String::from_utf8_lossy(bytes).contains("\r\nLink: page 2; rel=\"next\"\r\n"));
    }
}
