//! `unlade logout`.

use serde_json::{Value, json};
use unlade::Result;
use unlade::auth::{Credential, Helper, Namespace};

use super::login::warn;
use crate::options;
use crate::output;
use crate::session::Session;

pub(super) async fn run(options: &options::Logout, session: &Session) -> Result<()> {
    let namespace: Namespace = options.registry.parse()?;
    let logins = session.logins();
    let keeping = logins.keeping(&namespace)?;
    let file = keeping.store.path().display().to_string();
    let inner = namespace.clone();
    let keys = logins.edit(&keeping.store, move |document| Ok(document.remove(&inner))).await?;
    let mut removed: Vec<String> = keys.iter().map(|key| format!("auths[{key}] of {file}")).collect();
    // Helpers know hosts alone.
    if let Some((helper, place)) = keeping.helper.as_ref().filter(|_| namespace.path().is_empty()) {
        let erased = session.cancel().guard(erase(helper, &namespace)).await?;
        let program = helper.program();
        removed.extend(erased.iter().map(|server| format!("{program} for {server}, which {place} names")));
    }
    let left = logins.find(&namespace).await?;
    let left = (*left.credential != Credential::Anonymous).then_some(left.origin);
    if let Some(origin) = &left {
        warn(session, format!("there still is a login for {namespace}: {origin}"));
    }
    if session.json() {
        let document: Value = json!({
            "registry": namespace.to_string(),
            "file": file,
            "removed": removed,
            "left": left,
        });
        return output::document(&document).await;
    }
    let line = match removed.as_slice() {
        [] => format!("not logged in to {namespace}: {file} has no login for it"),
        removed => format!("logged out of {namespace}: {}", removed.join(", ")),
    };
    output::line(&line).await
}

/// Has a helper forget the logins of a registry, by all names that it has them under; returns those.
async fn erase(helper: &Helper, namespace: &Namespace) -> Result<Vec<String>> {
    let servers: Vec<String> = match helper.list().await {
        Ok(servers) => servers.into_iter().filter(|server| namespace.is_meant_by(server)).collect(),
        Err(error) => {
            // Helpers of clouds list nothing.
            tracing::info!("{error}");
            vec![namespace.server()]
        }
    };
    let mut erased = Vec::new();
    for server in servers {
        if helper.erase(&server).await? {
            erased.push(server);
        }
    }
    Ok(erased)
}
