//! URLs that can be printed.

use std::fmt;

use serde::{Serialize, Serializer};
use url::{Host, Url};

/// Longer URLs are cut when they are printed.
const MAX_PRINTED: usize = 512;

/// Query parameters that say what was asked for; any other may be a signature, by name or value.
const TELLING: [&str; 7] = ["artifactType", "digest", "last", "n", "ns", "scope", "service"];

/// A URL whose printed form holds no secret: user information, the fragment, unknown query
/// parameters and components of the path that look like one are replaced by `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct SafeUrl(Url);

impl SafeUrl {
    /// Reads an absolute URL.
    ///
    /// # Errors
    ///
    /// What is no URL.
    pub fn parse(text: &str) -> Result<Self, url::ParseError> {
        Url::parse(text).map(Self)
    }

    /// Returns the URL with everything in it.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Takes the URL out.
    pub fn into_url(self) -> Url {
        self.0
    }

    /// Returns host and port, without the port where it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = match self.0.host() {
            Some(Host::Ipv6(address)) => format!("[{address}]"),
            Some(host) => host.to_string(),
            None => String::new(),
        };
        self.0.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
    }
}

impl From<Url> for SafeUrl {
    fn from(url: Url) -> Self {
        Self(url)
    }
}

impl SafeUrl {
    fn printed(&self) -> String {
        let mut text = format!("{}:", self.0.scheme());
        if self.0.has_authority() {
            text.push_str("//");
            if !self.0.username().is_empty() || self.0.password().is_some() {
                text.push_str("***@");
            }
            text.push_str(&self.authority());
            text.push_str(&self.0.path().split('/').map(component).collect::<Vec<_>>().join("/"));
        } else {
            // What has no authority (data:, mailto:) is all payload.
            text.push_str("***");
        }
        if let Some(query) = self.0.query() {
            let mut pairs: Vec<&str> =
                query.split('&').map(|pair| if is_telling(pair) { pair } else { "***" }).collect();
            pairs.dedup();
            text.push('?');
            text.push_str(&pairs.join("&"));
        }
        if self.0.fragment().is_some() {
            text.push_str("#***");
        }
        text
    }
}

/// Blots out a component of a path that names a value: some stores put their signatures there.
fn component(text: &str) -> &str {
    let names_a_value = text.contains(['=', ';', '~']) || text.to_ascii_lowercase().contains("%3d");
    if names_a_value { "***" } else { text }
}

fn is_telling(pair: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_/:,*+%".contains(c);
    pair.split_once('=').is_some_and(|(name, value)| TELLING.contains(&name) && value.chars().all(plain))
}

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printed = self.printed();
        // URLs are ASCII: any place is one to cut at.
        match printed.get(..MAX_PRINTED) {
            Some(beginning) if printed.len() > MAX_PRINTED => write!(f, "{beginning}…"),
            _ => f.write_str(&printed),
        }
    }
}

impl fmt::Debug for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SafeUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_may_be_a_secret_is_not_printed(
            user in "(hunter2(:hunter2)?@)?",
            path in "[a-z/é%]{0,8}",
            name in "[a-zA-Z-]{1,9}",
            more in "(&hunter2|&x=hunter2|&=hunter2|&n=1){0,3}",
            fragment in "(#hunter2)?",
        ) {
            prop_assume!(!TELLING.contains(&name.as_str()));
            let url = SafeUrl::parse(&format!("https://{user}r.example/{path}?{name}=hunter2{more}{fragment}")).unwrap();
            let shown = format!("{url} {url:?} {} {}", url.authority(), serde_json::to_string(&url).unwrap());
            prop_assert!(!shown.contains("hunter2"), "{}", shown);
            prop_assert!(shown.starts_with("https://"), "{}", shown);
        }
    }

    #[test]
    fn long_ones_are_cut() {
        let url = SafeUrl::parse(&format!("https://r.example/{}", "x".repeat(1000))).unwrap();
        assert_eq!(url.to_string().chars().count(), MAX_PRINTED + 1);
    }

    #[test]
    fn secrets_are_not_printed() {
        for (url, expected) in [
            ("https://r.example/v2/a/tags/list?n=5&last=b", "https://r.example/v2/a/tags/list?n=5&last=b"),
            ("https://me:secret@r.example:8443/x", "https://***@r.example:8443/x"),
            ("https://r.example/x?X-Amz-Signature=secret&n=1", "https://r.example/x?***&n=1"),
            ("https://r.example/x?a=secret&b=secret", "https://r.example/x?***"),
            ("https://r.example/x?secret==", "https://r.example/x?***"),
            ("https://r.example/x?n=5;sig=secret", "https://r.example/x?***"),
            ("https://r.example/exp=1~hmac=secret/x", "https://r.example/***/x"),
            ("https://r.example/a%3Dsecret/x;y", "https://r.example/***/***"),
            ("https://r.example/x?secret", "https://r.example/x?***"),
            ("https://r.example/x#secret", "https://r.example/x#***"),
            ("http://[::1]:5000/v2/", "http://[::1]:5000/v2/"),
            ("data:text/plain,secret", "data:***"),
        ] {
            let url = SafeUrl::parse(url).unwrap();
            assert_eq!(url.to_string(), expected);
            assert_eq!(format!("{url:?}"), expected);
        }
    }
}
