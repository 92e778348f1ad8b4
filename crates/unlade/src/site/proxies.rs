//! The proxies that a site's variables name.

use super::Environment;
use crate::config::{Bypass, Proxies, Proxy};
use crate::error::{Error, ErrorKind, Result};

impl Environment {
    /// Reads the proxies of `http_proxy`, `https_proxy` and `all_proxy`, and what `no_proxy` exempts, each in lower case
    /// and then in upper case, as curl does; `HTTP_PROXY` does not count in a CGI script, where it is a header of the
    /// request (`REQUEST_METHOD` tells of that).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for a variable that names no proxy; it is named, and its value is not.
    pub fn proxies(&self) -> Result<Proxies> {
        let in_script = self.variable("REQUEST_METHOD").is_some();
        let http: &[&'static str] = if in_script { &["http_proxy"] } else { &["http_proxy", "HTTP_PROXY"] };
        let https = self.proxy(&["https_proxy", "HTTPS_PROXY"])?;
        Ok(Proxies { http: self.proxy(http)?, https, bypass: self.bypass() })
    }

    /// Takes one proxy for all servers, given by an option of that name; an empty text, or `none`, is no proxy. What
    /// `no_proxy` exempts stays exempt.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`] for what names no proxy; it is not quoted, since it may hold a password.
    pub fn proxies_by(&self, text: &str, option: &str) -> Result<Proxies> {
        if matches!(text.trim(), "" | "none") {
            return Ok(Proxies::default());
        }
        let proxy = Some(read(text, option)?);
        Ok(Proxies { http: proxy.clone(), https: proxy, bypass: self.bypass() })
    }

    /// Returns the proxy of the first of these variables that is set, or of those for all schemes.
    fn proxy(&self, names: &[&'static str]) -> Result<Option<Proxy>> {
        let mut names = names.iter().chain(&["all_proxy", "ALL_PROXY"]);
        let found = names.find_map(|name| self.variable(name).map(|value| (name, value)));
        found.map(|(name, value)| read(&value.to_string_lossy(), name)).transpose()
    }

    fn bypass(&self) -> Bypass {
        let list = self.variable("no_proxy").or_else(|| self.variable("NO_PROXY"));
        list.map(|list| Bypass::parse(&list.to_string_lossy())).unwrap_or_default()
    }
}

fn read(text: &str, origin: &str) -> Result<Proxy> {
    Proxy::parse(text, origin).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, format!("{origin} names no proxy that can be used")).caused_by(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)], url: &str) -> Option<String> {
        let environment: Environment = variables.iter().copied().collect();
        let proxies = environment.proxies().unwrap();
        proxies.choose(&url.parse().unwrap()).map(|proxy| format!("{proxy} by {}", proxy.origin()))
    }

    #[test]
    fn the_table_of_variables() {
        let (http, https) = ("http://r.example/", "https://r.example/");
        for (variables, url, expected) in [
            (&[("http_proxy", "http://a:1")][..], http, Some("http://a:1 by http_proxy")),
            (&[("HTTP_PROXY", "http://a:1")], http, Some("http://a:1 by HTTP_PROXY")),
            (&[("HTTP_PROXY", "http://a:1")], https, None),
            (&[("HTTP_PROXY", "http://a:1"), ("REQUEST_METHOD", "GET")], http, None),
            (&[("http_proxy", "http://a:1"), ("REQUEST_METHOD", "GET")], http, Some("http://a:1 by http_proxy")),
            (&[("HTTPS_PROXY", "http://a:1")], https, Some("http://a:1 by HTTPS_PROXY")),
            (&[("HTTPS_PROXY", "http://a:1"), ("https_proxy", "http://b:1")], https, Some("http://b:1 by https_proxy")),
            (&[("HTTPS_PROXY", "http://a:1")], http, None),
            (&[("ALL_PROXY", "socks5h://a")], http, Some("socks5h://a:1080 by ALL_PROXY")),
            (&[("all_proxy", "socks5://a"), ("https_proxy", "b")], https, Some("http://b:80 by https_proxy")),
            (&[("all_proxy", "socks5://a"), ("https_proxy", "")], https, Some("socks5://a:1080 by all_proxy")),
            (&[("https_proxy", "http://a:1"), ("NO_PROXY", "r.example")], https, None),
            (&[("https_proxy", "http://a:1"), ("no_proxy", "example")], https, None),
            (
                &[("https_proxy", "http://a:1"), ("no_proxy", "x"), ("NO_PROXY", "*")],
                https,
                Some("http://a:1 by https_proxy"),
            ),
        ] {
            assert_eq!(chosen(variables, url).as_deref(), expected, "{variables:?} {url}");
        }
    }

    #[test]
    fn an_option_stands_for_all_variables_but_the_exemptions() {
        let environment = Environment::from_iter([("https_proxy", "http://a:1"), ("no_proxy", "near.example")]);
        let choose = |text: &str, url: &str| {
            let proxies = environment.proxies_by(text, "--proxy").unwrap();
            proxies.choose(&url.parse().unwrap()).map(|proxy| format!("{proxy} by {}", proxy.origin()))
        };
        for url in ["http://r.example/", "https://r.example/"] {
            assert_eq!(choose("http://b:1", url).as_deref(), Some("http://b:1 by --proxy"));
            assert_eq!(choose("none", url), None);
            assert_eq!(choose("", url), None);
        }
        assert_eq!(choose("http://b:1", "https://near.example/"), None);
    }

    #[test]
    fn what_names_no_proxy_is_told_without_its_value() {
        for (name, value) in [("https_proxy", "gopher://hunter2@a"), ("ALL_PROXY", "http://me:hunter2/@a")] {
            let environment = Environment::from_iter([(name, value)]);
            let error = environment.proxies().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            let text = format!("{} {error:?}", error.chain().join(": "));
            assert!(text.contains(name) && !text.contains("hunter2"), "{text}");
        }
    }
}
