//! What a failure looks like: exit code, chain, hint.

mod hint;
mod usage;

use std::io::Write as _;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use unlade::error::{Advice, FileFate, FileReport};
use unlade::{Error, ErrorKind};

use crate::progress::Display;

pub(crate) use usage::usage;

use hint::hint;

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
    fn the_document_has_the_contracts_keys() {
        let error = Error::new(ErrorKind::NotFound, "no such tag").with(|context| context.status = Some(404));
        let document = document(&error, 3);
        let keys: Vec<&String> = document["error"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["attempts", "causes", "exit_code", "hint", "kind", "message", "status", "url"]);
        assert_eq!(document["error"]["kind"], "NotFound");
    }
}
