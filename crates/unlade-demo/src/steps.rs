//! What the demo shows, step by step.

use std::path::Path;

use serde_json::Value;

use crate::Result;
use crate::artifact::{IMAGE_SIZE, TAG};
use crate::relay::Scissors;
use crate::terminal::{Outcome, Terminal};

/// What the steps work with.
pub(crate) struct Stage<'a> {
    pub(crate) terminal: &'a Terminal,
    /// Host and port that the user sees.
    pub(crate) registry: String,
    pub(crate) scissors: Scissors,
    pub(crate) folder: &'a Path,
}

impl Stage<'_> {
    /// Shows all of it; each step fails unless it shows what it says.
    pub(crate) async fn play(&self) -> Result {
        self.locked_out().await?;
        self.resolve().await?;
        self.ask_which().await?;
        self.pull_amd64().await?;
        let digest = self.pull_arm64_over_a_broken_wire().await?;
        self.prove(&digest).await?;
        self.pull_again().await
    }

    fn reference(&self) -> String {
        format!("oci://{}/disk:{TAG}", self.registry)
    }

    async fn run(&self, line: &str, code: i32) -> Result<Outcome> {
        let outcome = self.terminal.run(line).await?;
        if outcome.code == Some(code) {
            return Ok(outcome);
        }
        Err(format!("exit code {code} was expected, not {:?}: {line}", outcome.code).into())
    }

    async fn locked_out(&self) -> Result {
        self.terminal.say("The registry wants to know who asks. Without a credential (exit code 4):")?;
        self.run(&format!("unlade digest {}", self.reference()), 4).await?;
        Ok(())
    }

    async fn resolve(&self) -> Result {
        self.terminal.say("With the auth file that docker or podman would have written:")?;
        self.run(&format!("unlade digest {} --authfile auth.json", self.reference()), 0).await?;
        Ok(())
    }

    async fn ask_which(&self) -> Result {
        self.terminal.say("The tag names images for two architectures. unlade does not guess (exit code 8):")?;
        self.run(&format!("unlade pull {} --authfile auth.json", self.reference()), 8).await?;
        Ok(())
    }

    async fn pull_amd64(&self) -> Result {
        self.terminal.say("So say which one, under any name by which the architecture goes:")?;
        self.run(&format!("unlade pull {} --authfile auth.json --arch x86_64", self.reference()), 0).await?;
        self.files(&["disk-amd64.img"])
    }

    async fn pull_arm64_over_a_broken_wire(&self) -> Result<String> {
        let half = IMAGE_SIZE / 2;
        self.terminal.say("Now the wire breaks in the middle of the download; the rest is fetched, not the whole:")?;
        self.scissors.cut_after(half as u64);
        // Over one connection it is known which one carries so much.
        let options = "--authfile auth.json --arch arm64 --connections 1 -o disk.img --json";
        let line = format!("unlade pull {} {options}", self.reference());
        let report: Value = serde_json::from_str(&self.run(&line, 0).await?.stdout)?;
        let file = &report["files"][0];
        let resumed = file["bytes_resumed"].as_u64().unwrap_or_default();
        if resumed == 0 {
            return Err("the download was not resumed".into());
        }
        self.terminal.say(&format!("{resumed} of {IMAGE_SIZE} bytes had come before the break, and were kept."))?;
        self.files(&["disk-amd64.img", "disk.img"])?;
        Ok(file["digest"].as_str().unwrap_or_default().to_owned())
    }

    async fn prove(&self, digest: &str) -> Result {
        self.terminal.say("Another program agrees on what arrived, and the manifest on what was published:")?;
        let sum = self.run("sha256sum disk.img", 0).await?.stdout;
        let hex = sum.split(' ').next().unwrap_or_default();
        let line = format!("unlade manifest {} --authfile auth.json --platform linux/arm64", self.reference());
        let manifest: Value = serde_json::from_str(&self.run(&line, 0).await?.stdout)?;
        let published = manifest["layers"][0]["digest"].as_str().unwrap_or_default();
        if published == format!("sha256:{hex}") && published == digest {
            return Ok(());
        }
        Err(format!("{published} was published, {digest} reported, {hex} has arrived").into())
    }

    async fn pull_again(&self) -> Result {
        self.terminal.say("What is there already is checked, and not fetched again:")?;
        let line = format!("unlade pull {} --authfile auth.json --arch arm64 -o disk.img", self.reference());
        self.run(&line, 0).await?;
        self.files(&["disk-amd64.img", "disk.img"])
    }

    /// Checks that the images that are there are these, whole, and nothing half-done beside them.
    fn files(&self, expected: &[&str]) -> Result {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() && entry.file_name() != "auth.json" {
                names.push((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()));
            }
        }
        names.sort();
        let whole = expected.iter().map(|name| ((*name).to_owned(), IMAGE_SIZE as u64));
        if whole.eq(names.iter().cloned()) {
            return Ok(());
        }
        Err(format!("{expected:?} were expected, not {names:?}").into())
    }
}
