//! The command `unlade`.

mod command_line;
mod examples;
mod failure;
mod listing;
mod log;
mod options;
mod output;
mod pages;
mod paint;
mod progress;
mod session;
mod table;
mod units;
mod verbs;

use std::process::ExitCode;
use std::sync::Arc;

use crate::options::{Options, Verb};
use crate::progress::{Display, Voice};
use crate::session::Session;

fn main() -> ExitCode {
    let code = match command_line::read() {
        Ok(options) => run(options),
        Err(error) => failure::usage(&error),
    };
    ExitCode::from(code)
}

fn run(options: Options) -> u8 {
    let (json, voice) = (options.common.json, Voice::new(options.common.quiet));
    let display = Display::new(options.common.progress, voice);
    if let Verb::About(about) = &options.verb {
        let outcome = verbs::about(about, json, &display);
        return outcome.map_or_else(|error| failure::report(&error, json, &display), |()| 0);
    }
    let session = match Session::begin(&options.common, Arc::clone(&display)) {
        Ok(session) => session,
        Err(error) => return failure::report(&error, json, &display),
    };
    let patience = verbs::patience(&options.verb);
    let outcome = session.run(verbs::run(options.verb, &session), patience);
    let code = outcome.map_or_else(|error| failure::report(&error, json, &display), |()| 0);
    session.end();
    code
}
