//! The credential of a repository: the first of several places that has one.

use std::{fmt, io};

use super::pull_secret::PullSecret;
use super::{AuthFile, Credential, Found, PullSecretFormat};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::reference::Repository;

/// Where credentials are looked for: what was given explicitly, then auth files in
/// order; the first that has one for the registry decides, else there is none.
#[derive(Debug, Default)]
pub struct Keychain {
    explicit: Option<(String, PullSecret)>,
    files: Vec<Source>,
    unreadable: Vec<String>,
}

#[derive(Debug)]
struct Source {
    name: String,
    content: Result<AuthFile>,
}

/// An auth file as it was read.
#[non_exhaustive]
pub struct AuthFileSource {
    name: String,
    content: io::Result<Vec<u8>>,
    named_by: NamedBy,
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
        Self { name, content, named_by }
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
        for AuthFileSource { name, content, named_by } in files {
            let content = match (content, named_by) {
                (Ok(bytes), _) => AuthFile::parse(&bytes, &name),
                (Err(error), NamedBy::User) => return Err(unreadable(&name).caused_by(error)),
                (Err(error), NamedBy::Discovered) => {
                    keychain.unreadable.push(format!("{}: {error}", unreadable(&name)));
                    continue;
                }
            };
            match (content, named_by) {
                (Err(error), NamedBy::User) => return Err(error),
                (content, _) => keychain.files.push(Source { name, content }),
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

    /// Finds the credential of a repository; without one it is [`Credential::Anonymous`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a malformed file or entry would have decided.
    pub fn find(&self, repository: &Repository) -> Result<Found> {
        let (mut found, asked) = self.first(repository)?;
        let undecided = self.files[asked..].iter().filter_map(|source| source.content.as_ref().err());
        found.warnings.clone_from(&self.unreadable);
        found.warnings.extend(undecided.map(ToString::to_string));
        Ok(found)
    }

    /// Finds the credential of a repository at a mirror: what was given for the registry is not the mirror's, and does
    /// not count.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    pub fn find_at_mirror(&self, repository: &Repository) -> Result<Found> {
        Ok(self.first_of(None, repository)?.0)
    }

    /// Finds the first credential, and says how many files were asked for it.
    fn first(&self, repository: &Repository) -> Result<(Found, usize)> {
        self.first_of(self.explicit.as_ref(), repository)
    }

    fn first_of(&self, explicit: Option<&(String, PullSecret)>, repository: &Repository) -> Result<(Found, usize)> {
        match explicit {
            Some((name, PullSecret::Login(login))) => {
                return Ok((Found::new(login.clone(), format!("the pull secret {name}")), 0));
            }
            Some((name, PullSecret::File(file))) => {
                if let Some((key, credential)) = file.lookup(repository)? {
                    return Ok((Found::new(credential, format!("auths[{key}] of the pull secret {name}")), 0));
                }
            }
            None => {}
        }
        for (number, source) in self.files.iter().enumerate() {
            let file = source.content.as_ref().map_err(again)?;
            if let Some((key, credential)) = file.lookup(repository)? {
                return Ok((Found::new(credential, format!("auths[{key}] of {}", source.name)), number + 1));
            }
        }
        Ok((Found::new(Credential::Anonymous, "nowhere: no login is known"), self.files.len()))
    }
}

fn unreadable(name: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("cannot read the auth file {name}"))
}

/// Says again what was found wrong when the file was read.
fn again(error: &Error) -> Error {
    Error::new(error.kind(), error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str, named_by: NamedBy) -> AuthFileSource {
        AuthFileSource::new(name.to_owned(), Ok(text.as_bytes().to_vec()), named_by)
    }

    fn origin(keychain: &Keychain, repository: &str) -> String {
        keychain.find(&repository.parse().unwrap()).map_or_else(|error| error.to_string(), |found| found.origin)
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
        let at = |repository: &str| keychain.find_at_mirror(&repository.parse().unwrap()).unwrap().origin;
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
        let found = keychain.find(&"a.example/x".parse().unwrap()).unwrap();
        assert_eq!(
            found.warnings,
            ["cannot read the auth file closed: permission denied", "bad, line 1, column 1: this is not JSON"]
        );
    }
}
