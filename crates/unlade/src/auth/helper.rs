//! Credential helpers: programs that keep logins, spoken to as docker does.
//!
//! <https://github.com/docker/docker-credential-helpers#development>

mod process;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use self::process::{Fault, Output};
use super::credential::TOKEN_USER;
use super::secret::{blot, forms};
use super::{Credential, Secret};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::text::sanitise;

/// So long a helper may take, unless it is told otherwise: it may ask the user for a passphrase.
const TIMEOUT: Duration = Duration::from_mins(1);

/// What a helper says that has no login for a server; docker knows it by these very words.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// So much is told of what a helper says about its failure.
const MAX_WORDS: usize = 200;

/// Where helpers are, and how long they may take. By default nowhere: then none is run.
#[derive(Debug, Clone)]
pub struct Helpers {
    folders: Vec<PathBuf>,
    timeout: Duration,
}

/// A program that keeps logins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helper {
    program: String,
    path: PathBuf,
    timeout: Duration,
}

impl Default for Helpers {
    fn default() -> Self {
        Self::in_folders([])
    }
}

impl Helpers {
    /// Looks for helpers in these folders, in this order. Those without an absolute path are passed over: what is
    /// started must not depend on where that happens.
    pub fn in_folders(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let folders = folders.into_iter().filter(|folder| folder.is_absolute()).collect();
        Self { folders, timeout: TIMEOUT }
    }

    /// Sets how long a helper may take; one minute otherwise.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Finds a helper by the name that auth files use: `pass` for the program `docker-credential-pass`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a name that could lead elsewhere, [`ErrorKind::Io`] for one that is not there.
    pub fn find(&self, name: &str) -> Result<Helper> {
        let program = format!("docker-credential-{}", sanitise(name));
        if !is_name(name) {
            let text =
                format!("{program:?} is not run: the names of helpers have letters, digits, '.', '_' and '-' alone");
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let path = self.folders.iter().map(|folder| folder.join(&program)).find(|path| is_program(path));
        match path {
            Some(path) => Ok(Helper { program, path, timeout: self.timeout }),
            None => Err(Error::new(ErrorKind::Io, format!("{program} is not installed in any folder of PATH"))),
        }
    }
}

impl Helper {
    /// Returns the name of the program.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Asks for the login of a server; `None` if the helper has none.
    ///
    /// Dropping the future ends the program, here as everywhere below.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Io`] if it cannot be run, fails, takes too long or says what makes no sense.
    pub async fn get(&self, server: &str) -> Result<Option<Credential>> {
        let output =
            self.call("get", server.to_owned().into_bytes().into(), &format!("get the login of {server}")).await?;
        match output {
            Some(output) => read_login(&output).map_err(|Nonsense| self.nonsense("get", &output)),
            None => Ok(None),
        }
    }

    /// Hands a login over, to be kept.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a login that has no user and password, else as [`get`](Self::get).
    pub async fn store(&self, server: &str, login: &Credential) -> Result<()> {
        let (user, secret) = match login {
            Credential::Password { user, password } => (user.as_str(), password),
            Credential::IdentityToken(token) => (TOKEN_USER, token),
            _ => return Err(Error::new(ErrorKind::InvalidInput, "a helper keeps users with passwords alone")),
        };
        let document = json!({ "ServerURL": server, "Username": user, "Secret": secret.expose() });
        let input = Zeroizing::new(document.to_string().into_bytes());
        let outcome = self.call("store", input, &format!("store the login for {server}")).await;
        let secrets: Vec<Secret> = forms(secret).into();
        outcome.map(drop).map_err(|error| error.reworded_throughout(&|text| blot(text, &secrets)))
    }

    /// Has the login of a server forgotten; says whether there was one, as far as the helper tells.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn erase(&self, server: &str) -> Result<bool> {
        let input = server.to_owned().into_bytes().into();
        Ok(self.call("erase", input, &format!("erase the login for {server}")).await?.is_some())
    }

    /// Lists the servers that it has logins for.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn list(&self) -> Result<Vec<String>> {
        let Some(output) = self.call("list", Zeroizing::default(), "list its logins").await? else {
            return Ok(Vec::new());
        };
        let nonsense = || self.nonsense("list", &output);
        match serde_json::from_slice(&output.stdout).map_err(|_| nonsense())? {
            Value::Object(logins) => Ok(logins.into_iter().map(|(server, _)| server).collect()),
            Value::Null => Ok(Vec::new()),
            _ => Err(nonsense()),
        }
    }

    /// Runs the program; `None` if it says that it has no such login.
    async fn call(&self, verb: &'static str, input: Zeroizing<Vec<u8>>, what: &str) -> Result<Option<Output>> {
        let failed = |reason: String| Error::new(ErrorKind::Io, format!("{} cannot {what}: {reason}", self.program));
        match process::run(&self.path, verb, input, self.timeout).await {
            Ok(output) if output.status.success() => Ok(Some(output)),
            Ok(output) if output.says(NOT_FOUND) => Ok(None),
            Ok(output) => Err(failed(failure(&output))),
            Err(Fault::Io(error)) => Err(failed("it cannot be run".to_owned()).caused_by(error)),
            Err(Fault::Late) => {
                Err(failed(format!("it did not answer within {} s, and was ended", self.timeout.as_secs_f64())))
            }
            Err(Fault::TooMuch) => {
                Err(failed(format!("it wrote more than {} bytes, and was ended", process::MAX_OUTPUT)))
            }
        }
    }

    /// Says that an answer cannot be read. It is not quoted: a secret may be in it.
    fn nonsense(&self, verb: &str, output: &Output) -> Error {
        let bytes = output.stdout.len();
        let text = format!("{} answered {verb} with {bytes} bytes that are not what helpers say", self.program);
        Error::new(ErrorKind::Io, text)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn is_program(path: &Path) -> bool {
    use rustix::fs::{Access, access};
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

/// Reads the answer to `get`, unless it is none. A login without a user is none: so docker-credential-pass answers for
/// a server that it does not know.
fn read_login(output: &Output) -> Result<Option<Credential>, Nonsense> {
    let answer: Value = serde_json::from_slice(&output.stdout).map_err(|_| Nonsense)?;
    let field = |name: &str| answer.get(name).and_then(Value::as_str).ok_or(Nonsense);
    let (user, secret) = (field("Username")?, field("Secret")?);
    Ok((!user.is_empty()).then(|| Credential::of_user(user, secret)))
}

/// An answer that makes no sense. It holds nothing of it, which may be a secret.
struct Nonsense;

/// Says how a program failed, in its own words where it has some. A document is not quoted: it may be a login.
fn failure(output: &Output) -> String {
    let text = output.words();
    let words = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let words: String = sanitise(words).chars().take(MAX_WORDS).collect();
    match words.as_str() {
        words if words.is_empty() || words.contains('{') => format!("it ended with {}", output.status),
        words => format!("it ended with {}: {words}", output.status),
    }
}

#[cfg(test)]
mod tests;
