//! Reads requests of HTTP/1.1 from a connection, by hand (RFC 9112).

use std::io;

use crate::wire::Wire;

/// The start of a request: all that is needed to choose a lie.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RequestLine {
    pub(crate) method: String,
    pub(crate) target: String,
}

impl RequestLine {
    /// Reads the next request's first line; `None` when the client has left.
    pub(crate) fn read(wire: &mut Wire) -> io::Result<Option<Self>> {
        let Some(line) = wire.read_line(LINE_LIMIT)? else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        Self::parse(&text).map(Some).ok_or_else(|| io::Error::other(format!("no request line: {text:?}")))
    }

    /// Gives the path, without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// Gives the query as pairs, decoded.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        self.target.split_once('?').map_or_else(Vec::new, |(_, query)| parse_form(query))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let valid = version.starts_with("HTTP/1.") && target.starts_with('/') && words.next().is_none();
        valid.then(|| Self { method: method.to_owned(), target: target.to_owned() })
    }
}

/// The rest of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestRest {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl RequestRest {
    /// Reads headers and body.
    pub(crate) fn read(wire: &mut Wire) -> io::Result<Self> {
        let mut headers = Vec::new();
        loop {
            let line = wire.read_line(LINE_LIMIT)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            if text.is_empty() {
                break;
            }
            let (name, value) = text.split_once(':').ok_or_else(|| io::Error::other("a header without a colon"))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let length = header(&headers, "content-length").map_or(Ok(0), str::parse).map_err(io::Error::other)?;
        if length > BODY_LIMIT {
            return Err(io::Error::other("the client sent a body that is too long for a test"));
        }
        Ok(Self { headers, body: wire.read_exact(length)? })
    }
}

/// Gives the first value of a header.
pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Parses `a=b&c=d`, with percent signs and plus signs decoded.
pub(crate) fn parse_form(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| percent_decode(&part.replace('+', " "));
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// Replaces `%41` by `A`; what is not well-formed stays as it is.
pub fn percent_decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = &tail[2..];
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// 64 KiB: more than any client of ours sends, little enough that a test that loops is noticed.
const LINE_LIMIT: usize = 64 * 1024;
/// 256 MiB: the largest monolithic upload of a test.
const BODY_LIMIT: usize = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_lines_are_parsed_strictly() {
        let line = RequestLine::parse("GET /v2/?a=b%20c&d HTTP/1.1").unwrap();
        assert_eq!(line.path(), "/v2/");
        assert_eq!(line.query(), [("a".to_owned(), "b c".to_owned()), ("d".to_owned(), String::new())]);
        for bad in ["", "GET /", "GET / HTTP/2", "GET / HTTP/1.1 x", "GET http://x/ HTTP/1.1"] {
            assert_eq!(RequestLine::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn percent_signs_are_decoded_where_they_are_well_formed() {
        assert_eq!(percent_decode("%41%zz%4"), "A%zz%4");
        assert_eq!(parse_form("scope=repository%3Aa%2Fb%3Apull"), [("scope".into(), "repository:a/b:pull".into())]);
    }
}
