//! Layouts that the peers write, in folders and in tars, read by unlade and by each other.

use unlade_testkit::content::digest;
use unlade_testkit::real::Place;

use super::site::{Site, beside, blobs, children, name_and_tag};
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
    for reference in site.by_all() {
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
