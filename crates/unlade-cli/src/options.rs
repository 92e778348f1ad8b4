//! The command line: the verbs. What each of them takes is a file below `options`.

mod about;
mod choice;
mod common;
mod content;
mod listing;
mod pull;
mod serve;

use clap::{Parser, Subcommand};

pub(crate) use self::about::{About, Completions, Man, Shell};
pub(crate) use self::choice::Choice;
pub(crate) use self::common::{Common, Progress, Realm, SecretFormat, Tls};
pub(crate) use self::content::{Blob, Pick, Resolve};
pub(crate) use self::listing::{Referrers, Tags};
pub(crate) use self::pull::Pull;
pub(crate) use self::serve::Serve;
use crate::examples;

/// Take disk images and other artifacts out of OCI registries
#[derive(Debug, Parser)]
#[command(
    name = "unlade",
    version,
    max_term_width = 100,
    after_help = examples::UNLADE,
    subcommand_help_heading = "Verbs",
    subcommand_value_name = "VERB"
)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Download the layers of an artifact into files, verified
    #[command(after_help = examples::PULL)]
    Pull(Pull),
    /// Say what a pull would take, and why
    #[command(after_help = examples::PICK)]
    Pick(Pick),
    /// Show what a reference names: platforms, disk types, layers, sizes
    #[command(after_help = examples::INSPECT)]
    Inspect(Resolve),
    /// Print a manifest or index, byte for byte
    #[command(after_help = examples::MANIFEST)]
    Manifest(Resolve),
    /// Print a blob, verified at its end
    #[command(after_help = examples::BLOB)]
    Blob(Blob),
    /// Print the digest that a reference resolves to
    #[command(after_help = examples::DIGEST)]
    Digest(Resolve),
    /// List the tags of a repository
    #[command(after_help = examples::TAGS)]
    Tags(Tags),
    /// List what refers to a manifest: signatures, bills of materials and the like
    #[command(after_help = examples::REFERRERS)]
    Referrers(Referrers),
    /// Serve image layouts as a read-only registry
    #[command(after_help = examples::SERVE)]
    Serve(Serve),
    #[command(flatten)]
    About(About),
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
        for verb in command.get_subcommands_mut() {
            let lines = verb.render_help().to_string().lines().count();
            assert!(lines <= 60, "{}: {lines} lines", verb.get_name());
        }
    }

    #[test]
    fn the_short_help_is_a_part_of_the_long_one() {
        let options = |text: String| {
            let begins = |line: &str| line.trim_start().starts_with("--") || line.trim_start().starts_with('-');
            let name = |line: &str| {
                let word = line.split_whitespace().find(|word| word.starts_with("--"))?;
                word.split(['[', '.']).next().map(str::to_owned)
            };
            text.lines().filter(|line| begins(line)).filter_map(name).collect::<std::collections::BTreeSet<_>>()
        };
        let mut command = command();
        command.build();
        for verb in command.get_subcommands_mut().filter(|verb| verb.get_name() != "help") {
            let (short, long) = (verb.render_help().to_string(), verb.render_long_help().to_string());
            assert!(long.contains("Examples:\n  unlade ") && short.contains("Examples:"), "{}", verb.get_name());
            let (short, long) = (options(short), options(long));
            assert!(short.is_subset(&long) && short.len() < long.len(), "{}: {short:?}", verb.get_name());
            let all = verb.get_arguments().filter(|option| !option.is_hide_set()).filter_map(clap::Arg::get_long);
            assert_eq!(long, all.map(|name| format!("--{name}")).collect(), "{}", verb.get_name());
        }
    }
}
