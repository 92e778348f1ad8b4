//! Redirects: where they lead, and what goes along. Pure.

use http::StatusCode;
use http::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, IF_RANGE, LOCATION, RANGE, USER_AGENT};
use url::Url;

/// What may be carried to another origin: nothing of these says who asks.
const CARRIED: [http::HeaderName; 5] = [ACCEPT, ACCEPT_ENCODING, IF_RANGE, RANGE, USER_AGENT];

/// Why a redirect leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocationError {
    /// It is no URL.
    #[error("the Location of the redirect is no URL")]
    Malformed,
    /// There is none.
    #[error("the redirect has no Location")]
    Missing,
    /// There are several.
    #[error("the redirect has several Locations")]
    Repeated,
}

/// Returns where an answer of `from` leads; a relative `Location` is resolved (RFC 9110, section 10.2.2).
///
/// # Errors
///
/// A [`LocationError`].
pub fn target(from: &Url, headers: &HeaderMap) -> Result<Url, LocationError> {
    let mut values = headers.get_all(LOCATION).iter();
    let value = values.next().ok_or(LocationError::Missing)?;
    if values.next().is_some() {
        return Err(LocationError::Repeated);
    }
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| LocationError::Malformed)?;
    from.join(text).map_err(|_| LocationError::Malformed)
}

/// Says whether a status leads elsewhere: the others of their hundred are no redirects that could be followed.
pub fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Says whether two URLs have the same scheme, host and port.
pub fn same_origin(one: &Url, other: &Url) -> bool {
    one.scheme() == other.scheme()
        && one.host() == other.host()
        && one.port_or_known_default() == other.port_or_known_default()
}

/// Says whether a URL's host is, as a whole and over https, one that the user trusts with the registry's credential.
pub fn is_trusted(url: &Url, trusted: &[String]) -> bool {
    let Some(host) = url.host_str() else { return false };
    let named = |entry: &String| match entry.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()) {
        Some((name, port)) => {
            name.eq_ignore_ascii_case(host) && url.port_or_known_default().is_some_and(|own| own.to_string() == port)
        }
        None => entry.eq_ignore_ascii_case(host),
    };
    url.scheme() == "https" && trusted.iter().any(named)
}

/// Returns the headers that may go to another origin.
pub fn carried(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| CARRIED.contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn locations_are_resolved() {
        let from = url("https://r.example/v2/a/blobs/x");
        for (location, expected) in [
            ("https://cdn.example/x?s=1", Ok("https://cdn.example/x?s=1")),
            ("/other", Ok("https://r.example/other")),
            ("y", Ok("https://r.example/v2/a/blobs/y")),
            ("//cdn.example/x", Ok("https://cdn.example/x")),
            ("https://", Err(LocationError::Malformed)),
            ("http://[::1", Err(LocationError::Malformed)),
        ] {
            let headers = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
            assert_eq!(target(&from, &headers), expected.map(url), "{location}");
        }
        assert_eq!(target(&from, &HeaderMap::new()), Err(LocationError::Missing));
    }

    #[test]
    fn any_change_of_scheme_host_or_port_is_another_origin() {
        let home = url("https://r.example/v2/");
        for (other, expected) in [
            ("https://r.example:443/x", true),
            ("https://R.EXAMPLE/x", true),
            ("http://r.example/x", false),
            ("https://r.example:8443/x", false),
            ("https://a.r.example/x", false),
        ] {
            assert_eq!(same_origin(&home, &url(other)), expected, "{other}");
        }
    }

    #[test]
    fn trust_is_for_whole_host_names_over_https() {
        let trusted = ["cdn.example".to_owned(), "store.example:8443".to_owned()];
        for (target, expected) in [
            ("https://cdn.example/x", true),
            ("https://CDN.example/x", true),
            ("http://cdn.example/x", false),
            ("https://evil-cdn.example/x", false),
            ("https://cdn.example.attacker.net/x", false),
            ("https://a.cdn.example/x", false),
            ("https://store.example:8443/x", true),
            ("https://store.example/x", false),
        ] {
            assert_eq!(is_trusted(&url(target), &trusted), expected, "{target}");
        }
    }

    #[test]
    fn nothing_that_says_who_asks_goes_along() {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "cookie", "proxy-authorization", "x-custom", "range", "accept"] {
            headers.insert(name, "x".parse().unwrap());
        }
        let kept = carried(&headers);
        assert_eq!(kept.len(), 2);
        assert!(kept.contains_key(RANGE) && kept.contains_key(ACCEPT));
    }
}
