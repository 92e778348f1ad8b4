//! Lies about access: refusals, challenges, tokens.

use serde_json::json;

use super::{Fault, Here, RetryAfter, Step, honest};
use crate::answer::Answer;

pub(super) fn lie(fault: &Fault, here: &Here) -> Option<Vec<Step>> {
    let challenge = |realm: &str, scope: &str, more: &str| {
        let value = format!("Bearer realm=\"{realm}\",service=\"testkit\",scope=\"{scope}\"{more}");
        unauthorized().header("WWW-Authenticate", &value)
    };
    let own = here.scope();
    let changed = match fault {
        Fault::NoContent => Answer::new(204),
        Fault::TooManyRequests { retry_after } => {
            later(Answer::error(429, "TOOMANYREQUESTS", "too many requests"), retry_after)
        }
        Fault::ServerError { status, retry_after } => {
            later(Answer::error(*status, "UNKNOWN", "the server failed"), retry_after)
        }
        Fault::RequestTimeout => Answer::new(408).header("Connection", "close"),
        Fault::UnauthorizedWithoutChallenge => unauthorized(),
        Fault::UnknownScheme => {
            unauthorized().header("WWW-Authenticate", "Negotiate, Hoba max-age=\"1\", challenge=\"YQ==\"")
        }
        Fault::ForeignScope { scope } => challenge(&here.realm, scope, ""),
        Fault::InsufficientScope { scope } => challenge(&here.realm, scope, ",error=\"insufficient_scope\""),
        Fault::RealmElsewhere { realm } | Fault::TargetChallenge { realm } => challenge(realm, &own, ""),
        Fault::RealmPlain => challenge(&format!("http://{}/token", here.authority), &own, ""),
        Fault::RealmLinkLocal => challenge("http://169.254.169.254/latest/token", &own, ""),
        Fault::RealmRedirect { to } => Answer::redirect(307, to),
        Fault::TokenMissing => Answer::json(200, &json!({ "expires_in": 300 })),
        Fault::TokenHuge => Answer::json(200, &json!({ "token": "a".repeat(8 << 20) })),
        Fault::TokenNewline => Answer::json(200, &json!({ "token": "abc\r\nX-Injected: yes" })),
        Fault::TokenUnavailable => Answer::error(503, "UNAVAILABLE", "no tokens just now"),
        _ => return None,
    };
    let steps = honest(&changed, here);
    let closing = changed.header_value("Connection") == Some("close");
    Some(if closing { [steps, vec![Step::Close]].concat() } else { steps })
}

fn unauthorized() -> Answer {
    Answer::error(401, "UNAUTHORIZED", "authentication required")
}

pub(super) fn later(answer: Answer, retry_after: &RetryAfter) -> Answer {
    let answer = match retry_after {
        RetryAfter::Dated(_) => answer.header("Date", &httpdate::fmt_http_date(std::time::SystemTime::now())),
        _ => answer,
    };
    match retry_after.value() {
        None => answer,
        Some(value) => answer.header("Retry-After", &value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(fault: &Fault) -> String {
        let steps = lie(fault, &Here::example("GET")).unwrap();
        let Step::Bytes(bytes) = &steps[0] else { panic!("bytes first: {steps:?}") };
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn challenges_name_what_was_scripted() {
        assert!(told(&Fault::RealmPlain).contains("realm=\"http://127.0.0.1:5000/token\""));
        let scope = "repository:x:push".to_owned();
        let text = told(&Fault::InsufficientScope { scope });
        assert!(text.contains("scope=\"repository:x:push\",error=\"insufficient_scope\""));
    }

    #[test]
    fn a_delay_is_told_where_there_is_one() {
        let text = told(&Fault::TooManyRequests { retry_after: RetryAfter::Seconds(7) });
        assert!(text.starts_with("HTTP/1.1 429 ") && text.contains("Retry-After: 7\r\n"));
    }
}
