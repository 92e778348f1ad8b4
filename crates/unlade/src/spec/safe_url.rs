//! URLs that can be printed.

use std::fmt;

use serde::{Serialize, Serializer};
use url::{Host, Url};

/// Query parameters that say what was asked for; the value of any other may be a signature.
const TELLING: [&str; 7] = ["artifactType", "digest", "last", "n", "ns", "scope", "service"];

/// A URL whose printed form holds no secret: user information, the fragment and the
/// values of unknown query parameters are replaced by `***`.
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

impl fmt::Display for SafeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.0.scheme())?;
        if self.0.has_authority() {
            f.write_str("//")?;
            if !self.0.username().is_empty() || self.0.password().is_some() {
                f.write_str("***@")?;
            }
            f.write_str(&self.authority())?;
            f.write_str(self.0.path())?;
        } else {
            // What has no authority (data:, mailto:) is all payload.
            f.write_str("***")?;
        }
        if let Some(query) = self.0.query() {
            for (position, pair) in query.split('&').enumerate() {
                f.write_str(if position == 0 { "?" } else { "&" })?;
                match pair.split_once('=') {
                    Some((name, _)) if TELLING.contains(&name) => f.write_str(pair)?,
                    Some((name, _)) => write!(f, "{name}=***")?,
                    None => f.write_str("***")?,
                }
            }
        }
        if self.0.fragment().is_some() {
            f.write_str("#***")?;
        }
        Ok(())
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
            prop_assert!(shown.starts_with("https://") && shown.contains(&name), "{}", shown);
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        for (url, expected) in [
            ("https://r.example/v2/a/tags/list?n=5&last=b", "https://r.example/v2/a/tags/list?n=5&last=b"),
            ("https://me:secret@r.example:8443/x", "https://***@r.example:8443/x"),
            ("https://r.example/x?X-Amz-Signature=secret&n=1", "https://r.example/x?X-Amz-Signature=***&n=1"),
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
