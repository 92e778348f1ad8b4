//! What a registry holds, and its true answers.
//!
//! distribution-spec v1.1.1: <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::content::digest;
use crate::document::{Document, OCI_INDEX};
use crate::fault::content_range;
use crate::record::ReceivedRequest;

/// One repository.
#[derive(Debug, Default)]
pub(crate) struct Repository {
    manifests: BTreeMap<String, (String, Bytes)>,
    blobs: HashMap<String, Bytes>,
    tags: BTreeMap<String, String>,
}

/// What a path below `/v2/` names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Route<'a> {
    Blob { repository: &'a str, digest: &'a str },
    Manifest { repository: &'a str, reference: &'a str },
    Referrers { repository: &'a str, digest: &'a str },
    Tags { repository: &'a str },
}

impl<'a> Route<'a> {
    pub(crate) fn parse(path: &'a str) -> Option<Self> {
        let inner = path.strip_prefix("/v2/")?;
        let split = |middle| inner.rsplit_once(middle).filter(|(name, tail)| !name.is_empty() && !tail.contains('/'));
        if let Some((repository, digest)) = split("/blobs/") {
            return Some(Self::Blob { repository, digest });
        }
        if let Some((repository, reference)) = split("/manifests/") {
            return Some(Self::Manifest { repository, reference });
        }
        if let Some((repository, digest)) = split("/referrers/") {
            return Some(Self::Referrers { repository, digest });
        }
        inner.strip_suffix("/tags/list").map(|repository| Self::Tags { repository })
    }

    pub(crate) fn repository(&self) -> &'a str {
        match self {
            Self::Blob { repository, .. }
            | Self::Manifest { repository, .. }
            | Self::Referrers { repository, .. }
            | Self::Tags { repository } => repository,
        }
    }
}

impl Repository {
    /// Adds a document with everything below it.
    pub(crate) fn put(&mut self, document: &Document) {
        for part in document.walk() {
            self.manifests.insert(part.digest(), (part.media_type.clone(), part.bytes.clone()));
            for blob in &part.blobs {
                self.put_blob(&digest(blob), blob.clone());
            }
        }
    }

    /// Adds a blob under a digest, whether it is its own or not.
    pub(crate) fn put_blob(&mut self, digest: &str, blob: Bytes) {
        self.blobs.insert(digest.to_owned(), blob);
    }

    pub(crate) fn tag(&mut self, tag: &str, digest: &str) {
        self.tags.insert(tag.to_owned(), digest.to_owned());
    }

    pub(crate) fn answer(&self, route: &Route<'_>, request: &ReceivedRequest) -> Answer {
        match route {
            Route::Blob { digest, .. } => self.blob(digest, request),
            Route::Manifest { reference, .. } => self.manifest(reference),
            Route::Referrers { digest, .. } => self.referrers(digest, request.query_value("artifactType")),
            Route::Tags { repository } => self.tags(repository, request),
        }
    }

    pub(crate) fn blob(&self, digest: &str, request: &ReceivedRequest) -> Answer {
        let Some(blob) = self.blobs.get(digest) else {
            return Answer::error(404, "BLOB_UNKNOWN", "blob unknown to registry");
        };
        let etag = format!("\"{digest}\"");
        let whole = Answer::content("application/octet-stream", blob)
            .header("Accept-Ranges", "bytes")
            .header("Docker-Content-Digest", digest)
            .header("ETag", &etag);
        match request.header("range") {
            Some(range) if request.header("if-range").is_none_or(|condition| condition == etag) => {
                ranged(whole, blob, range)
            }
            _ => whole,
        }
    }

    fn manifest(&self, reference: &str) -> Answer {
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        match self.manifests.get(digest) {
            None => Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
            Some((media_type, bytes)) => {
                let answer = Answer::new(200).header("Content-Type", media_type).body(bytes.clone());
                answer.header("Docker-Content-Digest", digest).header("ETag", &format!("\"{digest}\""))
            }
        }
    }

    fn tags(&self, repository: &str, request: &ReceivedRequest) -> Answer {
        let limit = request.query_value("n").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
        let after = request.query_value("last").unwrap_or_default();
        let mut rest = self.tags.keys().filter(|tag| tag.as_str() > after);
        let page: Vec<&String> = rest.by_ref().take(limit).collect();
        let answer = Answer::json(200, &json!({ "name": repository, "tags": page }));
        match (page.last(), rest.next()) {
            (Some(last), Some(_)) => {
                let next = format!("</v2/{repository}/tags/list?last={last}&n={limit}>; rel=\"next\"");
                answer.header("Link", &next)
            }
            _ => answer,
        }
    }

    fn referrers(&self, digest: &str, artifact_type: Option<&str>) -> Answer {
        let all = self.manifests.values().filter_map(|(media_type, bytes)| referrer(media_type, bytes, digest));
        let kept: Vec<Value> =
            all.filter(|entry| artifact_type.is_none_or(|wanted| entry["artifactType"] == wanted)).collect();
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": kept });
        let answer = Answer::json(200, &index).header("Content-Type", OCI_INDEX);
        match artifact_type {
            None => answer,
            Some(_) => answer.header("OCI-Filters-Applied", "artifactType"),
        }
    }
}

/// Describes a manifest as a referrer of `subject`, if it is one.
fn referrer(media_type: &str, bytes: &Bytes, subject: &str) -> Option<Value> {
    let manifest: Value = serde_json::from_slice(bytes).ok()?;
    (manifest["subject"]["digest"] == subject).then(|| {
        let artifact_type = match &manifest["artifactType"] {
            Value::Null => &manifest["config"]["mediaType"],
            given => given,
        };
        let mut entry = crate::document::descriptor(media_type, bytes);
        entry["artifactType"] = artifact_type.clone();
        if let Some(annotations) = manifest.get("annotations") {
            entry["annotations"] = annotations.clone();
        }
        entry
    })
}

/// Answers a `Range` header; a form that is none is ignored, as RFC 9110, section 14.2 has it.
fn ranged(whole: Answer, blob: &Bytes, range: &str) -> Answer {
    match parse_range(range, blob.len()) {
        None => whole,
        Some(Err(Unsatisfiable)) => Answer::error(416, "RANGE_INVALID", "range outside of the blob")
            .header("Content-Range", &format!("bytes */{}", blob.len())),
        Some(Ok((first, last))) => {
            let answer = Answer { status: 206, range: Some((first, last)), ..whole };
            answer.header("Content-Range", &content_range(first, last, blob.len())).body(blob.slice(first..=last))
        }
    }
}

#[derive(Debug, Eq, PartialEq)]
struct Unsatisfiable;

fn parse_range(text: &str, length: usize) -> Option<Result<(usize, usize), Unsatisfiable>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let end = length.checked_sub(1);
    let bounds = match (first, last) {
        ("", suffix) => (length.saturating_sub(suffix.parse().ok()?), end),
        (first, "") => (first.parse().ok()?, end),
        (first, last) => {
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            if last < first {
                return None;
            }
            (first, end.map(|end| end.min(last)))
        }
    };
    Some(match bounds {
        (first, Some(last)) if first <= last => Ok((first, last)),
        _ => Err(Unsatisfiable),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_the_rfc() {
        for (text, expected) in [
            ("bytes=0-0", Some(Ok((0, 0)))),
            ("bytes=2-99", Some(Ok((2, 9)))),
            ("bytes=7-", Some(Ok((7, 9)))),
            ("bytes=-3", Some(Ok((7, 9)))),
            ("bytes=-99", Some(Ok((0, 9)))),
            ("bytes=-0", Some(Err(Unsatisfiable))),
            ("bytes=10-", Some(Err(Unsatisfiable))),
            ("bytes=5-4", None),
            ("bytes=0-1,3-4", None),
            ("items=0-1", None),
        ] {
            assert_eq!(parse_range(text, 10), expected, "{text}");
        }
        assert_eq!(parse_range("bytes=0-0", 0), Some(Err(Unsatisfiable)));
    }

    #[test]
    fn routes_find_the_repository_from_the_right() {
        assert_eq!(
            Route::parse("/v2/a/blobs/b/blobs/sha256:1"),
            Some(Route::Blob { repository: "a/blobs/b", digest: "sha256:1" })
        );
        assert_eq!(Route::parse("/v2/a/tags/list"), Some(Route::Tags { repository: "a" }));
        assert_eq!(Route::parse("/v2/manifests/x"), None);
        assert_eq!(Route::parse("/v2/a/manifests/x/y"), None);
        assert_eq!(Route::parse("/v2/a/referrers/d").unwrap().repository(), "a");
    }
}
