//! `unlade tags`.

use std::num::NonZeroUsize;

use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use unlade::Result;
use unlade::spec::text::sanitise;

use super::reference;
use crate::listing;
use crate::options;
use crate::session::Session;

pub(super) async fn run(options: &options::Tags, session: &Session) -> Result<()> {
    let reference = reference(&options.repository)?;
    let limit = options.limit.map_or(usize::MAX, NonZeroUsize::get);
    let tags = session.client().tags(&reference, options.last.as_deref())?.take(limit);
    if session.json() {
        let head = format!("{{\"repository\":{},\"tags\":[", json!(sanitise(&reference.place().to_string())));
        let tags = tags.map_ok(|tag| Value::from(sanitise(&tag)));
        return listing::document(tags, session.cancel(), &head, "]}").await;
    }
    let lines = |tags: &[String]| tags.iter().flat_map(|tag| [sanitise(tag), "\n".into()]).collect();
    listing::lines(tags, session.cancel(), lines).await.map(drop)
}
