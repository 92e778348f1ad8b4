//! The command `unlade`.

mod command_line;
mod examples;
mod failure;
mod log;
mod options;
mod output;
mod progress;
mod session;
mod units;
mod verbs;

use std::process::ExitCode;

use crate::options::Options;
use crate::session::Session;

fn main() -> ExitCode {
    let code = match command_line::read() {
        Ok(options) => run(options),
        Err(error) => failure::usage(&error),
    };
    ExitCode::from(code)
}

fn run(options: Options) -> u8 {
    let json = options.common.json;
    let session = match Session::begin(&options.common) {
        Ok(session) => session,
        Err(error) => return failure::report(&error, json),
    };
    let patience = verbs::patience(&options.verb);
    let code = match session.run(verbs::run(options.verb, &session), patience) {
        Ok(()) => 0,
        Err(error) => {
            session.display().failed(&error.chain().join(": "));
            failure::report(&error, json)
        }
    };
    session.end();
    code
}
