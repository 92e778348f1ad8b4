//! Layouts that the peers write, in folders and in tars, read by unlade and by each other.

use std::path::Path;

use unlade_testkit::content::digest;
use unlade_testkit::real::Place;

use super::referrers::assert_same_referrers;
use super::site::{Site, beside, blobs, children, done, name_and_tag};
use super::writer::Writer;
use super::{ask, assert_same_blob, assert_same_document, spelled};
use crate::common::folder;

/// Lets a peer copy all that was pushed into layouts, and holds the peers to what unlade reads there, which must be what
/// the registry has.
#[track_caller]
fn assert_agreed(writer: Writer) {
    let Some(site) = Site::docker_registry() else { return };
    let peers = site.peers.all();
    let target = folder();
    let made = site.by_all();
    site.attach(&made[0]);
    for reference in made {
        let origin = ask("manifest", &reference, &[]).stdout;
        if !writer.copies(&origin) {
            continue;
        }
        let (name, tag) = name_and_tag(&reference);
        let layout = target.path().join(name);
        writer.write_folder(&site, &reference, &layout);
        let there = format!("{}:{tag}", layout.display());
        let readers = writer.readers(&site, &origin);
        let tagged = assert_same_document(&readers, Place::Layout(&there));
        assert!(tagged == origin, "{writer:?} changed {reference}");
        for wanted in children(&tagged) {
            let child = assert_same_document(&peers, Place::Layout(&beside(&there, &wanted)));
            assert_eq!(digest(&child), wanted);
        }
        let archive = target.path().join(format!("{name}-{tag}.tar"));
        writer.write_archive(&site, &reference, &archive);
        let packed = format!("{}:{tag}", archive.display());
        let archived = assert_same_document(&readers, Place::Archive(&packed));
        assert!(archived == origin, "{writer:?} changed {reference} in a tar");
        for wanted in blobs(&tagged) {
            let [there, packed] = [&there, &packed].map(|place| beside(place, &wanted));
            let blob = assert_same_blob(&peers, Place::Layout(&there));
            assert!(blob == ask("blob", &spelled(Place::Archive(&packed)), &[]).stdout, "{wanted} in a tar");
            assert_eq!(digest(&blob), wanted);
        }
    }
    assert_agreed_on_lists(writer, &site, &target.path().join("oras"));
}

/// Compares the tags of a layout, in any order, and the referrers of its `v1`, where the writer took them along.
#[track_caller]
fn assert_agreed_on_lists(writer: Writer, site: &Site, layout: &Path) {
    let place = layout.display().to_string();
    let sorted = |mut tags: Vec<String>| {
        tags.sort();
        tags
    };
    let ours = ask("tags", &spelled(Place::Layout(&place)), &[]).stdout_text();
    let ours = sorted(ours.lines().map(str::to_owned).collect());
    for peer in [&site.peers.oras, &site.peers.regctl] {
        let theirs = peer.tags(Place::Layout(&place)).expect("it lists the tags of layouts");
        // crane names an entry by the whole reference: the peers show that, unlade its tag.
        let theirs = theirs.iter().filter_map(|tag| tag.rsplit(':').next()).map(str::to_owned).collect();
        assert_eq!(ours, sorted(theirs), "{peer} on the layout of {writer:?}");
    }
    let found = assert_same_referrers(&writer.knowing_referrers(site), Place::Layout(&format!("{place}:v1")));
    assert_eq!(found.len(), if writer.takes_referrers() { 2 } else { 0 }, "{found:#?}");
}

#[test]
fn layouts_that_crane_writes_are_read() {
    assert_agreed(Writer::Crane);
}

#[test]
fn layouts_that_oras_writes_are_read() {
    assert_agreed(Writer::Oras);
}

#[test]
fn layouts_that_regctl_writes_are_read() {
    assert_agreed(Writer::Regctl);
}

#[test]
fn layouts_that_skopeo_writes_are_read() {
    assert_agreed(Writer::Skopeo);
}

#[test]
fn layouts_that_unlade_writes_are_read() {
    assert_agreed(Writer::Unlade);
}

#[test]
fn crane_pushes_a_layout_that_unlade_wrote() {
    let (Some(from), Some(to)) = (Site::docker_registry(), Site::distribution()) else { return };
    let origin = from.by_crane().swap_remove(1);
    let home = folder();
    let layout = home.path().join("layout");
    Writer::Unlade.write_folder(&from, &origin, &layout);
    let target = format!("{}/pushed/by-crane:v1", to.host);
    done(&from.peers.crane.run().arg("push").arg(&layout).arg(&target));
    let pushed = assert_same_document(&to.peers.all(), Place::Registry(&target));
    assert!(pushed == ask("manifest", &origin, &[]).stdout);
}
