//! Lies about how many are served at once.

use super::access::later;
use super::{Beyond, Fault, Here, Step, honest};
use crate::answer::Answer;

pub(super) fn lie(fault: &Fault, answer: &Answer, here: &Here) -> Option<Vec<Step>> {
    let first = match fault {
        Fault::Gathered { count } => Step::Gather(*count),
        Fault::Crowded { limit, beyond } => Step::Admit(*limit, refusal(beyond, here)),
        _ => return None,
    };
    Some([vec![first], honest(answer, here)].concat())
}

fn refusal(beyond: &Beyond, here: &Here) -> Vec<Step> {
    match beyond {
        Beyond::Reset => vec![Step::Reset],
        Beyond::Status(status, retry_after) => {
            let answer = Answer::error(*status, "TOOMANYREQUESTS", "too many requests at once");
            honest(&later(answer, retry_after), here)
        }
    }
}
