//! The link to the next page of a list. Pure.
//!
//! <https://www.rfc-editor.org/rfc/rfc8288>,
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags>

use http::HeaderMap;
use http::header::LINK;
use url::Url;

use crate::spec::safe_url::SafeUrl;
use crate::transport::redirect::same_origin;

/// Why a link to the next page is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LinkError {
    /// There are two that differ.
    #[error("the answer links to two next pages that differ")]
    Contradictory,
    /// It leads to another place than the list's own.
    #[error("the next page would be at {0}, which is not where this list is")]
    Elsewhere(String),
    /// The header is none.
    #[error("the link to the next page cannot be read")]
    Malformed,
}

/// Where a list is: what its pages are measured against.
#[derive(Clone, Copy)]
pub(super) struct ListPlace<'a> {
    /// The repository's own URL, which ends in a slash.
    pub(super) home: &'a Url,
    /// The path of the list below it.
    pub(super) path: &'a str,
}

/// Where the next page of a list is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// At the registry: the path and the query, relative to its origin.
    Home(String),
    /// Where a redirect led for this page, with another query; and the same query at the registry, if that refuses.
    There(Url, String),
}

impl Next {
    /// Returns what tells it from other pages.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Home(path) => path,
            Self::There(url, _) => url.as_str(),
        }
    }
}

/// Returns the page that an answer of `from` links to.
///
/// It is asked for at the registry itself, or where the registry led for this page, so that no link leads a request
/// elsewhere: what it adds to the list's own place is its query. It must name the repository that was asked.
///
/// # Errors
///
/// A [`LinkError`].
pub(super) fn next_page(headers: &HeaderMap, from: &Url, place: ListPlace<'_>) -> Result<Option<Next>, LinkError> {
    let mut found: Option<Url> = None;
    for value in headers.get_all(LINK) {
        let text = std::str::from_utf8(value.as_bytes()).map_err(|_| LinkError::Malformed)?;
        for link in parse(text)? {
            if !link.is_next() {
                continue;
            }
            let url = from.join(link.target).map_err(|_| LinkError::Malformed)?;
            if found.as_ref().is_some_and(|other| *other != url) {
                return Err(LinkError::Contradictory);
            }
            found = Some(url);
        }
    }
    found.map(|url| place_of(url, from, place)).transpose()
}

fn place_of(mut url: Url, from: &Url, place: ListPlace<'_>) -> Result<Next, LinkError> {
    let has_login = !url.username().is_empty() || url.password().is_some();
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    let own = || format!("{}{}{query}", place.home.path(), place.path);
    if !has_login && is_same_registry(&url, place.home) {
        if url.path().starts_with(place.home.path()) {
            return Ok(Next::Home(format!("{}{query}", url.path())));
        }
        if is_ours_behind_a_proxy(url.path(), place) {
            return Ok(Next::Home(own()));
        }
    }
    // registry.k8s.io redirects with the path alone: of a query that is shown to it, nothing arrives.
    if !has_login && same_origin(&url, from) && url.path() == from.path() {
        url.set_fragment(None);
        return Ok(Next::There(url, own()));
    }
    Err(LinkError::Elsewhere(SafeUrl::from(url).to_string()))
}

/// Says whether a path is that of the list as something behind the registry's front knows it: with the beginning of
/// the repository's name left out, or with folders before `/v2/`.
///
/// Artifactory leaves out the key of its repository (RTFACT-18971), Nexus adds where its own stands
/// (sonatype/nexus-public#1011).
fn is_ours_behind_a_proxy(path: &str, place: ListPlace<'_>) -> bool {
    let own = format!("{}{}", place.home.path(), place.path);
    let behind = |path: &str| path.rsplit_once("/v2/").map(|(_, rest)| format!("/{rest}"));
    let (Some(linked), Some(own)) = (behind(path), behind(&own)) else { return false };
    // At least the last part of the repository's name must be there.
    own.ends_with(&linked) && linked.len() > place.path.len() + 1 && linked.ends_with(&format!("/{}", place.path))
}

/// Says whether a link names the registry. What stands behind something that ends TLS may write links to plain http, on
/// the host and port of the request, or on that host and the port of https; nothing is asked in plain http for that.
fn is_same_registry(url: &Url, home: &Url) -> bool {
    let behind_tls = home.scheme() == "https" && url.scheme() == "http" && url.host() == home.host();
    let same_port = url.port() == home.port() || url.port() == home.port_or_known_default();
    same_origin(url, home) || behind_tls && same_port
}

/// One link of a header.
#[derive(Debug, PartialEq)]
struct Link<'a> {
    target: &'a str,
    relation: Option<String>,
    /// It speaks of another resource than the one that was answered.
    is_anchored: bool,
}

impl Link<'_> {
    fn is_next(&self) -> bool {
        let relations = self.relation.as_deref().unwrap_or_default();
        !self.is_anchored && relations.split_ascii_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"))
    }
}

/// Reads a header (RFC 8288, section 3).
fn parse(text: &str) -> Result<Vec<Link<'_>>, LinkError> {
    let mut links = Vec::new();
    let mut rest = text;
    loop {
        // Empty elements are allowed (RFC 9110, section 5.6.1).
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Ok(links);
        }
        let (target, tail) =
            rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or(LinkError::Malformed)?;
        let mut link = Link { target: target.trim(), relation: None, is_anchored: false };
        rest = tail.trim_start();
        while let Some(tail) = rest.strip_prefix(';') {
            let (name, value, tail) = parameter(tail)?;
            match name.to_ascii_lowercase().as_str() {
                // The first one counts (section 3.3).
                "rel" if link.relation.is_none() => link.relation = Some(value),
                "anchor" => link.is_anchored = true,
                _ => {}
            }
            rest = tail.trim_start();
        }
        if !rest.is_empty() && !rest.starts_with(',') {
            return Err(LinkError::Malformed);
        }
        links.push(link);
    }
}

/// Reads a parameter: its name, its value without quotes, and what is behind it.
fn parameter(text: &str) -> Result<(&str, String, &str), LinkError> {
    let end = text.find([';', ',', '=']).unwrap_or(text.len());
    let (name, rest) = (text[..end].trim(), &text[end..]);
    let Some(value) = rest.strip_prefix('=') else {
        return Ok((name, String::new(), rest));
    };
    let value = value.trim_start();
    if let Some(quoted) = value.strip_prefix('"') {
        let (value, rest) = unquote(quoted).ok_or(LinkError::Malformed)?;
        return Ok((name, value, rest));
    }
    let end = value.find([';', ',']).unwrap_or(value.len());
    Ok((name, value[..end].trim().to_owned(), &value[end..]))
}

/// Reads on behind an opening quote, up to the closing one (RFC 9110, section 5.6.4).
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOME: &str = "https://r.example/v2/a/b/";

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn next(links: &[&str], from: &str, home: &str) -> Result<Option<Next>, LinkError> {
        let mut headers = HeaderMap::new();
        for link in links {
            headers.append(LINK, link.parse().unwrap());
        }
        next_page(&headers, &url(from), ListPlace { home: &url(home), path: "tags/list" })
    }

    /// What is asked for at the registry; nothing is asked for elsewhere.
    fn at_home(links: &[&str]) -> Result<Option<String>, LinkError> {
        Ok(next(links, "https://r.example/v2/a/b/tags/list?n=2", HOME)?.map(|next| match next {
            Next::Home(path) => path,
            Next::There(..) => panic!("{links:?} lead to {next:?}"),
        }))
    }

    #[test]
    fn a_link_is_read_in_every_form_that_registries_write() {
        let page = "/v2/a/b/tags/list?n=2&last=v2";
        for link in [
            // distribution, Docker Hub, GitLab, Harbor, ghcr.io
            r#"</v2/a/b/tags/list?n=2&last=v2>; rel="next""#,
            // ECR
            r#"<https://r.example/v2/a/b/tags/list?n=2&last=v2>; rel="next""#,
            "<https://r.example:443/v2/a/b/tags/list?n=2&last=v2>;rel=next",
            // behind something that ends TLS
            r#"<http://r.example/v2/a/b/tags/list?n=2&last=v2>; rel="next""#,
            r#"<http://r.example:443/v2/a/b/tags/list?n=2&last=v2>; rel="next""#,
            // Artifactory and Nexus, of what they know under another name
            r#"</v2/b/tags/list?n=2&last=v2>; rel="next""#,
            r#"</repository/docker-proxy/v2/b/tags/list?n=2&last=v2>; rel="next""#,
            r#"<https://r.example/repository/v2/v2/a/b/tags/list?n=2&last=v2>; rel="next""#,
            "<list?n=2&last=v2>; rel=next",
            "<?n=2&last=v2>; rel=next",
            "<//r.example/v2/a/b/tags/list?n=2&last=v2>; rel=next",
            r#"</v2/a/b/tags/list?n=2&last=v2> ; title="a, b; \"c\" <d>" ; REL = "prefetch Next""#,
            "</v2/a/b/tags/list?n=2&last=v2>; rel=next; rel=prev",
            r#", ,</first>; rel="first", </v2/a/b/tags/list?n=2&last=v2>; rel="next","#,
            "</v2/a/x/../b/tags/list?n=2&last=v2>; flag; rel=next",
        ] {
            assert_eq!(at_home(&[link]), Ok(Some(page.to_owned())), "{link}");
        }
        let several = ["</x>; rel=prev", "</v2/a/b/tags/list?n=2&last=v2>; rel=next"];
        assert_eq!(at_home(&several), Ok(Some(page.to_owned())));
        assert_eq!(at_home(&[several[1], several[1]]), Ok(Some(page.to_owned())));
        // Quay counts its pages in a parameter of its own.
        let quay = r#"</v2/a/b/tags/list?n=2&next_page=gAAA%3D>; rel="next""#;
        assert_eq!(at_home(&[quay]), Ok(Some("/v2/a/b/tags/list?n=2&next_page=gAAA%3D".to_owned())));
    }

    #[test]
    fn what_is_not_the_next_page_is_none() {
        for link in [
            "</v2/a/b/tags/list>",
            "</v2/a/b/tags/list>; rel=prev",
            "</v2/a/b/tags/list>; rel=prev; rel=next",
            "</v2/a/b/tags/list>; rel=nextpage",
            "</v2/a/b/tags/list>; title=next",
            "</v2/a/b/tags/list>; rel=next; anchor=\"/other\"",
            "",
        ] {
            assert_eq!(at_home(&[link]), Ok(None), "{link}");
        }
        assert_eq!(at_home(&[]), Ok(None));
    }

    #[test]
    fn a_link_that_leads_away_is_not_followed() {
        for target in [
            "https://other.example/v2/a/b/tags/list?last=v2",
            "https://r.example:8443/v2/a/b/tags/list?last=v2",
            "http://r.example:8080/v2/a/b/tags/list",
            "http://169.254.169.254/v2/a/b/tags/list",
            "//other.example/v2/a/b/tags/list",
            "https://me:secret@r.example/v2/a/b/tags/list",
            "https://me@r.example/v2/a/b/tags/list",
            "/v2/other/tags/list",
            "/v2/a/b/../../c/tags/list",
            "/v2/a/b/%2e%2e/c/tags/list",
            "/v2/a/bc/tags/list",
            "/v2/tags/list",
            "/v2/x/b/tags/list",
            "/v2/x/a/b/tags/list",
            "/v2/bb/tags/list",
            "/v2/b/tags/list/more",
            "/a/b/tags/list",
            "/x/v2/c/v2/x/a/b/tags/list",
            "https://other.example/repository/v2/a/b/tags/list",
            "https://me@r.example/v2/b/tags/list",
            "/token",
            "file:///v2/a/b/tags/list",
            "data:,x",
        ] {
            let found = at_home(&[&format!("<{target}>; rel=next")]);
            assert!(matches!(found, Err(LinkError::Elsewhere(_))), "{target}: {found:?}");
            assert!(!found.unwrap_err().to_string().contains("secret"), "{target}");
        }
        let plain = "http://r.example/v2/a/b/";
        let found = next(&["<https://r.example/v2/a/b/tags/list>; rel=next"], plain, plain);
        assert!(matches!(found, Err(LinkError::Elsewhere(_))), "{found:?}");
    }

    #[test]
    fn a_list_that_was_read_elsewhere_is_asked_on_there() {
        let from = "https://region.example/v2/project/a/b/tags/list?rid=1";
        let there = |query: &str| {
            Some(Next::There(
                url(&format!("https://region.example/v2/project/a/b/tags/list?{query}")),
                format!("/v2/a/b/tags/list?{query}"),
            ))
        };
        for (target, expected) in [
            ("/v2/project/a/b/tags/list?n=2&last=v2", there("n=2&last=v2")),
            ("?last=v2#x", there("last=v2")),
            ("https://r.example/v2/a/b/tags/list?last=v2", Some(Next::Home("/v2/a/b/tags/list?last=v2".to_owned()))),
            ("/v2/project/other/tags/list?last=v2", None),
            ("https://me@region.example/v2/project/a/b/tags/list?last=v2", None),
            ("http://region.example/v2/project/a/b/tags/list?last=v2", None),
            ("https://region.example:8443/v2/project/a/b/tags/list?last=v2", None),
            ("https://third.example/v2/project/a/b/tags/list?last=v2", None),
        ] {
            let found = next(&[&format!("<{target}>; rel=next")], from, HOME);
            assert_eq!(found.ok().flatten(), expected, "{target}");
        }
        // The registry's own host, under another name of the repository.
        let from = "https://r.example/v2/moved/b/tags/list?n=2";
        let found = next(&["</v2/moved/b/tags/list?last=v2>; rel=next"], from, HOME).unwrap();
        assert!(matches!(found, Some(Next::There(..))), "{found:?}");
    }

    #[test]
    fn what_cannot_be_read_is_no_end_of_the_list() {
        for link in [
            "/v2/a/b/tags/list; rel=next",
            "</v2/a/b/tags/list; rel=next",
            "</v2/a/b/tags/list>; rel=\"next",
            "</v2/a/b/tags/list> rel=next",
            "<http://[::1>; rel=next",
        ] {
            assert_eq!(at_home(&[link]), Err(LinkError::Malformed), "{link}");
        }
        let two = ["</v2/a/b/tags/list?last=1>; rel=next", "</v2/a/b/tags/list?last=2>; rel=next"];
        assert_eq!(at_home(&two), Err(LinkError::Contradictory));
    }

    proptest! {
        #[test]
        fn never_panics(text in "[<>;,=\"\\\\ a-z0-9/:.@%?]{0,60}") {
            drop(at_home(&[&text]));
        }

        #[test]
        fn never_leaves_the_list(
            target in proptest::collection::vec(
                proptest::sample::select(vec![
                    "/v2/a/b/", "/v2/", "a/", "b/", "tags/list", "..", "/../", "%2e%2e/", "/", "//", "\\", "?", "last=v2",
                    "#", "@", ":", "https://", "http://", "r.example", "region.example", "other.example", ":443", "x", ";",
                ]),
                0..8,
            ),
            abroad: bool,
        ) {
            let from = if abroad { "https://region.example/v2/x/tags/list?rid=1" } else { "https://r.example/v2/a/b/tags/list" };
            let link = format!("<{}>; rel=next", target.concat());
            match next(&[&link], from, HOME) {
                Ok(Some(Next::Home(path))) => {
                    let asked = url(HOME).join(&path).unwrap();
                    prop_assert_eq!(asked.host_str(), Some("r.example"), "{}", link);
                    prop_assert!(asked.path().starts_with("/v2/a/b/"), "{} is asked for as {}", link, path);
                }
                Ok(Some(Next::There(asked, path))) => {
                    prop_assert!(same_origin(&asked, &url(from)) && asked.path() == url(from).path(), "{}", link);
                    prop_assert!(asked.username().is_empty() && asked.password().is_none(), "{}", link);
                    prop_assert!(path.starts_with("/v2/a/b/tags/list"), "{}", link);
                }
                Ok(None) | Err(_) => {}
            }
        }
    }

    #[test]
    fn the_parts_of_that_test_make_links_that_are_followed() {
        // Else it would say nothing.
        assert!(matches!(at_home(&["</v2/a/b/tags/list?last=v2>; rel=next"]), Ok(Some(_))));
        let abroad = next(&["<?last=v2>; rel=next"], "https://region.example/v2/x/tags/list?rid=1", HOME);
        assert!(matches!(abroad, Ok(Some(Next::There(..)))));
    }
}
