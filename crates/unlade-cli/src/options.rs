//! The command line: the verbs. What each of them takes is a file below `options`.

mod choice;
mod common;
mod content;
mod pull;
mod serve;

use clap::{Parser, Subcommand};

pub(crate) use self::choice::Choice;
pub(crate) use self::common::{Common, Progress, Realm, SecretFormat, Tls};
pub(crate) use self::content::{Blob, Resolve};
pub(crate) use self::pull::Pull;
pub(crate) use self::serve::Serve;
use crate::examples;

/// Take disk images and other artifacts out of OCI registries
#[derive(Debug, Parser)]
#[command(name = "unlade", version, max_term_width = 100, after_help = examples::UNLADE)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Download the one layer of an artifact into a file, verified
    #[command(after_help = examples::PULL)]
    Pull(Pull),
    /// Print a manifest or index, byte for byte
    #[command(after_help = examples::MANIFEST)]
    Manifest(Resolve),
    /// Print a blob, verified at its end
    #[command(after_help = examples::BLOB)]
    Blob(Blob),
    /// Print the digest that a reference resolves to
    #[command(after_help = examples::DIGEST)]
    Digest(Resolve),
    /// Serve image layouts as a read-only registry
    #[command(after_help = examples::SERVE)]
    Serve(Serve),
}

#[cfg(test)]
mod tests {
    use crate::command_line::command;

    #[test]
    fn every_option_has_the_variable_that_the_help_promises() {
        let mut command = command();
        command.build();
        let all = command.get_arguments().chain(command.get_subcommands().flat_map(clap::Command::get_arguments));
        let mut seen = 0;
        for argument in all {
            let Some(long) = argument.get_long().filter(|long| !["help", "version"].contains(long)) else { continue };
            let variable = format!("UNLADE_{}", long.replace('-', "_").to_uppercase());
            assert_eq!(argument.get_env().and_then(std::ffi::OsStr::to_str), Some(variable.as_str()), "--{long}");
            seen += 1;
        }
        assert!(seen > 25, "only {seen} options were looked at");
    }

    #[test]
    fn the_short_help_fits_a_screen() {
        let mut command = command();
        command.build();
        for verb in ["pull", "manifest", "blob", "digest", "serve"] {
            let verb = command.find_subcommand_mut(verb).expect("the verb exists");
            let lines = verb.render_help().to_string().lines().count();
            assert!(lines <= 60, "{}: {lines} lines", verb.get_name());
        }
    }
}
