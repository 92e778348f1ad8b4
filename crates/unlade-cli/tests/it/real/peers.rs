//! Each of the four peers, oras, crane, regctl and skopeo, agrees with unlade on what is there: at three registries,
//! in layouts, and at `unlade serve`.
//!
//! Without Go these tests do not run, and say so.

mod documents;
mod layouts;
mod locked;
mod pulls;
mod referrers;
mod served;
mod site;
mod tags;
mod writer;

use unlade_testkit::process::Outcome;
use unlade_testkit::real::{Peer, Place};

use crate::common::unlade;
use site::Site;

/// Runs a verb of unlade that must succeed.
#[track_caller]
fn ask(verb: &str, reference: &str, options: &[&str]) -> Outcome {
    let outcome = unlade().args([verb, reference]).args(options).run();
    outcome.assert_code(0);
    outcome
}

/// Gives unlade's way to write what peers are asked about.
fn spelled(place: Place<'_>) -> String {
    match place {
        Place::Archive(place) => format!("ocitar://{place}"),
        Place::Layout(place) => format!("ocidir://{place}"),
        Place::Registry(place) => place.to_owned(),
        other => panic!("no way to write {other:?}"),
    }
}

/// Holds each peer to what unlade says of a manifest or an index: its bytes and its digest. Gives its bytes.
#[track_caller]
fn assert_same_document(peers: &[&Peer], place: Place<'_>) -> Vec<u8> {
    let reference = spelled(place);
    let bytes = ask("manifest", &reference, &[]).stdout;
    let digest = ask("digest", &reference, &[]).stdout_text();
    assert_eq!(digest.trim_end(), unlade_testkit::content::digest(&bytes), "{place:?}");
    for peer in peers {
        assert!(peer.manifest(place).is_none_or(|theirs| theirs == bytes), "{peer} reads another {place:?}");
        if let Some(theirs) = peer.digest(place) {
            assert_eq!(theirs, digest.trim_end(), "{peer} on {place:?}");
        }
    }
    bytes
}

/// Holds each peer to the bytes that unlade gives of a blob. Gives them.
#[track_caller]
fn assert_same_blob(peers: &[&Peer], place: Place<'_>) -> Vec<u8> {
    let bytes = ask("blob", &spelled(place), &[]).stdout;
    for peer in peers {
        assert!(peer.blob(place).is_none_or(|theirs| theirs == bytes), "{peer} reads another {place:?}");
    }
    bytes
}
