//! What a failure looks like: exit code, chain, hint.

use std::ffi::OsString;
use std::io::Write as _;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use clap::error::ErrorKind as UsageKind;
use serde_json::{Value, json};
use unlade::error::{Advice, FileFate, FileReport};
use unlade::{Error, ErrorKind};

use crate::options;
use crate::output;
use crate::paint::Paint;
use crate::progress::{Display, Voice};

/// How long the document of a failure may take: it fits any pipe that is not full already.
const COURTESY: Duration = Duration::from_secs(1);

/// How many files an error lists in its text; the document has them all.
const MAX_LISTED: usize = 32;

/// Returns the exit code of a kind of error.
pub(crate) fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::InvalidInput => 2,
        ErrorKind::NotFound => 3,
        ErrorKind::Denied | ErrorKind::Unauthorized => 4,
        ErrorKind::Mismatch => 5,
        ErrorKind::RateLimited | ErrorKind::Tls | ErrorKind::Unavailable => 6,
        ErrorKind::Device | ErrorKind::Exists | ErrorKind::Io | ErrorKind::Locked | ErrorKind::NoSpace => 7,
        ErrorKind::Ambiguous | ErrorKind::NoCandidate => 8,
        ErrorKind::Untrusted => 9,
        ErrorKind::Interrupted => 130,
        _ => 1,
    }
}

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

/// Shows the error and its chain, and prints it as a document to stdout if one was asked for.
pub(crate) fn report(error: &Error, json: bool, display: &Display) -> u8 {
    let code = exit_code(error.kind());
    let document = document(error, code);
    display.failed(&text(error), &reason(error), &document);
    if json && !display.is_stdout_done() {
        courtesy(&document);
    }
    code
}

/// Prints the document of a failure. A courtesy: the exit code decides.
fn courtesy(document: &Value) {
    let (done, printed) = channel::<()>();
    let text = format!("{document}\n");
    // On a thread: a reader that does not read may hold up one that was stopped, and with it stdout.
    thread::spawn(move || {
        drop(std::io::stdout().write_all(text.as_bytes()));
        drop(done);
    });
    let _printed_or_late = printed.recv_timeout(COURTESY);
}

/// Spells the chain out, and the hint.
fn text(error: &Error) -> String {
    let mut text = String::new();
    for (depth, message) in error.chain().iter().enumerate() {
        text.push_str(if depth == 0 { "error: " } else { "  caused by: " });
        // Only our own messages have lines: what came from a server lost them on the way in.
        for (number, line) in message.lines().enumerate() {
            text.push_str(if number == 0 { "" } else { "  " });
            text.push_str(&clean(line));
            text.push('\n');
        }
    }
    for candidate in candidates(error) {
        text.extend(["    ", &clean(candidate), "\n"]);
    }
    text.push_str(&failed_files(&error.context().files));
    if let Some(hint) = hint(error) {
        text.extend(["hint: ", &clean(&hint), "\n"]);
    }
    text
}

/// Lists the files that could not be had, with the reasons, as many as a screen can hold.
fn failed_files(files: &[FileReport]) -> String {
    let failed: Vec<String> = files
        .iter()
        .filter_map(|file| match &file.fate {
            FileFate::Failed(reasons) => Some((file, reasons.join(": "))),
            _ => None,
        })
        .map(|(file, reason)| format!("    {}: {}\n", clean(&file.path.display().to_string()), clean(&reason)))
        .collect();
    let more = match failed.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!("    and {more} more\n"),
    };
    failed.into_iter().take(MAX_LISTED).chain([more]).collect()
}

/// Describes what became of one of several files, with the contract's keys.
fn file(file: &FileReport) -> Value {
    let (status, reason) = match &file.fate {
        FileFate::Downloaded => ("downloaded", None),
        FileFate::Failed(reasons) => ("failed", Some(clean(&reasons.join(": ")))),
        FileFate::Present => ("present", None),
        _ => ("skipped", None),
    };
    json!({
        "path": file.path.display().to_string(),
        "title": clean(&file.title),
        "digest": file.digest.to_string(),
        "size": file.size,
        "status": status,
        "error": reason,
    })
}

/// Says all of it in one line.
fn reason(error: &Error) -> String {
    headlines(error).join(": ")
}

/// Returns the messages of the chain, without the drawings that some have below them.
fn headlines(error: &Error) -> Vec<String> {
    error.chain().iter().map(|message| clean(message.lines().next().unwrap_or_default())).collect()
}

/// Describes the error as the contract's JSON document.
pub(crate) fn document(error: &Error, code: u8) -> Value {
    let context = error.context();
    let mut chain = headlines(error).into_iter();
    let message = chain.next();
    let causes: Vec<String> = chain.collect();
    let mut fields = json!({
        "kind": error.kind().to_string(),
        "message": message,
        "causes": causes,
        "hint": hint(error),
        "url": context.url.as_ref().map(ToString::to_string),
        "status": context.status,
        "attempts": context.attempts,
        "exit_code": code,
    });
    if let Some(candidates) = Some(candidates(error)).filter(|list| !list.is_empty()) {
        fields["candidates"] = json!(candidates);
    }
    if !context.files.is_empty() {
        fields["files"] = context.files.iter().map(file).collect();
    }
    if !context.registry_errors.is_empty() {
        fields["registry_errors"] = json!(context.registry_errors);
    }
    if let Some(reference) = &context.reference {
        fields["reference"] = json!(reference);
    }
    if let Some(elapsed) = context.elapsed {
        fields["elapsed_seconds"] = json!(elapsed.as_secs_f64());
    }
    if let Some(wait) = context.retry_after {
        fields["retry_after_seconds"] = json!(wait.as_secs());
    }
    json!({ "error": fields })
}

/// Returns what to do next, in the command's own words.
pub(crate) fn hint(error: &Error) -> Option<String> {
    let context = error.context();
    if let Some(advice) = &context.advice {
        return Some(advised(advice));
    }
    Some(
        match error.kind() {
            ErrorKind::Denied => {
                "check that the login may read this repository; --pull-secret-file or --authfile give one"
            }
            ErrorKind::Locked => "wait longer with --lock-timeout",
            ErrorKind::Mismatch if !context.files.is_empty() => {
                "what is wrong was not published; try again later, or tell the registry's operators"
            }
            ErrorKind::Mismatch => "nothing was published; try again later, or tell the registry's operators",
            ErrorKind::NotFound => "check the spelling of the repository, and of the tag or digest",
            ErrorKind::RateLimited => "come back later, or log in for a higher limit",
            ErrorKind::Unauthorized => return Some(advised(&Advice::LogIn)),
            ErrorKind::Unavailable => "check the network and the registry's name; --retries N tries longer",
            _ => return None,
        }
        .to_owned(),
    )
}

fn advised(advice: &Advice) -> String {
    match advice {
        Advice::AllowNet(net) => format!("if the registry may lead there, allow it with --allow-net {net}"),
        Advice::AskOperators(host) => {
            format!(
                "the registry leads to {host}, which refuses and was shown no login: try again later, or tell the \
                 registry's operators; over https --trust-host {host} shows the login there too"
            )
        }
        Advice::CertificateAuthority(host) => {
            format!("give the certificate authority that signs for {host} with --ca-file FILE")
        }
        Advice::CheckClock(host) => {
            format!("check the clock of this machine; if it is right, {host} needs a certificate that is valid now")
        }
        Advice::Choose { by: "platform", .. } => "choose one with --platform OS/ARCH, or name its digest".to_owned(),
        Advice::Choose { by: "layer", .. } => {
            "take one of them by its digest: unlade blob REPO@DIGEST > FILE".to_owned()
        }
        Advice::Choose { by, .. } => format!("name one of them by its {by}"),
        Advice::Credential(origin) => format!("check the login, which came from {origin}"),
        Advice::NameHost(host) => {
            format!("call the registry by a name that its certificate has, or have one made for {host}")
        }
        Advice::LogIn => {
            "give a login with --pull-secret-file or --authfile; a registry may also answer so for what does not exist"
                .to_owned()
        }
        Advice::Near(names) => format!("near names that exist: {}", names.join(", ")),
        Advice::PlainHttp => "if this server speaks no TLS, say so with --plain-http".to_owned(),
        Advice::ProveRealm(host) => format!(
            "only a token server that proves who it is may see the login: {host} must speak https, with a certificate \
             that is verified (--ca-file FILE gives its authority)"
        ),
        Advice::PushAgain => "a part of the artifact is missing there: push it again".to_owned(),
        Advice::ShowCertificate => {
            "show a certificate that this server accepts, with --cert-file FILE and --key-file FILE".to_owned()
        }
        Advice::SpeakTls => "if this server speaks TLS, say so with --plain-http=false".to_owned(),
        Advice::SpeakKnownScheme => {
            "nothing on this side helps: the registry must ask for a login as Basic or as Bearer".to_owned()
        }
        Advice::TlsMinimum => {
            "have the server brought up to date, or lower --tls-min, which cannot be below 1.2".to_owned()
        }
        Advice::TrustRealm(host) => format!("if this token server may see the login, say so with --trust-realm {host}"),
        _ => advised_here(advice),
    }
}

/// Spells out what helps on this machine: files, folders, room.
fn advised_here(advice: &Advice) -> String {
    match advice {
        Advice::Decompress(command) => format!("decompress it first: {command}"),
        Advice::FreeSpace(bytes) => {
            format!("free {} there, or choose another place with -o", crate::units::bytes(*bytes))
        }
        Advice::KeepArchive => "take the archive as it is with --no-unpack".to_owned(),
        Advice::MakeFolder(folder) => format!("make the folder first: mkdir -p {folder}"),
        Advice::NameFolder => "name a folder, or another one, with -o FOLDER".to_owned(),
        Advice::NameOutput => "name the file with -o FILE".to_owned(),
        Advice::Overwrite => "replace it with --overwrite, or name another file with -o FILE".to_owned(),
        Advice::RemoveStranger(path) => {
            format!("see what {path} is, and remove it if nobody needs it; or name another file with -o FILE")
        }
        Advice::RunAgain => "run it again: what is there is not fetched anew".to_owned(),
        Advice::SpoolElsewhere(bytes) => {
            format!("free {} there, or name another folder with the variable TMPDIR", crate::units::bytes(*bytes))
        }
        Advice::WriteDevice => {
            "this version has no `unlade write` yet: pull to a file, and copy that to the device".to_owned()
        }
        _ => "see the documentation".to_owned(),
    }
}

fn candidates(error: &Error) -> &[String] {
    match &error.context().advice {
        Some(Advice::Choose { candidates, .. }) => candidates,
        _ => &[],
    }
}

/// Removes what could steer a terminal: parts of a message may come from a server.
fn clean(message: &str) -> String {
    unlade::spec::text::sanitise(message).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_exit_code_of_the_table() {
        let table: Vec<(ErrorKind, u8)> = ErrorKind::ALL.iter().map(|kind| (*kind, exit_code(*kind))).collect();
        assert_eq!(
            table,
            [
                (ErrorKind::Ambiguous, 8),
                (ErrorKind::Denied, 4),
                (ErrorKind::Device, 7),
                (ErrorKind::Exists, 7),
                (ErrorKind::Interrupted, 130),
                (ErrorKind::InvalidInput, 2),
                (ErrorKind::Io, 7),
                (ErrorKind::Locked, 7),
                (ErrorKind::Malformed, 1),
                (ErrorKind::Mismatch, 5),
                (ErrorKind::NoCandidate, 8),
                (ErrorKind::NoSpace, 7),
                (ErrorKind::NotFound, 3),
                (ErrorKind::PeerMisbehaved, 1),
                (ErrorKind::RateLimited, 6),
                (ErrorKind::Rejected, 1),
                (ErrorKind::Tls, 6),
                (ErrorKind::TooLarge, 1),
                (ErrorKind::Unauthorized, 4),
                (ErrorKind::Unavailable, 6),
                (ErrorKind::Unsupported, 1),
                (ErrorKind::Untrusted, 9),
            ]
        );
    }

    #[test]
    fn hints_can_be_followed() {
        let choose = |by| Advice::Choose { by, candidates: Vec::new() };
        for (advice, expected) in [
            (choose("digest"), "name one of them by its digest"),
            (choose("layer"), "take one of them by its digest: unlade blob REPO@DIGEST > FILE"),
            (choose("platform"), "choose one with --platform OS/ARCH, or name its digest"),
            (
                Advice::WriteDevice,
                "this version has no `unlade write` yet: pull to a file, and copy that to the device",
            ),
        ] {
            let error = Error::new(ErrorKind::Ambiguous, "it was tried").advise(advice);
            assert_eq!(hint(&error).as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_document_has_the_contracts_keys() {
        let error = Error::new(ErrorKind::NotFound, "no such tag").with(|context| context.status = Some(404));
        let document = document(&error, 3);
        let keys: Vec<&String> = document["error"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["attempts", "causes", "exit_code", "hint", "kind", "message", "status", "url"]);
        assert_eq!(document["error"]["kind"], "NotFound");
    }
}
