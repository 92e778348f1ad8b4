//! Who may read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::answer::Answer;
use crate::bearer::{Bearer, Tokens};
use crate::fault::Here;
use crate::record::ReceivedRequest;

/// The way in which a registry asks who is there.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Access {
    /// Everybody may read.
    #[default]
    Anonymous,
    /// User and password with each request (RFC 7617).
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// Tokens from an endpoint of this server.
    Bearer(Bearer),
}

impl Access {
    /// Asks for this user and password.
    pub fn basic(user: &str, password: &str) -> Self {
        Self::Basic { user: user.to_owned(), password: password.to_owned() }
    }

    /// Lets a request in, or gives the refusal.
    pub(crate) fn check(&self, tokens: &Tokens, request: &ReceivedRequest, here: &Here) -> Result<(), Answer> {
        match self {
            Self::Anonymous => Ok(()),
            Self::Basic { user, password } => {
                if credentials(request).is_some_and(|given| given == (user.clone(), password.clone())) {
                    return Ok(());
                }
                let answer = Answer::error(401, "UNAUTHORIZED", "authentication required");
                Err(answer.header("WWW-Authenticate", "Basic realm=\"testkit\""))
            }
            Self::Bearer(_) => tokens.check(request, here),
        }
    }
}

/// Gives user and password of a Basic header.
/// Gives the token or the password that a request showed; nothing if it showed none.
pub(crate) fn shown(request: &ReceivedRequest) -> String {
    let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let password = || credentials(request).map(|(_, password)| password);
    token.map(str::to_owned).or_else(password).unwrap_or_default()
}

pub(crate) fn credentials(request: &ReceivedRequest) -> Option<(String, String)> {
    // Some servers know the canonical spelling of the scheme alone, so ours does too.
    let encoded = request.header("authorization")?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    decoded.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}
