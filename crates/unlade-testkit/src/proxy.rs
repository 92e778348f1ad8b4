//! A forward proxy: HTTP in the clear or in TLS, and SOCKS 5.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::event::{PollFd, PollFlags, poll};
use rustls::ServerConfig;

use crate::http::{RequestRest, header};
use crate::server::{Binding, Server, lock};
use crate::wire::Wire;

/// The longest line of a request.
const LINE_LIMIT: usize = 64 << 10;

/// What a proxy does instead of its work.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ProxyLie {
    /// Ends the connection without an answer.
    Close,
    /// Answers what is no HTTP.
    Garbage,
    /// Says nothing, and keeps the connection.
    Hang,
    /// Wants a login of a kind that nobody speaks.
    Negotiate,
    /// Answers 200 with the page of a hotel, and connects to nothing.
    Page,
    /// Refuses with a status.
    Refuse(u16),
    /// Refuses as SOCKS does (RFC 1928, section 6).
    Reply(u8),
}

impl ProxyLie {
    /// One of each: a test asserts that each is met.
    pub fn examples() -> Vec<Self> {
        vec![
            Self::Close,
            Self::Garbage,
            Self::Hang,
            Self::Negotiate,
            Self::Page,
            Self::Refuse(403),
            Self::Refuse(502),
            Self::Reply(2),
            Self::Reply(5),
        ]
    }
}

/// A proxy on loopback. It knows the hosts that it is told of, and no other.
pub struct ForwardProxy {
    server: Server,
    shared: Arc<Shared>,
    scheme: &'static str,
}

/// Chooses how a [`ForwardProxy`] is spoken to, and whom it lets through.
#[derive(Default)]
pub struct ForwardProxyBuilder {
    login: Option<(String, String)>,
    tls: Option<Arc<ServerConfig>>,
    socks: bool,
}

#[derive(Default)]
struct Shared {
    login: Option<(String, String)>,
    hosts: Mutex<HashMap<String, SocketAddr>>,
    lies: Mutex<Vec<(ProxyLie, bool)>>,
    asked: Mutex<Vec<String>>,
}

impl ForwardProxyBuilder {
    /// Lets through only those who know user and password.
    #[must_use]
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.to_owned(), password.to_owned()));
        self
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Speaks SOCKS 5 instead of HTTP.
    #[must_use]
    pub fn socks(mut self) -> Self {
        self.socks = true;
        self
    }

    /// Starts to listen.
    pub fn start(self) -> ForwardProxy {
        let shared = Arc::new(Shared { login: self.login, ..Shared::default() });
        let scheme = match (self.socks, &self.tls) {
            (true, _) => "socks5h",
            (false, Some(_)) => "https",
            (false, None) => "http",
        };
        let (serving, socks) = (Arc::clone(&shared), self.socks);
        let server = Server::start(Binding::V4, self.tls, move |_, mut wire| {
            // Either end may leave at any time: that is what a proxy is for.
            drop(if socks { serve_socks(&mut wire, &serving) } else { serve_http(&mut wire, &serving) });
        });
        ForwardProxy { server, shared, scheme }
    }
}

impl ForwardProxy {
    /// Starts one that speaks HTTP and lets everybody through.
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Begins to describe one.
    pub fn builder() -> ForwardProxyBuilder {
        ForwardProxyBuilder::default()
    }

    /// Tells it where a host is; its ports are all the one of the address.
    pub fn lead(&self, host: &str, to: SocketAddr) {
        lock(&self.shared.hosts).insert(host.to_owned(), to);
    }

    /// Makes it lie from now on.
    pub fn lie(&self, lie: ProxyLie) {
        lock(&self.shared.lies).push((lie, true));
    }

    /// Makes it lie the next time.
    pub fn lie_once(&self, lie: ProxyLie) {
        lock(&self.shared.lies).push((lie, false));
    }

    /// Gives host and port.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Gives its URL, without a login.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address())
    }

    /// Gives its URL with a login.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("{}://{user}:{password}@{}", self.scheme, self.address())
    }

    /// Gives what it was asked for, such as `CONNECT r.test:443`, with the login that was shown: `… as user:password`.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.shared.asked).clone()
    }
}

impl Shared {
    fn note(&self, what: String, login: Option<&str>) {
        let login = login.map(|login| format!(" as {login}")).unwrap_or_default();
        lock(&self.asked).push(what + &login);
    }

    fn lie(&self) -> Option<ProxyLie> {
        let mut lies = lock(&self.lies);
        let (lie, for_ever) = lies.first().cloned()?;
        if !for_ever {
            lies.remove(0);
        }
        Some(lie)
    }

    fn lets_through(&self, login: Option<&str>) -> bool {
        let wanted = self.login.as_ref().map(|(user, password)| format!("{user}:{password}"));
        wanted.is_none() || wanted.as_deref() == login
    }

    fn connect(&self, authority: &str) -> Option<TcpStream> {
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let address = *lock(&self.hosts).get(host)?;
        TcpStream::connect(address).ok()
    }
}

fn serve_http(wire: &mut Wire, shared: &Shared) -> io::Result<()> {
    while let Some(line) = wire.read_line(LINE_LIMIT)? {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let rest = RequestRest::read(wire)?;
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let shown = header(&rest.headers, "proxy-authorization").and_then(|value| value.strip_prefix("Basic "));
        let login = shown.and_then(|text| STANDARD.decode(text).ok()).and_then(|text| String::from_utf8(text).ok());
        shared.note(format!("{method} {target}"), login.as_deref());
        if let Some(lie) = shared.lie() {
            return lie_in_http(wire, &lie);
        }
        if !shared.lets_through(login.as_deref()) {
            answer(wire, 407, "Proxy-Authenticate: Basic realm=\"testkit\"\r\n", "<title>Log in</title>")?;
            continue;
        }
        if method == "CONNECT" {
            let Some(upstream) = shared.connect(target) else { return answer(wire, 502, "", "no such host") };
            wire.write(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            return relay(wire, upstream);
        }
        let place = target.strip_prefix("http://").unwrap_or_default();
        let (authority, path) = place.split_once('/').unwrap_or((place, ""));
        let Some(upstream) = shared.connect(authority) else { return answer(wire, 502, "", "no such host") };
        if !hand_on(wire, upstream, &format!("{method} /{path} HTTP/1.1"), &rest)? {
            return Ok(());
        }
    }
    Ok(())
}

fn lie_in_http(wire: &mut Wire, lie: &ProxyLie) -> io::Result<()> {
    match lie {
        ProxyLie::Close => wire.finish(),
        ProxyLie::Garbage => wire.write(b"220 mail.example ESMTP\r\n").and_then(|()| wire.finish()),
        ProxyLie::Hang => wire.hold(),
        ProxyLie::Negotiate => answer(wire, 407, "Proxy-Authenticate: Negotiate\r\n", ""),
        ProxyLie::Page => answer(wire, 200, "Content-Type: text/html\r\n", "<title>Welcome to this hotel</title>"),
        ProxyLie::Refuse(status) => answer(wire, *status, "", "<title>No\u{1b}[31m</title>"),
        ProxyLie::Reply(_) => panic!("{lie:?} is for SOCKS"),
    }
}

fn answer(wire: &mut Wire, status: u16, headers: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    wire.write(format!("HTTP/1.1 {status} Said so\r\n{headers}Content-Length: {length}\r\n\r\n{body}").as_bytes())
}

/// Gives a request to its server and the answer back; says whether there may be another.
fn hand_on(wire: &mut Wire, mut upstream: TcpStream, line: &str, rest: &RequestRest) -> io::Result<bool> {
    let headers = rest.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("proxy-authorization"));
    let headers = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
    upstream.write_all(format!("{line}\r\n{headers}Via: 1.1 testkit\r\n\r\n").as_bytes())?;
    upstream.write_all(&rest.body)?;
    let mut upstream = BufReader::new(upstream);
    let (mut head, mut length) = (String::new(), None);
    loop {
        let start = head.len();
        if upstream.read_line(&mut head)? == 0 {
            return wire.finish().map(|()| false);
        }
        let field = head[start..].trim_end().to_ascii_lowercase();
        if let Some(value) = field.strip_prefix("content-length:") {
            length = value.trim().parse::<u64>().ok();
        }
        if field.is_empty() {
            break;
        }
    }
    wire.write(head.as_bytes())?;
    let bodiless = line.starts_with("HEAD ") || head.starts_with("HTTP/1.1 204");
    let mut body = upstream.take(if bodiless { 0 } else { length.unwrap_or(u64::MAX) });
    let mut buffer = [0; 16 * 1024];
    loop {
        match body.read(&mut buffer)? {
            0 => break,
            count => wire.write(&buffer[..count])?,
        }
    }
    if bodiless || length.is_some() && body.limit() == 0 { Ok(true) } else { wire.finish().map(|()| false) }
}

/// Carries bytes both ways until one end leaves.
fn relay(wire: &mut Wire, mut upstream: TcpStream) -> io::Result<()> {
    let client = wire.raw_clone()?;
    let mut buffer = [0; 16 * 1024];
    loop {
        let mut ends = [PollFd::new(&client, PollFlags::IN), PollFd::new(&upstream, PollFlags::IN)];
        poll(&mut ends, None)?;
        let [asks, answers] = ends.map(|end| !end.revents().is_empty());
        if asks {
            let bytes = wire.read_some()?;
            if bytes.is_empty() {
                return Ok(());
            }
            upstream.write_all(&bytes)?;
        }
        if answers {
            match upstream.read(&mut buffer)? {
                0 => return wire.finish(),
                count => wire.write(&buffer[..count])?,
            }
        }
    }
}

fn serve_socks(wire: &mut Wire, shared: &Shared) -> io::Result<()> {
    let greeting = wire.read_exact(2)?;
    let methods = wire.read_exact(greeting[1].into())?;
    if let Some(lie @ (ProxyLie::Close | ProxyLie::Garbage | ProxyLie::Hang)) =
        lock(&shared.lies).first().map(|lie| lie.0.clone())
    {
        return lie_in_http(wire, &lie);
    }
    let method = if shared.login.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        shared.note("a greeting".to_owned(), None);
        return wire.write(&[5, 255]).and_then(|()| wire.finish());
    }
    wire.write(&[5, method])?;
    let login = if method == 2 { Some(socks_login(wire)?) } else { None };
    if method == 2 {
        let good = shared.lets_through(login.as_deref());
        wire.write(&[1, u8::from(!good)])?;
        if !good {
            shared.note("a login".to_owned(), login.as_deref());
            return wire.finish();
        }
    }
    let request = wire.read_exact(4)?;
    let host = match request[3] {
        1 => wire.read_exact(4)?.iter().map(ToString::to_string).collect::<Vec<_>>().join("."),
        3 => {
            let length = wire.read_exact(1)?[0];
            String::from_utf8_lossy(&wire.read_exact(length.into())?).into_owned()
        }
        kind => return Err(io::Error::other(format!("an address of kind {kind}"))),
    };
    let port = wire.read_exact(2)?;
    let authority = format!("{host}:{}", u16::from_be_bytes([port[0], port[1]]));
    shared.note(format!("SOCKS {authority}"), login.as_deref());
    if let Some(ProxyLie::Reply(reply)) = shared.lie() {
        return wire.write(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).and_then(|()| wire.finish());
    }
    let Some(upstream) = shared.connect(&authority) else {
        return wire.write(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]).and_then(|()| wire.finish());
    };
    wire.write(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    relay(wire, upstream)
}

fn socks_login(wire: &mut Wire) -> io::Result<String> {
    let mut part = |before: usize| -> io::Result<String> {
        let head = wire.read_exact(before)?;
        let text = wire.read_exact(head[before - 1].into())?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    };
    Ok(format!("{}:{}", part(2)?, part(1)?))
}
