//! Tags and referrers at three registries, whoever pushed them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use unlade_testkit::document::Image;
use unlade_testkit::real::{DistributionV3, Place, http_push, or_not_run};

use super::site::{BILL, SIGNATURE};
use super::{Site, ask};
use crate::common::document;

/// The tags that unlade lists.
#[track_caller]
fn tags(repository: &str, options: &[&str]) -> Vec<String> {
    ask("tags", repository, options).stdout_text().lines().map(str::to_owned).collect()
}

/// Holds the peers that list tags, and those that list referrers, to what unlade says.
#[track_caller]
fn assert_agreed(site: Option<Site>, source: &str) {
    let Some(site) = site else { return };
    let references = site.by_all();
    let repositories: BTreeSet<&str> =
        references.iter().map(|reference| reference.rsplit_once(':').expect("it ends in a tag").0).collect();
    for repository in repositories {
        let ours = tags(repository, &[]);
        assert!(!ours.is_empty(), "{repository}");
        assert_eq!(document(&ask("tags", repository, &["--json"]))["tags"], json!(ours), "{repository}");
        for peer in site.peers.all() {
            let Some(theirs) = peer.tags(Place::Registry(repository)) else { continue };
            let mut ours = ours.clone();
            if !peer.keeps_order() {
                ours.sort();
            }
            assert_eq!(theirs, ours, "{peer} at {repository}");
        }
    }

    let made = &references[0];
    site.attach(made);
    let found = document(&ask("referrers", made, &["--json"]));
    assert_eq!((&found["source"], found["referrers"].as_array().map(Vec::len)), (&json!(source), Some(2)), "{found}");
    let ours = described(&found["referrers"], ["media_type", "artifact_type"]);
    for peer in site.peers.all() {
        let Some(theirs) = peer.referrers(Place::Registry(made)) else { continue };
        assert_eq!(described(&json!(theirs), ["mediaType", "artifactType"]), ours, "{peer} on {made}");
    }
    let bill = document(&ask("referrers", made, &["--json", "--artifact-type", BILL]));
    // A registry may list other types than the manifests themselves have.
    assert_eq!(bill["referrers"].as_array().map(Vec::len), Some(1), "{bill}");
    assert_eq!(bill["referrers"][0]["artifact_type"], BILL);
    let signature = document(&ask("referrers", made, &["--json", "--latest", "--artifact-type", SIGNATURE]));
    let lines = ask("referrers", made, &["--latest", "--artifact-type", SIGNATURE]).stdout_text();
    assert_eq!(lines.lines().next(), signature["referrers"][0]["digest"].as_str());
}

/// Gives digest, type, type of the artifact and annotations of each descriptor.
fn described(descriptors: &Value, [media_type, artifact_type]: [&str; 2]) -> BTreeSet<String> {
    let all = descriptors.as_array().expect("a list of descriptors");
    let described = all.iter().map(|one| {
        let annotations = one.get("annotations").cloned().unwrap_or_else(|| json!({}));
        json!([one["digest"], one["size"], one[media_type], one[artifact_type], annotations]).to_string()
    });
    described.collect()
}

#[test]
fn peers_agree_on_lists_at_docker_registry() {
    assert_agreed(Site::docker_registry(), "tag");
}

#[test]
fn peers_agree_on_lists_at_distribution_v3() {
    assert_agreed(Site::distribution(), "tag");
}

#[test]
fn peers_agree_on_lists_at_a_registry_with_referrers() {
    assert_agreed(Site::referrers_registry(), "api");
}

#[test]
fn a_long_list_is_read_over_the_pages_of_distribution_v3() {
    let Some(registry) = or_not_run(DistributionV3::plain()) else { return };
    let disk = Image::titled("disk.img", "a disk");
    http_push(&registry.client(), "site/disk", "v1", &disk);
    registry.tag_often("site/disk", &disk.digest(), 2_499);
    let repository = format!("{}/site/disk", registry.host());
    let all = tags(&repository, &[]);
    let mut expected: Vec<String> = (0..2_499).map(|number| format!("build-{number}")).collect();
    expected.push("v1".to_owned());
    expected.sort();
    assert!(all == expected, "{} tags", all.len());
    assert_eq!(tags(&repository, &["--last", "build-2498", "--limit", "3"]), ["build-25", "build-250", "build-251"]);
}
