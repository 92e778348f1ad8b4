//! What the cases share: the command, and what it left behind.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use unlade_testkit::process::{Outcome, Run};

/// The command as it was built, in a clean environment.
pub(crate) fn unlade() -> Run {
    Run::new(env!("CARGO_BIN_EXE_unlade"))
}

/// A folder for one case.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("make a folder")
}

/// Pulls a reference into `out.img` of a folder.
pub(crate) fn pull(reference: &str, folder: &Path) -> Run {
    unlade().args(["pull", reference, "-o"]).arg(folder.join("out.img"))
}

/// The error document that `--json` prints.
pub(crate) fn error(outcome: &Outcome) -> Value {
    let document: Value = serde_json::from_slice(&outcome.stdout).expect("stdout holds one JSON document");
    document["error"].clone()
}
