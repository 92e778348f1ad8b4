//! A way through an HTTP proxy (RFC 9110, section 9.3.6).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

use super::AGENT;
use super::failure::Phase;
use super::origin::Origin;
use super::proxy_failure::ProxyFault;
use super::{Failure, FailureKind};
use crate::config::{Proxy, ProxyLogin};

/// The longest head of an answer.
const MAX_HEAD: usize = 64 << 10;

/// So much is read at once: an answer that goes on after its head is seen to do so.
const READ: usize = 4 << 10;

/// More headers than this are in no answer of a proxy.
const MAX_HEADERS: usize = 128;

/// More interim answers than this are not waited through.
const MAX_INTERIM: u8 = 8;

/// What stood in the way, with its cause.
pub(super) type Obstacle = (ProxyFault, Option<Failure>);

/// Asks a proxy to connect to an origin; what follows on the stream is between the two.
///
/// # Errors
///
/// What stood in the way.
pub(super) async fn open<S>(stream: &mut S, origin: &Origin, proxy: &Proxy) -> Result<(), Obstacle>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |error: &std::io::Error| unreachable(Failure::from_error(error, Phase::Connect));
    stream.write_all(request(origin, proxy.login()).as_bytes()).await.map_err(|error| broken(&error))?;
    stream.flush().await.map_err(|error| broken(&error))?;
    let mut head = Vec::new();
    let mut interim = 0;
    loop {
        match read(&head)? {
            Some((answer, length)) if (100..200).contains(&answer.status) && interim < MAX_INTERIM => {
                interim += 1;
                head.drain(..length);
            }
            // The server speaks after it is asked: what follows is not its own.
            Some((answer, length)) if (200..300).contains(&answer.status) => {
                return if length == head.len() { Ok(()) } else { Err((ProxyFault::NotProxy, None)) };
            }
            Some((answer, _)) => return Err((answer.fault(proxy), None)),
            None if head.len() > MAX_HEAD => return Err((ProxyFault::NotProxy, None)),
            None => {
                head.reserve(READ);
                let count = stream.read_buf(&mut head).await.map_err(|error| broken(&error))?;
                if count == 0 {
                    return Err(unreachable(Failure::new(FailureKind::Broken)));
                }
            }
        }
    }
}

pub(super) fn unreachable(failure: Failure) -> Obstacle {
    (ProxyFault::Unreachable(failure.kind().clone()), Some(failure))
}

fn request(origin: &Origin, login: Option<&ProxyLogin>) -> Zeroizing<String> {
    let authority = format!("{}:{}", origin.host(), origin.port());
    let mut text = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {AGENT}\r\n");
    if let Some(login) = login {
        text.push_str("Proxy-Authorization: ");
        text.push_str(&basic(login));
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    Zeroizing::new(text)
}

fn basic(login: &ProxyLogin) -> Zeroizing<String> {
    let pair = Zeroizing::new(format!("{}:{}", login.user.as_str(), login.password.as_str()));
    Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())))
}

/// Returns what a proxy is shown with a request that it hands on; marked as a secret.
pub(super) fn pass(login: &ProxyLogin) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&basic(login)).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Returns what a proxy has against a request that it was to hand on, and answered with 407.
pub(super) fn login_fault<'a>(proxy: &Proxy, mut offers: impl Iterator<Item = &'a [u8]>) -> ProxyFault {
    let is_basic = |offer: &[u8]| {
        // Several may stand in one line.
        offer.split(|byte| *byte == b',').any(|part| {
            let scheme = part.trim_ascii().split(u8::is_ascii_whitespace).next().unwrap_or_default();
            scheme.eq_ignore_ascii_case(b"basic")
        })
    };
    if !offers.any(is_basic) {
        ProxyFault::LoginKind
    } else if proxy.has_login() {
        ProxyFault::LoginRefused
    } else {
        ProxyFault::LoginWanted
    }
}

/// The answer to a request for a way.
struct Answer {
    status: u16,
    offers: Vec<Vec<u8>>,
}

impl Answer {
    fn fault(&self, proxy: &Proxy) -> ProxyFault {
        match self.status {
            407 => login_fault(proxy, self.offers.iter().map(Vec::as_slice)),
            // So tinyproxy refuses a wrong login; no server can say it here.
            401 if proxy.has_login() => ProxyFault::LoginRefused,
            401 => ProxyFault::LoginWanted,
            status => ProxyFault::Refused(status),
        }
    }
}

/// Reads the head of an answer and its length, if all of it is there.
fn read(head: &[u8]) -> Result<Option<(Answer, usize)>, Obstacle> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let length = match answer.parse(head) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => {
            let cause = Failure::caused_by(FailureKind::NotHttp, error);
            return Err((ProxyFault::NotProxy, Some(cause)));
        }
    };
    let offers = answer.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("proxy-authenticate"));
    let offers = offers.map(|header| header.value.to_vec()).collect();
    Ok(Some((Answer { status: answer.code.unwrap_or_default(), offers }, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answered(answer: &[u8], url: &str) -> (Result<(), ProxyFault>, String) {
        let (mut near, mut far) = tokio::io::duplex(1 << 20);
        let origin = Origin::of(&"https://r.example/".parse().unwrap()).unwrap();
        let proxy = Proxy::parse(url, "a test").unwrap();
        far.write_all(answer).await.unwrap();
        far.shutdown().await.unwrap();
        let outcome = open(&mut near, &origin, &proxy).await.map_err(|(fault, _)| fault);
        drop(near);
        let mut asked = String::new();
        far.read_to_string(&mut asked).await.unwrap();
        (outcome, asked)
    }

    #[tokio::test]
    async fn the_table_of_answers() {
        let broken = Err(ProxyFault::Unreachable(FailureKind::Broken));
        let huge = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(MAX_HEAD));
        for (answer, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Ok(())),
            ("HTTP/1.0 200 OK\r\nVia: x\r\nContent-Length: 0\r\n\r\n", Ok(())),
            ("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No\r\n\r\n", Ok(())),
            ("HTTP/1.1 200 OK\r\n\r\n<html>Welcome to this hotel", Err(ProxyFault::NotProxy)),
            ("HTTP/1.1 403 Forbidden\r\n\r\n<html>", Err(ProxyFault::Refused(403))),
            ("HTTP/1.1 502 Bad Gateway\r\n\r\n", Err(ProxyFault::Refused(502))),
            ("HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n", Err(ProxyFault::Refused(302))),
            ("HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\n\r\n", Err(ProxyFault::LoginWanted)),
            ("HTTP/1.1 407 No\r\nproxy-authenticate: NTLM, basic realm=x\r\n\r\n", Err(ProxyFault::LoginWanted)),
            ("HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\n\r\n", Err(ProxyFault::LoginKind)),
            ("HTTP/1.1 407 No\r\n\r\n", Err(ProxyFault::LoginKind)),
            ("<html>Welcome to this hotel</html>", Err(ProxyFault::NotProxy)),
            ("SSH-2.0-OpenSSH_9.2\r\n", Err(ProxyFault::NotProxy)),
            ("\x15\x03\x01\x00\x02\x02\x16", Err(ProxyFault::NotProxy)),
            (huge.as_str(), Err(ProxyFault::NotProxy)),
            ("", broken.clone()),
            ("HTTP/1.1 200 O", broken.clone()),
        ] {
            let (outcome, _) = answered(answer.as_bytes(), "http://p.example").await;
            assert_eq!(outcome, expected, "{}", &answer[..answer.len().min(80)]);
        }
        let refused = "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\n\r\n";
        let (outcome, _) = answered(refused.as_bytes(), "http://me:hunter2@p.example").await;
        assert_eq!(outcome, Err(ProxyFault::LoginRefused));
        let (outcome, _) = answered(b"HTTP/1.1 401 Unauthorized\r\n\r\n", "http://me:hunter2@p.example").await;
        assert_eq!(outcome, Err(ProxyFault::LoginRefused));
    }

    #[tokio::test]
    async fn the_login_is_shown_if_there_is_one() {
        let (_, asked) = answered(b"HTTP/1.1 200 OK\r\n\r\n", "http://p.example").await;
        let begins = "CONNECT r.example:443 HTTP/1.1\r\nHost: r.example:443\r\nUser-Agent: unlade/";
        assert!(asked.starts_with(begins) && asked.ends_with("\r\n\r\n"), "{asked}");
        assert!(!asked.contains("Proxy-Authorization"), "{asked}");
        let (_, asked) = answered(b"HTTP/1.1 200 OK\r\n\r\n", "http://me:p%40ss@p.example").await;
        assert!(asked.contains("\r\nProxy-Authorization: Basic bWU6cEBzcw==\r\n"), "{asked}");
    }

    #[test]
    fn a_pass_is_marked_as_a_secret() {
        let proxy = Proxy::parse("http://me:hunter2@p.example", "a test").unwrap();
        let pass = pass(proxy.login().unwrap()).unwrap();
        assert!(pass.is_sensitive());
        assert_eq!(format!("{pass:?}"), "Sensitive");
    }
}
