//! A command line that asks for help, or cannot be read.

use std::ffi::OsString;
use std::io::Write as _;

use clap::error::ErrorKind as UsageKind;
use serde_json::{Value, json};
use unlade::{Error, ErrorKind};

use super::{courtesy, document, report};
use crate::options;
use crate::output;
use crate::paint::Paint;
use crate::progress::{Display, Voice};

/// Prints help and version to stdout, and says what is wrong with the command line as [`report`] does.
pub(crate) fn usage(error: &clap::Error) -> u8 {
    let message = match error.kind() {
        UsageKind::DisplayHelp | UsageKind::DisplayVersion => return help(error),
        UsageKind::DisplayHelpOnMissingArgumentOrSubcommand => "a verb is missing".to_owned(),
        _ => usage_message(error),
    };
    let mut document = document(&Error::new(ErrorKind::InvalidInput, &message), 2);
    document["error"]["hint"] = json!("try '--help'");
    if wants_lines() {
        let display = Display::new(options::Progress::Json, Voice::Errors);
        display.failed("", &message, &document);
        display.flush();
    } else {
        let text = rendered(error, Paint::on(&std::io::stderr()));
        // Where stderr is gone there is nobody left to tell; the exit code still says it.
        drop(std::io::stderr().write_all(text.as_bytes()));
    }
    if wants_json() {
        courtesy(&document);
    }
    2
}

fn help(error: &clap::Error) -> u8 {
    let text = match error.kind() {
        UsageKind::DisplayVersion if wants_json() => format!("{}\n", version()),
        _ => rendered(error, Paint::on(&std::io::stdout())),
    };
    output::pages(&text).map_or_else(
        |error| {
            let display = Display::new(options::Progress::None, Voice::Errors);
            let code = report(&error, false, &display);
            display.flush();
            code
        },
        |()| 0,
    )
}

/// Spells out what the parser has to say.
fn rendered(error: &clap::Error, paint: Paint) -> String {
    match paint {
        Paint::Coloured => error.render().ansi().to_string(),
        Paint::Plain => error.render().to_string(),
    }
}

/// Says in a document which version this is, and what it was built for.
fn version() -> Value {
    json!({
        "name": "unlade",
        "version": env!("CARGO_PKG_VERSION"),
        "target": env!("UNLADE_TARGET"),
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
    })
}

/// Says whether a command line that cannot be read asks for documents.
fn wants_json() -> bool {
    let variable = std::env::var("UNLADE_JSON").unwrap_or_default().to_ascii_lowercase();
    words().any(|word| word == "--json") || ["1", "on", "t", "true", "y", "yes"].contains(&variable.as_str())
}

/// Says whether a command line that cannot be read asks for lines of progress.
fn wants_lines() -> bool {
    let given = words().zip(words().skip(1)).any(|(option, value)| option == "--progress" && value == "json");
    given
        || words().any(|word| word == "--progress=json")
        || std::env::var("UNLADE_PROGRESS").is_ok_and(|how| how == "json")
}

/// The words of the command line that may be options.
fn words() -> impl Iterator<Item = OsString> {
    std::env::args_os().skip(1).take_while(|word| word != "--")
}

/// Takes the first paragraph of what clap says; the others show how it is done right.
fn usage_message(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let paragraph: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let paragraph = paragraph.join(" ");
    paragraph.strip_prefix("error: ").unwrap_or(&paragraph).to_owned()
}
