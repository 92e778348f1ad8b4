//! unlade against the programs that sites really run, with files that they really hold.
//!
//! Each test starts its own servers, which end with it. A component that is missing fails the test, which names it.

mod archives;
mod docker;
mod file_systems;
mod forward;
mod limits;
mod logins;
mod mirrors;
mod peers;
mod proxies;
mod pulls;
mod realms;
mod redirects;
mod requests;
mod served;
mod tls;

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;
use unlade_testkit::document::{Document, Image, TITLE};
use unlade_testkit::process::{Outcome, Run, files};
use unlade_testkit::real::{DockerRegistry, Missing, RealFiles, http_push, real_files};

use crate::common::{error, folder, pull};

/// The media type under which skopeo uploads a layer as it is.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Takes a component, or fails and names the one that is missing.
#[track_caller]
fn here<T>(component: Result<T, Missing>) -> T {
    component.unwrap_or_else(|missing| panic!("{missing}; ./test installs it"))
}

/// Finds the real files, once for all tests.
#[track_caller]
fn installed() -> &'static RealFiles {
    static FILES: OnceLock<RealFiles> = OnceLock::new();
    FILES.get_or_init(|| here(real_files()))
}

#[track_caller]
fn kernel() -> Bytes {
    read(&installed().kernel)
}

#[track_caller]
fn initrd() -> Bytes {
    read(&installed().initrd)
}

#[track_caller]
fn ipxe() -> Bytes {
    read(&installed().ipxe)
}

#[track_caller]
fn memtest() -> Bytes {
    read(&installed().memtest)
}

/// Makes an image that skopeo takes for one, with a real file as its layer.
fn image(title: &str, architecture: &str, payload: &Bytes) -> Document {
    Image::new()
        .platform_config(architecture, "linux")
        .layer(LAYER, payload.clone())
        .annotate_layer(TITLE, title)
        .build()
}

/// Starts a plain registry that holds a real file as `site/disk:v1`.
#[track_caller]
fn registry_with(payload: &Bytes) -> DockerRegistry {
    let registry = here(DockerRegistry::plain());
    http_push(&registry.client(), "site/disk", "v1", &Image::titled("disk.img", payload.clone()));
    registry
}

/// Pulls into a folder of its own and compares what is there afterwards, byte for byte.
#[track_caller]
fn assert_pulls(reference: &str, options: &[&str], expected: &Bytes) -> Outcome {
    assert_pulls_with(|run| run.args(options), reference, expected)
}

/// As [`assert_pulls`], with any change to the run.
#[track_caller]
fn assert_pulls_with(change: impl FnOnce(Run) -> Run, reference: &str, expected: &Bytes) -> Outcome {
    let folder = folder();
    let outcome = change(pull(reference, folder.path())).run();
    outcome.assert_code(0);
    assert_is(&folder.path().join("out.img"), expected);
    assert_eq!(files(folder.path()), ["out.img"]);
    outcome
}

/// Pulls in vain: gives the error's document, after a look at its kind, the exit code, and what is left behind.
#[track_caller]
fn assert_refuses(reference: &str, options: &[&str], kind: &str, code: i32) -> Value {
    let folder = folder();
    let outcome = pull(reference, folder.path()).arg("--json").args(options).run();
    outcome.assert_code(code);
    assert_eq!(files(folder.path()), Vec::<String>::new());
    let document = error(&outcome);
    assert_eq!(document["kind"], kind, "{document}");
    document
}

#[track_caller]
fn assert_is(path: &Path, expected: &[u8]) {
    let found = read(path);
    let (name, length, wanted) = (path.display(), found.len(), expected.len());
    // Compared by hand: nobody wants to see two kernels.
    assert!(found == expected, "{name} has {length} bytes, which are not the {wanted} that were published");
}

#[track_caller]
fn read(path: &Path) -> Bytes {
    fs::read(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display())).into()
}

/// Reads the document that `--json` prints.
#[track_caller]
fn document(outcome: &Outcome) -> Value {
    serde_json::from_slice(&outcome.stdout).expect("stdout holds one JSON document")
}

/// Writes a file into a folder and gives its path as text, for an option.
#[track_caller]
fn write(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
    path.to_string_lossy().into_owned()
}
