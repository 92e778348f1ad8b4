//! Fills real registries.

use std::path::Path;
use std::process::Command;

use super::{Missing, program};
use crate::client::{Client, Response};
use crate::content::digest;
use crate::document::Document;

/// Uploads a document with all below it, under a tag, in whole pieces.
///
/// The client brings the credentials: a `Basic` or `Bearer` header that allows to push.
///
/// distribution-spec v1.1.1, pushing:
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push>
#[track_caller]
pub fn http_push(client: &Client, repository: &str, tag: &str, document: &Document) {
    for part in document.walk() {
        for blob in &part.blobs {
            http_push_blob(client, repository, &digest(blob), blob);
        }
        push_manifest(client, repository, &part.digest(), part);
    }
    push_manifest(client, repository, tag, document);
}

/// Uploads a blob under a digest of any algorithm.
#[track_caller]
pub fn http_push_blob(client: &Client, repository: &str, digest: &str, blob: &[u8]) {
    let begun = answered(client, "POST", &format!("/v2/{repository}/blobs/uploads/"), b"");
    let location = begun.header("location").unwrap_or_else(|| panic!("no place to upload to: {begun:?}"));
    let target = without_origin(location);
    let joint = if target.contains('?') { '&' } else { '?' };
    let typed = client.clone().header("Content-Type", "application/octet-stream");
    answered(&typed, "PUT", &format!("{target}{joint}digest={digest}"), blob);
}

/// Lets skopeo copy a tag of a layout to a registry, over plain http or with the certificate unchecked.
///
/// # Errors
///
/// [`Missing`] where skopeo is not installed.
#[track_caller]
pub fn skopeo_push(layout: &Path, tag: &str, target: &str, credentials: Option<(&str, &str)>) -> Result<(), Missing> {
    let login = credentials.map(|(user, password)| format!("--dest-creds={user}:{password}"));
    // Without these two it would compress layers and choose one architecture: other digests than those of the layout.
    let options: Vec<&str> = ["--all", "--preserve-digests"].into_iter().chain(login.as_deref()).collect();
    skopeo_copy(&options, &format!("oci:{}:{tag}", layout.display()), &format!("docker://{target}"))
}

/// Lets skopeo copy from one place to another (`docker://`, `oci:`, `dir:`); it speaks plain http to registries where
/// they speak no TLS, and checks no certificate.
///
/// # Errors
///
/// [`Missing`] where skopeo is not installed.
#[track_caller]
pub fn skopeo_copy(options: &[&str], from: &str, to: &str) -> Result<(), Missing> {
    let verb = ["copy", "--src-tls-verify=false", "--dest-tls-verify=false"];
    skopeo(&[&verb, options, &[from, to]].concat()).map(drop)
}

/// Runs skopeo and gives what it prints.
///
/// # Errors
///
/// [`Missing`] where skopeo is not installed.
#[track_caller]
pub fn skopeo(arguments: &[&str]) -> Result<Vec<u8>, Missing> {
    let home = tempfile::tempdir().expect("make a home for skopeo");
    let mut command = Command::new(program("skopeo", "skopeo")?);
    command.env_clear().env("HOME", home.path()).env("TMPDIR", home.path());
    // Debian installs no policy without the package that it only recommends; what is copied here is our own.
    command.arg("--insecure-policy").args(arguments);
    let output = command.output().expect("run skopeo");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

#[track_caller]
fn push_manifest(client: &Client, repository: &str, reference: &str, document: &Document) {
    let typed = client.clone().header("Content-Type", &document.media_type);
    answered(&typed, "PUT", &format!("/v2/{repository}/manifests/{reference}"), &document.bytes);
}

#[track_caller]
fn answered(client: &Client, method: &str, target: &str, body: &[u8]) -> Response {
    let answer = client.send(method, target, body).unwrap_or_else(|error| panic!("{method} {target}: {error}"));
    assert!((200..300).contains(&answer.status), "{method} {target}: {} {}", answer.status, answer.text());
    answer
}

/// Gives the path and query of a URL; a relative one stays as it is.
fn without_origin(url: &str) -> &str {
    match url.split_once("://") {
        None => url,
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
    }
}
