//! Lists of referrers, by the API and by the tags that stand in for it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use unlade_testkit::real::{Peer, Place};

use super::site::{BILL, SIGNATURE, Site};
use super::{ask, spelled};
use crate::common::document;

/// A descriptor as the specification writes it, of one as unlade writes it.
fn in_their_keys(ours: &Value) -> Value {
    let mut theirs = json!({});
    for (our_key, their_key) in [
        ("media_type", "mediaType"),
        ("digest", "digest"),
        ("size", "size"),
        ("artifact_type", "artifactType"),
        ("annotations", "annotations"),
    ] {
        if let Some(value) = ours.get(our_key) {
            theirs[their_key] = value.clone();
        }
    }
    theirs
}

fn by_digest(mut descriptors: Vec<Value>) -> Vec<Value> {
    descriptors.sort_by_key(|descriptor| descriptor["digest"].to_string());
    descriptors
}

/// What unlade lists, as the specification writes it; and where it says that it found the list.
#[track_caller]
fn listed(reference: &str, options: &[&str]) -> (Vec<Value>, String) {
    let document = document(&ask("referrers", reference, &[options, &["--json"]].concat()));
    let ours = document["referrers"].as_array().expect("a list of referrers");
    let source = document["source"].as_str().expect("where the list was").to_owned();
    (by_digest(ours.iter().map(in_their_keys).collect()), source)
}

/// Holds each peer that knows of referrers to those that unlade lists. Gives them.
#[track_caller]
pub(super) fn assert_same_referrers(peers: &[&Peer], place: Place<'_>) -> Vec<Value> {
    let (ours, _) = listed(&spelled(place), &[]);
    for peer in peers {
        if let Some(theirs) = peer.referrers(place) {
            assert_eq!(ours, by_digest(theirs), "{peer} on {place:?}");
        }
    }
    ours
}

#[track_caller]
fn assert_agreed(site: Option<Site>, source: &str) {
    let Some(site) = site else { return };
    // An artifact, and an index.
    let subjects = [site.by_oras(), site.by_skopeo().swap_remove(0)];
    for subject in &subjects {
        site.attach(subject);
        let (ours, origin) = listed(subject, &[]);
        assert_eq!((ours.len(), origin.as_str()), (2, source), "{ours:#?}");
        assert_same_referrers(&site.peers.all(), Place::Registry(subject));
        let text = ask("referrers", subject, &[]).stdout_text();
        assert!(ours.iter().all(|found| text.contains(found["digest"].as_str().unwrap_or("-"))), "{text}");
        assert_chosen_by_type(&ours, subject);
        let newest = site.regctl().args(["artifact", "list", "--latest", "--format"]);
        let newest = newest.args(["{{ (index .Descriptors 0).Digest }}", subject]).run();
        newest.assert_code(0);
        assert_eq!(listed(subject, &["--latest"]).0[0]["digest"], newest.stdout_text().trim_end());
        // A referrer can have referrers too; these have none.
        let (repository, _) = subject.rsplit_once(':').expect("the reference ends in a tag");
        let leaf = format!("{repository}@{}", ours[0]["digest"].as_str().expect("a descriptor has a digest"));
        assert_eq!(listed(&leaf, &[]), (Vec::new(), source.to_owned()));
    }
}

/// Asks for the referrers of each type: those that have it by their own word, whatever the list says.
/// go-containerregistry's registry lists all of them as being of their configuration's type, which is none of theirs.
#[track_caller]
fn assert_chosen_by_type(all: &[Value], subject: &str) {
    for listed_as in all.iter().filter_map(|one| one["artifactType"].as_str()) {
        let is_own = [SIGNATURE, BILL].contains(&listed_as);
        let wanted: Vec<Value> = all.iter().filter(|one| is_own && one["artifactType"] == listed_as).cloned().collect();
        assert_eq!(listed(subject, &["--artifact-type", listed_as]).0, wanted, "{listed_as}");
    }
    let digests = |found: &[Value]| found.iter().map(|one| one["digest"].to_string()).collect::<BTreeSet<_>>();
    let mut chosen = Vec::new();
    for own in [SIGNATURE, BILL] {
        let found = listed(subject, &["--artifact-type", own]).0;
        assert_eq!((found.len(), &found[0]["artifactType"]), (1, &json!(own)), "{found:#?}");
        chosen.extend(found);
    }
    assert_eq!(digests(&chosen), digests(all), "each has one of the types");
}

#[test]
fn peers_agree_on_referrers_at_docker_registry() {
    assert_agreed(Site::docker_registry(), "tag");
}

#[test]
fn peers_agree_on_referrers_at_distribution_v3() {
    assert_agreed(Site::distribution(), "tag");
}

#[test]
fn peers_agree_on_referrers_at_a_registry_with_referrers() {
    assert_agreed(Site::referrers_registry(), "api");
}
