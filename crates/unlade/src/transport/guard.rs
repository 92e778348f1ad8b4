//! Where servers may lead: the one rule for every URL that a server names. Pure.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use url::{Host, Url};

use super::address::{AddressClass, Peril, classify, inner};

/// Which addresses may be connected to; part of a connection's profile.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum AddressGuard {
    /// Those that a server names, within bounds.
    Named(Bounds),
    /// All: the user named the host.
    #[default]
    Open,
    /// Those of this machine: its name is the only reason for speaking plain http.
    ThisMachine,
}

/// The bounds for what a server names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Bounds {
    /// The class of the address at which the registry itself was reached.
    pub home: AddressClass,
    /// Private networks that the user allows.
    pub allow: Arc<[IpNet]>,
    /// Whether a private address behind a name needs no permission.
    pub exemption: Exemption,
}

/// Whether a host may be private although the registry is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Exemption {
    /// It may not.
    #[default]
    None,
    /// It may: it is a name, proven by a certificate, and gets no credential. The
    /// certificate defeats what rebinding a name to a private address would gain.
    ProvenName,
}

/// Why a URL is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlRefusal {
    /// Its address is out of bounds.
    Address(IpAddr, Peril),
    /// It leads from https to http.
    Downgrade,
    /// It names no host.
    NoHost,
    /// It is neither http nor https.
    Scheme,
    /// It has a login in it.
    UserInfo,
}

impl fmt::Display for UrlRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address, peril) => write!(f, "{address} is {peril}, where servers may not lead"),
            Self::Downgrade => f.write_str("it leads from https to plain http"),
            Self::NoHost => f.write_str("it names no host"),
            Self::Scheme => f.write_str("it is neither http nor https"),
            Self::UserInfo => f.write_str("it has a login in it"),
        }
    }
}

impl std::error::Error for UrlRefusal {}

impl Bounds {
    /// Sets bounds by the class of the registry's own address.
    pub fn new(home: AddressClass, allow: Arc<[IpNet]>) -> Self {
        Self { home, allow, exemption: Exemption::None }
    }

    /// Sets whether a private address behind a name needs no permission.
    #[must_use]
    pub fn exempt(mut self, exemption: Exemption) -> Self {
        self.exemption = exemption;
        self
    }

    /// Says whether an address is within bounds.
    ///
    /// # Errors
    ///
    /// What is dangerous about it.
    pub fn permits(&self, address: IpAddr) -> Result<(), Peril> {
        match classify(address) {
            AddressClass::Forbidden(peril) => Err(peril),
            AddressClass::Public => Ok(()),
            AddressClass::Loopback if self.home == AddressClass::Loopback => Ok(()),
            AddressClass::Loopback => Err(Peril::Loopback),
            AddressClass::Private if self.home == AddressClass::Private => Ok(()),
            AddressClass::Private if self.exemption == Exemption::ProvenName => Ok(()),
            AddressClass::Private
                if self.allow.iter().any(|net| net.contains(&address) || net.contains(&inner(address))) =>
            {
                Ok(())
            }
            AddressClass::Private => Err(Peril::Private),
        }
    }
}

impl AddressGuard {
    /// Says whether an address may be connected to.
    ///
    /// # Errors
    ///
    /// What is dangerous about it.
    pub fn permits(&self, address: IpAddr) -> Result<(), Peril> {
        match self {
            Self::Named(bounds) => bounds.permits(address),
            Self::Open => Ok(()),
            Self::ThisMachine if classify(address) == AddressClass::Loopback => Ok(()),
            Self::ThisMachine => Err(Peril::Elsewhere),
        }
    }
}

/// Checks a URL that a server at `from` named, as far as its text goes.
///
/// What a name resolves to is checked when the connection is made.
///
/// # Errors
///
/// A [`UrlRefusal`].
pub fn check(url: &Url, from: &Url, bounds: &Bounds) -> Result<(), UrlRefusal> {
    check_form(url, from)?;
    let Some(address) = literal(url)? else { return Ok(()) };
    // The exemption is for names alone.
    let bounds = bounds.clone().exempt(Exemption::None);
    bounds.permits(address).map_err(|peril| UrlRefusal::Address(address, peril))
}

/// Checks everything but the address: all that there is to check where the user named the host.
///
/// # Errors
///
/// A [`UrlRefusal`].
pub fn check_form(url: &Url, from: &Url) -> Result<(), UrlRefusal> {
    match (from.scheme(), url.scheme()) {
        (_, "https") | ("http", "http") => {}
        ("https", "http") => return Err(UrlRefusal::Downgrade),
        _ => return Err(UrlRefusal::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlRefusal::UserInfo);
    }
    Ok(())
}

/// Returns the address that a URL names without a resolver.
fn literal(url: &Url) -> Result<Option<IpAddr>, UrlRefusal> {
    Ok(match url.host().ok_or(UrlRefusal::NoHost)? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            (name == "localhost" || name.ends_with(".localhost")).then_some(IpAddr::from([127, 0, 0, 1]))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(home: AddressClass, allow: &[&str]) -> Bounds {
        Bounds::new(home, allow.iter().map(|net| net.parse().unwrap()).collect())
    }

    #[test]
    fn the_table_of_urls() {
        use AddressClass::{Loopback, Private, Public};
        let none: &[&str] = &[];
        for (from, url, home, allow, expected) in [
            ("https", "https://cdn.example/x", Public, none, None),
            ("https", "http://cdn.example/x", Public, none, Some(UrlRefusal::Downgrade)),
            ("http", "http://cdn.example/x", Private, none, None),
            ("http", "https://cdn.example/x", Loopback, none, None),
            ("https", "ftp://cdn.example/x", Public, none, Some(UrlRefusal::Scheme)),
            ("https", "file:///etc/passwd", Public, none, Some(UrlRefusal::Scheme)),
            ("https", "https://me:pw@cdn.example/x", Public, none, Some(UrlRefusal::UserInfo)),
            ("https", "https://me@cdn.example/x", Public, none, Some(UrlRefusal::UserInfo)),
            ("http", "http://127.0.0.1:1/x", Loopback, none, None),
            ("http", "http://[::1]:1/x", Loopback, none, None),
            ("http", "http://localhost/x", Loopback, none, None),
            ("https", "https://10.0.0.1/x", Private, none, None),
            ("https", "https://10.0.0.1/x", Public, &["10.0.0.0/8"], None),
            ("https", "https://127.0.0.1/x", Private, &["127.0.0.0/8"], Some(refused("127.0.0.1", Peril::Loopback))),
            ("https", "https://localhost/x", Public, none, Some(refused("127.0.0.1", Peril::Loopback))),
            ("https", "https://a.LOCALHOST./x", Public, none, Some(refused("127.0.0.1", Peril::Loopback))),
            ("https", "https://2130706433/x", Public, none, Some(refused("127.0.0.1", Peril::Loopback))),
            ("https", "https://0x7f.1/x", Public, none, Some(refused("127.0.0.1", Peril::Loopback))),
            ("https", "https://[::ffff:127.0.0.1]/x", Public, none, Some(refused("::ffff:127.0.0.1", Peril::Loopback))),
            ("https", "https://10.0.0.1/x", Public, none, Some(refused("10.0.0.1", Peril::Private))),
            ("http", "http://10.0.0.1/x", Loopback, none, Some(refused("10.0.0.1", Peril::Private))),
            ("http", "http://169.254.169.254/x", Loopback, none, Some(refused("169.254.169.254", Peril::Metadata))),
            (
                "https",
                "https://169.254.169.254/x",
                Private,
                &["0.0.0.0/0"],
                Some(refused("169.254.169.254", Peril::Metadata)),
            ),
            ("https", "https://0.0.0.0/x", Loopback, none, Some(refused("0.0.0.0", Peril::Unspecified))),
        ] {
            let from: Url = format!("{from}://registry.example/v2/").parse().unwrap();
            let outcome = check(&url.parse().unwrap(), &from, &bounds(home, allow));
            assert_eq!(outcome.err(), expected, "{url} from {home:?}");
        }
    }

    fn refused(address: &str, peril: Peril) -> UrlRefusal {
        UrlRefusal::Address(address.parse().unwrap(), peril)
    }

    #[test]
    fn a_name_of_this_machine_leads_nowhere_else() {
        assert_eq!(AddressGuard::ThisMachine.permits([127, 0, 0, 9].into()), Ok(()));
        assert_eq!(AddressGuard::ThisMachine.permits([8, 8, 8, 8].into()), Err(Peril::Elsewhere));
    }

    #[test]
    fn a_network_holds_its_mapped_addresses_too() {
        let bounds = bounds(AddressClass::Public, &["10.0.0.0/8"]);
        assert_eq!(bounds.permits("::ffff:10.1.2.3".parse().unwrap()), Ok(()));
        assert_eq!(bounds.permits("::ffff:192.168.1.1".parse().unwrap()), Err(Peril::Private));
    }

    #[test]
    fn a_proven_name_may_be_private_but_never_worse() {
        let bounds = bounds(AddressClass::Public, &[]).exempt(Exemption::ProvenName);
        assert_eq!(bounds.permits([10, 0, 0, 1].into()), Ok(()));
        assert_eq!(bounds.permits([127, 0, 0, 1].into()), Err(Peril::Loopback));
        assert_eq!(bounds.permits([169, 254, 169, 254].into()), Err(Peril::Metadata));
        let url = "https://10.0.0.1/x".parse().unwrap();
        assert!(check(&url, &"https://r.example/".parse().unwrap(), &bounds).is_err());
    }
}
