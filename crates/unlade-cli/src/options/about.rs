//! What the verbs take that tell of the command itself.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::examples;

/// What the command tells of itself: nothing is asked, and no configuration read.
#[derive(Debug, Subcommand)]
pub(crate) enum About {
    /// Print the script that completes command lines in a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(Completions),
    /// Print the manual page of the command or of a verb
    #[command(after_help = examples::MAN)]
    Man(Man),
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell that will read the script
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The verb [default: the page of unlade itself]
    pub(crate) verb: Option<String>,
    /// Write all pages into this folder, each into a file of its name
    #[arg(long, env = "UNLADE_ALL", value_name = "FOLDER")]
    pub(crate) all: Option<PathBuf>,
}

/// A shell that scripts are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// GNU bash
    Bash,
    /// fish
    Fish,
    /// zsh
    Zsh,
}
