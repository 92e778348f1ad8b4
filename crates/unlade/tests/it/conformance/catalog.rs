//! Facts about places that know what they have.

use std::sync::Arc;

use futures_util::TryStreamExt as _;
use unlade::ErrorKind;
use unlade::source::Catalog;
use unlade::spec::digest::Digest;
use unlade::spec::reference::Selector;

use super::Holdings;

pub(crate) async fn a_manifest_is_described(catalog: Arc<dyn Catalog>, held: &Holdings) {
    let by_digest = held.documents.iter().map(|document| (document.selector(), document));
    let only = [(Selector::Only, held.latest())];
    for (selector, document) in held.tagged().chain(by_digest).chain(only) {
        let found = catalog.resolve(&selector).await.unwrap();
        assert_eq!(found.digest, document.digest, "{selector}");
        assert_eq!((found.media_type.as_str(), found.size), (document.media_type, document.bytes.len() as u64));
    }
}

pub(crate) async fn what_is_not_there_is_not_described(catalog: Arc<dyn Catalog>, _: &Holdings) {
    let tag = Selector::Tag("absent".parse().unwrap());
    for selector in Holdings::absent().map(Selector::Digest).into_iter().chain([tag]) {
        assert_eq!(catalog.resolve(&selector).await.unwrap_err().kind(), ErrorKind::NotFound, "{selector}");
    }
}

async fn tags(catalog: &dyn Catalog, after: Option<&str>) -> Vec<String> {
    catalog.tags(after).try_collect().await.unwrap()
}

pub(crate) async fn a_listing_of_tags_goes_on_behind_any_of_them(catalog: Arc<dyn Catalog>, _: &Holdings) {
    let all = tags(&*catalog, None).await;
    for (place, tag) in all.iter().enumerate() {
        assert_eq!(tags(&*catalog, Some(tag)).await, all[place + 1..], "behind {tag}");
    }
}

pub(crate) async fn each_tag_is_listed_once(catalog: Arc<dyn Catalog>, held: &Holdings) {
    let mut found = tags(&*catalog, None).await;
    let mut expected: Vec<String> = held.tags.iter().map(|(tag, _)| tag.clone()).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

async fn referrers(catalog: &dyn Catalog, subject: &Digest, artifact_type: Option<&str>) -> Vec<(Digest, String)> {
    let found = catalog.referrers(subject, artifact_type).await.unwrap().entries;
    let found =
        found.map_ok(|found| (found.digest, found.artifact_type.map_or_else(String::new, |kind| kind.to_string())));
    let mut found: Vec<_> = found.try_collect().await.unwrap();
    found.sort();
    found
}

fn expected(held: &Holdings, subject: &Digest, artifact_type: Option<&str>) -> Vec<(Digest, String)> {
    let all = held.documents.iter().filter_map(|document| Some((&document.digest, document.refers_to.as_ref()?)));
    let those = all.filter(|(_, (of, kind))| of == subject && artifact_type.is_none_or(|wanted| wanted == *kind));
    let mut those: Vec<_> = those.map(|(digest, (_, kind))| (digest.clone(), (*kind).to_owned())).collect();
    those.sort();
    those
}

pub(crate) async fn referrers_are_those_of_their_subject(catalog: Arc<dyn Catalog>, held: &Holdings) {
    for document in &held.documents {
        let found = referrers(&*catalog, &document.digest, None).await;
        assert_eq!(found, expected(held, &document.digest, None));
    }
    for digest in Holdings::absent() {
        assert_eq!(referrers(&*catalog, &digest, None).await, []);
    }
}

pub(crate) async fn referrers_are_told_apart_by_their_type(catalog: Arc<dyn Catalog>, held: &Holdings) {
    for kind in ["application/x-sbom", "application/x-signature", "application/x-absent"] {
        for document in &held.documents {
            let found = referrers(&*catalog, &document.digest, Some(kind)).await;
            assert_eq!(found, expected(held, &document.digest, Some(kind)));
        }
    }
}
