//! `unlade serve` over layouts that the peers and unlade wrote, read by all of them, one after the other and fifty at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

use tempfile::TempDir;
use unlade_testkit::content::digest;
use unlade_testkit::process::{Run, files};
use unlade_testkit::real::{Peer, Peers, Place};

use super::referrers::assert_same_referrers;
use super::site::{Site, beside, blobs, children, done, name_and_tag};
use super::tags::assert_same_tags;
use super::writer::Writer;
use super::{ask, assert_same_blob, assert_same_document};
use crate::common::{folder, unlade};
use crate::real::served::{Served, serve};

/// Layouts of what oras and regctl pushed, in a folder for each peer that wrote them, and `unlade serve` over them.
struct Harbour {
    site: Site,
    made: Vec<String>,
    served: Served,
    _layouts: TempDir,
}

impl Harbour {
    fn open() -> Option<Self> {
        let site = Site::docker_registry()?;
        let made = [vec![site.by_oras()], site.by_regctl()].concat();
        site.attach(&made[0]);
        let layouts = folder();
        for writer in Writer::ALL {
            for reference in &made {
                let (name, _) = name_and_tag(reference);
                let layout = layouts.path().join(format!("{writer:?}").to_lowercase()).join(name);
                fs::create_dir_all(layout.parent().expect("a layout is in a folder")).expect("make a folder");
                writer.write_folder(&site, reference, &layout);
            }
        }
        let served = serve(layouts.path());
        Some(Self { site, made, served, _layouts: layouts })
    }

    /// The repositories and tags, with what the registry has there.
    fn places(&self) -> Vec<(String, String)> {
        let named = |reference: &String, writer: Writer| {
            let (_, name) = reference.rsplit_once("made/").expect("all is below made");
            (format!("{}/{}/{name}", self.served.host, format!("{writer:?}").to_lowercase()), reference.clone())
        };
        Writer::ALL.into_iter().flat_map(|writer| self.made.iter().map(move |made| named(made, writer))).collect()
    }
}

#[test]
fn peers_agree_on_what_is_served() {
    let Some(harbour) = Harbour::open() else { return };
    let peers = harbour.site.peers.all();
    let mut tags = BTreeMap::<String, Vec<String>>::new();
    for (place, origin) in harbour.places() {
        let tagged = assert_same_document(&peers, Place::Registry(&place));
        assert!(tagged == ask("manifest", &origin, &[]).stdout, "{place} is not {origin}");
        for digest in children(&tagged) {
            assert_same_document(&peers, Place::Registry(&beside(&place, &digest)));
        }
        for digest in blobs(&tagged) {
            let blob = assert_same_blob(&peers, Place::Registry(&beside(&place, &digest)));
            assert_eq!(unlade_testkit::content::digest(&blob), digest);
        }
        let (repository, tag) = place.rsplit_once(':').expect("the reference ends in a tag");
        tags.entry(repository.to_owned()).or_default().push(tag.to_owned());
    }
    for (repository, mut expected) in tags {
        let mut found = assert_same_tags(&harbour.site.peers, &repository);
        found.retain(|tag| !tag.starts_with("sha256-"));
        expected.sort();
        assert_eq!(found, expected, "{repository}");
    }
}

#[test]
fn peers_find_the_referrers_that_are_served() {
    let Some(harbour) = Harbour::open() else { return };
    let peers = harbour.site.peers.all();
    let origin = assert_same_referrers(&peers, Place::Registry(&harbour.made[0]));
    assert_eq!(origin.len(), 2, "{origin:#?}");
    // crane and skopeo leave referrers behind.
    for writer in ["oras", "regctl", "unlade"] {
        let place = format!("{}/{writer}/oras:v1", harbour.served.host);
        assert_eq!(assert_same_referrers(&peers, Place::Registry(&place)), origin, "{writer}");
    }
}

/// What one of many clients asks for.
#[derive(Clone, Copy, Debug)]
enum Visit {
    /// One layer, as a blob.
    CraneBlob,
    RegctlBlob,
    UnladeBlob,
    /// All layers, as files or in a layout.
    CranePull,
    OrasPull,
    RegctlCopy,
    SkopeoCopy,
    UnladePull,
}

impl Visit {
    const ALL: [Self; 8] = [
        Self::CraneBlob,
        Self::CranePull,
        Self::OrasPull,
        Self::RegctlBlob,
        Self::RegctlCopy,
        Self::SkopeoCopy,
        Self::UnladeBlob,
        Self::UnladePull,
    ];

    /// How many of two layers it asks for.
    fn layers(self) -> usize {
        if matches!(self, Self::CraneBlob | Self::RegctlBlob | Self::UnladeBlob) { 1 } else { 2 }
    }

    /// Gives the digests of all that came.
    #[track_caller]
    fn pay(self, peers: &Peers, place: &str, layer: &str) -> Vec<String> {
        let (host, _) = place.split_once('/').expect("a place has a host");
        let held = beside(place, layer);
        let blob = |peer: &Peer| vec![peer.blob(Place::Registry(&held)).expect("it reads blobs")];
        let got = match self {
            Self::CraneBlob => blob(&peers.crane),
            Self::RegctlBlob => blob(&peers.regctl),
            Self::UnladeBlob => vec![ask("blob", &held, &[]).stdout],
            Self::CranePull => fetched(|target| peers.crane.run().args(["pull", "--format=oci", place]).arg(target)),
            Self::OrasPull => {
                fetched(|target| peers.oras.run().args(["pull", "--plain-http", place, "-o"]).arg(target))
            }
            Self::RegctlCopy => fetched(|target| {
                let run = peers.regctl.run().arg(format!("--host=reg={host},tls=disabled"));
                run.args(["image", "copy", place, &format!("ocidir://{}:copied", target.display())])
            }),
            Self::SkopeoCopy => fetched(|target| {
                let run = peers.skopeo.run().args(["copy", "--src-tls-verify=false", &format!("docker://{place}")]);
                run.arg(format!("dir:{}", target.display()))
            }),
            Self::UnladePull => fetched(|target| unlade().args(["pull", place, "-o"]).arg(target)),
        };
        got.iter().map(|bytes| digest(bytes)).collect()
    }
}

/// Runs a client that puts something into a folder, and gives the bytes of its files.
#[track_caller]
fn fetched(run: impl FnOnce(&Path) -> Run) -> Vec<Vec<u8>> {
    let home = folder();
    let target = home.path().join("target");
    done(&run(&target));
    files(&target).iter().map(|name| fs::read(target.join(name)).expect("read a file")).collect()
}

#[test]
fn fifty_clients_at_once_all_get_the_right_bytes() {
    let Some(harbour) = Harbour::open() else { return };
    let place = format!("{}/oras/regctl:v1", harbour.served.host);
    let layers: Vec<String> = blobs(&ask("manifest", &place, &[]).stdout).split_off(1);
    thread::scope(|scope| {
        let (peers, place, layers) = (&harbour.site.peers, &place, &layers);
        let visits = Visit::ALL.into_iter().cycle().take(50);
        let visits: Vec<_> =
            visits.map(|visit| (visit, scope.spawn(move || visit.pay(peers, place, &layers[0])))).collect();
        for (visit, client) in visits {
            let got = client.join().unwrap_or_else(|_| panic!("{visit:?} failed"));
            let wanted = &layers[..visit.layers()];
            assert!(wanted.iter().all(|layer| got.contains(layer)), "{visit:?} got {got:?}");
        }
    });
    assert!(harbour.served.peak_memory() < 64 << 20, "{} bytes", harbour.served.peak_memory());
}
