//! The standard Unix password manager, and docker's helper that keeps logins in it.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{Missing, program};
use crate::process::Run;

/// A password store of its own, with a key of its own that needs no passphrase.
pub struct PassStore(TempDir);

impl PassStore {
    /// Makes a store.
    ///
    /// # Errors
    ///
    /// [`Missing`] where gpg, pass or docker's helper for it is not installed.
    #[track_caller]
    pub fn new() -> Result<Self, Missing> {
        let (gpg, pass) = (program("gpg", "gnupg")?, program("pass", "pass")?);
        program("docker-credential-pass", "golang-docker-credential-helpers")?;
        // Its path is short: that of a socket below it must be.
        let store = Self(tempfile::tempdir().expect("make a folder for a password store"));
        let key = [
            "--batch",
            "--quiet",
            "--passphrase",
            "",
            "--quick-gen-key",
            "unlade-testkit",
            "default",
            "default",
            "never",
        ];
        store.within(Run::new(&gpg)).args(key).run().assert_code(0);
        store.within(Run::new(&pass)).args(["init", "unlade-testkit"]).run().assert_code(0);
        Ok(store)
    }

    /// Lets a run use this store.
    #[must_use]
    pub fn within(&self, run: Run) -> Run {
        run.env("GNUPGHOME", self.folder()).env("PASSWORD_STORE_DIR", self.folder().join("store"))
    }

    /// Asks the helper itself: what it prints for a verb and its input.
    #[track_caller]
    pub fn ask(&self, verb: &str, input: &str) -> String {
        let helper = program("docker-credential-pass", "golang-docker-credential-helpers").expect("it was there");
        let outcome = self.within(Run::new(helper)).arg(verb).stdin(input).run();
        outcome.assert_code(0);
        outcome.stdout_text()
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for PassStore {
    fn drop(&mut self) {
        // The agent that gpg has started ends with its folder too, a while later.
        let mut end = Command::new("gpgconf");
        drop(end.env("GNUPGHOME", self.folder()).args(["--kill", "all"]).output());
    }
}
