//! How each program is asked each question.

use super::{Name, Place};

/// What is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Question {
    Blob,
    Digest,
    Manifest,
    Referrers,
    Tags,
}

/// Gives the arguments that ask a question; `None` where the program cannot answer it.
///
/// crane speaks plain http to loopback without being told.
pub(super) fn words(name: Name, question: Question, place: Place<'_>) -> Option<Vec<String>> {
    use Question::{Blob, Digest, Manifest, Referrers, Tags};
    let (verb, place) = match (name, question, place) {
        (Name::Crane, Blob, Place::Registry(place)) => ("blob", place.to_owned()),
        (Name::Crane, Digest, Place::Registry(place)) => ("digest", place.to_owned()),
        (Name::Crane, Manifest, Place::Registry(place)) => ("manifest", place.to_owned()),
        (Name::Crane, Tags, Place::Registry(place)) => ("ls", place.to_owned()),

        (Name::Oras, Digest, _) => return None,
        (Name::Oras, question, place) => {
            let (option, place) = match place {
                // It tells folders and tars apart by itself.
                Place::Archive(place) | Place::Layout(place) => ("--oci-layout", place),
                Place::Registry(place) => ("--plain-http", place),
            };
            let verb = match question {
                Blob => "blob fetch --output -",
                Manifest => "manifest fetch",
                Referrers => "discover --format json --depth 1",
                _ => "repo tags",
            };
            let words = verb.split(' ').chain([option, place]);
            return Some(words.map(str::to_owned).collect());
        }

        (Name::Regctl, question, place) => return regctl(question, place),

        // skopeo knows no digests in layouts.
        (Name::Skopeo, _, Place::Archive(place) | Place::Layout(place)) if place.contains('@') => return None,
        (Name::Skopeo, Manifest, Place::Archive(place)) => ("inspect --raw", format!("oci-archive:{place}")),
        (Name::Skopeo, Manifest, Place::Layout(place)) => ("inspect --raw", format!("oci:{place}")),
        (Name::Skopeo, Manifest, Place::Registry(place)) => {
            ("inspect --raw --tls-verify=false", format!("docker://{place}"))
        }
        (Name::Skopeo, Tags, Place::Registry(place)) => ("list-tags --tls-verify=false", format!("docker://{place}")),

        (Name::Crane | Name::Skopeo, _, _) => return None,
    };
    Some(verb.split(' ').map(str::to_owned).chain([place]).collect())
}

/// regctl takes the digest of a blob apart from its repository, and is told of each host that speaks plain http.
fn regctl(question: Question, place: Place<'_>) -> Option<Vec<String>> {
    let (host, place) = match place {
        Place::Archive(_) => return None,
        Place::Layout(place) => (None, format!("ocidir://{place}")),
        Place::Registry(place) => (place.split_once('/').map(|(host, _)| host), place.to_owned()),
    };
    let verb = match question {
        Question::Blob => "blob get",
        Question::Digest => "image digest",
        Question::Manifest => "manifest get --format raw-body",
        Question::Referrers => "artifact list --format raw-body",
        Question::Tags => "tag ls",
    };
    let option = host.map(|host| format!("--host=reg={host},tls=disabled"));
    let place = match (question, place.split_once('@')) {
        (Question::Blob, Some((repository, digest))) => vec![repository.to_owned(), digest.to_owned()],
        _ => vec![place],
    };
    Some(option.into_iter().chain(verb.split(' ').map(str::to_owned)).chain(place).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_is_asked_in_its_own_words() {
        let (registry, layout) = (Place::Registry("h:1/r:t"), Place::Layout("/f:t"));
        let archive = Place::Archive("/a.tar:t");
        for (name, question, place, expected) in [
            (Name::Crane, Question::Manifest, registry, Some("manifest h:1/r:t")),
            (Name::Crane, Question::Manifest, layout, None),
            (Name::Crane, Question::Referrers, registry, None),
            (Name::Oras, Question::Manifest, registry, Some("manifest fetch --plain-http h:1/r:t")),
            (Name::Oras, Question::Manifest, layout, Some("manifest fetch --oci-layout /f:t")),
            (Name::Oras, Question::Manifest, archive, Some("manifest fetch --oci-layout /a.tar:t")),
            (Name::Oras, Question::Digest, registry, None),
            (Name::Regctl, Question::Digest, archive, None),
            (Name::Regctl, Question::Digest, registry, Some("--host=reg=h:1,tls=disabled image digest h:1/r:t")),
            (Name::Regctl, Question::Digest, layout, Some("image digest ocidir:///f:t")),
            (
                Name::Regctl,
                Question::Blob,
                Place::Registry("h:1/r@sha256:ab"),
                Some("--host=reg=h:1,tls=disabled blob get h:1/r sha256:ab"),
            ),
            (Name::Skopeo, Question::Manifest, layout, Some("inspect --raw oci:/f:t")),
            (Name::Skopeo, Question::Manifest, archive, Some("inspect --raw oci-archive:/a.tar:t")),
            (Name::Skopeo, Question::Manifest, Place::Layout("/f@sha256:ab"), None),
            (Name::Skopeo, Question::Blob, registry, None),
        ] {
            let asked = words(name, question, place).map(|words| words.join(" "));
            assert_eq!(asked.as_deref(), expected, "{name:?} {question:?}");
        }
    }
}
