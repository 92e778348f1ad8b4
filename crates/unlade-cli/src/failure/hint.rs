//! What to do next, in the command's own words.

use unlade::error::Advice;
use unlade::{Error, ErrorKind};

/// Returns what to do next, in the command's own words.
pub(super) fn hint(error: &Error) -> Option<String> {
    let context = error.context();
    if let Some(advice) = &context.advice {
        return Some(advised(advice));
    }
    Some(
        match error.kind() {
            ErrorKind::Denied => {
                "check that the login may read this repository; --pull-secret-file or --authfile give one"
            }
            ErrorKind::Locked => "wait longer with --lock-timeout",
            ErrorKind::Mismatch if !context.files.is_empty() => {
                "what is wrong was not published; try again later, or tell the registry's operators"
            }
            ErrorKind::Mismatch => "nothing was published; try again later, or tell the registry's operators",
            ErrorKind::NotFound => "check the spelling of the repository, and of the tag or digest",
            ErrorKind::RateLimited => "come back later, or log in for a higher limit",
            ErrorKind::Unauthorized => return Some(advised(&Advice::LogIn)),
            ErrorKind::Unavailable => "check the network and the registry's name; --retries N tries longer",
            _ => return None,
        }
        .to_owned(),
    )
}

fn advised(advice: &Advice) -> String {
    match advice {
        Advice::AllowNet(net) => format!("if the registry may lead there, allow it with --allow-net {net}"),
        Advice::AskOperators(host) => {
            format!(
                "the registry leads to {host}, which refuses and was shown no login: try again later, or tell the \
                 registry's operators; over https --trust-host {host} shows the login there too"
            )
        }
        Advice::CertificateAuthority(host) => {
            format!("give the certificate authority that signs for {host} with --ca-file FILE")
        }
        Advice::CheckClock(host) => {
            format!("check the clock of this machine; if it is right, {host} needs a certificate that is valid now")
        }
        Advice::Choose { by: "platform", .. } => "choose one with --platform OS/ARCH, or name its digest".to_owned(),
        Advice::Choose { by: "layer", .. } => {
            "take one of them by its digest: unlade blob REPO@DIGEST > FILE".to_owned()
        }
        Advice::Choose { by, .. } => format!("name one of them by its {by}"),
        Advice::Credential(origin) => format!("check the login, which came from {origin}"),
        Advice::NameHost(host) => {
            format!("call the registry by a name that its certificate has, or have one made for {host}")
        }
        Advice::LogIn => {
            "give a login with --pull-secret-file or --authfile; a registry may also answer so for what does not exist"
                .to_owned()
        }
        Advice::Near(names) => format!("near names that exist: {}", names.join(", ")),
        Advice::PlainHttp => "if this server speaks no TLS, say so with --plain-http".to_owned(),
        Advice::ProveRealm(host) => format!(
            "only a token server that proves who it is may see the login: {host} must speak https, with a certificate \
             that is verified (--ca-file FILE gives its authority)"
        ),
        Advice::Proxy { origin, host } => {
            format!("check the proxy, which {origin} names; --proxy none or NO_PROXY={host} goes without it")
        }
        Advice::ProxyLogin(origin) => {
            format!("give the proxy's login in its URL, http://USER:PASSWORD@HOST:PORT, in {origin}")
        }
        Advice::PushAgain => "a part of the artifact is missing there: push it again".to_owned(),
        Advice::ShowCertificate => {
            "show a certificate that this server accepts, with --cert-file FILE and --key-file FILE".to_owned()
        }
        Advice::SpeakTls => "if this server speaks TLS, say so with --plain-http=false".to_owned(),
        Advice::SpeakKnownScheme => {
            "nothing on this side helps: the registry must ask for a login as Basic or as Bearer".to_owned()
        }
        Advice::TlsMinimum => {
            "have the server brought up to date, or lower --tls-min, which cannot be below 1.2".to_owned()
        }
        Advice::TrustRealm(host) => format!("if this token server may see the login, say so with --trust-realm {host}"),
        _ => advised_here(advice),
    }
}

/// Spells out what helps on this machine: files, folders, room.
fn advised_here(advice: &Advice) -> String {
    match advice {
        Advice::Decompress(command) => format!("decompress it first: {command}"),
        Advice::FreeSpace(bytes) => {
            format!("free {} there, or choose another place with -o", crate::units::bytes(*bytes))
        }
        Advice::IgnorePolicy => "name another policy with --policy FILE, or ask none with --insecure-policy".to_owned(),
        Advice::KeepArchive => "take the archive as it is with --no-unpack".to_owned(),
        Advice::MakeFolder(folder) => format!("make the folder first: mkdir -p {folder}"),
        Advice::NameFolder => "name a folder, or another one, with -o FOLDER".to_owned(),
        Advice::NameOutput => "name the file with -o FILE".to_owned(),
        Advice::Overwrite => "replace it with --overwrite, or name another file with -o FILE".to_owned(),
        Advice::RemoveStranger(path) => {
            format!("see what {path} is, and remove it if nobody needs it; or name another file with -o FILE")
        }
        Advice::RunAgain => "run it again: what is there is not fetched anew".to_owned(),
        Advice::SpoolElsewhere(bytes) => {
            format!("free {} there, or name another folder with the variable TMPDIR", crate::units::bytes(*bytes))
        }
        Advice::WriteDevice => {
            "this version has no `unlade write` yet: pull to a file, and copy that to the device".to_owned()
        }
        _ => "see the documentation".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_can_be_followed() {
        let choose = |by| Advice::Choose { by, candidates: Vec::new() };
        for (advice, expected) in [
            (choose("digest"), "name one of them by its digest"),
            (choose("layer"), "take one of them by its digest: unlade blob REPO@DIGEST > FILE"),
            (choose("platform"), "choose one with --platform OS/ARCH, or name its digest"),
            (
                Advice::WriteDevice,
                "this version has no `unlade write` yet: pull to a file, and copy that to the device",
            ),
        ] {
            let error = Error::new(ErrorKind::Ambiguous, "it was tried").advise(advice);
            assert_eq!(hint(&error).as_deref(), Some(expected));
        }
    }
}
