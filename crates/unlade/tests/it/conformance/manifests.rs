//! Facts about manifests.

use std::sync::Arc;

use unlade::ErrorKind;
use unlade::source::{Source, SourceExt as _};
use unlade::spec::digest::Algorithm;
use unlade::spec::manifest::RawManifest;
use unlade::spec::media_type::MediaType;
use unlade::spec::reference::Selector;
use unlade::verify::digest_of;

use super::{Document, Holdings};

fn is(found: &RawManifest, expected: &Document) {
    assert_eq!(found.bytes, expected.bytes);
    assert_eq!(found.media_type.as_ref().map(MediaType::as_str), Some(expected.media_type));
}

pub(crate) async fn a_tag_gives_the_bytes_and_the_type_that_were_pushed(source: Arc<dyn Source>, held: &Holdings) {
    for (selector, document) in held.tagged() {
        is(&source.manifest_unverified(&selector).await.unwrap(), document);
    }
}

pub(crate) async fn a_digest_names_the_same_bytes(source: Arc<dyn Source>, held: &Holdings) {
    for document in &held.documents {
        is(&source.manifest_unverified(&document.selector()).await.unwrap(), document);
    }
}

pub(crate) async fn without_tag_and_digest_the_latest_is_meant(source: Arc<dyn Source>, held: &Holdings) {
    is(&source.manifest_unverified(&Selector::Only).await.unwrap(), held.latest());
}

pub(crate) async fn a_verified_manifest_has_the_digest_of_its_bytes(source: Arc<dyn Source>, held: &Holdings) {
    let by_digest = held.documents.iter().map(|document| (document.selector(), document));
    for (selector, expected) in held.tagged().chain(by_digest) {
        let document = source.manifest(&selector).await.unwrap();
        assert_eq!(*document.digest(), expected.digest, "{selector}");
        assert_eq!(digest_of(Algorithm::Sha256, &document.raw().bytes), expected.digest);
        let descriptor = document.descriptor();
        assert_eq!(
            (descriptor.media_type.as_str(), descriptor.size),
            (expected.media_type, expected.bytes.len() as u64)
        );
    }
}

pub(crate) async fn what_is_not_there_is_not_found(source: Arc<dyn Source>, _: &Holdings) {
    // A tag is a name as a whole: neither its beginning nor another case of it.
    let tags = ["v", "v10", "V1", "absent", "x"].map(|tag| Selector::Tag(tag.parse().unwrap()));
    for selector in tags.into_iter().chain(Holdings::absent().map(Selector::Digest)) {
        let error = source.manifest_unverified(&selector).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{selector}: {error}");
        assert!(error.to_string().contains(&selector.to_string()), "{error} does not name {selector}");
    }
}
