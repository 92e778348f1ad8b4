//! What `unlade serve` offers, judged by others: skopeo, distribution as a cache, and plain HTTP.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use unlade_testkit::Client;
use unlade_testkit::content::digest;
use unlade_testkit::document::{Document, Index};
use unlade_testkit::layout;
use unlade_testkit::process::{Run, Running, files};
use unlade_testkit::real::{DockerRegistry, htpasswd, http_push, skopeo, skopeo_copy};
use unlade_testkit::tls::Authority;

use super::{assert_is, assert_pulls, here, image, ipxe, kernel, memtest, read};
use crate::common::{folder, unlade};

/// `unlade serve` over a folder; it ends with this value.
pub(super) struct Served {
    pub(super) host: String,
    running: Running,
}

pub(super) fn serve(folder: &Path) -> Served {
    serve_with(folder, "http://", |run| run)
}

/// Serves with more options, by which it listens on a URL that begins like this.
fn serve_with(folder: &Path, scheme: &str, change: impl FnOnce(Run) -> Run) -> Served {
    let running = change(unlade().arg("serve").arg(folder).args(["--listen", "127.0.0.1:0"])).start();
    let line = running.stdout_line("listening on");
    let host = line.trim_end().strip_prefix(&format!("listening on {scheme}"));
    Served { host: host.unwrap_or_else(|| panic!("it says {line:?}")).to_owned(), running }
}

impl Served {
    fn client(&self) -> Client {
        Client::new(self.host.parse().expect("an address and a port"))
    }

    /// The most memory that it has held, in bytes, by the mark that the kernel keeps.
    pub(super) fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.running.id());
        let status = fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {path}: {error}"));
        let mark = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        mark.and_then(|mark| mark.parse::<u64>().ok()).expect("the kernel keeps a mark, in kB") * 1024
    }
}

fn index() -> Document {
    let (one, two) = (image("linux", "amd64", &kernel()), image("memtest.iso", "arm64", &memtest()));
    Index::new().entry(one).platform("amd64", "linux").entry(two).platform("arm64", "linux").build()
}

/// A folder with the layout `site/files` in it, which skopeo copied out of a registry: an index and a manifest.
fn layout_by_skopeo() -> (TempDir, Document, Document) {
    let (index, single) = (index(), image("ipxe.iso", "amd64", &ipxe()));
    let registry = here(DockerRegistry::plain());
    let folder = folder();
    let target = folder.path().join("site/files");
    fs::create_dir_all(&target).expect("make a folder for a layout");
    for (tag, document) in [("both", &index), ("single", &single)] {
        http_push(&registry.client(), "site/files", tag, document);
        let from = format!("docker://{}/site/files:{tag}", registry.host());
        here(skopeo_copy(&["--all", "--preserve-digests"], &from, &format!("oci:{}:{tag}", target.display())));
    }
    (folder, index, single)
}

#[test]
fn a_layout_that_skopeo_wrote_is_read() {
    let (folder, index, _) = layout_by_skopeo();
    let place = format!("ocidir://{}", folder.path().join("site/files").display());
    assert_pulls(&format!("{place}:both"), &["--arch=x86_64"], &kernel());
    assert_pulls(&format!("{place}:single"), &[], &ipxe());
    assert_pulls(&format!("{place}@{}", index.children[1].digest()), &[], &memtest());
    let printed = unlade().args(["manifest", &format!("{place}:both")]).run();
    printed.assert_code(0);
    assert_eq!(printed.stdout, index.bytes);
}

#[test]
fn skopeo_reads_back_what_it_wrote() {
    let (folder, index, single) = layout_by_skopeo();
    let served = serve(folder.path());
    let place = format!("docker://{}/site/files", served.host);
    let target = crate::common::folder();
    let both = target.path().join("both");
    here(skopeo_copy(&["--all", "--preserve-digests"], &format!("{place}:both"), &format!("dir:{}", both.display())));
    assert_is(&both.join("manifest.json"), &index.bytes);
    let mut expected = vec!["manifest.json".to_owned(), "version".to_owned()];
    for child in &index.children {
        let name = |digest: String| digest.trim_start_matches("sha256:").to_owned();
        let manifest = format!("{}.manifest.json", name(child.digest()));
        assert_is(&both.join(&manifest), &child.bytes);
        expected.push(manifest);
        for blob in &child.blobs {
            let blob_name = name(digest(blob));
            assert_is(&both.join(&blob_name), blob);
            expected.push(blob_name);
        }
    }
    expected.sort();
    assert_eq!(files(&both), expected);
    let one = target.path().join("one");
    let pinned = format!("{place}@{}", single.digest());
    here(skopeo_copy(&["--preserve-digests"], &pinned, &format!("dir:{}", one.display())));
    assert_is(&one.join("manifest.json"), &single.bytes);
    let tags = here(skopeo(&["list-tags", "--tls-verify=false", &place]));
    let tags: Value = serde_json::from_slice(&tags).unwrap();
    assert_eq!(tags["Tags"], serde_json::json!(["both", "single"]));
    let raw = here(skopeo(&["inspect", "--raw", "--tls-verify=false", &format!("{place}:both")]));
    assert_eq!(raw, index.bytes);
}

#[test]
fn distribution_caches_what_is_served_and_unlade_pulls_through_it() {
    let (folder, index, _) = layout_by_skopeo();
    let served = serve(folder.path());
    let cache = here(DockerRegistry::cache_of(&format!("http://{}", served.host)));
    let reference = format!("{}/site/files:both", cache.host());
    for (options, payload) in [(["--arch=amd64"], kernel()), (["--arch=aarch64"], memtest())] {
        // Once from the origin, and once from the cache.
        assert_pulls(&reference, &options, &payload);
        assert_pulls(&reference, &options, &payload);
    }
    let printed = unlade().args(["manifest", &reference]).run();
    printed.assert_code(0);
    assert_eq!(printed.stdout, index.bytes);
}

#[test]
fn heads_and_ranges_are_answered_as_http_wants_it() {
    let (folder, _, single) = layout_by_skopeo();
    let served = serve(folder.path());
    let payload = ipxe();
    let (size, name) = (payload.len(), digest(&payload));
    let blob = format!("/v2/site/files/blobs/{name}");
    let head = served.client().send("HEAD", &blob, b"").unwrap();
    assert_eq!((head.status, head.header("content-length")), (200, Some(size.to_string().as_str())));
    assert_eq!(head.header("docker-content-digest"), Some(name.as_str()));
    assert_eq!(head.header("accept-ranges"), Some("bytes"));
    for (range, first, last) in [
        ("bytes=0-0".to_owned(), 0, 0),
        ("bytes=1000-1999".to_owned(), 1000, 1999),
        (format!("bytes={}-", size - 10), size - 10, size - 1),
        ("bytes=-10".to_owned(), size - 10, size - 1),
        (format!("bytes=5-{}", size + 100), 5, size - 1),
    ] {
        let part = served.client().header("Range", &range).get(&blob).unwrap();
        let expected = format!("bytes {first}-{last}/{size}");
        assert_eq!((part.status, part.header("content-range")), (206, Some(expected.as_str())), "{range}");
        assert!(part.body == payload[first..=last], "{range}");
    }
    let beyond = served.client().header("Range", &format!("bytes={size}-")).get(&blob).unwrap();
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some(format!("bytes */{size}").as_str())));
    let manifest = served.client().send("HEAD", "/v2/site/files/manifests/single", b"").unwrap();
    assert_eq!((manifest.status, manifest.header("docker-content-digest")), (200, Some(single.digest().as_str())));
    assert_eq!(manifest.header("content-type"), Some(single.media_type.as_str()));
    assert_eq!(served.client().get("/v2/site/files/manifests/gone").unwrap().status, 404);
    assert_eq!(served.client().send("DELETE", &blob, b"").unwrap().status, 405);
    assert!(read(&layout::blob_path(&folder.path().join("site/files"), &name)) == payload);
}

#[test]
fn a_single_layout_is_served_by_its_folders_name() {
    let (folder, _, _) = layout_by_skopeo();
    let served = serve(&folder.path().join("site/files"));
    assert_pulls(&format!("{}/files:single", served.host), &[], &ipxe());
    assert_pulls(&format!("{}/files:both", served.host), &["--platform=linux/arm64"], &memtest());
    unlade().args(["digest", &format!("{}/site/files:single", served.host)]).run().assert_code(3);
}

#[test]
fn skopeo_and_unlade_read_over_tls_with_a_login_that_htpasswd_made() {
    let (folder, _, single) = layout_by_skopeo();
    let authority = Authority::new();
    let identity = authority.server();
    let users = folder.path().join("users");
    fs::write(&users, here(htpasswd("tester", "right:one"))).unwrap();
    let log = folder.path().join("access.log");
    let served = serve_with(&folder.path().join("site"), "https://", |run| {
        let run = run.arg("--tls-cert").arg(&identity.certificate).arg("--tls-key").arg(&identity.key);
        run.arg("--htpasswd").arg(&users).arg("--access-log").arg(&log)
    });
    // skopeo verifies the certificate, too.
    let authorities = crate::common::folder();
    fs::copy(authority.file(), authorities.path().join("ca.crt")).unwrap();
    let certificates = format!("--src-cert-dir={}", authorities.path().display());
    let place = format!("docker://{}/files:single", served.host);
    let target = crate::common::folder();
    let to = format!("dir:{}", target.path().join("one").display());
    here(skopeo(&["copy", "--preserve-digests", &certificates, "--src-creds=tester:right:one", &place, &to]));
    assert_is(&target.path().join("one/manifest.json"), &single.bytes);
    for blob in &single.blobs {
        assert_is(&target.path().join("one").join(digest(blob).trim_start_matches("sha256:")), blob);
    }
    let secret = folder.path().join("secret");
    fs::write(&secret, "tester:right:one").unwrap();
    let (secret, ca) = (secret.display().to_string(), authority.file().display().to_string());
    let options = ["--ca-file", &ca, "--pull-secret-file", &secret];
    assert_pulls(&format!("{}/files:single", served.host), &options, &ipxe());
    assert_pulls(&format!("{}/files:both", served.host), &[&options[..], &["--arch=arm64"]].concat(), &memtest());
    served.running.signal(Signal::TERM);
    served.running.finish().assert_code(0);
    let log = fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let blob = format!("/v2/files/blobs/{}", digest(&ipxe()));
    let pulled = |line: &&Value| line["user"] == "tester" && line["path"] == blob && line["complete"] == true;
    assert_eq!(
        lines.iter().filter(pulled).map(|line| line["bytes"].as_u64()).collect::<Vec<_>>(),
        [Some(ipxe().len() as u64); 2]
    );
    assert!(!log.contains("right"), "{log}");
}
