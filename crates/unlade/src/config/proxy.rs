//! Proxies, and which hosts are asked without one.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use url::{Host, Url};
use zeroize::Zeroizing;

/// The way to servers: through a proxy, or straight.
///
/// Loopback is always asked straight: what listens there is of this machine alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Proxies {
    /// For URLs of `http`.
    pub http: Option<Proxy>,
    /// For URLs of `https`.
    pub https: Option<Proxy>,
    /// What is asked straight all the same.
    pub bypass: Bypass,
}

impl Proxies {
    /// Returns the proxy through which a URL is asked; `None` if it is asked straight.
    pub fn choose(&self, url: &Url) -> Option<&Proxy> {
        let proxy = match url.scheme() {
            "http" => self.http.as_ref(),
            "https" => self.https.as_ref(),
            _ => None,
        }?;
        let host = url.host()?;
        let straight = is_loopback(&host) || self.bypass.covers(&host, url.port_or_known_default());
        (!straight).then_some(proxy)
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match address(host) {
        Some(address) => address.is_loopback(),
        None => matches!(host, Host::Domain(name) if lies_in(name.trim_end_matches('.'), "localhost")),
    }
}

/// Returns the address that a host is; that of the fourth version within one of the sixth is the former.
fn address(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some((*address).into()),
        Host::Ipv6(address) => Some(IpAddr::from(*address).to_canonical()),
    }
}

/// Says whether a name is another one, or lies below it by whole labels.
fn lies_in(name: &str, domain: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The hosts that are asked straight, as `NO_PROXY` lists them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bypass(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Address(IpAddr, Option<u16>),
    Everything,
    Name(String, Option<u16>),
    Net(IpNet),
}

impl Bypass {
    /// Reads a list with commas or spaces between its entries: names, which mean what lies below them too, with or
    /// without a dot in front; addresses; either with a port; networks; and `*`.
    pub fn parse(list: &str) -> Self {
        let entries = list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        Self(entries.filter_map(Rule::parse).collect())
    }

    fn covers(&self, host: &Host<&str>, port: Option<u16>) -> bool {
        self.0.iter().any(|rule| rule.covers(host, port))
    }
}

impl Rule {
    fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::Everything);
        }
        if let Ok(net) = entry.parse::<IpNet>() {
            return Some(Self::Net(net));
        }
        if let Ok(address) = entry.parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical(), None));
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
            _ => (entry, None),
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical(), port));
        }
        let name = host.strip_prefix('*').unwrap_or(host).trim_matches('.').to_lowercase();
        // A URL has names of other scripts in the form that the resolver is asked for.
        let name = if name.is_ascii() { name } else { Host::parse(&name).ok()?.to_string() };
        (!name.is_empty()).then_some(Self::Name(name, port))
    }

    fn covers(&self, host: &Host<&str>, port: Option<u16>) -> bool {
        let fits = |wanted: &Option<u16>| wanted.is_none() || *wanted == port;
        match (self, host) {
            (Self::Everything, _) => true,
            (Self::Net(net), host) => address(host).is_some_and(|address| net.contains(&address)),
            (Self::Address(wanted, port), host) => address(host) == Some(*wanted) && fits(port),
            (Self::Name(wanted, port), Host::Domain(name)) => lies_in(name.trim_end_matches('.'), wanted) && fits(port),
            (Self::Name(..), _) => false,
        }
    }
}

/// A proxy: where it is, how it is spoken to, and the login that it alone is shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy(Arc<Parts>);

#[derive(PartialEq, Eq, Hash)]
struct Parts {
    protocol: ProxyProtocol,
    host: Host,
    port: u16,
    login: Option<ProxyLogin>,
    origin: String,
}

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyProtocol {
    /// HTTP in the clear.
    Http,
    /// HTTP in TLS.
    Https,
    /// SOCKS 5 (RFC 1928), which is given addresses: names are resolved here.
    Socks5,
    /// SOCKS 5, which is given names.
    Socks5h,
}

/// User and password for a proxy.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ProxyLogin {
    pub(crate) user: Zeroizing<String>,
    pub(crate) password: Zeroizing<String>,
}

impl Hash for ProxyLogin {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.user.as_str(), self.password.as_str()).hash(state);
    }
}

/// What is wrong with the text that should name a proxy; quotes nothing of it, since it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It has a scheme that is not spoken.
    #[error("its scheme is none of http, https, socks5 and socks5h")]
    Scheme,
    /// It names no host and port.
    #[error(
        "it is no URL such as http://proxy.example:3128; in a user or password, signs such as / ? # @ : and % are \
         written as %2F %3F %23 %40 %3A and %25"
    )]
    Url,
    /// Its login is not text.
    #[error("its login is not in UTF-8, or has a control character in it")]
    Login,
    /// SOCKS has no room for such a login.
    #[error("user and password for SOCKS have 1 to 255 bytes each")]
    SocksLogin,
}

impl Proxy {
    /// Reads a URL, whose scheme is http if it has none; the origin is what names it, an option or a variable.
    ///
    /// Without a port it is 80, 443 for https, and 1080 for SOCKS.
    ///
    /// # Errors
    ///
    /// A [`ProxyError`].
    pub fn parse(text: &str, origin: impl Into<String>) -> Result<Self, ProxyError> {
        let (scheme, rest) = text.trim().split_once("://").unwrap_or(("http", text.trim()));
        let (protocol, default) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyProtocol::Http, 80),
            "https" => (ProxyProtocol::Https, 443),
            "socks5" => (ProxyProtocol::Socks5, 1080),
            "socks5h" => (ProxyProtocol::Socks5h, 1080),
            _ => return Err(ProxyError::Scheme),
        };
        // Only for http the crate reads a host as one; and it drops the port that is http's own.
        let url = Url::parse(&format!("http://{rest}")).map_err(|_| ProxyError::Url)?;
        let beyond = !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
        let host = url.host().map(|host| host.to_owned()).filter(|_| !beyond).ok_or(ProxyError::Url)?;
        let names_80 = rest.trim_end_matches('/').ends_with(":80");
        let port = url.port().unwrap_or(if names_80 { 80 } else { default });
        let login = login(&url, protocol)?;
        Ok(Self(Arc::new(Parts { protocol, host, port, login, origin: origin.into() })))
    }

    /// Returns how it is spoken to.
    pub fn protocol(&self) -> ProxyProtocol {
        self.0.protocol
    }

    /// Returns what names it: an option or a variable.
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    /// Returns host and port.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.0.host, self.0.port)
    }

    /// Says whether a login is given for it.
    pub fn has_login(&self) -> bool {
        self.0.login.is_some()
    }

    pub(crate) fn host(&self) -> &Host {
        &self.0.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port
    }

    pub(crate) fn login(&self) -> Option<&ProxyLogin> {
        self.0.login.as_ref()
    }
}

fn login(url: &Url, protocol: ProxyProtocol) -> Result<Option<ProxyLogin>, ProxyError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decode = |text: &str| -> Result<Zeroizing<String>, ProxyError> {
        let text = percent_decode_str(text).decode_utf8().map_err(|_| ProxyError::Login)?;
        if text.chars().any(char::is_control) { Err(ProxyError::Login) } else { Ok(Zeroizing::new(text.into_owned())) }
    };
    let (user, password) = (decode(url.username())?, decode(url.password().unwrap_or_default())?);
    let socks = matches!(protocol, ProxyProtocol::Socks5 | ProxyProtocol::Socks5h);
    if socks && [&user, &password].iter().any(|text| text.is_empty() || text.len() > 255) {
        return Err(ProxyError::SocksLogin);
    }
    // Basic ends the user at the first colon (RFC 7617, section 2).
    if !socks && user.contains(':') { Err(ProxyError::Url) } else { Ok(Some(ProxyLogin { user, password })) }
}

impl ProxyProtocol {
    /// Returns the scheme of its URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Socks5 => "socks5",
            Self::Socks5h => "socks5h",
        }
    }
}

/// Without the login.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.protocol.scheme(), self.authority())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(bypass: &str) -> Proxies {
        let proxy = |text| Some(Proxy::parse(text, "a test").unwrap());
        Proxies { http: proxy("http://plain:1"), https: proxy("http://secure:1"), bypass: Bypass::parse(bypass) }
    }

    #[test]
    fn the_table_of_what_is_asked_straight() {
        for (list, url, straight) in [
            ("", "https://r.example/", false),
            ("r.example", "https://r.example/", true),
            ("R.Example.", "https://r.example./", true),
            (".r.example", "https://r.example/", true),
            ("r.example", "https://a.r.example/", true),
            ("*.r.example", "https://a.b.r.example/", true),
            ("r.example", "https://or.example/", false),
            ("r.example", "https://r.example.org/", false),
            ("example", "https://r.example/", true),
            ("a.example, r.example", "https://r.example/", true),
            ("a.example r.example", "https://r.example/", true),
            ("r.example:5000", "https://r.example:5000/", true),
            ("r.example:5000", "https://r.example/", false),
            ("r.example:443", "https://r.example/", true),
            ("r.example:80", "http://r.example/", true),
            ("r.example:x", "https://r.example/", false),
            ("10.0.0.0/8", "https://10.1.2.3/", true),
            ("10.0.0.0/8", "https://11.1.2.3/", false),
            ("10.0.0.0/8", "https://[::ffff:10.1.2.3]/", true),
            ("10.0.0.0/99", "https://10.1.2.3/", false),
            ("10.1.2.3", "https://10.1.2.3/", true),
            ("10.1.2.3:5000", "https://10.1.2.3:5000/", true),
            ("10.1.2.3:5000", "https://10.1.2.3/", false),
            ("2001:db8::1", "https://[2001:db8::1]/", true),
            ("[2001:db8::1]", "https://[2001:db8::1]/", true),
            ("[2001:db8::1]:5000", "https://[2001:db8::1]:5000/", true),
            ("[2001:db8::1]:5000", "https://[2001:db8::1]/", false),
            ("2001:db8::/32", "https://[2001:db8::1]/", true),
            ("bücher.example", "https://xn--bcher-kva.example/", true),
            ("*", "https://r.example/", true),
            ("*", "http://8.8.8.8/", true),
            (". , *.", "https://r.example/", false),
            ("", "https://127.0.0.1:5000/", true),
            ("", "http://127.8.9.1/", true),
            ("", "http://[::1]/", true),
            ("", "http://[::ffff:127.0.0.1]/", true),
            ("", "http://localhost:5000/", true),
            ("", "http://LocalHost.:5000/", true),
            ("", "http://r.localhost/", true),
            ("", "http://notlocalhost/", false),
            ("", "ftp://r.example/", true),
        ] {
            let proxies = proxies(list);
            assert_eq!(proxies.choose(&url.parse().unwrap()).is_none(), straight, "{list:?} {url}");
        }
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let proxies = proxies("");
        let host = |url: &str| proxies.choose(&url.parse().unwrap()).unwrap().host().to_string();
        assert_eq!((host("http://r.example/").as_str(), host("https://r.example/").as_str()), ("plain", "secure"));
    }

    #[test]
    fn the_table_of_proxies() {
        for (text, shown) in [
            ("proxy.example", "http://proxy.example:80"),
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("http://proxy.example", "http://proxy.example:80"),
            ("https://proxy.example/", "https://proxy.example:443"),
            ("https://proxy.example:80/", "https://proxy.example:80"),
            ("HTTP://Proxy.Example:3128/", "http://proxy.example:3128"),
            ("socks5://10.0.0.1", "socks5://10.0.0.1:1080"),
            ("socks5h://[2001:db8::1]:9050", "socks5h://[2001:db8::1]:9050"),
            (" http://me:hunter2@proxy.example:3128 ", "http://proxy.example:3128"),
        ] {
            let proxy = Proxy::parse(text, "a test").unwrap();
            assert_eq!((proxy.to_string(), format!("{proxy:?}")), (shown.to_owned(), shown.to_owned()));
        }
        for (text, error) in [
            ("socks4://proxy.example", ProxyError::Scheme),
            ("socks://proxy.example", ProxyError::Scheme),
            ("ftp://proxy.example", ProxyError::Scheme),
            ("", ProxyError::Url),
            ("http://", ProxyError::Url),
            ("http://proxy.example:x", ProxyError::Url),
            ("http://me:a/b@proxy.example", ProxyError::Url),
            ("http://proxy.example/path", ProxyError::Url),
            ("http://me:%ff@proxy.example", ProxyError::Login),
            ("http://me:a%0d%0ab@proxy.example", ProxyError::Login),
            ("http://me%3ayou:x@proxy.example", ProxyError::Url),
            ("socks5://me@proxy.example", ProxyError::SocksLogin),
        ] {
            assert_eq!(Proxy::parse(text, "a test").unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn a_login_is_decoded_and_counts() {
        let proxy = Proxy::parse("http://me%40here:p%40ss%2Fword@p.example:1", "a test").unwrap();
        let login = proxy.login().unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("me@here", "p@ss/word"));
        assert_ne!(proxy, Proxy::parse("http://me%40here:other@p.example:1", "a test").unwrap());
    }
}
