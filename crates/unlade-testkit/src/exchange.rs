//! The loop that every server of this crate runs on a connection: read, record, choose a lie, obey it.

use std::io;
use std::sync::Arc;
use std::thread;

use crate::access::shown;
use crate::answer::Answer;
use crate::fault::{Fault, Here, Step, honest, lie};
use crate::http::{RequestLine, RequestRest, header};
use crate::record::{ReceivedRequest, Recorder};
use crate::script::Script;
use crate::tripwire::Tripwire;
use crate::wire::Wire;

/// What makes one server different from another.
pub(crate) trait Desk: Send + Sync + 'static {
    fn recorder(&self) -> &Recorder;
    fn script(&self) -> &Script;
    /// Gives the true answer.
    fn answer(&self, request: &ReceivedRequest, here: &Here) -> Answer;
    /// Gives the realm of an honest challenge; `own` is the token endpoint of the server that was asked.
    fn realm(&self, own: String) -> String {
        own
    }
    /// Makes every token invalid.
    fn expire_tokens(&self) {}
    /// Gives the lie that chance has for a request that no script is about.
    fn whim(&self, _request: &ReceivedRequest) -> Option<Fault> {
        None
    }
    /// Gives what counts the bytes that are sent.
    fn tripwire(&self) -> Option<&Tripwire> {
        None
    }
}

/// Serves a connection until either side ends it.
pub(crate) fn serve(desk: &Arc<impl Desk>, scheme: &'static str, number: usize, mut wire: Wire) {
    // A client that breaks off, or fails the handshake, is nothing that a server could act upon.
    while let Ok(Some(line)) = RequestLine::read(&mut wire) {
        let Ok(steps) = decide(desk.as_ref(), scheme, number, &mut wire, line) else {
            return;
        };
        match obey(wire, steps, desk.as_ref()) {
            Ok(Some(alive)) => wire = alive,
            Ok(None) | Err(_) => return,
        }
    }
}

fn decide(
    desk: &impl Desk,
    scheme: &'static str,
    connection: usize,
    wire: &mut Wire,
    line: RequestLine,
) -> io::Result<Vec<Step>> {
    let early = desk.script().take_early(&line);
    let mut here = Here {
        method: line.method.clone(),
        target: line.target.clone(),
        scheme,
        authority: String::new(),
        realm: String::new(),
        shown: String::new(),
    };
    if let Some(early) = &early {
        record(desk, connection, wire, line, RequestRest::default())?;
        return Ok(lie(early, &Answer::new(503), &here));
    }
    let rest = RequestRest::read(wire)?;
    let fault = desk.script().take(&line, header(&rest.headers, "range"));
    header(&rest.headers, "host").unwrap_or("127.0.0.1").clone_into(&mut here.authority);
    here.realm = desk.realm(format!("{scheme}://{}/token", here.authority));
    let request = record(desk, connection, wire, line, rest)?;
    here.shown = shown(&request);
    let answer = desk.answer(&request, &here);
    Ok(match fault.or_else(|| desk.whim(&request)) {
        None => honest(&answer, &here),
        Some(fault) => lie(&fault, &answer, &here),
    })
}

fn record(
    desk: &impl Desk,
    connection: usize,
    wire: &Wire,
    line: RequestLine,
    rest: RequestRest,
) -> io::Result<ReceivedRequest> {
    let request = ReceivedRequest {
        sequence: 0,
        connection,
        peer: wire.peer()?,
        path: line.path().to_owned(),
        query: line.query(),
        method: line.method,
        headers: rest.headers,
        body: rest.body,
        client_certificates: wire.client_certificates(),
    };
    desk.recorder().add(request.clone());
    Ok(request)
}

fn send(wire: &mut Wire, bytes: &[u8], tripwire: Option<&Tripwire>) -> io::Result<()> {
    let Some(tripwire) = tripwire else {
        return wire.write(bytes);
    };
    let mut rest = bytes;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(tripwire.allowance(rest.len()));
        wire.write(now)?;
        tripwire.sent(now.len());
        rest = later;
    }
    Ok(())
}

/// Does what the steps say; gives the connection back if it still lives.
fn obey(mut wire: Wire, steps: Vec<Step>, desk: &impl Desk) -> io::Result<Option<Wire>> {
    // One is inside until all is sent, or could not be.
    let mut inside = None;
    for step in steps {
        match step {
            Step::Admit(limit, beyond) => match desk.script().crowd.enter(limit) {
                None => return obey(wire, beyond, desk),
                admitted => inside = admitted,
            },
            Step::Gather(count) => desk.script().gate.gather(count),
            Step::Bytes(bytes) => send(&mut wire, &bytes, desk.tripwire())?,
            Step::Close => return wire.finish().map(|()| None),
            Step::Dribble(bytes) => bytes.chunks(1).try_for_each(|byte| wire.write(byte))?,
            Step::Endless(bytes) => loop {
                wire.write(&bytes)?;
            },
            Step::ExpireTokens => desk.expire_tokens(),
            Step::Hold => return wire.hold().map(|()| None),
            Step::Reset => return wire.reset().map(|()| None),
            Step::Trickle(bytes, pause) => bytes.chunks(1).try_for_each(|byte| {
                wire.write(byte)?;
                thread::sleep(pause);
                Ok::<_, io::Error>(())
            })?,
        }
    }
    drop(inside);
    Ok(Some(wire))
}
