//! Who may be given a login. Pure.
//!
//! A registry names the server that hands out tokens; that server sees the login. The
//! registry's own host, its parent domain and known pairs get it without a word. Any
//! other host gets user and password, with a warning, if nothing about the way to it
//! is in doubt; docker and podman send them there too, and a registry that wanted the
//! password could ask for it by Basic.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use crate::error::Advice;

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Channel {
    /// Plain http.
    Plain,
    /// TLS to whoever answers.
    Unverified,
    /// TLS, and the server has proven who it is.
    Verified,
}

/// What the user says about other hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// They get nothing.
    Strict,
    /// They get user and password, with a warning.
    Warn,
}

/// Whether the login outlives a misuse: an identity token does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Login {
    /// A token that renews itself, or a token of unknown power.
    Lasting,
    /// User and password.
    Password,
}

/// What is known when a token is to be asked for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Situation<'a> {
    /// The registry's URL, as the user named it.
    pub registry: &'a Url,
    /// How the registry is reached.
    pub channel: Channel,
    /// The realm's URL.
    pub realm: &'a Url,
    /// How the realm is reached.
    pub realm_channel: Channel,
    /// What the login is.
    pub login: Login,
    /// What the user says about other hosts.
    pub rule: Rule,
    /// Hosts that the user trusts with logins.
    pub trusted: &'a [String],
}

impl<'a> Situation<'a> {
    /// Describes a situation with both channels given by the URLs' schemes and whether certificates are verified.
    pub fn new(registry: &'a Url, realm: &'a Url, verified: bool, login: Login) -> Self {
        let channel = |url: &Url| match (url.scheme(), verified) {
            ("https", true) => Channel::Verified,
            ("https", false) => Channel::Unverified,
            _ => Channel::Plain,
        };
        Self {
            channel: channel(registry),
            realm_channel: channel(realm),
            registry,
            realm,
            login,
            rule: Rule::Warn,
            trusted: &[],
        }
    }

    /// Sets what the user says about other hosts.
    #[must_use]
    pub fn ruled(mut self, rule: Rule, trusted: &'a [String]) -> Self {
        self.rule = rule;
        self.trusted = trusted;
        self
    }
}

/// What the realm gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grant {
    /// The login.
    Full,
    /// The login, and the user is told.
    Warned,
    /// Nothing: it is asked without a login.
    Withheld(Doubt),
}

/// Why a realm gets no login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doubt {
    /// It is an address, not a name.
    Address,
    /// It is another host, and the login is an identity token.
    Lasting,
    /// It is reached over plain http, or nobody proved who it is.
    Open,
    /// The registry itself is reached over plain http, or nobody proved who it is.
    OpenRegistry,
    /// Its name leads to this address in a private network, where the registry is not.
    Private(IpAddr),
    /// The user says that other hosts get nothing.
    Strict,
}

impl Doubt {
    /// Says what would let the login through to a host: trust, unless the way to it is in doubt.
    pub fn advice(self, host: &str) -> Advice {
        match self {
            Self::Open => Advice::ProveRealm(host.to_owned()),
            Self::Private(address) => Advice::AllowNet(address.to_string()),
            Self::Address | Self::Lasting | Self::OpenRegistry | Self::Strict => Advice::TrustRealm(host.to_owned()),
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Private(address) => return write!(f, "{address} is in a private network, and the registry is not"),
            Self::Address => "it is another host than the registry's, and an address instead of a name",
            Self::Lasting => "it is another host than the registry's, and the login is a lasting token",
            Self::Open => "it is reached without verified TLS",
            Self::OpenRegistry => "it is another host, named by a registry that is reached without verified TLS",
            Self::Strict => "it is another host than the registry's, and --realm strict forbids it",
        })
    }
}

/// Decides what the realm gets.
pub fn judge(situation: &Situation<'_>) -> Grant {
    let Situation { registry, channel, realm, realm_channel, login, rule, trusted } = situation;
    // Over a weaker channel than the registry's own, nobody gets anything.
    if *realm_channel != Channel::Verified && *channel == Channel::Verified {
        return Grant::Withheld(Doubt::Open);
    }
    if *realm_channel == Channel::Plain && *channel != Channel::Plain {
        return Grant::Withheld(Doubt::Open);
    }
    if registry.host() == realm.host() || is_kin(registry, realm) {
        return Grant::Full;
    }
    if *realm_channel == Channel::Verified && crate::transport::redirect::is_trusted(realm, trusted) {
        return Grant::Full;
    }
    match (realm_channel, channel) {
        (Channel::Plain | Channel::Unverified, _) => Grant::Withheld(Doubt::Open),
        (Channel::Verified, Channel::Plain | Channel::Unverified) => Grant::Withheld(Doubt::OpenRegistry),
        _ if *rule == Rule::Strict => Grant::Withheld(Doubt::Strict),
        _ if !matches!(realm.host(), Some(Host::Domain(_))) => Grant::Withheld(Doubt::Address),
        _ if *login == Login::Lasting => Grant::Withheld(Doubt::Lasting),
        _ => Grant::Warned,
    }
}

/// Says whether two hosts are known to belong together: Docker Hub's pair, or a
/// registry below the realm's domain of at least two labels.
fn is_kin(registry: &Url, realm: &Url) -> bool {
    let (Some(Host::Domain(registry)), Some(Host::Domain(realm))) = (registry.host(), realm.host()) else {
        return false;
    };
    let hub = ["docker.io", "index.docker.io", "registry-1.docker.io"];
    if hub.contains(&registry) && realm == "auth.docker.io" {
        return true;
    }
    let below = registry.strip_suffix(realm).is_some_and(|rest| rest.ends_with('.'));
    below && realm.split('.').filter(|label| !label.is_empty()).count() >= 2
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    #[test]
    fn the_table_of_realms() {
        use Doubt::{Address, Lasting, Open, OpenRegistry, Strict};
        use Grant::{Full, Warned, Withheld};
        let (password, token) = (Login::Password, Login::Lasting);
        for (registry, realm, verified, login, rule, trusted, expected) in [
            ("https://r.example", "https://r.example/token", true, password, Rule::Warn, "", Full),
            ("https://r.example", "https://r.example:8443/token", true, token, Rule::Strict, "", Full),
            ("https://r.example", "https://r.example/token", false, password, Rule::Warn, "", Full),
            ("https://r.example", "http://r.example/token", true, password, Rule::Warn, "", Withheld(Open)),
            ("https://r.example", "http://r.example/token", false, password, Rule::Warn, "", Withheld(Open)),
            ("http://r.example", "http://r.example/token", true, password, Rule::Warn, "", Full),
            ("http://r.example", "https://r.example/token", true, token, Rule::Warn, "", Full),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5001/token", true, token, Rule::Strict, "", Full),
            ("http://127.0.0.1:5000", "http://127.0.0.2:5001/token", true, password, Rule::Warn, "", Withheld(Open)),
            ("https://registry-1.docker.io", "https://auth.docker.io/token", true, token, Rule::Strict, "", Full),
            (
                "https://registry-1.docker.io",
                "http://auth.docker.io/token",
                true,
                password,
                Rule::Warn,
                "",
                Withheld(Open),
            ),
            ("https://registry.gitlab.com", "https://gitlab.com/jwt/auth", true, token, Rule::Strict, "", Full),
            ("https://a.b.gitlab.com", "https://gitlab.com/jwt/auth", true, password, Rule::Strict, "", Full),
            ("https://registry.com", "https://com/token", true, password, Rule::Strict, "", Withheld(Strict)),
            ("https://gitlab.com", "https://registry.gitlab.com/t", true, password, Rule::Strict, "", Withheld(Strict)),
            ("https://evilgitlab.com", "https://gitlab.com/t", true, password, Rule::Strict, "", Withheld(Strict)),
            ("https://r.example", "https://auth.other/token", true, password, Rule::Warn, "", Warned),
            ("https://r.example", "https://auth.other/token", true, password, Rule::Strict, "", Withheld(Strict)),
            ("https://r.example", "https://auth.other/token", true, token, Rule::Warn, "", Withheld(Lasting)),
            ("https://r.example", "https://auth.other/token", true, token, Rule::Strict, "auth.other", Full),
            ("https://r.example", "https://auth.other/token", true, password, Rule::Strict, "AUTH.other", Full),
            ("https://r.example", "https://auth.other/token", true, password, Rule::Strict, "other", Withheld(Strict)),
            ("https://r.example", "https://auth.other/token", false, password, Rule::Warn, "", Withheld(Open)),
            (
                "https://r.example",
                "https://auth.other/token",
                false,
                password,
                Rule::Warn,
                "auth.other",
                Withheld(Open),
            ),
            ("https://r.example", "https://8.8.8.8/token", true, password, Rule::Warn, "", Withheld(Address)),
            ("https://r.example", "https://[2001:db8::1]/token", true, password, Rule::Warn, "", Withheld(Address)),
            ("https://r.example", "http://auth.other/token", true, password, Rule::Warn, "auth.other", Withheld(Open)),
            ("http://r.example", "https://auth.other/token", true, password, Rule::Warn, "", Withheld(OpenRegistry)),
            ("http://r.example", "http://auth.other/token", true, password, Rule::Warn, "", Withheld(Open)),
            ("https://127.0.0.1", "https://127.0.0.1:1/token", true, token, Rule::Warn, "", Full),
        ] {
            let (registry_url, realm_url) = (registry.parse().unwrap(), realm.parse().unwrap());
            let trusted: Vec<String> = trusted.split_whitespace().map(str::to_owned).collect();
            let situation = Situation::new(&registry_url, &realm_url, verified, login).ruled(rule, &trusted);
            assert_eq!(judge(&situation), expected, "{registry} {realm} verified={verified} {login:?} {rule:?}");
            let Withheld(doubt) = expected else { continue };
            let host = realm_url.host_str().unwrap().to_owned();
            let obeyed = Situation::new(&registry_url, &realm_url, verified, login).ruled(rule, slice::from_ref(&host));
            // The advice helps if and only if it is the advice to trust.
            assert_eq!(judge(&obeyed) == Full, doubt.advice(&host) == Advice::TrustRealm(host), "{registry} {realm}");
        }
    }
}
