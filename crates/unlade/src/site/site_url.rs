//! URLs of hosts, as containerd's and docker's files have them.

use url::Url;

use crate::config::{Scheme, Server};

/// Whether a path is the whole path of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ApiPath {
    /// `/v2` is added where it is missing.
    Completed,
    /// It stays as it is.
    Whole,
}

/// Reads `[SCHEME://]HOST[:PORT][/PATH]`; the error says what is wrong.
pub(super) fn read(text: &str, path: ApiPath) -> Result<Server, &'static str> {
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&whole).map_err(|_| "this is no URL of a host")?;
    let scheme = match url.scheme() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        _ => return Err("expected a URL of http or https"),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL of a host has no login");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a URL of a host has no query and no fragment");
    }
    let host = url.host_str().ok_or("this is no URL of a host")?;
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let registry = authority.parse().map_err(|_| "this is no name of a host")?;
    let mut prefix = url.path().trim_end_matches('/').to_owned();
    if path == ApiPath::Completed && !prefix.ends_with("/v2") {
        prefix.push_str("/v2");
    }
    Ok(Server::new(scheme, registry, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_urls() {
        for (text, path, expected) in [
            ("https://m.example", ApiPath::Completed, "Https m.example /v2"),
            ("http://m.example:5000/", ApiPath::Completed, "Http m.example:5000 /v2"),
            ("m.example", ApiPath::Completed, "Https m.example /v2"),
            ("https://m.example/v2", ApiPath::Completed, "Https m.example /v2"),
            ("https://m.example/cache", ApiPath::Completed, "Https m.example /cache/v2"),
            ("https://m.example/v2/cache/", ApiPath::Whole, "Https m.example /v2/cache"),
            ("https://m.example", ApiPath::Whole, "Https m.example "),
            ("https://[::1]:5000", ApiPath::Completed, "Https [::1]:5000 /v2"),
            ("https://registry-1.docker.io", ApiPath::Completed, "Https docker.io /v2"),
        ] {
            let server = read(text, path).unwrap();
            assert_eq!(format!("{:?} {} {}", server.scheme, server.registry, server.prefix), expected, "{text}");
        }
        for text in ["", "ftp://m.example", "https://u:p@m.example", "https://m.example?x", "https://"] {
            read(text, ApiPath::Completed).unwrap_err();
        }
    }
}
