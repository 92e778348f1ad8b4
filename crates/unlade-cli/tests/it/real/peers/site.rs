//! A registry, and what the peers put there.

use std::any::Any;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::{Value, json};
use unlade_testkit::Client;
use unlade_testkit::content::bytes;
use unlade_testkit::document::{Dialect, Document, Image, Index, OCI_INDEX, OCI_MANIFEST, TITLE};
use unlade_testkit::layout;
use unlade_testkit::process::Run;
use unlade_testkit::real::{DistributionV3, DockerRegistry, Peers, ReferrersRegistry, http_push, or_not_run};

use crate::common::folder;

/// The type of the artifacts that peers make.
pub(super) const ARTIFACT: &str = "application/vnd.example.thing";
/// The type of what oras attaches to them.
pub(super) const SIGNATURE: &str = "application/vnd.example.signature";
/// The type of what regctl attaches to them.
pub(super) const BILL: &str = "application/spdx+json";

/// A running registry, and the peers; it ends with this value.
pub(super) struct Site {
    pub(super) peers: Peers,
    pub(super) host: String,
    client: Client,
    _registry: Box<dyn Any>,
}

/// The three registries, each empty; nothing where there is no Go.
impl Site {
    pub(super) fn docker_registry() -> Option<Self> {
        let registry = super::super::here(DockerRegistry::plain());
        Self::of(registry.host(), registry.client(), registry)
    }

    pub(super) fn distribution() -> Option<Self> {
        let registry = or_not_run(DistributionV3::plain())?;
        Self::of(registry.host(), registry.client(), registry)
    }

    pub(super) fn referrers_registry() -> Option<Self> {
        let registry = or_not_run(ReferrersRegistry::start())?;
        Self::of(registry.host(), registry.client(), registry)
    }

    fn of(host: String, client: Client, registry: impl Any) -> Option<Self> {
        Some(Self { peers: or_not_run(Peers::installed())?, host, client, _registry: Box::new(registry) })
    }
}

/// What each peer pushes; the references of it.
impl Site {
    /// Everything.
    pub(super) fn by_all(&self) -> Vec<String> {
        [vec![self.by_oras()], self.by_crane(), self.by_regctl(), self.by_skopeo(), vec![self.by_http()]].concat()
    }

    /// oras: an artifact of files with annotations, one of them in a folder, and of a folder as a whole, with a link and an
    /// executable file in it.
    pub(super) fn by_oras(&self) -> String {
        let reference = self.place("made/oras:v1");
        let run = self.peers.oras.run();
        put(run.home(), "notes.txt", b"a few words\n");
        put(run.home(), "boot/kernel.img", &bytes(1, 200_000));
        put(run.home(), "empty", b"");
        put(run.home(), "tree/top", b"at the top\n");
        put(run.home(), "tree/deep/down/leaf", &bytes(2, 5_000));
        put(run.home(), "tree/run.sh", b"#!/bin/sh\n");
        let tree = run.home().join("tree");
        fs::set_permissions(tree.join("run.sh"), fs::Permissions::from_mode(0o755)).expect("make a file executable");
        symlink("deep/down/leaf", tree.join("short")).expect("make a link");
        fs::create_dir(tree.join("hollow")).expect("make a folder");
        let annotations = json!({
            "$manifest": { "org.example.purpose": "to be read", "org.opencontainers.image.version": "1.0" },
            "notes.txt": { "org.example.language": "en" },
        });
        put(run.home(), "annotations.json", annotations.to_string().as_bytes());
        let words = "push --plain-http --annotation-file annotations.json --artifact-type";
        let files = ["notes.txt:text/plain", "boot/kernel.img:application/vnd.example.kernel", "empty", "tree"];
        done(&run.args(words.split(' ')).args([ARTIFACT, &reference]).args(files));
        reference
    }

    /// oras and regctl: a referrer each of a manifest.
    pub(super) fn attach(&self, reference: &str) {
        let run = self.peers.oras.run();
        put(run.home(), "signature.bin", &bytes(3, 300));
        let words = "attach --plain-http --annotation org.example.key=1 --artifact-type";
        done(&run.args(words.split(' ')).args([SIGNATURE, reference, "signature.bin"]));
        let run = self.regctl().args(["artifact", "put", "--subject", reference, "--artifact-type", BILL]);
        done(&run.args(["--annotation", "org.opencontainers.image.created=2026-01-02T03:04:05Z"]).stdin("{}"));
    }

    /// crane: images of both families that it makes itself; an image out of a layout, and the layout's own index, in which
    /// the index that it holds is nested.
    pub(super) fn by_crane(&self) -> Vec<String> {
        let made = [("docker", &[][..]), ("oci", &["--oci-empty-base"])].map(|(tag, options)| {
            let reference = self.place(&format!("made/crane:{tag}"));
            let run = self.peers.crane.run();
            put(run.home(), "content", b"in a layer\n");
            done(
                &Run::new("/bin/tar")
                    .arg("-czf")
                    .arg(run.home().join("layer.tar.gz"))
                    .arg("-C")
                    .args([run.home(), "content".as_ref()]),
            );
            done(&run.args(["append", "-f", "layer.tar.gz", "-t", &reference]).args(options));
            reference
        });
        let pushed =
            [("single", image("amd64"), &[][..]), ("nested", index(), &["--index"])].map(|(tag, document, options)| {
                let reference = self.place(&format!("made/crane:{tag}"));
                let source = folder();
                layout::write(source.path(), &[(tag, &document)]);
                done(&self.peers.crane.run().arg("push").arg(source.path()).arg(&reference).args(options));
                reference
            });
        made.into_iter().chain(pushed).collect()
    }

    /// regctl: an artifact of two titled files, and the copy of an index.
    pub(super) fn by_regctl(&self) -> Vec<String> {
        let (artifact, copy) = (self.place("made/regctl:v1"), self.place("made/regctl:copy"));
        let run = self.regctl();
        put(run.home(), "one.img", &bytes(4, 70_000));
        put(run.home(), "two.img", &bytes(5, 10));
        let files =
            "artifact put --file-title --file one.img --file-media-type a/one --file two.img --file-media-type a/two";
        done(&run.args(files.split(' ')).args([
            "--annotation",
            "org.example.by=regctl",
            "--artifact-type",
            ARTIFACT,
            &artifact,
        ]));
        let source = folder();
        layout::write(source.path(), &[("both", &index())]);
        done(&self.regctl().args(["image", "copy", &format!("ocidir://{}:both", source.path().display()), &copy]));
        vec![artifact, copy]
    }

    /// skopeo: an index as it is, and turned into a list of Docker's.
    pub(super) fn by_skopeo(&self) -> Vec<String> {
        let source = folder();
        layout::write(source.path(), &[("both", &index())]);
        let from = format!("oci:{}:both", source.path().display());
        let pushed = [("oci", "--preserve-digests"), ("docker", "--format=v2s2")].map(|(tag, option)| {
            let reference = self.place(&format!("made/skopeo:{tag}"));
            let run = self.peers.skopeo.run().args(["copy", "--all", "--dest-tls-verify=false", option, &from]);
            done(&run.arg(format!("docker://{reference}")));
            reference
        });
        pushed.into()
    }

    /// A client of ours: a list of Docker's that no peer has rewritten.
    pub(super) fn by_http(&self) -> String {
        let image = |architecture| titled_image(Image::new().dialect(Dialect::Docker), architecture);
        let list = Index::new().dialect(Dialect::Docker);
        let list =
            list.entry(image("amd64")).platform("amd64", "linux").entry(image("arm64")).platform("arm64", "linux");
        http_push(&self.client, "made/http", "list", &list.build());
        self.place("made/http:list")
    }

    /// Begins a run of regctl, which is told that this registry speaks plain http.
    pub(super) fn regctl(&self) -> Run {
        self.peers.regctl.run().arg(format!("--host=reg={},tls=disabled", self.host))
    }

    fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }
}

fn image(architecture: &str) -> Document {
    titled_image(Image::new(), architecture)
}

/// An image of two layers that are compressed already as far as their types tell, so that nobody changes them.
fn titled_image(image: Image, architecture: &str) -> Document {
    let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
    let seed = architecture.bytes().map(u64::from).sum();
    image
        .platform_config(architecture, "linux")
        .layer(layer, unlade_testkit::content::gzip_stored(&bytes(seed, 3_000)))
        .annotate_layer(TITLE, "disk.img.gz")
        .layer(layer, unlade_testkit::content::gzip_stored(&bytes(seed + 1, 100_000)))
        .build()
}

fn index() -> Document {
    let [amd64, arm64] = ["amd64", "arm64"].map(image);
    let index = Index::new().entry(amd64).platform("amd64", "linux").entry(arm64).platform("arm64", "linux");
    index.annotate("org.example.purpose", "to be copied").build()
}

/// The blobs that a manifest names, configuration first; of an index, none.
pub(super) fn blobs(manifest: &[u8]) -> Vec<String> {
    let manifest: Value = serde_json::from_slice(manifest).expect("a manifest is JSON");
    let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
    let all = std::iter::once(&manifest["config"]).chain(&layers);
    all.filter_map(|descriptor| descriptor["digest"].as_str().map(str::to_owned)).collect()
}

/// The manifests and indexes that an index names; of a manifest, none.
pub(super) fn children(index: &[u8]) -> Vec<String> {
    let index: Value = serde_json::from_slice(index).expect("an index is JSON");
    let entries = index["manifests"].as_array().cloned().unwrap_or_default();
    entries.iter().filter_map(|entry| entry["digest"].as_str().map(str::to_owned)).collect()
}

/// Tells whether skopeo finds a document in a layout: one of OCI's, with nothing nested.
pub(super) fn suits_skopeo(document: &[u8]) -> bool {
    let document: Value = serde_json::from_slice(document).expect("a document is JSON");
    let entries = document["manifests"].as_array().cloned().unwrap_or_default();
    let is_oci = [OCI_INDEX, OCI_MANIFEST].iter().any(|media_type| document["mediaType"] == **media_type);
    is_oci && entries.iter().all(|entry| entry["mediaType"] == OCI_MANIFEST)
}

/// The last part of a repository's path, and the tag, of a reference that ends in a tag.
pub(super) fn name_and_tag(reference: &str) -> (&str, &str) {
    let (repository, tag) = reference.rsplit_once(':').expect("the reference ends in a tag");
    (repository.rsplit('/').next().expect("a path has a last part"), tag)
}

/// Gives the reference of a digest in the repository of another reference, which ends in a tag.
pub(super) fn beside(reference: &str, digest: &str) -> String {
    let (repository, _) = reference.rsplit_once(':').expect("the reference ends in a tag");
    format!("{repository}@{digest}")
}

#[track_caller]
pub(super) fn done(run: &Run) {
    run.run().assert_code(0);
}

#[track_caller]
fn put(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    let parent = path.parent().expect("a file has a folder");
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(&path, content))
        .unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
}
