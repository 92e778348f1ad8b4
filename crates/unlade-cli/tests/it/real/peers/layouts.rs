//! Layouts that the peers write, read by unlade and by each other.

use std::path::Path;

use unlade_testkit::real::{Peer, Place};

use super::site::{Site, beside, blobs, children, done, suits_skopeo};
use super::{ask, assert_same_blob, assert_same_document};
use crate::common::folder;

/// What writes layouts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Writer {
    Crane,
    Oras,
    Regctl,
    Skopeo,
}

impl Writer {
    pub(super) const ALL: [Self; 4] = [Self::Crane, Self::Oras, Self::Regctl, Self::Skopeo];

    /// Copies a tag out of a registry into a layout, with all below it, unchanged.
    ///
    /// crane names it by the whole reference, the others by its tag.
    pub(super) fn write(self, site: &Site, reference: &str, layout: &Path) {
        let (_, tag) = reference.rsplit_once(':').expect("the reference ends in a tag");
        let target = format!("{}:{tag}", layout.display());
        let peers = &site.peers;
        done(&match self {
            Self::Crane => peers.crane.run().args(["pull", "--format=oci", "--annotate-ref", reference]).arg(layout),
            Self::Oras => peers.oras.run().args([
                "copy",
                "--recursive",
                "--from-plain-http",
                "--to-oci-layout",
                reference,
                &target,
            ]),
            Self::Regctl => {
                site.regctl().args(["image", "copy", "--referrers", reference, &format!("ocidir://{target}")])
            }
            Self::Skopeo => {
                let run = peers.skopeo.run().args(["copy", "--all", "--preserve-digests", "--src-tls-verify=false"]);
                run.args([format!("docker://{reference}"), format!("oci:{target}")])
            }
        });
    }

    /// The peers that find a document in its layouts: none finds what crane calls by the whole reference.
    fn readers<'a>(self, site: &'a Site, document: &[u8]) -> Vec<&'a Peer> {
        match self {
            Self::Crane => Vec::new(),
            _ if suits_skopeo(document) => site.peers.all().into(),
            _ => vec![&site.peers.oras, &site.peers.regctl],
        }
    }
}

#[track_caller]
fn assert_agreed(writer: Writer) {
    let Some(site) = Site::docker_registry() else { return };
    let made = site.by_all();
    let layouts = folder();
    for reference in &made {
        let origin = ask("manifest", reference, &[]).stdout;
        if writer == Writer::Skopeo && !suits_skopeo(&origin) {
            continue;
        }
        let (repository, tag) = reference.rsplit_once(':').expect("the reference ends in a tag");
        let layout = layouts.path().join(repository.rsplit('/').next().expect("a repository has a name"));
        writer.write(&site, reference, &layout);
        let there = format!("{}:{tag}", layout.display());
        let readers = writer.readers(&site, &origin);
        let tagged = assert_same_document(&readers, Place::Layout(&there));
        assert!(tagged == origin, "{writer:?} changed {reference}");
        for digest in children(&tagged) {
            let child = assert_same_document(&readers, Place::Layout(&beside(&there, &digest)));
            assert_eq!(unlade_testkit::content::digest(&child), digest);
        }
        for digest in blobs(&tagged) {
            let blob = assert_same_blob(&[], Place::Layout(&beside(&there, &digest)));
            assert!(blob == ask("blob", &beside(reference, &digest), &[]).stdout, "{writer:?} changed {digest}");
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
