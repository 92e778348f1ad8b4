//! `unlade manifest`.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use unlade::source::Document;
use unlade::spec::text::sanitise;
use unlade::{Error, ErrorKind, Result};

use super::{reference, selection};
use crate::options::Resolve;
use crate::output;
use crate::session::Session;

/// The contract's keys. The manifest is as it was received: read into values it would take many times its size.
#[derive(Serialize)]
struct Report<'a> {
    digest: String,
    manifest: &'a RawValue,
    media_type: Cow<'a, str>,
    reference: String,
    size: u64,
}

pub(super) async fn run(options: &Resolve, session: &Session) -> Result<()> {
    let reference = reference(&options.reference)?;
    let document = session.client().manifest(&reference, &selection(&options.choice)?).await?;
    if !session.json() {
        return output::bytes(document.raw().bytes.clone()).await;
    }
    let descriptor = document.descriptor();
    let report = Report {
        digest: descriptor.digest.to_string(),
        manifest: serde_json::from_slice(&document.raw().bytes).map_err(|error| unusable(&document, error))?,
        media_type: sanitise(descriptor.media_type.as_str()),
        reference: reference.to_string(),
        size: descriptor.size,
    };
    output::line(&serde_json::to_string(&report).map_err(|error| unusable(&document, error))?).await
}

fn unusable(document: &Document, error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Malformed, format!("the manifest {} is not JSON", document.digest())).caused_by(error)
}
