//! Credentials, and where they came from.

use std::sync::Arc;

use super::Secret;

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
    /// Reads `user:password`; the password may hold colons and may be empty.
    pub(super) fn from_pair(text: &str) -> Option<Self> {
        let (user, password) = text.split_once(':')?;
        Some(Self::Password { user: user.to_owned(), password: Secret::new(password) })
    }
}

/// A credential and where it was found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Found {
    /// The credential.
    pub credential: Arc<Credential>,
    /// The place in words: file and key, never the secret.
    pub origin: String,
    /// What is wrong with files that were looked for as well and decided nothing.
    pub complaints: Vec<String>,
}

impl Found {
    /// Names the place of a credential.
    pub fn new(credential: Credential, origin: impl Into<String>) -> Self {
        Self { credential: Arc::new(credential), origin: origin.into(), complaints: Vec::new() }
    }
}
