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

use unlade::Result;

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
    let report = |outcome: Result<()>| outcome.map_or_else(|error| failure::report(&error, json, &display), |()| 0);
    if let Verb::About(about) = &options.verb {
        let code = report(verbs::about(about, json, &display));
        display.flush();
        return code;
    }
    let session = match Session::begin(&options.common, Arc::clone(&display), verbs::reach(&options.verb)) {
        Ok(session) => session,
        Err(error) => {
            let code = report(Err(error));
            display.flush();
            return code;
        }
    };
    let patience = verbs::patience(&options.verb);
    let code = report(session.run(verbs::run(options.verb, &session), patience));
    // The session still hears signals, so that whoever reads stderr holds up nobody who wants the end.
    display.flush();
    session.end();
    code
}
