//! The credential of a repository: the first of several places that has one.

use std::{fmt, io};

use super::docker_config::{Keepers, Reach};
use super::pull_secret::PullSecret;
use super::search::{Clue, again};
use super::{AuthFile, Credential, FailedHelper, Found, Helpers, PullSecretFormat, Search};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::reference::Repository;

/// Where credentials are looked for: what was given explicitly, then auth files in
/// order, and the helpers that those name; the first that has one for the registry decides, else there is none.
#[derive(Debug, Default)]
pub struct Keychain {
    explicit: Option<(String, PullSecret)>,
    files: Vec<Source>,
    helpers: Helpers,
    warnings: Vec<String>,
}

#[derive(Debug)]
struct Source {
    name: String,
    content: Result<AuthFile>,
    exposure: Exposure,
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exposure {
    /// Everybody on this machine.
    Everybody,
    /// Some, or it is not known.
    Some,
}

/// An auth file as it was read.
#[non_exhaustive]
pub struct AuthFileSource {
    name: String,
    content: io::Result<Vec<u8>>,
    named_by: NamedBy,
    exposure: Exposure,
}

/// Who named a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamedBy {
    /// Nobody: it lies where such files lie.
    Discovered,
    /// The user: it must be sound.
    User,
}

impl AuthFileSource {
    /// Describes a file by the name it goes by in messages, what came of reading it, and who named it.
    pub fn new(name: String, content: io::Result<Vec<u8>>, named_by: NamedBy) -> Self {
        Self { name, content, named_by, exposure: Exposure::Some }
    }

    /// Says who may read it.
    #[must_use]
    pub fn exposed_to(mut self, exposure: Exposure) -> Self {
        self.exposure = exposure;
        self
    }

    /// Returns the name it goes by in messages.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for AuthFileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bytes are logins.
        f.debug_struct("AuthFileSource")
            .field("name", &self.name)
            .field("named_by", &self.named_by)
            .finish_non_exhaustive()
    }
}

impl Keychain {
    /// Reads auth files, which are then asked in this order.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a file that the user named and that cannot be read
    /// or is malformed. A malformed file that was only discovered is an error once it would have been asked; one
    /// that cannot be read is a warning, for it may be meant for other users.
    pub fn new(files: impl IntoIterator<Item = AuthFileSource>) -> Result<Self> {
        let mut keychain = Self::default();
        for AuthFileSource { name, content, named_by, exposure } in files {
            let content = match (content, named_by) {
                (Ok(bytes), _) => AuthFile::parse(&bytes, &name),
                (Err(error), NamedBy::User) => return Err(unreadable(&name).caused_by(error)),
                (Err(error), NamedBy::Discovered) => {
                    keychain.warnings.push(format!("{}: {error}", unreadable(&name)));
                    continue;
                }
            };
            match (content, named_by) {
                (Err(error), NamedBy::User) => return Err(error),
                (content, _) => keychain.files.push(Source { name, content, exposure }),
            }
        }
        Ok(keychain)
    }

    /// Adds a pull secret, which is asked first; `name` is what it goes by in messages.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it is in no known form.
    pub fn with_pull_secret(mut self, secret: &[u8], format: PullSecretFormat, name: &str) -> Result<Self> {
        self.explicit = Some((name.to_owned(), PullSecret::parse(secret, format, name)?));
        Ok(self)
    }

    /// Says where helpers are. Without that none is run, and files that name some give a warning.
    #[must_use]
    pub fn with_helpers(mut self, helpers: Helpers) -> Self {
        self.helpers = helpers;
        self
    }

    /// Adds a warning about the places themselves, which is made whatever is looked for.
    #[must_use]
    pub fn with_warning(mut self, warning: String) -> Self {
        self.warnings.push(warning);
        self
    }

    /// Finds the credential of a repository, asking helpers for it; without one it is [`Credential::Anonymous`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a malformed file or entry would have decided.
    pub async fn find(&self, repository: &Repository) -> Result<Found> {
        self.search(repository)?.settle(repository).await
    }

    /// Says where the credential of a repository is, without running any helper yet.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find), unless a helper is asked before.
    pub fn search(&self, repository: &Repository) -> Result<Search> {
        let mut helpers = Vec::new();
        let (end, asked) = self.walk(self.explicit.as_ref(), repository, &mut helpers);
        let undecided = self.files[asked..].iter().filter_map(|source| source.content.as_ref().err());
        let end = end.map(|mut found| {
            found.warnings.splice(0..0, self.warnings.iter().cloned());
            found.warnings.extend(undecided.map(ToString::to_string));
            found
        });
        Search::new(helpers, end)
    }

    /// Does so for a repository at a mirror: what was given for the registry is not the mirror's, and does not count.
    ///
    /// # Errors
    ///
    /// As [`search`](Self::search).
    pub fn search_at_mirror(&self, repository: &Repository) -> Result<Search> {
        let mut helpers = Vec::new();
        let (end, _) = self.walk(None, repository, &mut helpers);
        Search::new(helpers, end)
    }

    /// Goes through the places up to the first that decides without a helper; says how many files were asked.
    fn walk(
        &self,
        explicit: Option<&(String, PullSecret)>,
        repository: &Repository,
        helpers: &mut Vec<Clue>,
    ) -> (Result<Found>, usize) {
        match explicit {
            Some((name, PullSecret::Login(login))) => {
                return (Ok(Found::new(login.clone(), format!("the pull secret {name}"))), 0);
            }
            // Whoever gave it does not say what is run here.
            Some((name, PullSecret::File(file))) => match file.lookup(repository) {
                Ok(None) => {}
                Ok(Some((key, credential))) => {
                    return (Ok(Found::new(credential, format!("auths[{key}] of the pull secret {name}"))), 0);
                }
                Err(error) => return (Err(error), 0),
            },
            None => {}
        }
        for (number, source) in self.files.iter().enumerate() {
            if let Some(end) = self.look_into(source, repository, helpers).transpose() {
                return (end, number + 1);
            }
        }
        (Ok(Found::new(Credential::Anonymous, "nowhere: no login is known")), self.files.len())
    }

    /// Looks into a file: what it has for a part of the registry, the registry's own helper, what it has for all of the
    /// registry, and the helper for all registries.
    fn look_into(&self, source: &Source, repository: &Repository, helpers: &mut Vec<Clue>) -> Result<Option<Found>> {
        let file = source.content.as_ref().map_err(again)?;
        if let Some(login) = file.lookup_within(repository, Reach::Path)? {
            return Ok(Some(source.found(login)));
        }
        let Keepers { own, store } = file.keepers(repository)?;
        // One that has a name; docker takes an empty one for "the file itself, whatever keeps the others".
        if let Some((key, name)) = own.as_ref().filter(|(_, name)| !name.is_empty()) {
            helpers.push(self.clue(name, format!("credHelpers[{key}] of {}", source.name)));
        }
        if let Some(login) = file.lookup_within(repository, Reach::Host)? {
            return Ok(Some(source.found(login)));
        }
        if let (None, Some(name)) = (own, store) {
            helpers.push(self.clue(&name, format!("credsStore of {}", source.name)));
        }
        Ok(None)
    }

    fn clue(&self, name: &str, place: String) -> Clue {
        let helper = self.helpers.find(name).map_err(|error| FailedHelper {
            name: format!("the helper that {place} names"),
            reason: error.to_string(),
        });
        Clue { helper, place }
    }
}

impl Source {
    fn found(&self, (key, credential): (String, Credential)) -> Found {
        let mut found = Found::new(credential, format!("auths[{key}] of {}", self.name));
        if self.exposure == Exposure::Everybody {
            found.warnings.push(exposed(&self.name));
        }
        found
    }
}

/// Says that everybody on this machine may read a secret.
pub fn exposed(name: &str) -> String {
    format!("everybody on this machine may read the login in {name}: chmod 600 {name}")
}

fn unreadable(name: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("cannot read the auth file {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str, named_by: NamedBy) -> AuthFileSource {
        AuthFileSource::new(name.to_owned(), Ok(text.as_bytes().to_vec()), named_by)
    }

    fn origin(keychain: &Keychain, repository: &str) -> String {
        match keychain.search(&repository.parse().unwrap()) {
            Ok(search) => search.at_once().unwrap().origin.clone(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_first_match_wins() {
        let keychain = Keychain::new([
            file("first", r#"{"auths":{"a.example":{"auth":"dTpw"}}}"#, NamedBy::User),
            file(
                "second",
                r#"{"auths":{"a.example/x/y":{"auth":"dTpw"},"b.example":{"auth":"dTpw"}}}"#,
                NamedBy::Discovered,
            ),
        ])
        .unwrap();
        assert_eq!(origin(&keychain, "a.example/x/y"), "auths[a.example] of first");
        assert_eq!(origin(&keychain, "b.example/x"), "auths[b.example] of second");
        assert_eq!(origin(&keychain, "c.example/x"), "nowhere: no login is known");
        let keychain = keychain.with_pull_secret(b"me:pw", PullSecretFormat::Auto, "ps").unwrap();
        assert_eq!(origin(&keychain, "a.example/x"), "the pull secret ps");
    }

    #[test]
    fn a_pull_secret_that_is_an_auth_file_speaks_for_its_own_registries_alone() {
        let keychain = Keychain::new([file("f", r#"{"auths":{"b.example":{"auth":"dTpw"}}}"#, NamedBy::User)])
            .unwrap()
            .with_pull_secret(br#"{"auths":{"a.example":{"auth":"dTpw"}}}"#, PullSecretFormat::Auto, "ps")
            .unwrap();
        assert_eq!(origin(&keychain, "a.example/x"), "auths[a.example] of the pull secret ps");
        assert_eq!(origin(&keychain, "b.example/x"), "auths[b.example] of f");
    }

    #[test]
    fn a_mirror_gets_the_login_that_is_its_own_and_no_other() {
        let keychain = Keychain::new([file("f", r#"{"auths":{"mirror.example":{"auth":"dTpw"}}}"#, NamedBy::User)])
            .unwrap()
            .with_pull_secret(b"me:pw", PullSecretFormat::Auto, "ps")
            .unwrap();
        let at = |repository: &str| {
            keychain.search_at_mirror(&repository.parse().unwrap()).unwrap().at_once().unwrap().origin.clone()
        };
        assert_eq!(at("mirror.example/x"), "auths[mirror.example] of f");
        assert_eq!(at("other.example/x"), "nowhere: no login is known");
    }

    #[test]
    fn a_malformed_file_is_an_error_where_it_was_named_or_would_have_decided() {
        assert!(Keychain::new([file("bad", "{", NamedBy::User)]).is_err());
        let keychain = Keychain::new([
            file("good", r#"{"auths":{"a.example":{"auth":"dTpw"}}}"#, NamedBy::User),
            file("bad", "{", NamedBy::Discovered),
        ])
        .unwrap();
        assert_eq!(origin(&keychain, "a.example/x"), "auths[a.example] of good");
        assert_eq!(origin(&keychain, "b.example/x"), "bad, line 1, column 1: this is not JSON");
    }

    #[test]
    fn what_is_wrong_with_files_that_do_not_decide_is_a_warning() {
        let closed = || Err(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(Keychain::new([AuthFileSource::new("closed".to_owned(), closed(), NamedBy::User)]).is_err());
        let keychain = Keychain::new([
            AuthFileSource::new("closed".to_owned(), closed(), NamedBy::Discovered),
            file("good", r#"{"auths":{"a.example":{"auth":"dTpw"}}}"#, NamedBy::Discovered),
            file("bad", "{", NamedBy::Discovered),
        ])
        .unwrap();
        let search = keychain.search(&"a.example/x".parse().unwrap()).unwrap();
        assert_eq!(
            search.warnings(),
            ["cannot read the auth file closed: permission denied", "bad, line 1, column 1: this is not JSON"]
        );
    }
}
