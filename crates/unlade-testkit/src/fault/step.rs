//! What a connection is told to do: the language in which lies are written.

use std::time::Duration;

use bytes::Bytes;

use crate::answer::Answer;

/// One act of a server. A list without an end among its steps keeps the connection alive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// Goes on only if fewer than so many are served so at the time, else with the other steps alone.
    Admit(usize, Vec<Step>),
    /// Sends bytes.
    Bytes(Bytes),
    /// Ends our half of the connection in order.
    Close,
    /// Sends bytes one by one, each in a packet of its own.
    Dribble(Bytes),
    /// Sends the same bytes again and again, until the client leaves.
    Endless(Bytes),
    /// Makes all tokens invalid.
    ExpireTokens,
    /// Waits until so many requests do.
    Gather(usize),
    /// Keeps the connection without a word.
    Hold,
    /// Resets the connection.
    Reset,
    /// Sends bytes one by one, with a pause after each.
    Trickle(Bytes, Duration),
}

/// Where and for what an answer is given.
#[derive(Clone, Debug)]
pub(crate) struct Here {
    pub(crate) method: String,
    pub(crate) target: String,
    /// `http` or `https`.
    pub(crate) scheme: &'static str,
    /// Host and port, as the client called us.
    pub(crate) authority: String,
    /// The value of `realm` in an honest challenge.
    pub(crate) realm: String,
    /// What the request showed of who asks: a token, or a password; empty if nothing.
    pub(crate) shown: String,
}

impl Here {
    /// Gives the path, without the query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or(&self.target)
    }

    /// Gives the scope that the request needs.
    pub(crate) fn scope(&self) -> String {
        let inner = self.path().trim_start_matches("/v2/");
        let end = ["/manifests/", "/blobs/", "/tags/", "/referrers/"].iter().find_map(|part| inner.rfind(part));
        format!("repository:{}:pull", &inner[..end.unwrap_or(inner.len())])
    }

    #[cfg(test)]
    pub(crate) fn example(method: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: "/v2/a/b/blobs/sha256:1".to_owned(),
            scheme: "https",
            authority: "127.0.0.1:5000".to_owned(),
            realm: "https://127.0.0.1:5000/token".to_owned(),
            shown: "shown-token".to_owned(),
        }
    }
}

/// Gives the steps of a server that does not lie.
pub(crate) fn honest(answer: &Answer, here: &Here) -> Vec<Step> {
    vec![head_and(answer.head(), &sent_body(answer, here))]
}

/// Gives the body that goes out: none for HEAD.
pub(super) fn sent_body(answer: &Answer, here: &Here) -> Bytes {
    if here.method == "HEAD" { Bytes::new() } else { answer.body.clone() }
}

/// Puts a head and bytes after it into one step, so that they leave in one packet where they fit.
pub(super) fn head_and(mut head: Vec<u8>, body: &[u8]) -> Step {
    head.extend_from_slice(body);
    Step::Bytes(head.into())
}

/// Gives the first bytes of a body, all of it if it is shorter.
pub(super) fn first(body: &Bytes, count: usize) -> Bytes {
    body.slice(..count.min(body.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_is_that_of_the_repository() {
        assert_eq!(Here::example("GET").scope(), "repository:a/b:pull");
        let tags = Here { target: "/v2/a/tags/list?n=1".to_owned(), ..Here::example("GET") };
        assert_eq!(tags.scope(), "repository:a:pull");
    }

    #[test]
    fn a_head_request_gets_the_length_and_no_body() {
        let answer = Answer::new(200).body("xyz");
        let steps = honest(&answer, &Here::example("HEAD"));
        assert_eq!(steps, [Step::Bytes("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n".into())]);
    }
}
