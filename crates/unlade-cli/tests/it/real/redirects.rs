//! Blobs that a registry keeps elsewhere: nginx redirects to a second origin, which serves the registry's files.

use bytes::Bytes;
use unlade_testkit::document::Image;
use unlade_testkit::real::{DockerRegistry, LoggedRequest, Nginx, TokenServer, http_push};
use unlade_testkit::relay::{Cut, Relay};
use unlade_testkit::tls::Authority;

use super::{assert_pulls, assert_refuses, here, initrd, memtest, write};
use crate::common::folder;

const USER: &str = "tester";
const PASSWORD: &str = "correct-horse";

/// A registry that wants a password, and holds a file as `site/disk:v1`.
fn guarded_registry(payload: &Bytes) -> DockerRegistry {
    let registry = here(DockerRegistry::htpasswd(USER, PASSWORD));
    let uploaded = Image::titled("disk.img", payload.clone());
    http_push(&registry.client().basic(USER, PASSWORD), "site/disk", "v1", &uploaded);
    registry
}

/// Says of each request what was answered, and whether a credential came with it.
fn short(requests: &[LoggedRequest]) -> Vec<(u16, bool)> {
    requests.iter().map(|request| (request.status, request.authorization.is_some())).collect()
}

#[test]
fn a_password_does_not_follow_to_the_second_origin() {
    let payload = memtest();
    let registry = guarded_registry(&payload);
    let store = here(Nginx::over_blobs_of(&registry).start());
    let keys = folder();
    let secret = write(&keys, "secret", format!("{USER}:{PASSWORD}"));
    // The second origin by its own name, by another name, and by one that is not to be trusted over plain http.
    for (base, options) in [
        (store.url(""), &[][..]),
        (store.url("").replace("127.0.0.1", "localhost"), &[]),
        (store.url(""), &["--trust-host", "127.0.0.1"]),
    ] {
        let front = here(Nginx::before(registry.address()).redirecting_blobs(&base).start());
        let options = [&["--pull-secret-file", &secret], options].concat();
        assert_pulls(&format!("{}/site/disk:v1", front.host()), &options, &payload);
        assert_eq!(short(&front.requests()), [(401, false), (200, true), (307, true)]);
    }
    assert_eq!(short(&store.requests()), [(200, false); 3]);
    assert!(store.requests().iter().all(LoggedRequest::is_for_blob));
}

#[test]
fn a_token_does_not_follow_to_the_second_origin() {
    let payload = memtest();
    let tokens = TokenServer::user(USER, PASSWORD, "identity");
    let registry = here(DockerRegistry::token(&tokens));
    let pushing = registry.client().header("Authorization", &format!("Bearer {}", tokens.push_token("site/disk")));
    http_push(&pushing, "site/disk", "v1", &Image::titled("disk.img", payload.clone()));
    let store = here(Nginx::over_blobs_of(&registry).start());
    let front = here(Nginx::before(registry.address()).redirecting_blobs(&store.url("")).start());
    let keys = folder();
    let secret = write(&keys, "secret", format!("{USER}:{PASSWORD}"));
    assert_pulls(&format!("{}/site/disk:v1", front.host()), &["--pull-secret-file", &secret], &payload);
    assert_eq!(short(&front.requests()), [(401, false), (200, true), (307, true)]);
    assert_eq!(short(&store.requests()), [(200, false)]);
}

#[test]
fn a_host_that_the_user_trusts_gets_the_password_over_tls_alone() {
    let (payload, authority) = (memtest(), Authority::new());
    let registry = guarded_registry(&payload);
    let store = here(Nginx::over_blobs_of(&registry).tls(&authority.server()).start());
    let front = Nginx::before(registry.address()).tls(&authority.server()).redirecting_blobs(&store.url(""));
    let front = here(front.start());
    let keys = folder();
    let (secret, ca) = (write(&keys, "secret", format!("{USER}:{PASSWORD}")), authority.file().display().to_string());
    let reference = format!("{}/site/disk:v1", front.host().replace("127.0.0.1", "localhost"));
    for (trusted, expected) in [("localhost", false), ("0.0.1", false), ("127.0.0.1", true)] {
        let before = store.requests().len();
        let options = ["--pull-secret-file", &secret, "--ca-file", &ca, "--trust-host", trusted];
        assert_pulls(&reference, &options, &payload);
        assert_eq!(short(&store.requests()[before..]), [(200, expected)], "{trusted}");
    }
}

#[test]
fn a_redirect_from_tls_to_plain_http_is_not_followed() {
    let (payload, authority) = (memtest(), Authority::new());
    let registry = guarded_registry(&payload);
    let store = here(Nginx::over_blobs_of(&registry).start());
    let front = Nginx::before(registry.address()).tls(&authority.server()).redirecting_blobs(&store.url(""));
    let front = here(front.start());
    let keys = folder();
    let (secret, ca) = (write(&keys, "secret", format!("{USER}:{PASSWORD}")), authority.file().display().to_string());
    let options = ["--pull-secret-file", &secret, "--ca-file", &ca, "--trust-host", "127.0.0.1"];
    let reference = format!("{}/site/disk:v1", front.host());
    let refused = assert_refuses(&reference, &options, "PeerMisbehaved", 1);
    // Host and address are named.
    assert!(refused["message"].as_str().is_some_and(|text| text.contains(&store.host())), "{refused}");
    assert_eq!(store.requests(), []);
}

#[test]
fn a_clients_certificate_does_not_follow_to_the_second_origin() {
    let (payload, authority) = (memtest(), Authority::new());
    let registry = super::registry_with(&payload);
    let store = here(Nginx::over_blobs_of(&registry).tls(&authority.server()).asking_for_clients().start());
    let front = Nginx::before(registry.address()).tls(&authority.server()).requiring_clients_of(&authority.file());
    let front = here(front.redirecting_blobs(&store.url("")).start());
    let (ca, client) = (authority.file().display().to_string(), authority.client("tester"));
    let (certificate, key) = (client.certificate.display().to_string(), client.key.display().to_string());
    let options = ["--ca-file", &ca, "--cert-file", &certificate, "--key-file", &key];
    assert_pulls(&format!("{}/site/disk:v1", front.host()), &options, &payload);
    assert!(front.requests().iter().all(|request| request.client_certificate.as_deref() == Some("SUCCESS")));
    let stored = store.requests();
    assert_eq!((stored.len(), stored[0].client_certificate.as_ref()), (1, None));
}

#[test]
fn a_break_at_the_second_origin_goes_on_there_after_a_fresh_redirect() {
    let payload = initrd();
    let registry = super::registry_with(&payload);
    let store = here(Nginx::over_blobs_of(&registry).start());
    let relay = Relay::start(store.address());
    let front = Nginx::before(registry.address()).redirecting_blobs(&format!("http://{}", relay.address()));
    let front = here(front.start());
    relay.cut_once(Cut::Reset, 20_000_000);
    assert_pulls(&format!("{}/site/disk:v1", front.host()), &["--connections", "1"], &payload);
    assert!(!relay.is_armed());
    assert_eq!(short(&front.requests()), [(200, false), (307, false), (307, false)]);
    let stored = store.requests();
    assert_eq!(stored.iter().map(|request| request.status).collect::<Vec<_>>(), [200, 206]);
    assert_eq!(stored[1].sent, super::limits::length_of(&stored[1]));
}

#[test]
fn a_store_without_the_blob_is_tried_once_more_and_reported() {
    let registry = super::registry_with(&memtest());
    let empty = here(DockerRegistry::plain());
    let store = here(Nginx::over_blobs_of(&empty).start());
    let front = here(Nginx::before(registry.address()).redirecting_blobs(&store.url("")).start());
    let refused = assert_refuses(&format!("{}/site/disk:v1", front.host()), &[], "NotFound", 3);
    assert!(refused["message"].as_str().is_some_and(|text| text.contains(&store.host())), "{refused}");
    assert_eq!(short(&front.requests()), [(200, false), (307, false), (307, false)]);
    assert_eq!(short(&store.requests()), [(404, false); 2]);
}
