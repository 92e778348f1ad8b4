//! What a path asks for.

use unlade::spec::digest::Digest;
use unlade::spec::reference::{Selector, Tag};

use crate::name::Name;
use crate::query::decode;
use crate::refusal::{Code, Refusal};

/// An endpoint of the pull side.
///
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints>
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Base,
    Blob { name: Name, digest: Digest },
    Catalog,
    Manifest { name: Name, selector: Selector },
    Referrers { name: Name, digest: Digest },
    Tags { name: Name },
}

impl Route {
    /// Reads a path, as it stands in the request.
    ///
    /// Names have slashes, so the path is read from its end. It is decoded first, and every part must then obey
    /// its own grammar: nothing that an escape could hide gets further.
    pub(crate) fn parse(path: &str) -> Result<Self, Refusal> {
        let path =
            decode(path).ok_or_else(|| Refusal::new(Code::NameInvalid, "the path is not percent-encoded UTF-8"))?;
        let unknown = || Refusal::new(Code::Unsupported, "there is no such endpoint");
        if path == "/v2" || path == "/v2/" {
            return Ok(Self::Base);
        }
        let path = path.strip_prefix("/v2/").ok_or_else(unknown)?;
        if path == "_catalog" {
            return Ok(Self::Catalog);
        }
        let (head, last) = path.rsplit_once('/').ok_or_else(unknown)?;
        let (repository, kind) = head.rsplit_once('/').ok_or_else(unknown)?;
        match (kind, last) {
            ("blobs", digest) => Ok(Self::Blob { name: name(repository)?, digest: self::digest(digest)? }),
            ("manifests", reference) => Ok(Self::Manifest { name: name(repository)?, selector: selector(reference)? }),
            ("referrers", digest) => Ok(Self::Referrers { name: name(repository)?, digest: self::digest(digest)? }),
            ("tags", "list") => Ok(Self::Tags { name: name(repository)? }),
            _ => Err(unknown()),
        }
    }
}

fn name(text: &str) -> Result<Name, Refusal> {
    text.parse().map_err(|_| Refusal::new(Code::NameInvalid, "the name is not one of a repository"))
}

fn digest(text: &str) -> Result<Digest, Refusal> {
    text.parse().map_err(|cause| Refusal::new(Code::DigestInvalid, format!("{cause}")))
}

fn selector(text: &str) -> Result<Selector, Refusal> {
    if text.contains(':') {
        return digest(text).map(Selector::Digest);
    }
    // What cannot be a tag names no manifest.
    let tag: Tag = text.parse().map_err(|_| Refusal::new(Code::ManifestUnknown, "the reference is not a tag"))?;
    Ok(Selector::Tag(tag))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn paths_are_read_from_their_end() {
        let digest: Digest = DIGEST.parse().unwrap();
        let tag = |text: &str| Selector::Tag(text.parse().unwrap());
        for (path, expected) in [
            ("/v2".to_owned(), Route::Base),
            ("/v2/".to_owned(), Route::Base),
            ("/v2/_catalog".to_owned(), Route::Catalog),
            ("/v2/disk/tags/list".to_owned(), Route::Tags { name: name("disk") }),
            ("/v2/tags/list/tags/list".to_owned(), Route::Tags { name: name("tags/list") }),
            ("/v2/a/b/c/manifests/v1".to_owned(), Route::Manifest { name: name("a/b/c"), selector: tag("v1") }),
            (
                "/v2/a/manifests/b/manifests/v1".to_owned(),
                Route::Manifest { name: name("a/manifests/b"), selector: tag("v1") },
            ),
            (
                format!("/v2/a/manifests/{DIGEST}"),
                Route::Manifest { name: name("a"), selector: Selector::Digest(digest.clone()) },
            ),
            (
                format!("/v2/a/blobs/{}", DIGEST.replace(':', "%3A")),
                Route::Blob { name: name("a"), digest: digest.clone() },
            ),
            (format!("/v2/a%2fb/referrers/{DIGEST}"), Route::Referrers { name: name("a/b"), digest: digest.clone() }),
        ] {
            assert_eq!(Route::parse(&path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_endpoint_or_leaves_the_shelf_is_refused() {
        for (path, expected) in [
            ("/", Code::Unsupported),
            ("/v1/", Code::Unsupported),
            ("/v2/disk", Code::Unsupported),
            ("/v2/tags/list", Code::Unsupported),
            ("/v2/disk/blobs/uploads/", Code::Unsupported),
            ("/v2/../manifests/v1", Code::NameInvalid),
            ("/v2/a/../../b/manifests/v1", Code::NameInvalid),
            ("/v2/%2e%2e/manifests/v1", Code::NameInvalid),
            ("/v2/..%2f..%2fetc/manifests/v1", Code::NameInvalid),
            ("/v2//etc/manifests/v1", Code::NameInvalid),
            ("/v2/a%00b/manifests/v1", Code::NameInvalid),
            ("/v2/A/tags/list", Code::NameInvalid),
            ("/v2/%ff/tags/list", Code::NameInvalid),
            ("/v2/a%/tags/list", Code::NameInvalid),
            ("/v2/a/blobs/sha256:abc", Code::DigestInvalid),
            ("/v2/a/blobs/passwd", Code::DigestInvalid),
            ("/v2/a/blobs/..%2f..%2fpasswd", Code::Unsupported),
            ("/v2/a/manifests/sha256:../x", Code::Unsupported),
            ("/v2/a/manifests/md5:abc", Code::DigestInvalid),
            ("/v2/a/manifests/-", Code::ManifestUnknown),
            ("/v2/a/manifests/..", Code::ManifestUnknown),
        ] {
            assert_eq!(Route::parse(path).unwrap_err().code(), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(path in any::<String>()) {
            let _unused = Route::parse(&path);
            let _unused = Route::parse(&format!("/v2/{path}/manifests/{path}"));
        }
    }
}
