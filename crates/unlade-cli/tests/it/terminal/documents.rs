//! JSON: the document on stdout, and the lines of progress on stderr.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use serde_json::Value;

use super::registry;
use crate::common::{folder, unlade};

#[test]
fn a_path_that_is_no_text_is_reported_all_the_same() {
    let (registry, folder) = (registry(), folder());
    let path = folder.path().join(OsStr::from_bytes(b"disk-\xff.img"));
    let run = unlade().args(["pull", &registry.reference("a/disk:v1"), "--json", "-o"]).arg(&path);
    let outcome = run.run();
    outcome.assert_code(0);
    let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(document["files"][0]["path"], path.to_string_lossy().as_ref());
    assert!(path.exists());
}
