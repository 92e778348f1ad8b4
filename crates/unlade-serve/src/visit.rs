//! What the two ends of a connection have to know of each other: the wire that answers go out on, and the desk that
//! makes them.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Method, StatusCode};
use hyper::body::{Frame, SizeHint};

use crate::access_log::{End, Entry, Pen};

/// A connection's state, shared by its ends.
#[derive(Clone)]
pub(crate) struct Visit(Arc<Mutex<State>>);

struct State {
    client: IpAddr,
    pen: Option<Pen>,
    /// Whether a request was understood: what goes out before that was written by the HTTP library, about a head that
    /// it could not read.
    understood: bool,
    /// Whether the client may be sending what nobody reads.
    unread: bool,
    /// The answers that are not with the system yet, for the log; the one under way is the last.
    answers: Vec<Answer>,
}

struct Answer {
    entry: Entry,
    /// How many bytes of the body were handed to the HTTP library, and how many of them to the system.
    given: u64,
    sent: u64,
    /// How the body ended, once it has.
    end: Option<End>,
}

impl Visit {
    pub(crate) fn new(client: IpAddr, pen: Option<Pen>) -> Self {
        let state = State { client, pen, understood: false, unread: false, answers: Vec::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Notes that a request was understood.
    pub(crate) fn asked(&self, method: &Method, path: &str) {
        let mut state = self.state();
        state.understood = true;
        if state.pen.is_some() {
            let entry = Entry::begin(state.client).asked(method, path);
            state.answers.push(Answer { entry, given: 0, sent: 0, end: None });
        }
    }

    /// Notes the answer to the request that was asked last, whose body is counted as it goes.
    pub(crate) fn answered(&self, response: Response, method: &Method, user: Option<Arc<str>>) -> Response<Counted> {
        let owed = owed(&response, method);
        if let Some(answer) = self.state().answers.last_mut() {
            answer.entry.answered(response.status(), user);
        }
        response.map(|body| Counted { body, visit: self.clone(), owed, given: 0 })
    }

    /// Says whether any request was understood.
    pub(crate) fn is_understood(&self) -> bool {
        self.state().understood
    }

    /// Notes that the HTTP library refused a head, with a body of so many bytes.
    pub(crate) fn refused(&self, status: StatusCode, bytes: u64) {
        let mut state = self.state();
        state.unread = true;
        let mut entry = Entry::begin(state.client);
        entry.answered(status, None);
        write(state.pen.as_ref(), entry.end(bytes, End::Whole));
    }

    /// Notes that the client may go on sending what nobody will read.
    pub(crate) fn leave_unread(&self) {
        self.state().unread = true;
    }

    /// Says whether the client may be sending what nobody reads.
    pub(crate) fn is_unread(&self) -> bool {
        self.state().unread
    }

    /// Notes that all bytes so far are with the system.
    pub(crate) fn flushed(&self) {
        let State { answers, pen, .. } = &mut *self.state();
        let ended = |answer: &mut Answer| {
            answer.sent = answer.given;
            answer.end.is_some()
        };
        for Answer { entry, sent, end, .. } in answers.extract_if(.., ended) {
            write(pen.as_ref(), entry.end(sent, end.unwrap_or(End::Broken)));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for State {
    /// Writes the entries of the answers that the connection did not outlive.
    fn drop(&mut self) {
        for Answer { entry, sent, .. } in self.answers.drain(..) {
            write(self.pen.as_ref(), entry.end(sent, End::Broken));
        }
    }
}

fn write(pen: Option<&Pen>, entry: Entry) {
    if let Some(pen) = pen {
        pen.write(entry);
    }
}

/// Returns how many bytes of a body go out, if that can be told before.
fn owed(response: &Response, method: &Method) -> Option<u64> {
    if method == Method::HEAD || response.status() == StatusCode::NOT_MODIFIED {
        return Some(0);
    }
    let declared = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    declared.or_else(|| hyper::body::Body::size_hint(response.body()).exact())
}

/// A body that is counted as it goes.
pub(crate) struct Counted {
    body: Body,
    visit: Visit,
    /// How long it is to be; `None` until it has ended, where that is not known.
    owed: Option<u64>,
    given: u64,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                this.given += frame.data_ref().map_or(0, |data| data.len() as u64);
                if let Some(answer) = this.visit.state().answers.last_mut() {
                    answer.given = this.given;
                }
            }
            Some(Err(_)) => {}
            None => this.owed = Some(this.given),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let end = if self.owed == Some(self.given) { End::Whole } else { End::Broken };
        if let Some(answer) = self.visit.state().answers.last_mut() {
            answer.end = Some(end);
        }
    }
}
