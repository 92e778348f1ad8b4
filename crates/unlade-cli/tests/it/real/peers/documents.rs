//! Manifests, digests and blobs at three registries, whoever pushed them.

use std::collections::BTreeSet;

use unlade_testkit::document::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use unlade_testkit::real::{Peer, Place};

use super::site::{beside, blobs, children};
use super::{Site, ask, assert_same_blob, assert_same_document};
use crate::common::document;

/// Walks all that the peers pushed, tag by tag and digest by digest, and holds the peers to what unlade says of it.
#[track_caller]
fn assert_agreed(site: Option<Site>) {
    let Some(site) = site else { return };
    let peers = site.peers.all();
    let mut types = BTreeSet::new();
    for reference in site.by_all() {
        let tagged = assert_same_document(&peers, Place::Registry(&reference));
        types.insert(document(&ask("digest", &reference, &["--json"]))["media_type"].clone().to_string());
        let mut blobs = BTreeSet::new();
        assert_agreed_below(&peers, &reference, &tagged, &mut blobs);
        assert!(!blobs.is_empty(), "{reference}");
        for digest in blobs {
            let bytes = assert_same_blob(&peers, Place::Registry(&beside(&reference, &digest)));
            assert_eq!(unlade_testkit::content::digest(&bytes), digest);
        }
    }
    let all = [DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST].map(|media_type| format!("{media_type:?}"));
    assert_eq!(types, BTreeSet::from(all), "the kinds of documents that were pushed");
}

/// Goes down from a document through all indexes, and notes the blobs of the manifests below.
#[track_caller]
fn assert_agreed_below(peers: &[&Peer], reference: &str, document: &[u8], found: &mut BTreeSet<String>) {
    found.extend(blobs(document));
    for digest in children(document) {
        let child = assert_same_document(peers, Place::Registry(&beside(reference, &digest)));
        assert_agreed_below(peers, reference, &child, found);
    }
}

#[test]
fn peers_agree_on_documents_at_docker_registry() {
    assert_agreed(Site::docker_registry());
}

#[test]
fn peers_agree_on_documents_at_distribution_v3() {
    assert_agreed(Site::distribution());
}

#[test]
fn peers_agree_on_documents_at_a_registry_with_referrers() {
    assert_agreed(Site::referrers_registry());
}
