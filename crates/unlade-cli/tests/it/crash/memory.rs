//! A blob that is far larger than the memory there is.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use unlade_testkit::document::{Document, OCI_MANIFEST};
use unlade_testkit::layout;
use unlade_testkit::real::{Cgroup, not_run};

use crate::common::{shell, unlade};

/// How much memory there is.
const MEMORY: u64 = 128 << 20;

/// Zeros: how many MiB, and their digest.
const SMALL: (u64, &str) = (256, "a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484");
const LARGE: (u64, &str) = (8192, "ebfb4ef19ae410f190327b5ebd312711263bc7579970e87d9c1e2d84e06b3c25");

/// Writes a layout with an image of so many MiB of zeros, which take no room.
fn layout_of_zeros(folder: &Path, mib: u64, hex: &str) {
    let config = "{}";
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": unlade_testkit::content::digest(config.as_bytes()),
            "size": config.len(),
        },
        "layers": [{ "mediaType": "application/x", "digest": format!("sha256:{hex}"), "size": mib << 20 }],
    });
    let document = Document::raw(OCI_MANIFEST, manifest.to_string()).with_blob(config);
    layout::write(folder, &[("v1", &document)]);
    let blob = File::create(folder.join("blobs/sha256").join(hex)).expect("make a blob");
    blob.set_len(mib << 20).expect("make it long");
}

/// Says whether a file holds nothing but zeros, and so many of them.
fn is_zeros(path: &Path, length: u64) -> bool {
    let mut file = File::open(path).expect("open what was pulled");
    let (mut buffer, mut rest) = (vec![0; 1 << 20], length);
    loop {
        match file.read(&mut buffer).expect("read what was pulled") {
            0 => return rest == 0,
            count if buffer[..count].iter().all(|byte| *byte == 0) => rest = rest.saturating_sub(count as u64),
            _ => return false,
        }
    }
}

#[test]
fn a_blob_larger_than_the_memory_is_pulled() {
    let (mib, hex) = if std::env::var_os("UNLADE_SEEDS").is_some() { LARGE } else { SMALL };
    let group = match Cgroup::with_memory(MEMORY) {
        Ok(group) => group,
        Err(why) => return not_run(&why),
    };
    // On a disk: what is on a tmpfs is memory.
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("make a folder");
    let layout = place.path().join("zeros");
    layout_of_zeros(&layout, mib, hex);
    let server = unlade().arg("serve").arg(&layout).args(["--listen", "127.0.0.1:0"]).start();
    let line = server.stdout_line("listening on http://");
    let host = line.trim().rsplit("http://").next().expect("an address");
    let out = place.path().join("out.img");
    let script = "echo 0 > \"$GROUP\"; exec \"$UNLADE\" pull \"$REF\" -o \"$OUT\"";
    let run = shell(script).env("GROUP", group.processes()).env("REF", format!("{host}/zeros:v1")).env("OUT", &out);
    run.timeout(Duration::from_mins(20)).run().assert_code(0);
    assert_eq!(fs::metadata(&out).expect("it was pulled").len(), mib << 20);
    assert!(is_zeros(&out, mib << 20));
    // Without it the limit was none.
    assert!(group.peak().is_none_or(|peak| peak > 1 << 20 && peak <= MEMORY), "{:?}", group.peak());
}
