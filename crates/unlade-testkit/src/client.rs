//! A client as simple as can be: one request, one connection, an answer of any length until the end.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::http::header;

/// Asks one server, without judging what it answers: for tests of servers, and to fill real ones.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    host: String,
    headers: Vec<(String, String)>,
    tls: Option<Arc<ClientConfig>>,
}

/// An answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers, in their order.
    pub headers: Vec<(String, String)>,
    /// The body, as far as it came.
    pub body: Vec<u8>,
}

impl Response {
    /// Gives the first value of a header, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Gives the body as text, with what is not UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// Will ask the server at an address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, host: address.to_string(), headers: Vec::new(), tls: None }
    }

    /// Calls the server by another name, in `Host` and in TLS.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Sends a header with each request.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends user and password with each request.
    #[must_use]
    pub fn basic(self, user: &str, password: &str) -> Self {
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        self.header("Authorization", &value)
    }

    /// Speaks TLS.
    #[must_use]
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Sends a GET.
    ///
    /// # Errors
    ///
    /// When the connection fails before there is a status line and headers.
    pub fn get(&self, target: &str) -> io::Result<Response> {
        self.send("GET", target, b"")
    }

    /// Sends any request; a body gets its length.
    ///
    /// # Errors
    ///
    /// When the connection fails before there is a status line and headers.
    pub fn send(&self, method: &str, target: &str, body: &[u8]) -> io::Result<Response> {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host);
        for (name, value) in &self.headers {
            head.extend([name.as_str(), ": ", value, "\r\n"]);
        }
        if !body.is_empty() || method == "POST" || method == "PUT" {
            head.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
        }
        head.push_str("\r\n");
        let answer = self.exchange(&[head.as_bytes(), body].concat(), method)?;
        parse(&answer, method).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
    }

    fn exchange(&self, request: &[u8], method: &str) -> io::Result<Vec<u8>> {
        let stream = TcpStream::connect(self.address)?;
        // A server that hangs must fail its test, not keep it for ever.
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        match &self.tls {
            None => talk(stream, request, method),
            Some(config) => {
                let name = self.host.rsplit_once(':').map_or(self.host.as_str(), |(name, _)| name);
                let name = ServerName::try_from(name.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)?;
                let session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                talk(StreamOwned::new(session, stream), request, method)
            }
        }
    }
}

/// Reads until the answer is complete by its own length, or the connection ends in whatever way.
fn talk(mut stream: impl Read + Write, request: &[u8], method: &str) -> io::Result<Vec<u8>> {
    stream.write_all(request)?;
    stream.flush()?;
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(answer),
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            // A process that was stopped for a moment sees this on a socket with a timeout (signal(7)).
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if answer.is_empty() => return Err(error),
            Err(_) => return Ok(answer),
        }
        if is_complete(&answer, method) {
            return Ok(answer);
        }
    }
}

fn is_complete(answer: &[u8], method: &str) -> bool {
    let Some((head, headers)) = head(answer) else {
        return false;
    };
    if method == "HEAD" || answer.starts_with(b"HTTP/1.1 204") {
        return true;
    }
    if header(&headers, "transfer-encoding").is_some() {
        return answer.ends_with(b"\r\n0\r\n\r\n");
    }
    let length = header(&headers, "content-length").and_then(|text| text.parse::<usize>().ok());
    length.is_some_and(|length| answer.len() >= head + length)
}

fn parse(answer: &[u8], method: &str) -> Option<Response> {
    let (start, headers) = head(answer)?;
    let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
    let raw = if method == "HEAD" { &[] } else { &answer[start..] };
    let body = match header(&headers, "transfer-encoding") {
        Some("chunked") => unchunk(raw),
        _ => raw.to_vec(),
    };
    Some(Response { status, headers, body })
}

/// Finds where the body starts, and the headers before it.
fn head(answer: &[u8]) -> Option<(usize, Vec<(String, String)>)> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&answer[..end]).into_owned();
    let headers = text.lines().skip(1).filter_map(|line| line.split_once(':'));
    Some((end + 4, headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()))
}

fn unchunk(mut raw: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = raw.windows(2).position(|window| window == b"\r\n") {
        let Ok(length) = usize::from_str_radix(&String::from_utf8_lossy(&raw[..end]), 16) else {
            break;
        };
        let start = end + 2;
        body.extend_from_slice(&raw[start..raw.len().min(start + length)]);
        if length == 0 || raw.len() < start + length + 2 {
            break;
        }
        raw = &raw[start + length + 2..];
    }
    body
}
