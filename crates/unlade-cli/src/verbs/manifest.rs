//! `unlade manifest`.

use serde_json::{Value, json};
use unlade::spec::text::sanitise;
use unlade::{Error, ErrorKind, Result};

use super::{reference, selection};
use crate::options::Resolve;
use crate::output;
use crate::session::Session;

pub(super) async fn run(options: &Resolve, session: &Session) -> Result<()> {
    let reference = reference(&options.reference)?;
    let document = session.client().manifest(&reference, &selection(&options.choice)?).await?;
    if !session.json() {
        return output::bytes(&document.raw().bytes);
    }
    let content: Value = serde_json::from_slice(&document.raw().bytes).map_err(|error| {
        Error::new(ErrorKind::Malformed, format!("the manifest {} is not JSON", document.digest())).caused_by(error)
    })?;
    let descriptor = document.descriptor();
    output::document(&json!({
        "reference": reference.to_string(),
        "digest": descriptor.digest.to_string(),
        "media_type": sanitise(descriptor.media_type.as_str()),
        "size": descriptor.size,
        "manifest": content,
    }))
}
