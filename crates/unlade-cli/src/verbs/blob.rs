//! `unlade blob`.

use std::io::IsTerminal as _;

use unlade::spec::descriptor::Content;
use unlade::{Error, ErrorKind, Result};

use super::reference;
use crate::options;
use crate::output;
use crate::session::Session;

pub(super) async fn run(options: &options::Blob, session: &Session) -> Result<()> {
    let reference = reference(&options.reference)?;
    let Some(digest) = reference.digest().cloned() else {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!("{reference} names no blob: add its digest, REPO@sha256:…"),
        ));
    };
    if !std::io::stdout().is_terminal() {
        session.display().watch(&format!("asking for {reference}"));
    }
    let client = session.client();
    let source = client.source(&reference)?;
    let target = if options.verify_first {
        output::spool(session.display())?
    } else {
        session.display().stream();
        output::target()?
    };
    let download = client.download(source, Content { digest, size: None }, session.display().counters());
    download.into_target(target).await.map(drop)
}
