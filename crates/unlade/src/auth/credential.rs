//! Credentials, and where they came from.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Secret;
use super::secret::forms;

/// The user that stands for a token in place of a password.
pub(super) const TOKEN_USER: &str = "<token>";

/// What a registry may be shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Credential {
    /// Nothing: public content.
    Anonymous,
    /// A token of which it is not known what it is for: exchanged for another one, or sent as it is.
    BareToken(Secret),
    /// An `OAuth2` refresh token.
    IdentityToken(Secret),
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token for the registry itself, sent as it is.
    RegistryToken(Secret),
}

impl Credential {
    /// Returns every form in which the secret goes over the wire, for those who must not print what comes back.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let (secret, pair) = match self {
            Self::Anonymous => return Vec::new(),
            Self::BareToken(token) => (token, Some(basic_parameter("", token))),
            Self::IdentityToken(token) | Self::RegistryToken(token) => (token, None),
            Self::Password { user, password } => (password, Some(basic_parameter(user, password))),
        };
        // Padding is what first gets lost of base64.
        let bare = pair.as_ref().map(|pair| Secret::new(pair.expose().trim_end_matches('=')));
        forms(secret).into_iter().chain(pair.iter().chain(&bare).flat_map(forms)).collect()
    }

    /// Takes a user and a password; the user `<token>` says that the password is an identity token.
    pub fn of_user(user: &str, password: &str) -> Self {
        let password = Secret::new(password);
        if user == TOKEN_USER {
            Self::IdentityToken(password)
        } else {
            Self::Password { user: user.to_owned(), password }
        }
    }

    /// Reads `user:password`; the password may hold colons and may be empty.
    pub(super) fn from_pair(text: &str) -> Option<Self> {
        let (user, password) = text.split_once(':')?;
        Some(Self::Password { user: user.to_owned(), password: Secret::new(password) })
    }
}

/// Writes user and password as the parameter of the scheme Basic (RFC 7617).
pub(super) fn basic_parameter(user: &str, password: &Secret) -> Secret {
    Secret::new(STANDARD.encode(format!("{user}:{}", password.expose())))
}

/// A credential and where it was found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Found {
    /// The credential.
    pub credential: Arc<Credential>,
    /// The place in words: file and key, never the secret.
    pub origin: String,
    /// What is wrong with places that did not decide.
    pub warnings: Vec<String>,
    /// The first credential helper that should have been asked and gave no answer.
    pub failed_helper: Option<FailedHelper>,
}

/// A credential helper that gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedHelper {
    /// The program, and the place that names it.
    pub name: String,
    /// Why it gave none.
    pub reason: String,
}

impl std::fmt::Display for FailedHelper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no login came from {}: {}", self.name, self.reason)
    }
}

impl Found {
    /// Names the place of a credential.
    pub fn new(credential: Credential, origin: impl Into<String>) -> Self {
        Self { credential: Arc::new(credential), origin: origin.into(), warnings: Vec::new(), failed_helper: None }
    }
}
