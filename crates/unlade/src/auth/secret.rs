//! Text that cannot be printed.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde_json::Value;
use url::form_urlencoded;
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

/// Does the same beside names that are known without the server: a secret that is a part of one stays where that name
/// stands. To blot it there would tell what it is.
pub(crate) fn blot_beside(text: &str, secrets: &[Secret], names: &[&str]) -> String {
    let stands_in_one = |secret: &&Secret| names.iter().any(|name| name.contains(secret.expose()));
    let (within, others): (Vec<&Secret>, Vec<&Secret>) = secrets.iter().partition(stands_in_one);
    let owned = |secrets: Vec<&Secret>| secrets.into_iter().cloned().collect::<Vec<_>>();
    let text = blot(text, &owned(others));
    if within.is_empty() { text } else { blot_between(&text, &owned(within), names) }
}

fn blot_between(text: &str, secrets: &[Secret], names: &[&str]) -> String {
    match names {
        [] => blot(text, secrets),
        ["", rest @ ..] => blot_between(text, secrets, rest),
        [name, rest @ ..] => {
            let pieces: Vec<String> = text.split(name).map(|piece| blot_between(piece, secrets, rest)).collect();
            pieces.join(name)
        }
    }
}

/// Returns a secret in every form in which a text may repeat it: as it is, encoded for a form and for a URL, and as a
/// document within a document quotes it.
pub(crate) fn forms(secret: &Secret) -> [Secret; 4] {
    let encoded: String = form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect();
    // A space is a plus in a form and %20 elsewhere.
    let percent = Secret::new(encoded.replace('+', "%20"));
    let quoted = Value::from(secret.expose()).to_string();
    let quoted = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&quoted);
    [secret.clone(), Secret::new(encoded), percent, Secret::new(quoted)]
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

    #[test]
    fn a_name_does_not_tell_that_it_holds_a_secret() {
        let names = ["disk.example", "acme/disk", ""];
        for (secret, text, expected) in [
            ("disk", "cannot read v1 of disk.example/acme/disk: disk", "cannot read v1 of disk.example/acme/disk: ***"),
            ("disk", "https://disk.example/v2/acme/disk/disk", "https://disk.example/v2/acme/disk/***"),
            ("acme/disk", "acme/disk said acme/disk", "acme/disk said acme/disk"),
            ("acme/disk!", "acme/disk said acme/disk!", "acme/disk said ***"),
            ("k said", "acme/disk said", "acme/dis***"),
        ] {
            assert_eq!(blot_beside(text, &[Secret::new(secret)], &names), expected, "{secret}");
        }
    }

    #[test]
    fn a_secret_is_known_in_each_of_its_forms() {
        let found = forms(&Secret::new("a b+\"c\"")).map(|secret| secret.expose().to_owned());
        assert_eq!(found, ["a b+\"c\"", "a+b%2B%22c%22", "a%20b%2B%22c%22", "a b+\\\"c\\\""]);
    }
}
