//! What a proxy does to requests, told to the caller.

use url::Url;

use super::refusal;
use super::shared::Registries;
use crate::config::ProxyProtocol;
use crate::error::{Advice, ErrorKind};
use crate::transport::{Failure, FailureKind, ProxyFailure, ProxyFault, TlsFault};

/// Returns the kind of error that a proxy's failure is.
pub(super) fn kind(failure: &ProxyFailure) -> ErrorKind {
    match &failure.fault {
        ProxyFault::LoginKind | ProxyFault::LoginRefused | ProxyFault::LoginWanted => ErrorKind::Unauthorized,
        ProxyFault::Forbidden | ProxyFault::Refused(403) => ErrorKind::Denied,
        ProxyFault::Refused(408 | 429 | 500 | 502..=599) => ErrorKind::Unavailable,
        ProxyFault::Refused(_) => ErrorKind::Rejected,
        ProxyFault::NotProxy => ErrorKind::PeerMisbehaved,
        ProxyFault::Unreachable(kind) => refusal::failure_kind(&Failure::new(kind.clone())),
        _ => ErrorKind::Unavailable,
    }
}

/// Returns what would help on the way to a host.
pub(super) fn advice(failure: &ProxyFailure, host: &str) -> Advice {
    let origin = failure.proxy.origin().to_owned();
    match &failure.fault {
        ProxyFault::LoginRefused | ProxyFault::LoginWanted => Advice::ProxyLogin(origin),
        ProxyFault::Unreachable(FailureKind::Tls(TlsFault::UnknownIssuer)) => {
            Advice::CertificateAuthority(failure.proxy.authority())
        }
        ProxyFault::Unreachable(FailureKind::Tls(TlsFault::Expired | TlsFault::NotYetValid)) => {
            Advice::CheckClock(failure.proxy.authority())
        }
        _ => Advice::Proxy { origin, host: host.to_owned() },
    }
}

impl Registries {
    /// Says through which proxy a URL is asked, for the end of a sentence about it; nothing if there is none.
    pub(super) fn detour(&self, url: &Url) -> String {
        self.config.proxies.choose(url).map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default()
    }

    /// Says the same of a failed exchange, unless the failure itself tells of the proxy.
    pub(super) fn detour_of(&self, failure: &Failure, url: &Url) -> String {
        let told = matches!(failure.kind(), FailureKind::Proxy(_));
        if told { String::new() } else { self.detour(url) }
    }

    /// Says the same of an answer, where it may be the proxy's own: what comes in TLS is the server's.
    pub(super) fn detour_of_answer(&self, url: &Url) -> String {
        let proxy = self.config.proxies.choose(url).filter(|_| url.scheme() == "http");
        let speaks_http =
            proxy.is_some_and(|proxy| matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https));
        if speaks_http { self.detour(url) } else { String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Proxy;

    #[test]
    fn the_table_of_failures() {
        let check = Advice::Proxy { origin: "https_proxy".to_owned(), host: "r.example".to_owned() };
        let login = Advice::ProxyLogin("https_proxy".to_owned());
        for (fault, expected, helps) in [
            (ProxyFault::LoginWanted, ErrorKind::Unauthorized, &login),
            (ProxyFault::LoginRefused, ErrorKind::Unauthorized, &login),
            (ProxyFault::LoginKind, ErrorKind::Unauthorized, &check),
            (ProxyFault::Forbidden, ErrorKind::Denied, &check),
            (ProxyFault::Refused(403), ErrorKind::Denied, &check),
            (ProxyFault::Refused(404), ErrorKind::Rejected, &check),
            (ProxyFault::Refused(405), ErrorKind::Rejected, &check),
            (ProxyFault::Refused(501), ErrorKind::Rejected, &check),
            (ProxyFault::Refused(502), ErrorKind::Unavailable, &check),
            (ProxyFault::Late, ErrorKind::Unavailable, &check),
            (ProxyFault::NoWay("x"), ErrorKind::Unavailable, &check),
            (ProxyFault::NotProxy, ErrorKind::PeerMisbehaved, &check),
            (ProxyFault::Unreachable(FailureKind::Refused), ErrorKind::Unavailable, &check),
            (
                ProxyFault::Unreachable(FailureKind::Tls(TlsFault::UnknownIssuer)),
                ErrorKind::Tls,
                &Advice::CertificateAuthority("p.example:3128".to_owned()),
            ),
        ] {
            let proxy = Proxy::parse("http://me:hunter2@p.example:3128", "https_proxy").unwrap();
            let failure = ProxyFailure { proxy, fault };
            assert_eq!((kind(&failure), &advice(&failure, "r.example")), (expected, helps), "{failure}");
        }
    }
}
