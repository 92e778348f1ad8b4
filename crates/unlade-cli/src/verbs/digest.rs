//! `unlade digest`.

use serde_json::json;
use unlade::Result;
use unlade::spec::text::sanitise;

use super::{reference, selection};
use crate::options::Resolve;
use crate::output;
use crate::session::Session;

pub(super) async fn run(options: &Resolve, session: &Session) -> Result<()> {
    let reference = reference(&options.reference)?;
    let document = session.client().manifest(&reference, &selection(&options.choice)?).await?;
    if !session.json() {
        return output::line(&document.digest().to_string()).await;
    }
    let descriptor = document.descriptor();
    output::document(&json!({
        "reference": reference.to_string(),
        "digest": descriptor.digest.to_string(),
        "media_type": sanitise(descriptor.media_type.as_str()),
        "size": descriptor.size,
    }))
    .await
}
