//! What a server saw, in words: one line a request.

use unlade_testkit::ReceivedRequest;

/// Writes requests as `METHOD WHAT RANGE +SCHEME`, with nothing where there is nothing to say: the method of a GET,
/// the range of a whole, the scheme of an anonymous request.
pub(super) fn of(requests: &[ReceivedRequest]) -> Vec<String> {
    requests.iter().map(line).collect()
}

/// Fails unless the requests are those that were expected; a `*` stands for any text.
#[track_caller]
pub(super) fn expect(who: &str, requests: &[ReceivedRequest], expected: &[String]) {
    let found = of(requests);
    let same = found.len() == expected.len() && found.iter().zip(expected).all(|(found, line)| fits(line, found));
    assert!(same, "{who} saw {found:#?} where these were expected: {expected:#?}");
}

/// Says whether a path or a line is about a blob, or about the token that one of its parts may need.
pub(super) fn is_of_a_part(what: &str) -> bool {
    ["blob", "signed", "token"].iter().any(|word| what.trim_start_matches('/').starts_with(word))
        || what.contains("/blobs/")
}

fn line(request: &ReceivedRequest) -> String {
    let mut words = Vec::new();
    if request.method != "GET" {
        words.push(request.method.clone());
    }
    words.push(what(&request.path).to_owned());
    if let Some(range) = request.header("range") {
        words.push(range.trim_start_matches("bytes=").to_owned());
    }
    if let Some(scheme) = request.header("authorization").and_then(|value| value.split(' ').next()) {
        words.push(format!("+{scheme}"));
    }
    words.join(" ")
}

fn what(path: &str) -> &str {
    match path {
        "/token" => "token",
        _ if path.starts_with("/signed/") => "signed",
        _ if path.contains("/blobs/") => "blob",
        _ if path.contains("/manifests/sha256:") => "manifest@",
        _ if path.contains("/manifests/") => "manifest",
        _ if path.ends_with("/tags/list") => "tags",
        _ if path.contains("/referrers/sha256:") => "referrers",
        other => other,
    }
}

fn fits(pattern: &str, line: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == line,
        Some((head, tail)) => line.len() >= head.len() + tail.len() && line.starts_with(head) && line.ends_with(tail),
    }
}
