//! The login that a request shows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

/// How much of a password bcrypt looks at, in bytes.
const SIGNIFICANT: usize = 72;

/// User and password, as a request shows them. It cannot be formatted.
pub(super) struct Login {
    user: String,
    password: Zeroizing<Vec<u8>>,
}

impl Login {
    /// Reads the one `Authorization` of a request, if it is `Basic` and well-formed.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (Some(header), None) = (all.next(), all.next()) else {
            return None;
        };
        let (scheme, text) = header.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let both = Zeroizing::new(STANDARD.decode(text.trim_matches(' ')).ok()?);
        let colon = both.iter().position(|byte| *byte == b':')?;
        let user = std::str::from_utf8(&both[..colon]).ok()?.to_owned();
        Some(Self { user, password: Zeroizing::new(both[colon + 1..].to_vec()) })
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// Returns the part of the password that counts.
    pub(super) fn password(&self) -> &[u8] {
        &self.password[..self.password.len().min(SIGNIFICANT)]
    }

    /// Returns user and password so that no other two have the same bytes.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let length = (self.user.len() as u64).to_le_bytes();
        Zeroizing::new([&length, self.user.as_bytes(), self.password()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(headers: &[&str]) -> Option<(String, Vec<u8>)> {
        let headers = headers.iter().map(|text| (AUTHORIZATION, text.parse().unwrap())).collect();
        Login::of(&headers).map(|login| (login.user().to_owned(), login.password().to_vec()))
    }

    #[test]
    fn one_basic_header_is_read() {
        let expected = |user: &str, password: &str| Some((user.to_owned(), password.as_bytes().to_vec()));
        for (headers, expected) in [
            (&["Basic YTpi"] as &[&str], expected("a", "b")),
            (&["bAsIc  YTpi "], expected("a", "b")),
            (&["Basic YTpiOmM="], expected("a", "b:c")),
            (&["Basic Og=="], expected("", "")),
            (&["Basic w6Q6w6Q="], expected("ä", "ä")),
            (&[], None),
            (&["Basic YTpi", "Basic YTpi"], None),
            (&["Bearer YTpi"], None),
            (&["Basic"], None),
            (&["Basic YQ=="], None),
            (&["Basic YTpiOmM"], None),
            (&["Basic /zpi"], None),
            (&["Basic !"], None),
        ] {
            assert_eq!(login(headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn no_two_logins_have_the_same_bytes() {
        let bytes = |user: &str, password: &str| {
            let login = Login { user: user.to_owned(), password: Zeroizing::new(password.as_bytes().to_vec()) };
            login.to_bytes().to_vec()
        };
        assert_ne!(bytes("ab", "c"), bytes("a", "bc"));
        assert_ne!(bytes("a", ""), bytes("", "a"));
        let long = "x".repeat(SIGNIFICANT);
        // What bcrypt does not tell apart is not remembered apart either.
        assert_eq!(bytes("a", &long), bytes("a", &format!("{long}y")));
    }
}
