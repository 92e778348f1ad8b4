//! What the two ends of a connection have to know of each other: the wire that answers go out on, and the desk that
//! makes them.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderValue, Method, StatusCode};
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

use crate::access_log::{End, Entry, Pen};
use crate::guests::{Doing, Seat};

/// A connection's state, shared by its ends.
#[derive(Clone)]
pub(crate) struct Visit(Arc<Mutex<State>>);

struct State {
    client: IpAddr,
    pen: Option<Pen>,
    seat: Arc<Seat>,
    /// Whether the client may be sending what nobody reads.
    unread: bool,
    /// How often in a row it was asked to log in.
    strange: u32,
    /// The answers that are not with the system yet; the one under way is the last.
    answers: Vec<Answer>,
}

struct Answer {
    /// For the log, if there is one.
    entry: Option<Entry>,
    /// How many bytes of the body were handed to the HTTP library, and how many of them to the system.
    given: u64,
    sent: u64,
    /// How the body ended, once it has.
    end: Option<End>,
}

/// How often in a row a client may be asked to log in on one connection: it asks once to learn that it has to.
const MAX_STRANGE: u32 = 2;

impl Visit {
    pub(crate) fn new(client: IpAddr, pen: Option<Pen>, seat: Arc<Seat>) -> Self {
        let state = State { client, pen, seat, unread: false, strange: 0, answers: Vec::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Notes that a request was understood.
    pub(crate) fn asked(&self, method: &Method, path: &str) {
        let mut state = self.state();
        let entry = state.pen.as_ref().map(|_| Entry::begin(state.client).asked(method, path));
        state.answers.push(Answer { entry, given: 0, sent: 0, end: None });
        state.seat.does(Doing::Making);
    }

    /// Notes the answer to the request that was asked last, whose body is counted as it goes. It is the last one on
    /// its connection if others wait for the place, or if the client still shows no login.
    pub(crate) fn answered(
        &self,
        mut response: Response,
        method: &Method,
        user: Option<Arc<str>>,
    ) -> Response<Counted> {
        let owed = owed(&response, method);
        let mut state = self.state();
        state.strange = if response.status() == StatusCode::UNAUTHORIZED { state.strange + 1 } else { 0 };
        if state.strange >= MAX_STRANGE || state.seat.is_wanted() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(entry) = state.answers.last_mut().and_then(|answer| answer.entry.as_mut()) {
            entry.answered(response.status(), user);
        }
        state.seat.does(Doing::Sending(Instant::now()));
        drop(state);
        response.map(|body| Counted { body, visit: self.clone(), owed, given: 0 })
    }

    /// Says whether a request was understood whose answer is not with the system yet. What goes out else was written by
    /// the HTTP library, about a head that it could not read.
    pub(crate) fn is_owed(&self) -> bool {
        !self.state().answers.is_empty()
    }

    /// Notes that a head is refused that could not be read, with a body of so many bytes.
    pub(crate) fn refused(&self, status: StatusCode, bytes: u64) {
        let mut state = self.state();
        state.unread = true;
        let entry = state.pen.as_ref().map(|_| {
            let mut entry = Entry::begin(state.client);
            entry.answered(status, None);
            entry
        });
        state.answers.push(Answer { entry, given: bytes, sent: 0, end: Some(End::Whole) });
        state.seat.does(Doing::Sending(Instant::now()));
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
        let State { answers, pen, seat, .. } = &mut *self.state();
        let ended = |answer: &mut Answer| {
            answer.sent = answer.given;
            answer.end.is_some()
        };
        let mut written = 0;
        for Answer { entry, sent, end, .. } in answers.extract_if(.., ended) {
            write(pen.as_ref(), entry, sent, end.unwrap_or(End::Broken));
            written += 1;
        }
        if written > 0 && answers.is_empty() {
            seat.does(Doing::Idle(Instant::now()));
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
            write(self.pen.as_ref(), entry, sent, End::Broken);
        }
    }
}

fn write(pen: Option<&Pen>, entry: Option<Entry>, sent: u64, end: End) {
    if let (Some(pen), Some(entry)) = (pen, entry) {
        pen.write(entry.end(sent, end));
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use unlade::observe::Blind;

    use super::*;
    use crate::access_log::AccessLog;
    use crate::guests::Guests;

    #[tokio::test]
    async fn a_head_that_cannot_be_read_has_its_line_once_the_answer_is_with_the_system() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let log = AccessLog::append(file.path(), Arc::<Blind>::default()).unwrap();
        let visit = || Visit::new([127, 0, 0, 1].into(), Some(log.pen()), Guests::default().seat());
        let (taken, lost) = (visit(), visit());
        taken.refused(StatusCode::BAD_REQUEST, 74);
        assert!(taken.is_owed());
        taken.flushed();
        assert!(!taken.is_owed());
        lost.refused(StatusCode::BAD_REQUEST, 74);
        drop((taken, lost));
        log.close(Duration::from_mins(1)).await;
        let text = std::fs::read_to_string(file.path()).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told: Vec<_> = lines.iter().map(|line| (line["bytes"].as_u64(), line["complete"].as_bool())).collect();
        assert_eq!(told, [(Some(74), Some(true)), (Some(0), Some(false))]);
    }
}
