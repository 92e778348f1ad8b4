//! `unlade serve`.

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
    output::line(&format!("listening on http://{address}"))?;
    let cancel = session.cancel().clone();
    unlade_serve::serve(listener, shelf, async move { cancel.cancelled().await }).await;
    session.display().summary("stopped on request");
    Ok(())
}
