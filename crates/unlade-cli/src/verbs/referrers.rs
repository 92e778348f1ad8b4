//! `unlade referrers`.

use std::io::IsTerminal as _;

use futures_util::stream::TryStreamExt as _;
use serde_json::json;
use unlade::Result;
use unlade::client::ReferrerList;
use unlade::source::ListOrigin;
use unlade::spec::descriptor::{CREATED, Descriptor};
use unlade::spec::text::sanitise;

use super::{reference, selection};
use crate::listing;
use crate::options;
use crate::output;
use crate::session::Session;
use crate::table::{Room, Scroll, Table};
use crate::units;

/// What stands above the columns on a terminal. In a pipe every line is a referrer.
const HEADS: [&str; 4] = ["DIGEST", "ARTIFACT TYPE", "SIZE", "CREATED"];

/// How wide these usually are: SHA-256, a type with a vendor in it, a time in UTC.
const USUAL: [usize; 4] = [71, 48, 8, 20];

pub(super) async fn run(options: &options::Referrers, session: &Session) -> Result<()> {
    let reference = reference(&options.reference)?;
    let selection = selection(&options.choice)?;
    let list = session.client().referrers(&reference, &selection, options.artifact_type.as_deref()).await?;
    match (options.latest, session.json()) {
        (true, true) => latest_document(list).await,
        (true, false) => output::bytes(latest(&list.latest().await?)).await,
        (false, true) => {
            let tail = format!(
                "],\"source\":{},\"subject\":{}}}",
                json!(origin(list.referrers.origin)),
                json!(list.subject.to_string())
            );
            let entries = list.referrers.entries.map_ok(|entry| output::descriptor(&entry));
            listing::document(entries, session.cancel(), "{\"referrers\":[", &tail).await
        }
        (false, false) => {
            let none = format!("nothing refers to {} in {}", list.subject, reference.place());
            let entries = list.referrers.entries;
            let count = if std::io::stdout().is_terminal() {
                let mut scroll = Scroll::new(Room::on_stdout(), &USUAL);
                listing::lines(entries, session.cancel(), |entries| scroll.text(&table(&HEADS, entries))).await
            } else {
                let text = |entries: &[Descriptor]| table(&[], entries).text(Room::Endless);
                listing::lines(entries, session.cancel(), text).await
            };
            if count? == 0 {
                session.display().summary(&none);
            }
            Ok(())
        }
    }
}

async fn latest_document(list: ReferrerList) -> Result<()> {
    let (subject, source) = (list.subject.to_string(), origin(list.referrers.origin));
    let latest = output::descriptor(&list.latest().await?);
    output::document(&json!({ "referrers": [latest], "source": source, "subject": subject })).await
}

/// Says in the contract's word where a list comes from.
fn origin(origin: ListOrigin) -> &'static str {
    match origin {
        ListOrigin::Tag => "tag",
        _ => "api",
    }
}

fn table(heads: &[&'static str], entries: &[Descriptor]) -> Table {
    let mut table = Table::new(heads);
    for entry in entries {
        table.row(cells(entry));
    }
    table
}

fn cells(entry: &Descriptor) -> [String; 4] {
    let artifact_type = entry.artifact_type.as_ref().map_or_else(String::new, ToString::to_string);
    let created = entry.annotation(CREATED).unwrap_or_default().to_owned();
    [entry.digest.to_string(), artifact_type, units::bytes(entry.size), created]
}

/// Writes the digest alone in the first line, for scripts, and below it what is known besides.
fn latest(entry: &Descriptor) -> String {
    let [digest, artifact_type, size, created] = cells(entry);
    let mut text = format!("{digest}\n");
    for (name, value) in [("artifact type", artifact_type), ("size", size), ("created", created)] {
        if !value.is_empty() {
            text.extend([name, ": ", &sanitise(&value), "\n"]);
        }
    }
    text
}
