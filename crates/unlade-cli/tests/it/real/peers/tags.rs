//! Lists of tags at three registries.

use unlade_testkit::document::Image;
use unlade_testkit::real::{DistributionV3, DockerRegistry, Peers, Place, http_push, or_not_run};

use super::ask;
use super::site::Site;
use crate::real::here;

/// Holds each peer to the tags that unlade lists: the same ones, in the registry's order unless the peer sorts them.
#[track_caller]
pub(super) fn assert_same_tags(peers: &Peers, repository: &str) -> Vec<String> {
    let listed = ask("tags", repository, &[]).stdout_text();
    let tags: Vec<String> = listed.lines().map(str::to_owned).collect();
    for peer in peers.all() {
        let theirs = peer.tags(Place::Registry(repository)).expect("each peer lists tags");
        if peer.keeps_order() {
            assert_eq!(theirs, tags, "{peer} on {repository}");
        } else {
            let mut sorted = tags.clone();
            sorted.sort();
            assert_eq!(theirs, sorted, "{peer} on {repository}");
        }
    }
    tags
}

#[track_caller]
fn assert_agreed(site: Option<Site>) {
    let Some(site) = site else { return };
    let artifact = site.by_oras();
    site.attach(&artifact);
    for (pushed, kept) in [(vec![artifact], 1), (site.by_crane(), 0), (site.by_skopeo(), 0)] {
        let (repository, _) = pushed[0].rsplit_once(':').expect("the reference ends in a tag");
        let tags = assert_same_tags(&site.peers, repository);
        for (_, tag) in pushed.iter().filter_map(|reference| reference.rsplit_once(':')) {
            assert!(tags.iter().any(|found| found == tag), "{tag} is not among {tags:?}");
        }
        // oras and regctl keep referrers under a tag too: they do not find out whether a registry lists them itself.
        assert_eq!(tags.len(), pushed.len() + kept, "{tags:?}");
    }
}

#[test]
fn peers_agree_on_tags_at_docker_registry() {
    assert_agreed(Site::docker_registry());
}

#[test]
fn peers_agree_on_tags_at_distribution_v3() {
    assert_agreed(Site::distribution());
}

#[test]
fn peers_agree_on_tags_at_a_registry_with_referrers() {
    assert_agreed(Site::referrers_registry());
}

/// More tags than any page holds.
const MANY: usize = 2_500;

#[test]
fn peers_agree_on_thousands_of_tags() {
    let Some(peers) = or_not_run(Peers::installed()) else { return };
    let Some(new) = or_not_run(DistributionV3::plain()) else { return };
    let old = here(DockerRegistry::plain());
    let image = Image::untitled("one of many");
    http_push(&old.client(), "site/many", "v1", &image);
    old.tag_often("site/many", "v1", MANY);
    http_push(&new.client(), "site/many", "v1", &image);
    new.tag_often("site/many", "v1", MANY);
    for host in [old.host(), new.host()] {
        assert_eq!(assert_same_tags(&peers, &format!("{host}/site/many")).len(), MANY + 1);
    }
    // Only the newer one heeds this.
    let repository = format!("{}/site/many", new.host());
    let theirs = peers.oras.run().args(["repo", "tags", "--plain-http", "--last=build-2400", &repository]).run();
    theirs.assert_code(0);
    assert_eq!(ask("tags", &repository, &["--last=build-2400"]).stdout, theirs.stdout);
    let theirs = peers.regctl.run().arg(format!("--host=reg={},tls=disabled", new.host()));
    let theirs = theirs.args(["tag", "ls", "--limit=70", "--last=build-2400", &repository]).run();
    theirs.assert_code(0);
    assert_eq!(ask("tags", &repository, &["--limit=70", "--last=build-2400"]).stdout, theirs.stdout);
}
