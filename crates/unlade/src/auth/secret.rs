//! Text that cannot be printed.

use std::fmt;
use std::hash::{Hash, Hasher};

use zeroize::Zeroizing;

/// The length of the shortest secret that is looked for in texts.
const MIN_BLOTTED: usize = 4;

/// A secret: it has no `Display`, its `Debug` shows nothing, and its memory is wiped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes charge of a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Returns the text, for the one place that must send it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Says whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Replaces secrets in a text that came from outside: servers repeat what they were sent.
pub(crate) fn blot(text: &str, secrets: &[Secret]) -> String {
    let mut text = text.to_owned();
    // Shorter ones would blot out half of every text, and give themselves away by that.
    for secret in secrets.iter().filter(|secret| secret.expose().len() >= MIN_BLOTTED) {
        text = text.replace(secret.expose(), "***");
    }
    text
}

impl Hash for Secret {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}
