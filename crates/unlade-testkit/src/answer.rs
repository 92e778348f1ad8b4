//! What a server means to say, before any lie.

use bytes::Bytes;
use serde_json::{Value, json};

/// An answer, as a correct server would give it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// The whole content, of which the body is a part.
    pub(crate) whole: Option<Bytes>,
    /// The first and the last byte that the request asked for, where it asked well.
    pub(crate) range: Option<(usize, usize)>,
}

impl Answer {
    pub(crate) fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), whole: None, range: None }
    }

    /// Answers with content of which ranges may be asked.
    pub(crate) fn content(media_type: &str, whole: &Bytes) -> Self {
        let answer = Self::new(200).header("Content-Type", media_type);
        Self { body: whole.clone(), whole: Some(whole.clone()), ..answer }
    }

    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::new(status).header("Content-Type", "application/json").body(value.to_string())
    }

    /// Answers with an error document (distribution-spec v1.1.1, error codes).
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({ "errors": [{ "code": code, "message": message }] }))
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).header("Location", location)
    }

    /// Sets a header; an earlier value goes.
    #[must_use]
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        self.without(name).also(name, value)
    }

    /// Adds a header beside earlier ones of the same name.
    #[must_use]
    pub(crate) fn also(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(candidate, _)| !candidate.eq_ignore_ascii_case(name));
        self
    }

    #[must_use]
    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn header_value(&self, name: &str) -> Option<&str> {
        crate::http::header(&self.headers, name)
    }

    /// Writes status line and headers, with the length of the body unless a header gives one.
    pub(crate) fn head(&self) -> Vec<u8> {
        let length = ("Content-Length", self.body.len().to_string());
        // A 204 has no length (RFC 9110, section 8.6).
        let implied = self.header_value("Content-Length").is_none() && self.status != 204;
        self.head_with(implied.then_some(length))
    }

    /// Writes status line and headers without any length but what a header says.
    pub(crate) fn head_without_length(&self) -> Vec<u8> {
        self.head_with(None)
    }

    fn head_with(&self, extra: Option<(&str, String)>) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
        for (name, value) in own.chain(extra) {
            text.extend([name, ": ", &value, "\r\n"]);
        }
        text.push_str("\r\n");
        text.into_bytes()
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_the_length_once() {
        let answer = Answer::new(200).header("A", "1").header("a", "2").body("xyz");
        assert_eq!(answer.head(), b"HTTP/1.1 200 OK\r\na: 2\r\nContent-Length: 3\r\n\r\n");
        let answer = answer.header("Content-Length", "9");
        assert_eq!(answer.head(), b"HTTP/1.1 200 OK\r\na: 2\r\nContent-Length: 9\r\n\r\n");
        assert_eq!(Answer::new(204).head(), b"HTTP/1.1 204 No Content\r\n\r\n");
    }
}
