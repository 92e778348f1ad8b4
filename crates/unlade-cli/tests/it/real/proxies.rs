//! What sites put before their registries, and how they set it up.

use bytes::Bytes;
use unlade_testkit::document::Image;
use unlade_testkit::process::Outcome;
use unlade_testkit::real::{DockerRegistry, LoggedRequest, Nginx, htpasswd, http_push};
use unlade_testkit::relay::{Cut, Relay};
use unlade_testkit::tls::Authority;

use super::{assert_pulls, assert_refuses, document, here, initrd, memtest, registry_with, write};
use crate::common::folder;

fn reference(nginx: &Nginx) -> String {
    format!("{}/site/disk:v1", nginx.host())
}

#[test]
fn a_proxy_that_compresses_is_told_not_to() {
    let payload = memtest();
    let registry = registry_with(&payload);
    let front = Nginx::before(registry.address()).directive("gzip on").directive("gzip_types *");
    let nginx = here(front.directive("gzip_proxied any").directive("gzip_min_length 1").start());
    let greedy = nginx.client().header("Accept-Encoding", "gzip").get("/v2/site/disk/manifests/v1").unwrap();
    assert_eq!(greedy.header("content-encoding"), Some("gzip"), "this proxy compresses");
    assert_pulls(&reference(&nginx), &[], &payload);
}

#[test]
fn blobs_come_over_http_1_where_a_proxy_offers_2() {
    let (payload, authority) = (memtest(), Authority::new());
    let registry = registry_with(&payload);
    let nginx = here(Nginx::before(registry.address()).tls(&authority.server()).http2().start());
    let ca = authority.file().display().to_string();
    assert_pulls(&reference(&nginx), &["--ca-file", &ca], &payload);
    let blobs: Vec<_> = nginx.requests().into_iter().filter(LoggedRequest::is_for_blob).collect();
    assert_eq!((blobs.len(), blobs[0].protocol.as_str()), (1, "HTTP/1.1"));
}

#[test]
fn a_proxy_that_closes_each_connection_is_no_obstacle() {
    let payload = memtest();
    let registry = registry_with(&payload);
    for directive in ["keepalive_timeout 0", "keepalive_requests 1"] {
        let nginx = here(Nginx::before(registry.address()).directive(directive).start());
        assert_pulls(&reference(&nginx), &["--retries=0"], &payload);
        assert_eq!(nginx.requests().len(), 2, "{directive}");
    }
}

#[test]
fn a_password_that_the_proxy_wants_is_given() {
    let payload = memtest();
    let registry = registry_with(&payload);
    let keys = folder();
    let passwords = write(&keys, "htpasswd", here(htpasswd("tester", "right")));
    let front = Nginx::before(registry.address()).directive("auth_basic registry");
    let nginx = here(front.directive(&format!("auth_basic_user_file {passwords}")).start());
    let secret = write(&keys, "secret", "tester:right");
    assert_pulls(&reference(&nginx), &["--pull-secret-file", &secret], &payload);
    let wrong = write(&keys, "wrong", "tester:wrong");
    // The words of a refusal are a web page here, which nobody wants to read.
    for options in [&[][..], &["--pull-secret-file", &wrong]] {
        let refused = assert_refuses(&reference(&nginx), options, "Unauthorized", 4);
        assert!(!refused.to_string().contains("<html>"), "{refused}");
    }
}

#[test]
fn a_host_that_sends_everybody_to_https_is_followed() {
    let (payload, authority) = (memtest(), Authority::new());
    let registry = registry_with(&payload);
    let secure = here(Nginx::before(registry.address()).tls(&authority.server()).start());
    let front = Nginx::before(registry.address()).directive(&format!("return 301 {}$request_uri", secure.url("")));
    let front = here(front.start());
    let ca = authority.file().display().to_string();
    assert_pulls(&reference(&front), &["--plain-http", "--ca-file", &ca], &payload);
    let statuses = |nginx: &Nginx| nginx.requests().iter().map(|request| request.status).collect::<Vec<_>>();
    assert_eq!((statuses(&front), statuses(&secure)), (vec![301, 301], vec![200, 200]));
    // It is another origin, and so gets no password: the error says where that was wanted.
    let guarded = here(DockerRegistry::htpasswd("tester", "right"));
    http_push(&guarded.client().basic("tester", "right"), "site/disk", "v1", &Image::titled("disk.img", payload));
    let secure = here(Nginx::before(guarded.address()).tls(&authority.server()).start());
    let front = Nginx::before(guarded.address()).directive(&format!("return 301 {}$request_uri", secure.url("")));
    let front = here(front.start());
    let keys = folder();
    let secret = write(&keys, "secret", "tester:right");
    let options = ["--plain-http", "--ca-file", &ca, "--pull-secret-file", &secret];
    let refused = assert_refuses(&reference(&front), &options, "Unauthorized", 4);
    assert!(refused["message"].as_str().is_some_and(|text| text.contains(&secure.host())), "{refused}");
    assert!(secure.requests().iter().chain(&front.requests()).all(|request| request.authorization.is_none()));
}

#[test]
fn a_registry_that_is_gone_behind_its_proxy_is_asked_again() {
    let registry = registry_with(&memtest());
    let nginx = here(Nginx::before(registry.address()).start());
    drop(registry);
    let refused = assert_refuses(&reference(&nginx), &["--retries=2"], "Unavailable", 6);
    assert_eq!((&refused["status"], &refused["attempts"]), (&502.into(), &3.into()), "{refused}");
    assert_eq!(nginx.requests().len(), 3);
}

#[test]
fn a_web_page_is_no_manifest_and_no_blob() {
    let payload = memtest();
    let registry = registry_with(&payload);
    let page = "return 200 '<html><body>Log in to this network first.</body></html>'";
    let front = Nginx::before(registry.address()).directive("default_type text/html");
    let portal = here(front.clone().directive(page).start());
    let refused = assert_refuses(&reference(&portal), &[], "Malformed", 1);
    assert!(refused["message"].as_str().is_some_and(|text| text.ends_with("it came as text/html")), "{refused}");
    let pinned = format!("{}/site/disk@{}", portal.host(), Image::titled("disk.img", payload).digest());
    assert_refuses(&pinned, &[], "Mismatch", 5);
    let late = here(front.directive(&format!("location ~ /blobs/ {{ {page}; }} set $late 1")).start());
    assert_refuses(&reference(&late), &[], "Mismatch", 5);
    for (status, kind, code) in [(403, "Denied", 4), (404, "NotFound", 3), (451, "Rejected", 1)] {
        let wall = here(Nginx::before(registry.address()).directive(&format!("return {status}")).start());
        let refused = assert_refuses(&reference(&wall), &[], kind, code);
        assert!(!refused.to_string().contains("<html>"), "{refused}");
    }
}

#[test]
fn a_store_that_knows_no_ranges_costs_the_whole_once_more() {
    let payload = initrd();
    let registry = registry_with(&payload);
    let store = here(Nginx::over_blobs_of(&registry).directive("max_ranges 0").start());
    let outcome = assert_pulls_through_a_break(&registry, &store, &payload);
    let stored = store.requests();
    assert_eq!(stored.iter().map(|request| request.status).collect::<Vec<_>>(), [200, 200]);
    assert!(stored[1].range.is_some());
    let fetched = document(&outcome)["files"][0]["bytes_fetched"].as_u64().unwrap();
    let size = payload.len() as u64;
    assert!((size + 9_000_000..size + 10_000_000).contains(&fetched), "{fetched}");
}

#[track_caller]
fn assert_pulls_through_a_break(registry: &DockerRegistry, store: &Nginx, payload: &Bytes) -> Outcome {
    let relay = Relay::start(store.address());
    let base = format!("http://{}", relay.address());
    let front = here(Nginx::before(registry.address()).redirecting_blobs(&base).start());
    relay.cut_once(Cut::Close, 10_000_000);
    // Over one connection each byte and request is known.
    let outcome = assert_pulls(&reference(&front), &["--connections", "1", "--json"], payload);
    assert!(!relay.is_armed());
    outcome
}
