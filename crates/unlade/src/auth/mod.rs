//! Who we are to a registry: challenges, credentials, tokens, and who may see them.
//!
//! What decides is pure: [`challenge`] reads what a server asks for, [`scope`] holds
//! what may be asked for, [`realm`] says who may be given a login. The [`Keychain`]
//! finds the credential of a repository, in files and at [`Helpers`]; [`TokenCache`] shares tokens.

mod auth_document;
pub mod challenge;
mod credential;
mod docker_config;
mod helper;
mod keychain;
mod namespace;
mod pull_secret;
pub mod realm;
pub mod scope;
mod search;
pub(crate) mod secret;
pub mod token;

pub use auth_document::AuthDocument;
pub use credential::{Credential, FailedHelper, Found};
pub use docker_config::AuthFile;
pub use helper::{Helper, Helpers};
pub use keychain::{AuthFileSource, Exposure, Keychain, NamedBy, exposed};
pub use namespace::Namespace;
pub use pull_secret::PullSecretFormat;
pub use search::Search;
pub use secret::Secret;
pub use token::{Token, TokenCache};
