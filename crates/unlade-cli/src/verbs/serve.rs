//! `unlade serve`.

use serde_json::json;
use unlade::{Error, Result};
use unlade_serve::Shelf;

use crate::options;
use crate::output;
use crate::session::Session;

pub(super) async fn run(options: &options::Serve, session: &Session) -> Result<()> {
    let shelf = Shelf::open(&options.folder)?;
    let listener = tokio::net::TcpListener::bind(options.listen)
        .await
        .map_err(|error| Error::io(format!("cannot listen on {}", options.listen), error))?;
    let address = listener.local_addr().map_err(|error| Error::io("cannot tell where it listens", error))?;
    let url = format!("http://{address}");
    if session.json() {
        output::document(&json!({ "url": url })).await?;
    } else {
        output::line(&format!("listening on {url}")).await?;
    }
    let cancel = session.cancel().clone();
    unlade_serve::serve(listener, shelf, async move { cancel.cancelled().await }).await;
    session.display().summary("stopped on request");
    Ok(())
}
