//! What a server asks for in `WWW-Authenticate`. Pure.
//!
//! <https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1>,
//! <https://distribution.github.io/distribution/spec/auth/token/>

use std::fmt;

use http::HeaderValue;
use url::Url;

/// Longer headers are not read: they are an attack or an accident.
const MAX_HEADER: usize = 16 << 10;

/// More challenges than this are not read.
const MAX_CHALLENGES: usize = 32;

/// An authentication scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scheme {
    /// User and password with each request (RFC 7617).
    Basic,
    /// A token, to be had from a realm (RFC 6750).
    Bearer,
    /// One that is not spoken here.
    Other(String),
}

/// One challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Challenge {
    /// The scheme.
    pub scheme: Scheme,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// Returns where tokens are to be had.
    pub fn realm(&self) -> Option<&str> {
        self.parameter("realm")
    }

    /// Returns the name that the registry has at the realm.
    pub fn service(&self) -> Option<&str> {
        self.parameter("service")
    }

    /// Returns the scopes that the server thinks are wanted: its parameter, and those that its realm would ask for.
    pub fn scopes(&self) -> Vec<String> {
        let realm = self.realm().and_then(|realm| Url::parse(realm).ok());
        let smuggled = realm.iter().flat_map(Url::query_pairs).filter(|(name, _)| name == "scope");
        let stated = self.parameter("scope").map(str::to_owned);
        stated.into_iter().chain(smuggled.map(|(_, scope)| scope.into_owned())).collect()
    }

    /// Returns what was wrong with the token that was shown.
    pub fn error(&self) -> Option<&str> {
        self.parameter("error")
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic => f.write_str("Basic"),
            Self::Bearer => f.write_str("Bearer"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// Reads all challenges of all headers. Tolerates what real servers send: unquoted
/// URLs, stray commas and spaces. What cannot be read is left out.
pub fn parse<'a>(headers: impl IntoIterator<Item = &'a HeaderValue>) -> Vec<Challenge> {
    let mut found = Vec::new();
    for header in headers {
        if header.len() > MAX_HEADER {
            continue;
        }
        let text = String::from_utf8_lossy(header.as_bytes());
        read(&text, &mut found);
    }
    found.truncate(MAX_CHALLENGES);
    found
}

/// Chooses the challenge to answer: Bearer before Basic.
///
/// # Errors
///
/// The schemes there are, if neither is among them.
pub fn choose(challenges: &[Challenge]) -> Result<&Challenge, String> {
    let first = |scheme: &Scheme| challenges.iter().find(|challenge| challenge.scheme == *scheme);
    let usable = challenges.iter().find(|challenge| challenge.scheme == Scheme::Bearer && challenge.realm().is_some());
    usable
        .or_else(|| first(&Scheme::Basic))
        .or_else(|| first(&Scheme::Bearer))
        .ok_or_else(|| challenges.iter().map(|challenge| challenge.scheme.to_string()).collect::<Vec<_>>().join(", "))
}

/// Reads a list of challenges: a scheme is a word that no `=` follows.
fn read(text: &str, found: &mut Vec<Challenge>) {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
        if end == 0 {
            // A character that begins nothing is passed over.
            match rest.chars().next() {
                Some(stray) => rest = &rest[stray.len_utf8()..],
                None => return,
            }
            continue;
        }
        let (word, behind) = rest.split_at(end);
        let after = behind.trim_start_matches([' ', '\t']);
        match (after.strip_prefix('='), found.last_mut()) {
            // `token68=` ends in signs of equality and belongs to the scheme before it: nothing of it is needed.
            (Some(value), Some(challenge)) => {
                let (value, behind) = self::value(value.trim_start_matches([' ', '\t']));
                challenge.parameters.push((word.to_owned(), value));
                rest = behind;
            }
            (Some(value), None) => rest = self::value(value).1,
            (None, _) => {
                found.push(Challenge { scheme: scheme(word), parameters: Vec::new() });
                rest = behind;
            }
        }
    }
}

fn scheme(word: &str) -> Scheme {
    match word.to_ascii_lowercase().as_str() {
        "basic" => Scheme::Basic,
        "bearer" => Scheme::Bearer,
        _ => Scheme::Other(word.to_owned()),
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// Reads a value, quoted or not; without quotes it ends at a comma or a space.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((offset, c)) = characters.next() {
        match c {
            '"' => return (value, &quoted[offset + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(headers: &[&str]) -> Vec<String> {
        let values: Vec<HeaderValue> =
            headers.iter().map(|text| HeaderValue::from_bytes(text.as_bytes()).unwrap()).collect();
        parse(&values)
            .iter()
            .map(|challenge| {
                let part = |part: Option<&str>| part.unwrap_or("-").to_owned();
                format!(
                    "{} {} {} {}",
                    challenge.scheme,
                    part(challenge.realm()),
                    part(challenge.service()),
                    part(challenge.scopes().first().map(String::as_str))
                )
            })
            .collect()
    }

    #[test]
    fn reads_what_real_servers_send() {
        for (headers, expected) in [
            (
                vec![r#"Bearer realm="https://auth.example/token",service="r.example",scope="repository:a/b:pull""#],
                vec!["Bearer https://auth.example/token r.example repository:a/b:pull"],
            ),
            (
                vec!["Bearer realm=https://auth.example/token?x=y,service=r.example"],
                vec!["Bearer https://auth.example/token?x=y r.example -"],
            ),
            (vec![r#"bearer Realm = "https://a.example/t" , SERVICE=x"#], vec!["Bearer https://a.example/t x -"]),
            (vec![r#"Basic realm="a \"quoted\", realm""#], vec![r#"Basic a "quoted", realm - -"#]),
            (
                vec![r#"Negotiate, Basic realm="x", Bearer realm="https://a.example/t",service="s""#],
                vec!["Negotiate - - -", "Basic x - -", "Bearer https://a.example/t s -"],
            ),
            (vec!["Negotiate", r#"Basic realm="x""#], vec!["Negotiate - - -", "Basic x - -"]),
            (vec![",, Basic ,"], vec!["Basic - - -"]),
            (vec![r#"Bearer realm="unfinished"#], vec!["Bearer unfinished - -"]),
            (vec!["NTLM TlRMTVNTUAABAAAA=="], vec!["NTLM - - -"]),
            (vec![""], vec![]),
        ] {
            let found = read_all(&headers);
            let found: Vec<&str> = found.iter().map(String::as_str).filter(|text| !text.starts_with("TlRM")).collect();
            assert_eq!(found, expected, "{headers:?}");
        }
    }

    #[test]
    fn bearer_comes_before_basic() {
        let chosen = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            choose(&parse([&value])).map(|challenge| challenge.scheme.to_string())
        };
        assert_eq!(chosen(r#"Basic realm="x", Bearer realm="https://a/t""#).unwrap(), "Bearer");
        assert_eq!(chosen(r#"Bearer error="x", Basic realm="x""#).unwrap(), "Basic");
        assert_eq!(chosen("Negotiate, NTLM").unwrap_err(), "Negotiate, NTLM");
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>()) {
            if let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) {
                parse([&value]);
            }
        }

        #[test]
        fn never_panics_on_what_is_nearly_one(text in r#"((Bearer|Basic|realm|=|,|"|\\| |é|x){0,12})"#) {
            let value = HeaderValue::from_bytes(text.as_bytes()).unwrap();
            let found = parse([&value, &value]);
            prop_assert!(found.len() <= MAX_CHALLENGES);
            // Whether there is one to answer is another matter.
            drop(choose(&found));
        }

        #[test]
        fn what_is_well_formed_is_read_whatever_stands_in_it(
            realm in r#"[a-z:/?="\\ ,]{1,16}"#,
            service in r"[a-z.]{1,8}",
            before in "(Negotiate, |Basic realm=\"x\", |,, )?",
        ) {
            let quoted = realm.replace('\\', r"\\").replace('"', "\\\"");
            let text = format!(r#"{before}Bearer realm="{quoted}",service={service} , scope="repository:a/b:pull""#);
            let found = parse([&HeaderValue::from_str(&text).unwrap()]);
            let chosen = choose(&found).unwrap();
            prop_assert_eq!(&chosen.scheme, &Scheme::Bearer);
            prop_assert_eq!(chosen.realm(), Some(realm.as_str()));
            prop_assert_eq!(chosen.service(), Some(service.as_str()));
            prop_assert_eq!(chosen.scopes(), ["repository:a/b:pull"]);
        }
    }
}
