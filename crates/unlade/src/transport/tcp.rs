//! A TCP connection to the first of several addresses that answers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rustix::net::sockopt;
use tokio::net::TcpStream;
use tokio::time::sleep;

/// How long an address is waited for before the next one is tried beside it (RFC 8305, section 8).
const HEAD_START: Duration = Duration::from_millis(250);

/// More addresses of one name are not tried.
const MAX_ADDRESSES: usize = 16;

/// How long a line may be quiet before its other end is asked for a sign of life, and between two such questions.
const QUIET: Duration = Duration::from_secs(15);

/// How many of those may go unanswered.
const UNANSWERED: u32 = 3;

/// For how many milliseconds what was sent may stay unacknowledged.
const UNACKNOWLEDGED: u32 = 30_000;

/// Connects to the first address that answers. The next one is tried as soon as one has failed or kept waiting.
///
/// # Errors
///
/// That of the last address that failed.
pub(super) async fn connect(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = alternate(addresses).into_iter().take(MAX_ADDRESSES);
    let mut attempts = FuturesUnordered::new();
    let mut failure = io::Error::new(io::ErrorKind::AddrNotAvailable, "there is no address");
    loop {
        match waiting.next() {
            Some(address) => attempts.push(TcpStream::connect(address)),
            None if attempts.is_empty() => return Err(failure),
            None => {}
        }
        tokio::select! {
            biased;
            Some(outcome) = attempts.next() => match outcome {
                Ok(stream) => return prepared(stream),
                Err(error) => failure = error,
            },
            () = sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
}

/// Puts addresses of the two families in turn, beginning with that of the first: one of them may lead nowhere.
fn alternate(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (one, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let longest = one.len().max(other.len());
    (0..longest).flat_map(|at| [one.get(at).copied(), other.get(at).copied()]).flatten().collect()
}

/// Makes a stream send at once, and notice when its other end has gone without a word.
fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, QUIET)?;
    sockopt::set_tcp_keepintvl(&stream, QUIET)?;
    sockopt::set_tcp_keepcnt(&stream, UNANSWERED)?;
    sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<SocketAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns() {
        for (given, expected) in [
            (vec!["[::1]:1", "[::2]:1", "1.1.1.1:1"], vec!["[::1]:1", "1.1.1.1:1", "[::2]:1"]),
            (vec!["1.1.1.1:1", "[::1]:1", "[::2]:1"], vec!["1.1.1.1:1", "[::1]:1", "[::2]:1"]),
            (vec!["1.1.1.1:1", "2.2.2.2:1"], vec!["1.1.1.1:1", "2.2.2.2:1"]),
            (vec![], vec![]),
        ] {
            assert_eq!(alternate(addresses(&given)), addresses(&expected));
        }
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_passed_over() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let refusing = std::net::TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap();
        let stream = connect(vec![refusing, refusing, good]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
        assert!(stream.nodelay().unwrap());
        assert!(sockopt::socket_keepalive(&stream).unwrap());
        assert_eq!(connect(vec![refusing]).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert!(connect(vec![]).await.is_err());
    }
}
