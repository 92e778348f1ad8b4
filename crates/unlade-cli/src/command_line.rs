//! How the command line is read, and the environment where it leaves something open.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory as _, FromArgMatches as _};

use crate::options::Options;

/// Options that contradict each other. Not told to the parser, to which a variable is as good as an option.
const CONTRADICTIONS: [(&str, &str); 4] =
    [("platform", "arch"), ("platform", "os"), ("platform", "variant"), ("quiet", "verbose")];

/// Reads the options of this process.
pub(crate) fn read() -> Result<Options, clap::Error> {
    parse(&std::env::args_os().collect::<Vec<_>>())
}

/// Describes the command line. The variables are left out of the help, which says by what rule they are named.
pub(crate) fn command() -> Command {
    let hide = |argument: clap::Arg| argument.hide_env(true);
    Options::command().mut_args(hide).mut_subcommands(|verb| verb.mut_args(hide))
}

fn parse(words: &[OsString]) -> Result<Options, clap::Error> {
    let mut command = without_variables(command(), &is_empty);
    let mut matches = command.try_get_matches_from_mut(words)?;
    let overruled = overruled(&matches, &mut command)?;
    if !overruled.is_empty() {
        command = without_variables(command, &|argument| overruled.contains(&argument.get_id().as_str()));
        matches = command.try_get_matches_from_mut(words)?;
    }
    Options::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Names the options whose variables an option on the command line contradicts.
fn overruled(matches: &ArgMatches, command: &mut Command) -> Result<Vec<&'static str>, clap::Error> {
    let given = matches.subcommand().map_or(matches, |(_, inner)| inner);
    let source = |id| match given.try_contains_id(id) {
        Ok(true) => given.value_source(id),
        _ => None,
    };
    let mut overruled = Vec::new();
    for (one, other) in CONTRADICTIONS {
        match (source(one), source(other)) {
            (Some(ValueSource::CommandLine), Some(ValueSource::EnvVariable)) => overruled.push(other),
            (Some(ValueSource::EnvVariable), Some(ValueSource::CommandLine)) => overruled.push(one),
            (None | Some(ValueSource::DefaultValue), _) | (_, None | Some(ValueSource::DefaultValue)) => {}
            _ => {
                let message = format!("the options --{one} and --{other} contradict each other");
                return Err(command.error(ErrorKind::ArgumentConflict, message));
            }
        }
    }
    Ok(overruled)
}

/// Makes a command that does not look at some variables.
fn without_variables(command: Command, passed_over: &dyn Fn(&clap::Arg) -> bool) -> Command {
    let change = |argument: clap::Arg| if passed_over(&argument) { argument.env(None) } else { argument };
    command.mut_args(change).mut_subcommands(|inner| without_variables(inner, passed_over))
}

/// Says whether an option's variable is set to nothing: that is how scripts and unit files unset one.
fn is_empty(argument: &clap::Arg) -> bool {
    argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty())
}
