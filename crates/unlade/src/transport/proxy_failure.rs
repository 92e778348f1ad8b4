//! How a proxy fails.

use std::fmt;

use http::StatusCode;

use super::FailureKind;
use crate::config::Proxy;

/// A proxy through which no way led to a server, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyFailure {
    /// The proxy.
    pub proxy: Proxy,
    /// What was wrong.
    pub fault: ProxyFault,
}

/// Why no way led through a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyFault {
    /// It does not let anyone through to that server.
    Forbidden,
    /// It let nobody through in time.
    Late,
    /// It wants a login of a kind that is not spoken: for HTTP, any other than Basic.
    LoginKind,
    /// It does not accept the login.
    LoginRefused,
    /// It wants a login, and none is given.
    LoginWanted,
    /// It did not get through to the server, for this reason.
    NoWay(&'static str),
    /// It answers what no proxy answers.
    NotProxy,
    /// It refuses with this status.
    Refused(u16),
    /// It could not be reached, or broke off.
    Unreachable(FailureKind),
}

impl ProxyFailure {
    /// Says whether another try may fare better.
    pub(super) fn is_transient(&self) -> bool {
        match &self.fault {
            ProxyFault::Late | ProxyFault::NoWay(_) => true,
            ProxyFault::Refused(status) => matches!(status, 408 | 429 | 500 | 502..=504 | 506..=599),
            ProxyFault::Unreachable(kind) => kind.is_transient(),
            ProxyFault::Forbidden
            | ProxyFault::LoginKind
            | ProxyFault::LoginRefused
            | ProxyFault::LoginWanted
            | ProxyFault::NotProxy => false,
        }
    }
}

impl fmt::Display for ProxyFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxy = &self.proxy;
        match &self.fault {
            ProxyFault::Forbidden => write!(f, "the proxy {proxy} forbids the connection"),
            ProxyFault::Late => write!(f, "no connection came about in time through the proxy {proxy}"),
            ProxyFault::LoginKind => write!(f, "the proxy {proxy} wants a login of a kind that is not spoken here"),
            ProxyFault::LoginRefused => write!(f, "the proxy {proxy} does not accept the login"),
            ProxyFault::LoginWanted => write!(f, "the proxy {proxy} wants a login"),
            ProxyFault::NoWay(reason) => write!(f, "the proxy {proxy} does not reach the server: {reason}"),
            ProxyFault::NotProxy => write!(f, "the answer of the proxy {proxy} is not one of a proxy"),
            ProxyFault::Refused(status) => {
                let reason = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
                let reason = reason.unwrap_or_default().to_lowercase();
                write!(f, "the proxy {proxy} refuses the connection: {}", format!("{status} {reason}").trim_end())
            }
            ProxyFault::Unreachable(_) => write!(f, "no connection came about through the proxy {proxy}"),
        }
    }
}
