//! `unlade inspect`.

mod document;
mod text;

use unlade::Result;
use unlade::client::Inspection;

use super::{reference, selection};
use crate::options::Resolve;
use crate::output;
use crate::session::Session;
use crate::table::Room;

pub(super) async fn run(options: &Resolve, session: &Session) -> Result<()> {
    let reference = reference(&options.reference)?;
    output::open()?;
    let inspection = session.client().inspect(&reference, &selection(&options.choice)?).await?;
    if session.json() {
        output::serialised(&document::Document(&inspection)).await?;
    } else {
        // Who sees the beginning of a long table may have seen enough.
        output::offer(text::of(&inspection, Room::on_stdout())).await?;
    }
    if let Some(note) = unread(&inspection) {
        session.display().summary(&note);
    }
    Ok(())
}

/// Says what was left out.
fn unread(inspection: &Inspection) -> Option<String> {
    match inspection.unread() {
        0 => None,
        1 => Some("1 manifest was not read: it is too large, too deep in the tree, or one of too many".to_owned()),
        more => Some(format!("{more} manifests were not read: they are too large, too deep in the tree, or too many")),
    }
}
