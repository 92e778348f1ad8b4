//! Credentials, and where they came from.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Secret;
use super::secret::forms;

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
}

impl Found {
    /// Names the place of a credential.
    pub fn new(credential: Credential, origin: impl Into<String>) -> Self {
        Self { credential: Arc::new(credential), origin: origin.into(), warnings: Vec::new() }
    }
}
