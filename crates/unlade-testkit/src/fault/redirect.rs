//! Lies about where content is.

use super::{Fault, Here, Step, honest};
use crate::answer::Answer;

/// A path that redirects to itself, on every server of this crate.
pub(crate) const LOOP: &str = "/loop";

pub(super) fn lie(fault: &Fault, here: &Here) -> Option<Vec<Step>> {
    let Here { scheme, authority, target, .. } = here;
    let changed = match fault {
        Fault::Redirect { status, to } => Answer::redirect(*status, to),
        Fault::RedirectLoop => Answer::redirect(307, &format!("{scheme}://{authority}{LOOP}")),
        Fault::RedirectLinkLocal => Answer::redirect(307, "http://169.254.169.254/latest/meta-data/"),
        Fault::RedirectDowngrade => Answer::redirect(307, &format!("http://{authority}{target}")),
        Fault::RedirectUserinfo => Answer::redirect(307, &format!("{scheme}://user:word@{authority}{target}")),
        Fault::RedirectFile => Answer::redirect(307, "file:///etc/hostname"),
        Fault::RedirectInteger => {
            let port = authority.rsplit(':').next().unwrap_or("80");
            Answer::redirect(307, &format!("http://2130706433:{port}{target}"))
        }
        Fault::EchoInRedirect => Answer::redirect(307, &format!("http://169.254.169.254/{}", here.shown)),
        Fault::SignedUrlExpired => Answer::new(403)
            .header("Content-Type", "application/xml")
            .body("<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"),
        _ => return None,
    };
    Some(honest(&changed, here))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_downgrade_keeps_everything_but_the_scheme() {
        let steps = lie(&Fault::RedirectDowngrade, &Here::example("GET")).unwrap();
        let Step::Bytes(bytes) = &steps[0] else { panic!("bytes first: {steps:?}") };
        let text = String::from_utf8_lossy(bytes);
        assert!(text.contains("Location: http://127.0.0.1:5000/v2/a/b/blobs/sha256:1\r\n"), "{text}");
    }
}
