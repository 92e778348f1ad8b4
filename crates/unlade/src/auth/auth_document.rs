//! An auth file that is changed: what others keep in it stays, in its order.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize as _;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::credential::{TOKEN_USER, basic_parameter};
use super::docker_config::Keepers;
use super::{AuthFile, Credential, Namespace, Secret};
use crate::error::{Error, ErrorKind, Result};

/// What a login consists of in an entry.
const FIELDS: [&str; 5] = ["auth", "identitytoken", "password", "registrytoken", "username"];

/// The document of an auth file.
#[derive(Clone, PartialEq)]
pub struct AuthDocument {
    name: String,
    document: Map<String, Value>,
}

impl AuthDocument {
    /// Reads a file; one that is empty or does not exist yet has nothing in it. `name` is what it goes by in messages.
    ///
    /// # Errors
    ///
    /// As [`AuthFile::parse`].
    pub fn parse(bytes: &[u8], name: &str) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
        AuthFile::parse(bytes, name)?;
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(document)) => Ok(Self { name: name.to_owned(), document }),
            _ => Err(Error::new(ErrorKind::InvalidInput, format!("{name}: an auth file is a JSON object"))),
        }
    }

    /// Says which helper keeps the logins of a registry, and where the file says so.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] if what it says is malformed.
    pub fn keeper(&self, namespace: &Namespace) -> Result<Option<(String, String)>> {
        let file = AuthFile::parse(&self.text()?, &self.name)?;
        let Keepers { own, store } = file.keepers(namespace.as_repository())?;
        Ok(match (own, store) {
            (Some((_, name)), _) if name.is_empty() => None,
            (Some((key, name)), _) => Some((name, format!("credHelpers[{key}] of {}", self.name))),
            (None, Some(name)) => Some((name, format!("credsStore of {}", self.name))),
            (None, None) => None,
        })
    }

    /// Puts a login in, under the key by which all programs find it, in the place of those by other spellings; returns
    /// the key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a login that auth files do not know.
    pub fn put(&mut self, namespace: &Namespace, login: &Credential) -> Result<String> {
        let (auth, identity) = match login {
            Credential::Password { user, password } => (basic_parameter(user, password), None),
            // docker and podman pass an entry over that has no user.
            Credential::IdentityToken(token) => (Secret::new(STANDARD.encode(format!("{TOKEN_USER}:"))), Some(token)),
            _ => return Err(Error::new(ErrorKind::InvalidInput, "an auth file keeps users and identity tokens alone")),
        };
        let key = namespace.key();
        let others: Vec<String> = self.keys(namespace).into_iter().filter(|other| *other != key).collect();
        let auths = self.auths();
        for other in others {
            auths.shift_remove(&other);
        }
        let mut entry = match auths.get_mut(&key).map(Value::take) {
            Some(Value::Object(entry)) => entry,
            _ => Map::new(),
        };
        strip(&mut entry);
        entry.insert("auth".to_owned(), auth.expose().into());
        if let Some(token) = identity {
            entry.insert("identitytoken".to_owned(), token.expose().into());
        }
        auths.insert(key.clone(), entry.into());
        Ok(key)
    }

    /// Takes the login of a registry, or of a part of it, out, by all spellings; returns the keys that were there.
    pub fn remove(&mut self, namespace: &Namespace) -> Vec<String> {
        let keys = self.keys(namespace);
        for key in &keys {
            self.auths().shift_remove(key);
        }
        keys
    }

    /// Takes the secrets out of the entries of a registry whose login a helper keeps now.
    pub fn empty(&mut self, namespace: &Namespace) {
        for key in self.keys(namespace) {
            if let Some(entry) = self.auths().get_mut(&key).and_then(Value::as_object_mut) {
                strip(entry);
            }
        }
    }

    /// Writes the document as docker and podman do, indented by tabs.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what cannot be written as JSON, of which nothing that was read has anything.
    pub fn text(&self) -> Result<Zeroizing<Vec<u8>>> {
        let mut text = Zeroizing::new(Vec::new());
        let mut serializer = Serializer::with_formatter(&mut *text, PrettyFormatter::with_indent(b"\t"));
        let written = self.document.serialize(&mut serializer);
        // The cause is left out: it may quote a secret.
        written.map_err(|_| Error::new(ErrorKind::InvalidInput, format!("{} cannot be written", self.name)))?;
        Ok(text)
    }

    /// Returns the keys that mean just this registry or this part of it.
    fn keys(&self, namespace: &Namespace) -> Vec<String> {
        let auths = self.document.get("auths").and_then(Value::as_object);
        let meant = |key: &&String| namespace.is_meant_by(key);
        auths.map(|auths| auths.keys().filter(meant).cloned().collect()).unwrap_or_default()
    }

    fn auths(&mut self) -> &mut Map<String, Value> {
        let auths = self.document.entry("auths").or_insert_with(|| Map::new().into());
        if auths.is_null() {
            *auths = Map::new().into();
        }
        auths.as_object_mut().expect("the reader has refused anything else")
    }
}

/// Takes the login out of an entry.
fn strip(entry: &mut Map<String, Value>) {
    for field in FIELDS {
        entry.shift_remove(field);
    }
}

impl std::fmt::Debug for AuthDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthDocument").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, place: &str, login: Option<(&str, &str)>) -> String {
        let mut document = AuthDocument::parse(text.as_bytes(), "f").unwrap();
        let place = place.parse().unwrap();
        match login {
            Some((user, secret)) => drop(document.put(&place, &Credential::of_user(user, secret)).unwrap()),
            None => drop(document.remove(&place)),
        }
        String::from_utf8(document.text().unwrap().to_vec()).unwrap().replace(['\n', '\t'], "")
    }

    #[test]
    fn what_others_keep_stays_in_its_order() {
        let before = r#"{"zeta":{"b":[1,2.5,null],"a":"x"},"auths":{"b.example":{"email":"e","auth":"dTpw"},"a.example":{}},"credsStore":"","HttpHeaders":{"X":"y"}}"#;
        let after = r#"{"zeta": {"b": [1,2.5,null],"a": "x"},"auths": {"b.example": {"email": "e","auth": "bWU6bmV3"},"a.example": {}},"credsStore": "","HttpHeaders": {"X": "y"}}"#;
        assert_eq!(changed(before, "b.example", Some(("me", "new"))), after);
        let without = r#"{"zeta": {"b": [1,2.5,null],"a": "x"},"auths": {"a.example": {}},"credsStore": "","HttpHeaders": {"X": "y"}}"#;
        assert_eq!(changed(before, "b.example", None), without);
        assert_eq!(changed(before, "c.example", None).len(), after.len() - 4);
    }

    #[test]
    fn the_table_of_entries() {
        for (before, place, login, after) in [
            ("", "r.example", Some(("me", "p")), r#"{"auths": {"r.example": {"auth": "bWU6cA=="}}}"#),
            (
                r#"{"auths":null}"#,
                "r.example/x/y",
                Some(("me", "p")),
                r#"{"auths": {"r.example/x/y": {"auth": "bWU6cA=="}}}"#,
            ),
            (
                "{}",
                "r.example",
                Some(("<token>", "t")),
                r#"{"auths": {"r.example": {"auth": "PHRva2VuPjo=","identitytoken": "t"}}}"#,
            ),
            (
                r#"{"auths":{"r.example":{"identitytoken":"old"}}}"#,
                "r.example",
                Some(("me", "p")),
                r#"{"auths": {"r.example": {"auth": "bWU6cA=="}}}"#,
            ),
            (
                r#"{"auths":{"https://r.example/v1/":{"auth":"eDp5"},"r.example/x":{}}}"#,
                "r.example",
                Some(("me", "p")),
                r#"{"auths": {"r.example/x": {},"r.example": {"auth": "bWU6cA=="}}}"#,
            ),
            (
                r#"{"auths":{"docker.io":{"auth":"eDp5"}}}"#,
                "docker.io",
                Some(("me", "p")),
                r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6cA=="}}}"#,
            ),
            (
                r#"{"auths":{"r.example":{"auth":"eDp5"},"r.example/x":{"auth":"eDp5"}}}"#,
                "r.example/x",
                None,
                r#"{"auths": {"r.example": {"auth": "eDp5"}}}"#,
            ),
            (
                r#"{"auths":{"r.example":{},"https://R.example":{},"r.example/x":{}}}"#,
                "r.example",
                None,
                r#"{"auths": {"r.example/x": {}}}"#,
            ),
        ] {
            assert_eq!(changed(before, place, login), after, "{before} {place}");
        }
    }

    #[test]
    fn what_is_put_in_is_found() {
        for place in ["r.example", "r.example:1/a/b", "docker.io", "docker.io/acme"] {
            let place: Namespace = place.parse().unwrap();
            let login = Credential::of_user("me", "p:w");
            let mut document = AuthDocument::parse(b"", "f").unwrap();
            let key = document.put(&place, &login).unwrap();
            let file = AuthFile::parse(&document.text().unwrap(), "f").unwrap();
            assert_eq!(file.lookup(place.as_repository()).unwrap(), Some((key, login)));
        }
    }
}
