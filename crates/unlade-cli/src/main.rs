//! The command `unlade`.

mod examples;
mod failure;
mod options;
mod output;
mod progress;
mod session;
mod units;
mod verbs;

use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::options::Options;
use crate::session::Session;

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(error) => return usage(&error),
    };
    ExitCode::from(run(options))
}

fn run(options: Options) -> u8 {
    let json = options.common.json;
    let session = match Session::begin(&options.common) {
        Ok(session) => session,
        Err(error) => return failure::report(&error, json),
    };
    match session.run(verbs::run(options.verb, &session)) {
        Ok(()) => 0,
        Err(error) => {
            session.display().failed(&error.chain().join(": "));
            failure::report(&error, json)
        }
    }
}

/// Prints help and version to stdout, and what is wrong with the command line to stderr.
fn usage(error: &clap::Error) -> ExitCode {
    // A reader that went away does not want the help any more.
    drop(error.print());
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    }
}
