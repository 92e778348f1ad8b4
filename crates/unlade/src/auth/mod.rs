//! Who we are to a registry: challenges, credentials, tokens, and who may see them.
//!
//! What decides is pure: [`challenge`] reads what a server asks for, [`scope`] holds
//! what may be asked for, [`realm`] says who may be given a login. The [`Keychain`]
//! finds the credential of a repository; [`TokenCache`] shares tokens.

pub mod challenge;
mod credential;
mod docker_config;
mod keychain;
mod pull_secret;
pub mod realm;
pub mod scope;
pub(crate) mod secret;
pub mod token;

pub use credential::{Credential, Found};
pub use docker_config::AuthFile;
pub use keychain::{AuthFileSource, Keychain, NamedBy};
pub use pull_secret::PullSecretFormat;
pub use secret::Secret;
pub use token::{Token, TokenCache};
