//! Servers that serve only so much, and wires that break.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;
use unlade_testkit::content::digest;
use unlade_testkit::document::Image;
use unlade_testkit::process::Outcome;
use unlade_testkit::real::{LoggedRequest, Nginx, http_push};
use unlade_testkit::relay::{Cut, Relay};
use unlade_testkit::tls::Authority;

use super::{assert_is, assert_pulls, assert_refuses, document, here, initrd, ipxe, memtest, registry_with};
use crate::common::{folder, pull, unlade};

/// Gives the first byte that a request asked for.
fn start_of(request: &LoggedRequest) -> u64 {
    bounds(request).0
}

/// Gives how many bytes a request asked for.
pub(super) fn length_of(request: &LoggedRequest) -> u64 {
    let (first, last) = bounds(request);
    last + 1 - first
}

#[track_caller]
fn bounds(request: &LoggedRequest) -> (u64, u64) {
    let range = request.range.as_deref().and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let (first, last) = range.unwrap_or_else(|| panic!("no closed range: {request:?}"));
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("no closed range: {request:?}"));
    (number(first), number(last))
}

/// The reasons of the retries that `--progress json` tells of.
fn retries(outcome: &Outcome) -> Vec<String> {
    let events = outcome.stderr.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is an event"));
    let retries = events.filter(|event| event["event"] == "retrying");
    retries.map(|event| event["reason"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Asks for a large blob and does not read it: a client that holds its place.
fn hold(nginx: &Nginx, blob: &[u8]) -> TcpStream {
    let mut holder = TcpStream::connect(nginx.address()).expect("connect to nginx");
    let target = format!("/v2/site/large/blobs/{}", digest(blob));
    write!(holder, "GET {target} HTTP/1.1\r\nHost: registry\r\n\r\n").expect("ask for a blob");
    let mut begin = [0; 15];
    holder.read_exact(&mut begin).expect("read the begin of an answer");
    assert_eq!(begin, *b"HTTP/1.1 200 OK");
    holder
}

#[test]
fn a_full_server_is_asked_again_until_it_has_room() {
    let (payload, large) = (ipxe(), initrd());
    let registry = registry_with(&payload);
    http_push(&registry.client(), "site/large", "v1", &Image::titled("large", large.clone()));
    for (status, kind) in [(503, "Unavailable"), (429, "RateLimited")] {
        let nginx = here(Nginx::before(registry.address()).limited_connections(1, status).start());
        let reference = format!("{}/site/disk:v1", nginx.host());
        let holder = hold(&nginx, &large);
        let refused = assert_refuses(&reference, &["--retries=1"], kind, 6);
        assert_eq!((&refused["status"], &refused["attempts"]), (&status.into(), &2.into()), "{refused}");
        let folder = folder();
        let run = pull(&reference, folder.path()).args(["--retries=20", "--progress=json"]);
        let running = run.start();
        running.stderr_line("retrying");
        drop(holder);
        let outcome = running.finish();
        outcome.assert_code(0);
        assert_is(&folder.path().join("out.img"), &payload);
        let reasons = retries(&outcome);
        assert!(
            !reasons.is_empty() && reasons.iter().all(|reason| reason.contains(&status.to_string())),
            "{reasons:?}"
        );
    }
}

#[test]
fn a_server_that_says_when_to_come_back_is_asked_then() {
    let payload = memtest();
    let registry = registry_with(&payload);
    let nginx = here(Nginx::before(registry.address()).limited_requests(2).start());
    let reference = format!("{}/site/disk:v1", nginx.host());
    let outcome = assert_pulls(&reference, &["--retries=1", "--progress=json"], &payload);
    let statuses: Vec<u16> = nginx.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [200, 429, 200]);
    assert_eq!(retries(&outcome).len(), 1);
    // Longer than anybody would wait: the error says when.
    let nginx = here(Nginx::before(registry.address()).limited_requests(600).start());
    let refused = assert_refuses(&format!("{}/site/disk:v1", nginx.host()), &[], "RateLimited", 6);
    assert_eq!(refused["retry_after_seconds"], 600);
    assert!(refused["message"].as_str().is_some_and(|text| text.contains("600 s")), "{refused}");
    assert_eq!(nginx.requests().len(), 2);
}

#[test]
fn a_slow_server_is_borne_with() {
    let payload = memtest();
    let registry = registry_with(&payload);
    let nginx = here(Nginx::before(registry.address()).limited_rate(4 << 20).start());
    assert_pulls(&format!("{}/site/disk:v1", nginx.host()), &["--retries=0"], &payload);
}

#[test]
fn two_breaks_cost_two_ranges_and_no_byte_twice() {
    let payload = initrd();
    let size = payload.len() as u64;
    let authority = Authority::new();
    let registry = registry_with(&payload);
    let plain = here(Nginx::before(registry.address()).start());
    let secure = here(Nginx::before(registry.address()).tls(&authority.server()).start());
    let ca = authority.file().display().to_string();
    for (nginx, cut, options) in [
        (&plain, Cut::Close, &[][..]),
        (&plain, Cut::Reset, &[]),
        (&secure, Cut::Close, &["--ca-file", &ca]),
        (&secure, Cut::Reset, &["--ca-file", &ca]),
    ] {
        let before = nginx.requests().len();
        let inner = Relay::start(nginx.address());
        let outer = Relay::start(inner.address());
        // The first connection breaks in the inner relay, before as much came through the outer one.
        inner.cut_once(cut, 10_000_000);
        outer.cut_once(cut, 20_000_000);
        let reference = format!("{}/site/disk:v1", outer.address());
        // One connection: what each of its requests brings is known.
        let outcome = assert_pulls(&reference, &[options, &["--connections", "1", "--json"]].concat(), &payload);
        assert!(!inner.is_armed() && !outer.is_armed());
        let blobs: Vec<LoggedRequest> =
            nginx.requests().split_off(before).into_iter().filter(LoggedRequest::is_for_blob).collect();
        assert_eq!(blobs.iter().map(|request| request.status).collect::<Vec<_>>(), [200, 206, 206], "{blobs:#?}");
        assert_eq!(blobs[0].range, None);
        // Each begins where the one before broke off, and wants all the rest.
        let (second, third) = (start_of(&blobs[1]), start_of(&blobs[2]));
        assert!((9_000_000..10_000_000).contains(&second), "{second}");
        assert!((19_000_000..20_000_000).contains(&(third - second)), "{third}");
        assert_eq!((length_of(&blobs[1]), length_of(&blobs[2])), (size - second, size - third));
        assert_eq!(document(&outcome)["files"][0]["bytes_fetched"], size);
    }
}

#[test]
fn a_break_is_mended_on_the_way_to_stdout_too() {
    let payload = initrd();
    let registry = registry_with(&payload);
    let nginx = here(Nginx::before(registry.address()).start());
    let relay = Relay::start(nginx.address());
    for arguments in [
        ["pull".to_owned(), format!("{}/site/disk:v1", relay.address()), "-o-".to_owned()],
        // Nobody says how large this blob is, but the first answer does.
        ["blob".to_owned(), format!("{}/site/disk@{}", relay.address(), digest(&payload)), "-q".to_owned()],
    ] {
        relay.cut_once(Cut::Reset, 30_000_000);
        let outcome = unlade().args(arguments).args(["--connections", "1"]).run();
        outcome.assert_code(0);
        assert!(!relay.is_armed() && outcome.stdout == payload);
    }
    let ranges: Vec<bool> = nginx
        .requests()
        .iter()
        .filter(|request| request.is_for_blob())
        .map(|request| request.range.is_some())
        .collect();
    assert_eq!(ranges, [false, true, false, true]);
}
