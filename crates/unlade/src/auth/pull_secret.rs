//! Pull secrets, in the forms that users of Ironic have them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::docker_config::LENIENT;
use super::{AuthFile, Credential, Secret};
use crate::error::{Error, ErrorKind, Result};

/// The form of a pull secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PullSecretFormat {
    /// A whole auth file.
    AuthFile,
    /// The first of the other forms, in this order: auth file, `user:password`, base64 of those, token.
    #[default]
    Auto,
    /// Base64 of `user:password`.
    Base64,
    /// A token.
    Token,
    /// `user:password`.
    UserPassword,
}

/// What a pull secret turns out to be.
#[derive(Debug)]
pub(super) enum PullSecret {
    /// Logins by repository. Credential helpers that it names are never run.
    File(AuthFile),
    /// One login, for whatever registry is asked.
    Login(Credential),
}

impl PullSecret {
    /// Reads a pull secret; `name` is what it goes by in messages.
    pub(super) fn parse(bytes: &[u8], format: PullSecretFormat, name: &str) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|_| invalid(name, "is not a text"))?.trim();
        if text.is_empty() {
            return Err(invalid(name, "is empty"));
        }
        match format {
            PullSecretFormat::AuthFile => AuthFile::parse(text.as_bytes(), name).map(Self::File),
            PullSecretFormat::Auto => guess(text, name),
            PullSecretFormat::Base64 => {
                let login = decoded(text).as_deref().and_then(Credential::from_pair);
                login.map(Self::Login).ok_or_else(|| invalid(name, "is not base64 of user:password"))
            }
            PullSecretFormat::Token => token(text, name),
            PullSecretFormat::UserPassword => {
                let login = Credential::from_pair(text);
                login.map(Self::Login).ok_or_else(|| invalid(name, "is not of the form user:password"))
            }
        }
    }
}

fn guess(text: &str, name: &str) -> Result<PullSecret> {
    if text.starts_with('{') {
        return AuthFile::parse(text.as_bytes(), name).map(PullSecret::File);
    }
    if let Some(login) = Credential::from_pair(text) {
        return Ok(PullSecret::Login(login));
    }
    // Kubernetes hands out whole auth files in base64.
    match decoded(text) {
        Some(inner) if inner.trim_start().starts_with('{') => {
            AuthFile::parse(inner.as_bytes(), name).map(PullSecret::File)
        }
        Some(inner) => match Credential::from_pair(inner.trim_end_matches('\n')) {
            Some(login) => Ok(PullSecret::Login(login)),
            None => token(text, name),
        },
        None => token(text, name),
    }
}

fn token(text: &str, name: &str) -> Result<PullSecret> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(invalid(
            name,
            "is in no known form: expected an auth file, user:password, base64 of that, or a token",
        ));
    }
    Ok(PullSecret::Login(Credential::BareToken(Secret::new(text))))
}

/// Decodes base64 of printable text, in either alphabet; line breaks are passed over.
fn decoded(text: &str) -> Option<String> {
    let compact: String = text.split_ascii_whitespace().collect();
    let bytes = LENIENT.decode(&compact).or_else(|_| URL_SAFE_NO_PAD.decode(compact.trim_end_matches('='))).ok()?;
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(|c| c.is_control() && !c.is_ascii_whitespace()))
}

fn invalid(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("the pull secret {name} {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_it_is_neither_panics_nor_is_shown(
            bytes in prop_oneof![
                any::<Vec<u8>>(),
                r#"(\{|"|auths|:|hunter2|=|,|\}| |\n|aHVudGVyMg){0,12}"#.prop_map(String::into_bytes),
            ],
        ) {
            use PullSecretFormat::{AuthFile, Auto, Base64, Token, UserPassword};
            for format in [AuthFile, Auto, Base64, Token, UserPassword] {
                let shown = match PullSecret::parse(&bytes, format, "secret") {
                    Ok(secret) => format!("{secret:?}"),
                    Err(error) => error.chain().join(": "),
                };
                // The user is no secret.
                let secret = shown.split("Password {").next().unwrap();
                prop_assert!(!secret.contains("hunter2") && !secret.contains("aHVudGVyMg"), "{}", shown);
            }
        }
    }

    fn read(text: &str, format: PullSecretFormat) -> String {
        match PullSecret::parse(text.as_bytes(), format, "secret") {
            Ok(PullSecret::File(_)) => "file".to_owned(),
            Ok(PullSecret::Login(Credential::Password { user, password })) => format!("{user} {}", password.expose()),
            Ok(PullSecret::Login(Credential::BareToken(token))) => format!("token {}", token.expose()),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_form_is_recognised() {
        use PullSecretFormat::{AuthFile, Auto, Base64, Token, UserPassword};
        for (text, format, expected) in [
            (r#"{"auths":{}}"#, Auto, "file"),
            ("\u{feff}{\"auths\":{}}\n", Auto, "file"),
            ("eyJhdXRocyI6e319", Auto, "file"),
            ("me:pass:word\n", Auto, "me pass:word"),
            ("me:", Auto, "me "),
            (":secret", Auto, " secret"),
            ("bWU6cGFzcw==", Auto, "me pass"),
            ("bWU6cGFzcw", Auto, "me pass"),
            ("bWU6\ncGFzcw==\n", Auto, "me pass"),
            ("ghp_0123456789", Auto, "token ghp_0123456789"),
            ("AAAA", Auto, "token AAAA"),
            ("bWU6cGFzcw==", Token, "token bWU6cGFzcw=="),
            ("bWU6cGFzcw==", Base64, "me pass"),
            ("me:pass", Base64, "the pull secret secret is not base64 of user:password"),
            ("me:pass", UserPassword, "me pass"),
            ("secret", UserPassword, "the pull secret secret is not of the form user:password"),
            ("me:pass", AuthFile, "secret, line 1, column 1: this is not JSON"),
            ("  \n", Auto, "the pull secret secret is empty"),
        ] {
            assert_eq!(read(text, format), expected, "{text:?} {format:?}");
        }
    }
}
