//! The peers, and unlade, as writers of layouts.

use std::path::Path;

use unlade_testkit::process::Run;
use unlade_testkit::real::Peer;

use super::site::{Site, done, name_and_tag, suits_skopeo};
use crate::common::{folder, unlade};

/// What writes a layout.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Writer {
    Crane,
    Oras,
    Regctl,
    Skopeo,
    Unlade,
}

impl Writer {
    pub(super) const ALL: [Self; 5] = [Self::Crane, Self::Oras, Self::Regctl, Self::Skopeo, Self::Unlade];

    /// Tells whether it copies a document unchanged into a layout.
    pub(super) fn copies(self, document: &[u8]) -> bool {
        self != Self::Skopeo || suits_skopeo(document)
    }

    /// The peers that find a document by its tag in what it wrote: none finds what crane calls by the whole reference.
    pub(super) fn readers<'a>(self, site: &'a Site, document: &[u8]) -> Vec<&'a Peer> {
        match self {
            Self::Crane => Vec::new(),
            _ if suits_skopeo(document) => site.peers.all().into(),
            _ => vec![&site.peers.oras, &site.peers.regctl],
        }
    }

    /// Tells whether it takes referrers along into a layout in a folder.
    pub(super) fn takes_referrers(self) -> bool {
        matches!(self, Self::Oras | Self::Regctl | Self::Unlade)
    }

    /// The peers that find the referrers of a tag in a layout that it wrote: regctl looks for the tag alone that it writes
    /// itself, and nobody finds what crane calls by the whole reference.
    pub(super) fn knowing_referrers(self, site: &Site) -> Vec<&Peer> {
        match self {
            Self::Crane => Vec::new(),
            Self::Oras | Self::Unlade => vec![&site.peers.oras],
            _ => vec![&site.peers.oras, &site.peers.regctl],
        }
    }

    /// Copies a tag out of a registry into a layout in a folder, with all below it, unchanged.
    pub(super) fn write_folder(self, site: &Site, reference: &str, layout: &Path) {
        let (_, tag) = name_and_tag(reference);
        let target = format!("{}:{tag}", layout.display());
        let peers = &site.peers;
        done(&match self {
            Self::Crane => peers.crane.run().args(["pull", "--format=oci", "--annotate-ref", reference]).arg(layout),
            Self::Oras => {
                let words = ["copy", "--recursive", "--from-plain-http", "--to-oci-layout", reference, &target];
                peers.oras.run().args(words)
            }
            Self::Regctl => {
                site.regctl().args(["image", "copy", "--referrers", reference, &format!("ocidir://{target}")])
            }
            Self::Skopeo => skopeo(site, reference, &format!("oci:{target}")),
            Self::Unlade => unlade().args(["pull", "--referrers", reference, "-o", &format!("ocidir://{target}")]),
        });
    }

    /// Copies a tag out of a registry into a layout in a tar, with all below it, unchanged.
    ///
    /// crane writes such tars for Docker alone, and unlade none: their layouts are packed by tar, as people do it.
    pub(super) fn write_archive(self, site: &Site, reference: &str, archive: &Path) {
        let (_, tag) = name_and_tag(reference);
        done(&match self {
            Self::Crane | Self::Unlade => {
                let layout = folder();
                self.write_folder(site, reference, layout.path());
                let tar = Run::new("/bin/tar").arg("-cf").arg(archive).arg("-C").arg(layout.path()).arg(".");
                done(&tar);
                return;
            }
            Self::Oras => site.peers.oras.run().args(["backup", "--plain-http", reference, "--output"]).arg(archive),
            Self::Regctl => site.regctl().args(["image", "export", reference]).arg(archive),
            Self::Skopeo => skopeo(site, reference, &format!("oci-archive:{}:{tag}", archive.display())),
        });
    }
}

fn skopeo(site: &Site, reference: &str, target: &str) -> Run {
    let run = site.peers.skopeo.run().args(["copy", "--all", "--preserve-digests", "--src-tls-verify=false"]);
    run.args([&format!("docker://{reference}"), target])
}
