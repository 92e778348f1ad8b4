//! A way through a SOCKS proxy (RFC 1928, RFC 1929).

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_socks::Error;
use tokio_socks::tcp::socks5::Socks5Stream;
use tokio_socks::{IntoTargetAddr, TargetAddr};

use super::Failure;
use super::failure::Phase;
use super::origin::Origin;
use super::proxy_failure::ProxyFault;
use super::tunnel::{Obstacle, unreachable};
use crate::config::Proxy;

/// Whom a proxy is asked to connect to.
pub(super) enum Target<'a> {
    /// An address, resolved here.
    Address(SocketAddr),
    /// A name, or the address that stands in its place.
    Origin(&'a Origin),
}

/// Asks a proxy to connect to a target; what follows on the stream is between the two.
///
/// # Errors
///
/// What stood in the way.
pub(super) async fn open<S>(stream: S, target: Target<'_>, proxy: &Proxy) -> Result<S, Obstacle>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let target = target.address().map_err(|error| fault(&error, proxy))?;
    let opened = match proxy.login() {
        Some(login) => {
            let (user, password) = (login.user.as_str(), login.password.as_str());
            Socks5Stream::connect_with_password_and_socket(stream, target, user, password).await
        }
        None => Socks5Stream::connect_with_socket(stream, target).await,
    };
    opened.map(Socks5Stream::into_inner).map_err(|error| fault(&error, proxy))
}

impl Target<'_> {
    fn address(self) -> Result<TargetAddr<'static>, Error> {
        match self {
            Self::Address(address) => Ok(TargetAddr::Ip(address)),
            Self::Origin(origin) => match origin.address() {
                Some(address) => Ok(TargetAddr::Ip(SocketAddr::new(address, origin.port()))),
                None => Ok((origin.host(), origin.port()).into_target_addr()?.to_owned()),
            },
        }
    }
}

fn fault(error: &Error, proxy: &Proxy) -> Obstacle {
    let fault = match error {
        Error::Io(error) => return unreachable(Failure::from_error(error, Phase::Connect)),
        Error::NoAcceptableAuthMethods if !proxy.has_login() => ProxyFault::LoginWanted,
        Error::NoAcceptableAuthMethods | Error::UnknownAuthMethod => ProxyFault::LoginKind,
        Error::PasswordAuthFailure(_) | Error::AuthorizationRequired => ProxyFault::LoginRefused,
        Error::ConnectionNotAllowedByRuleset => ProxyFault::Forbidden,
        Error::GeneralSocksServerFailure => ProxyFault::NoWay("a general failure"),
        Error::NetworkUnreachable => ProxyFault::NoWay("its network cannot be reached"),
        Error::HostUnreachable => ProxyFault::NoWay("it cannot be reached"),
        Error::ConnectionRefused => ProxyFault::NoWay("it refused the connection"),
        Error::TtlExpired => ProxyFault::NoWay("it did not answer in time"),
        Error::InvalidTargetAddress(_) | Error::AddressTypeNotSupported => {
            ProxyFault::NoWay("an address of that kind is not for this proxy")
        }
        _ => ProxyFault::NotProxy,
    };
    (fault, None)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::transport::FailureKind;

    async fn answered(answer: &[u8], url: &str) -> (Result<(), ProxyFault>, Vec<u8>) {
        let (near, mut far) = tokio::io::duplex(1 << 10);
        let origin = Origin::of(&"https://r.example/".parse().unwrap()).unwrap();
        let proxy = Proxy::parse(url, "a test").unwrap();
        far.write_all(answer).await.unwrap();
        far.shutdown().await.unwrap();
        let outcome = open(near, Target::Origin(&origin), &proxy).await.map(drop).map_err(|(fault, _)| fault);
        let mut asked = Vec::new();
        far.read_to_end(&mut asked).await.unwrap();
        (outcome, asked)
    }

    #[tokio::test]
    async fn the_table_of_answers() {
        let bound = |reply: u8| [5, 0, 5, reply, 0, 1, 0, 0, 0, 0, 0, 0].to_vec();
        for (answer, expected) in [
            (bound(0), Ok(())),
            (bound(1), Err(ProxyFault::NoWay("a general failure"))),
            (bound(2), Err(ProxyFault::Forbidden)),
            (bound(4), Err(ProxyFault::NoWay("it cannot be reached"))),
            (bound(5), Err(ProxyFault::NoWay("it refused the connection"))),
            (bound(7), Err(ProxyFault::NotProxy)),
            (vec![5, 255], Err(ProxyFault::LoginWanted)),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), Err(ProxyFault::NotProxy)),
            (vec![], Err(ProxyFault::Unreachable(FailureKind::Broken))),
        ] {
            assert_eq!(answered(&answer, "socks5h://p.example").await.0, expected, "{answer:?}");
        }
        let (outcome, asked) = answered(&[5, 2, 1, 1], "socks5h://me:hunter2@p.example").await;
        assert_eq!(outcome, Err(ProxyFault::LoginRefused));
        assert!(asked.ends_with(b"\x01\x02me\x07hunter2"), "{asked:?}");
    }

    #[tokio::test]
    async fn the_name_goes_to_the_proxy() {
        let (_, asked) = answered(&[5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0], "socks5h://p.example").await;
        assert!(asked.ends_with(b"\x05\x01\x00\x03\x09r.example\x01\xbb"), "{asked:?}");
    }
}
