//! `unlade login`.

use std::path::Path;

use serde_json::{Value, json};
use unlade::auth::{Credential, Namespace, Secret};
use unlade::observe::{Event, Observer as _};
use unlade::registry::Verdict;
use unlade::{Error, ErrorKind, Result};

use crate::options;
use crate::output;
use crate::session::{Keeping, Session, read};
use crate::terminal::{Echo, Terminal};

/// Where a login is now.
pub(super) struct Place {
    /// In words, as `-v` says it of a pull.
    pub(super) origin: String,
    key: String,
    helper: Option<String>,
}

pub(super) async fn run(options: &options::Login, session: &Session) -> Result<()> {
    let namespace: Namespace = options.registry.parse()?;
    // Before anything is asked: what cannot be kept need not be typed.
    let keeping = session.logins().keeping(&namespace)?;
    refuse_paths_at_helpers(&namespace, &keeping)?;
    let (user, password) = session.cancel().guard(credential(options, &namespace)).await?;
    let login = Credential::of_user(&user, password.expose());
    let verdict = session.client().check_login(&namespace, login.clone()).await?;
    if verdict == Verdict::Unasked {
        warn(session, format!("{} asks nobody for a login: this one was not checked", namespace.registry()));
    }
    let place = keep(&namespace, &login, &keeping, session).await?;
    let hidden_by = session.logins().find(&namespace).await.map_or_else(
        |error| Some(error.chain().join(": ")),
        |found| (found.origin != place.origin).then(|| found.origin.clone()),
    );
    if let Some(other) = &hidden_by {
        warn(session, format!("it is hidden by another one, which is asked before: {other}"));
    }
    if session.json() {
        let document: Value = json!({
            "registry": namespace.to_string(),
            "username": user,
            "checked": verdict == Verdict::Accepted,
            "file": keeping.store.path().display().to_string(),
            "key": place.key,
            "helper": place.helper,
            "hidden_by": hidden_by,
        });
        return output::document(&document).await;
    }
    output::line(&format!("logged in to {namespace} as {}: {}", unlade::spec::text::sanitise(&user), place.origin))
        .await
}

pub(super) fn warn(session: &Session, text: String) {
    session.display().notice(&Event::Warning { text });
}

/// Helpers know hosts alone.
fn refuse_paths_at_helpers(namespace: &Namespace, keeping: &Keeping) -> Result<()> {
    match &keeping.helper {
        Some((helper, place)) if !namespace.path().is_empty() => {
            let text = format!(
                "{} keeps logins of whole registries, and {namespace} is a part of one: {place} names it; name a file \
                 without helpers with --authfile",
                helper.program(),
            );
            Err(Error::new(ErrorKind::InvalidInput, text))
        }
        _ => Ok(()),
    }
}

async fn keep(namespace: &Namespace, login: &Credential, keeping: &Keeping, session: &Session) -> Result<Place> {
    let (logins, file) = (session.logins(), keeping.store.path().display().to_string());
    let inner = namespace.clone();
    if let Some((helper, place)) = &keeping.helper {
        let server = namespace.server();
        session.cancel().guard(helper.store(&server, login)).await?;
        // An older login that the file holds would be found before it, or give it away.
        logins
            .edit(&keeping.store, move |document| {
                document.empty(&inner);
                Ok(())
            })
            .await?;
        let program = helper.program().to_owned();
        let origin = format!("{program} for {server}, which {place} names");
        return Ok(Place { origin, key: server, helper: Some(program) });
    }
    let login = login.clone();
    let key = logins.edit(&keeping.store, move |document| document.put(&inner, &login)).await?;
    Ok(Place { origin: format!("auths[{key}] of {file}"), key, helper: None })
}

/// Takes user and password from where the options say, else from the terminal.
async fn credential(options: &options::Login, namespace: &Namespace) -> Result<(String, Secret)> {
    let missing =
        |what: &str| Error::new(ErrorKind::InvalidInput, format!("there is no terminal to ask on: give the {what}"));
    let terminal = Terminal::open();
    let user = match (&options.username, &terminal) {
        (Some(user), _) => user.clone(),
        (None, Some(terminal)) if !options.password_stdin => {
            terminal.ask(&format!("user at {namespace}: "), Echo::Seen).await?.expose().to_owned()
        }
        (None, _) => {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "there is nobody to ask for the user: give it with --username",
            ));
        }
    };
    if user.is_empty() || user.contains(':') || user.chars().any(char::is_control) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "the user cannot be empty, and has no colons and control characters",
        ));
    }
    let password = match (options.password_stdin, &terminal) {
        (true, _) => from_stdin()?,
        (false, Some(terminal)) => {
            terminal.ask(&format!("password of {user} (it is not shown): "), Echo::Hidden).await?
        }
        (false, None) => return Err(missing("password with --password-stdin")),
    };
    if password.is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, "the password is empty"));
    }
    Ok((user, password))
}

/// Reads a password, which has one end of line at most behind it.
fn from_stdin() -> Result<Secret> {
    let text = String::from_utf8(read(Path::new("-"))?)
        .map_err(|_| Error::new(ErrorKind::InvalidInput, "the password on stdin is no text"))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line)))
}
