//! Which of several manifests.

#![expect(clippy::doc_markdown, reason = "these comments are the text of --help, where marks would show")]

use clap::Args;

/// Which of several manifests.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Choosing among the manifests of an index")]
pub(crate) struct Choice {
    /// The platform that is wanted; host means this machine's
    #[arg(long, env = "UNLADE_PLATFORM", value_name = "OS/ARCH[/VARIANT]")]
    pub(crate) platform: Option<String>,
    /// The architecture: amd64 or x86_64, arm64 or aarch64, …
    #[arg(long, env = "UNLADE_ARCH")]
    pub(crate) arch: Option<String>,
    /// The operating system
    #[arg(long, env = "UNLADE_OS")]
    pub(crate) os: Option<String>,
    /// The variant of the architecture, such as v8
    #[arg(long, env = "UNLADE_VARIANT")]
    pub(crate) variant: Option<String>,
}
