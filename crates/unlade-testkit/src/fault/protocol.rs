//! Lies about HTTP itself.

use bytes::Bytes;

use super::step::{head_and, sent_body};
use super::{Fault, Here, Step, honest};
use crate::answer::Answer;

pub(super) fn lie(fault: &Fault, answer: &Answer, here: &Here) -> Option<Vec<Step>> {
    let body = sent_body(answer, here);
    let length = answer.body.len().to_string();
    let with = |answer: Answer| head_and(answer.head(), &body);
    Some(match fault {
        Fault::ResetBeforeAnswer => vec![Step::Reset],
        Fault::CloseBeforeAnswer => vec![Step::Close],
        Fault::StallBeforeHeaders => vec![Step::Hold],
        Fault::EndlessHeaders => {
            vec![text("HTTP/1.1 200 OK\r\n"), Step::Endless(Bytes::from("X-Endless: header\r\n".repeat(512)))]
        }
        Fault::EndlessInformational { status } => {
            let interim = format!("HTTP/1.1 {status} Interim\r\nX-Interim: yes\r\n\r\n");
            vec![Step::Endless(Bytes::from(interim.repeat(256)))]
        }
        Fault::HugeHeader { bytes } => vec![with(answer.clone().header("X-Huge", &"h".repeat(*bytes)))],
        Fault::GarbageStatusLine => vec![text("\u{1}\u{2} not a status \u{ff}\r\n\r\n"), Step::Close],
        Fault::SshBanner => vec![text("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), Step::Close],
        Fault::Http09 => vec![Step::Bytes(body), Step::Close],
        Fault::Dribble => vec![Step::Dribble([answer.head(), body.to_vec()].concat().into())],
        Fault::EarlyAnswer => {
            let early = Answer::error(503, "UNAVAILABLE", "answered early").header("Connection", "close");
            [honest(&early, here), vec![Step::Close]].concat()
        }
        Fault::ConnectionClose => vec![with(answer.clone().header("Connection", "close")), Step::Close],
        Fault::ExtraBytes => {
            let smuggled = Answer::new(200).header("X-Smuggled", "yes").body("smuggled");
            vec![head_and([answer.head(), body.to_vec(), smuggled.head()].concat(), &smuggled.body)]
        }
        Fault::NegativeLength => vec![with(answer.clone().header("Content-Length", "-1")), Step::Close],
        Fault::TwoLengths => {
            let first = answer.clone().header("Content-Length", &length);
            vec![with(first.also("Content-Length", &(answer.body.len() + 1).to_string())), Step::Close]
        }
        Fault::LengthAndChunked => {
            let both = answer.clone().header("Content-Length", &length).header("Transfer-Encoding", "chunked");
            let framed = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
            vec![head_and(both.head(), &framed)]
        }
        Fault::HeadWithBody => vec![head_and(answer.head(), &answer.body)],
        _ => return None,
    })
}

fn text(text: &str) -> Step {
    Step::Bytes(Bytes::copy_from_slice(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictory_lengths_are_both_sent() {
        let answer = Answer::new(200).body("xyz");
        let steps = lie(&Fault::TwoLengths, &answer, &Here::example("GET")).unwrap();
        let Step::Bytes(bytes) = &steps[0] else { panic!("bytes first: {steps:?}") };
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains("Content-Length: 3\r\nContent-Length: 4\r\n"), "{text}");
    }

    #[test]
    fn a_head_answer_gets_a_body_when_told_to() {
        let answer = Answer::new(200).body("xyz");
        let steps = lie(&Fault::HeadWithBody, &answer, &Here::example("HEAD")).unwrap();
        assert_eq!(steps, [Step::Bytes("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxyz".into())]);
    }
}
