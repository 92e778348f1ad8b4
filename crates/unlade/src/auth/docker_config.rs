//! Auth files: docker's `config.json` and containers' `auth.json`.
//!
//! <https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md>

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use super::{Credential, Secret};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::reference::Repository;
use crate::spec::text::sanitise;

/// Base64 as people paste it: padded or not.
pub(super) const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The user that stands for a token in place of a password.
const TOKEN_USER: &str = "<token>";

/// The logins of an auth file.
#[derive(Clone)]
pub struct AuthFile {
    name: String,
    auths: Map<String, Value>,
}

impl AuthFile {
    /// Reads a file; `name` is what it goes by in messages.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] with file, line and column; the content is never shown.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Self> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let document: Value = serde_json::from_slice(bytes).map_err(|error| {
            invalid(format!("{name}, line {}, column {}: this is not JSON", error.line(), error.column()))
        })?;
        let Value::Object(mut document) = document else {
            return Err(invalid(format!("{name}: an auth file is a JSON object")));
        };
        let auths = match document.remove("auths") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(auths)) => auths,
            Some(_) => return Err(invalid(format!("{name}, key auths: expected an object"))),
        };
        Ok(Self { name: name.to_owned(), auths })
    }

    /// Finds the login of a repository by its longest key; a key without a login counts as none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`], naming file and key, if the entry that decides is malformed.
    pub fn lookup(&self, repository: &Repository) -> Result<Option<(String, Credential)>> {
        let mut matching: Vec<(usize, &String, &Value)> =
            self.auths.iter().filter_map(|(key, entry)| Some((specificity(key, repository)?, key, entry))).collect();
        matching.sort_by_key(|(depth, key, _)| (std::cmp::Reverse(*depth), key.len()));
        for (_, key, entry) in matching {
            if let Some(credential) = self.credential(key, entry)? {
                return Ok(Some((sanitise(key).into_owned(), credential)));
            }
        }
        Ok(None)
    }

    fn credential(&self, key: &str, entry: &Value) -> Result<Option<Credential>> {
        let field = |name: &str| match entry.get(name) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(_) => Err(self.bad(key, &format!("{name} is not a text"))),
        };
        if !entry.is_object() {
            return Err(self.bad(key, "it is not an object"));
        }
        let (registry_token, identity_token) = (field("registrytoken")?, field("identitytoken")?);
        if !registry_token.is_empty() {
            return Ok(Some(Credential::RegistryToken(Secret::new(registry_token))));
        }
        if !identity_token.is_empty() {
            return Ok(Some(Credential::IdentityToken(Secret::new(identity_token))));
        }
        let auth = field("auth")?;
        if !auth.is_empty() {
            return self.decode(key, auth).map(Some);
        }
        let (user, password) = (field("username")?, field("password")?);
        Ok((!user.is_empty()).then(|| password_or_token(user, password)))
    }

    fn decode(&self, key: &str, auth: &str) -> Result<Credential> {
        let decoded = LENIENT.decode(auth.trim()).map_err(|_| self.bad(key, "auth is not base64"))?;
        let text = String::from_utf8(decoded).map_err(|_| self.bad(key, "auth is not base64 of a text"))?;
        let (user, password) =
            text.split_once(':').ok_or_else(|| self.bad(key, "auth is not base64 of user:password"))?;
        // docker pads with NUL in some versions.
        Ok(password_or_token(user, password.trim_end_matches('\0')))
    }

    fn bad(&self, key: &str, what: &str) -> Error {
        invalid(format!("{}, key auths[{}]: {what}", self.name, sanitise(key)))
    }
}

impl std::fmt::Debug for AuthFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthFile").field("name", &self.name).field("auths", &self.auths.len()).finish_non_exhaustive()
    }
}

fn password_or_token(user: &str, password: &str) -> Credential {
    if user == TOKEN_USER {
        Credential::IdentityToken(Secret::new(password))
    } else {
        Credential::Password { user: user.to_owned(), password: Secret::new(password) }
    }
}

/// Says how many components of the repository's name a key covers, or that it is another's.
fn specificity(key: &str, repository: &Repository) -> Option<usize> {
    let without_scheme = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let bare = without_scheme.trim_end_matches('/');
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    // What docker wrote for registries of its first two protocols; any other `HOST/v2` is a namespace.
    let legacy = without_scheme != key || without_scheme.ends_with('/') || host.ends_with("docker.io");
    let path = if legacy && (path == "v1" || path == "v2") { "" } else { path };
    let registry = repository.registry();
    let same_host = if registry.is_docker_hub() {
        ["docker.io", "index.docker.io", "registry-1.docker.io"].iter().any(|hub| host.eq_ignore_ascii_case(hub))
    } else {
        host.eq_ignore_ascii_case(&registry.authority())
    };
    if !same_host {
        return None;
    }
    let name: Vec<&str> = repository.name().split('/').collect();
    let wanted: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    name.starts_with(&wanted).then_some(wanted.len())
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_file_holds_it_neither_panics_nor_shows_it(
            key in r"(https?://)?(r\.example|R\.Example:1|docker\.io|)(/x|/x/y|/v1/|//)?",
            field in "auth|username|password|identitytoken|registrytoken",
            value in r#""(hunter2!|PHRva2VuPjpodW50ZXIy|OmgudW50ZXIy|aHVudGVyMg==)"|null|7|\["hunter2"\]|\{\}"#,
        ) {
            let text = format!(r#"{{"auths":{{"{key}":{{"{field}":{value}}},"r.example/x/y":{value}}}}}"#);
            let file = AuthFile::parse(text.as_bytes(), "auth.json").unwrap();
            for repository in ["r.example/x/y/z", "r.example/x", "alpine"] {
                let shown = match file.lookup(&repository.parse().unwrap()) {
                    Ok(found) => format!("{:?}", found.map(|(key, _)| key)),
                    Err(error) => error.chain().join(": "),
                };
                prop_assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{}", shown);
            }
        }
    }

    fn find(file: &str, repository: &str) -> Option<(String, String)> {
        let found =
            AuthFile::parse(file.as_bytes(), "auth.json").unwrap().lookup(&repository.parse().unwrap()).unwrap();
        found.map(|(key, credential)| {
            let shown = match credential {
                Credential::Password { user, password } => format!("{user}:{}", password.expose()),
                Credential::IdentityToken(token) => format!("identity {}", token.expose()),
                Credential::RegistryToken(token) => format!("registry {}", token.expose()),
                other => format!("{other:?}"),
            };
            (key, shown)
        })
    }

    fn pair(key: &str, credential: &str) -> (String, String) {
        (key.to_owned(), credential.to_owned())
    }

    #[test]
    fn the_longest_prefix_of_whole_components_wins() {
        let file = r#"{"auths":{
            "quay.io":{"username":"host","password":"1"},
            "quay.io/acme":{"username":"acme","password":"2"},
            "quay.io/acme/disks":{"username":"disks","password":"3"},
            "quay.io/acme/empty":{},
            "quay.io/v2":{"username":"namespace","password":"5"},
            "quay.io:8443":{"username":"port","password":"4"}}}"#;
        for (repository, key, credential) in [
            ("quay.io/acme/disks/rhel", "quay.io/acme/disks", "disks:3"),
            ("quay.io/acme/disks", "quay.io/acme/disks", "disks:3"),
            ("quay.io/acme/disks2", "quay.io/acme", "acme:2"),
            ("quay.io/acme/empty", "quay.io/acme", "acme:2"),
            ("quay.io/acm", "quay.io", "host:1"),
            ("quay.io/v2/disk", "quay.io/v2", "namespace:5"),
            ("quay.io:8443/acme/disks", "quay.io:8443", "port:4"),
        ] {
            assert_eq!(find(file, repository), Some(pair(key, credential)), "{repository}");
        }
        assert_eq!(find(file, "quay.io:1/acme"), None);
        assert_eq!(find(file, "evil-quay.io/acme"), None);
    }

    #[test]
    fn old_keys_and_docker_hubs_names_are_known() {
        for (key, repository) in [
            ("https://index.docker.io/v1/", "alpine"),
            ("index.docker.io", "docker.io/library/alpine"),
            ("docker.io", "alpine"),
            ("registry-1.docker.io", "alpine"),
            ("docker.io/library", "alpine"),
            ("https://r.example/v2/", "r.example/x"),
            ("http://R.example", "r.example/x"),
        ] {
            let file = format!(r#"{{"auths":{{"{key}":{{"auth":"dTpwOnE="}}}}}}"#);
            assert_eq!(find(&file, repository), Some(pair(key, "u:p:q")), "{key}");
        }
    }

    #[test]
    fn every_form_of_login_is_read() {
        for (entry, expected) in [
            (r#"{"auth":"dTpwOnE="}"#, "u:p:q"),
            (r#"{"auth":"dTpwOnE"}"#, "u:p:q"),
            (r#"{"auth":"dTo="}"#, "u:"),
            (r#"{"auth":"PHRva2VuPjpzZWNyZXQ="}"#, "identity secret"),
            (r#"{"auth":"dTpw","identitytoken":"i"}"#, "identity i"),
            (r#"{"identitytoken":"i","registrytoken":"r"}"#, "registry r"),
            (r#"{"username":"u","password":"p"}"#, "u:p"),
        ] {
            let file = format!(r#"{{"auths":{{"r.example":{entry}}}}}"#);
            assert_eq!(find(&file, "r.example/x"), Some(pair("r.example", expected)), "{entry}");
        }
        assert_eq!(find(r#"{"auths":{"r.example":{}}}"#, "r.example/x"), None);
        assert_eq!(find(r#"{"auths":null,"credsStore":"pass"}"#, "r.example/x"), None);
    }

    #[test]
    fn malformed_files_are_named_with_the_place_and_without_content() {
        for (file, expected) in [
            ("{\"auths\":\n hunter2}", "auth.json, line 2, column 2: this is not JSON"),
            ("[]", "auth.json: an auth file is a JSON object"),
            (r#"{"auths":"hunter2"}"#, "auth.json, key auths: expected an object"),
        ] {
            assert_eq!(AuthFile::parse(file.as_bytes(), "auth.json").unwrap_err().to_string(), expected);
        }
        let file = r#"{"auths":{"r.example":{"auth":"hunter2!"},"other.example":{"auth":"dTpw"}}}"#;
        let file = AuthFile::parse(file.as_bytes(), "auth.json").unwrap();
        let error = file.lookup(&"r.example/x".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "auth.json, key auths[r.example]: auth is not base64");
        assert!(file.lookup(&"other.example/x".parse().unwrap()).unwrap().is_some());
    }
}
