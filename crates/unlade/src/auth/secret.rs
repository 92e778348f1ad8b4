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
    // Shorter ones would blot out half of every text, and give themselves away by that.
    let mut secrets: Vec<&str> = secrets.iter().map(Secret::expose).filter(|text| text.len() >= MIN_BLOTTED).collect();
    // The longest first: what is left of one that begins with another would tell the rest.
    secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.into_iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_a_secret_that_begins_with_another() {
        let secrets = ["hunter", "hunter2!", "abc"].map(Secret::new);
        assert_eq!(blot("hunter2! and hunter, abc", &secrets), "*** and ***, abc");
    }
}
