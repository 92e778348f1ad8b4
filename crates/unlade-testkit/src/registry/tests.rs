use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::bearer::{Anonymous, Bearer, Lifetime};
use crate::content::{bytes, digest};
use crate::document::{Image, OCI_MANIFEST};
use crate::script::Which;

fn registry_with(payload: &[u8]) -> (LyingRegistry, Document) {
    let registry = LyingRegistry::start();
    let image = Image::titled("disk.raw", payload.to_vec());
    registry.publish("os/disk", "v1", &image);
    (registry, image)
}

fn blob_path(image: &Document) -> String {
    format!("/v2/os/disk/blobs/{}", digest(image.payload()))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn manifests_are_served_by_tag_and_by_digest() {
    let (registry, image) = registry_with(b"payload");
    for reference in ["v1", &image.digest()] {
        let answer = registry.client().get(&format!("/v2/os/disk/manifests/{reference}")).unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, image.bytes.as_ref()));
        assert_eq!(answer.header("content-type"), Some(OCI_MANIFEST));
        assert_eq!(answer.header("docker-content-digest"), Some(image.digest().as_str()));
    }
    let head = registry.client().send("HEAD", "/v2/os/disk/manifests/v1", b"").unwrap();
    assert_eq!(head.header("content-length"), Some(image.bytes.len().to_string().as_str()));
    let missing = registry.client().get("/v2/os/disk/manifests/v2").unwrap();
    assert_eq!((missing.status, json(&missing.text())["errors"][0]["code"].as_str()), (404, Some("MANIFEST_UNKNOWN")));
}

#[test]
fn blobs_are_served_whole_and_in_ranges() {
    let payload = bytes(3, 100_000);
    let (registry, image) = registry_with(&payload);
    assert_eq!(registry.client().get(&blob_path(&image)).unwrap().body, payload);
    let ranged = |range: &str| registry.client().header("Range", range).get(&blob_path(&image)).unwrap();
    let part = ranged("bytes=10-19");
    assert_eq!((part.status, part.body.as_slice()), (206, &payload[10..20]));
    assert_eq!(part.header("content-range"), Some("bytes 10-19/100000"));
    assert_eq!(ranged("bytes=100000-").status, 416);
    let stale = registry.client().header("Range", "bytes=1-2").header("If-Range", "\"other\"");
    assert_eq!(stale.get(&blob_path(&image)).unwrap().status, 200);
}

#[test]
fn tags_come_in_pages_that_are_linked() {
    let (registry, image) = registry_with(b"x");
    registry.publish("os/disk", "v2", &image);
    registry.publish("os/disk", "v3", &image);
    let page = registry.client().get("/v2/os/disk/tags/list?n=2").unwrap();
    assert_eq!(json(&page.text())["tags"], serde_json::json!(["v1", "v2"]));
    let link = page.header("link").unwrap();
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    let last = registry.client().get(next).unwrap();
    assert_eq!((json(&last.text())["tags"].clone(), last.header("link")), (serde_json::json!(["v3"]), None));
}

#[test]
fn referrers_name_their_subject() {
    let (registry, image) = registry_with(b"x");
    registry.put("os/disk", &Image::new().artifact_type("a/signature").subject(&image).build());
    let path = format!("/v2/os/disk/referrers/{}", image.digest());
    let all = json(&registry.client().get(&path).unwrap().text());
    assert_eq!(all["manifests"][0]["artifactType"], "a/signature");
    let none = registry.client().get(&format!("{path}?artifactType=b/other")).unwrap();
    assert_eq!(json(&none.text())["manifests"], serde_json::json!([]));
}

#[test]
fn basic_access_wants_the_right_password() {
    let registry = LyingRegistry::builder().access(Access::basic("tester", "right")).start();
    assert_eq!(registry.client().get("/v2/").unwrap().status, 401);
    assert_eq!(registry.client().basic("tester", "wrong").get("/v2/").unwrap().status, 401);
    assert_eq!(registry.client().basic("tester", "right").get("/v2/").unwrap().status, 200);
    assert!(registry.saw_text("wrong") && !registry.saw_text("absent"));
}

fn token(answer: &crate::Response) -> String {
    let document = json(&answer.text());
    document.get("token").or(document.get("access_token")).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn tokens_open_only_what_they_were_asked_for() {
    let rules = Bearer::user("tester", "right").with_identity_token("identity");
    let registry = LyingRegistry::builder().access(Access::Bearer(rules)).start();
    registry.publish("a", "v1", &Image::untitled("x"));
    let refused = registry.client().get("/v2/a/manifests/v1").unwrap();
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("scope=\"repository:a:pull\"") && challenge.contains("/token\""), "{challenge}");
    assert_eq!(registry.client().get("/token?scope=repository:a:pull").unwrap().status, 401);
    let tester = registry.client().basic("tester", "right");
    let good = token(&tester.get("/token?scope=repository:a:pull").unwrap());
    let read = |token: &str| {
        let client = registry.client().header("Authorization", &format!("Bearer {token}"));
        client.get("/v2/a/manifests/v1").unwrap()
    };
    assert_eq!(read(&good).status, 200);
    let other = token(&tester.get("/token?scope=repository:b:pull").unwrap());
    assert!(read(&other).header("www-authenticate").unwrap().contains("insufficient_scope"));
    registry.expire_tokens();
    assert!(read(&good).header("www-authenticate").unwrap().contains("invalid_token"));
    let form = b"grant_type=refresh_token&refresh_token=identity&scope=repository%3Aa%3Apull";
    assert_eq!(read(&token(&registry.client().send("POST", "/token", form).unwrap())).status, 200);
}

#[test]
fn tokens_live_for_as_many_uses_as_told() {
    let rules = Bearer::anonymous().with_lifetime(Lifetime::Uses(1)).with_realm(Realm::SecondPort);
    let registry = LyingRegistry::builder().access(Access::Bearer(rules.with_anonymous(Anonymous::Accepted))).start();
    let refused = registry.client().get("/v2/").unwrap();
    let realm = refused.header("www-authenticate").unwrap().split('"').nth(1).unwrap().to_owned();
    assert!(!realm.contains(&registry.host()), "{realm}");
    let address = realm.trim_start_matches("http://").trim_end_matches("/token").parse().unwrap();
    let token = token(&Client::new(address).get("/token").unwrap());
    let client = registry.client().header("Authorization", &format!("Bearer {token}"));
    assert_eq!(client.get("/v2/").unwrap().status, 200);
    assert_eq!(client.get("/v2/").unwrap().status, 401);
}

#[test]
fn a_connection_serves_several_requests() {
    let (registry, _) = registry_with(b"x");
    let mut stream = TcpStream::connect(registry.address()).unwrap();
    let request = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n";
    for _ in 0..2 {
        stream.write_all(request).unwrap();
        let mut answer = [0; 30];
        stream.read_exact(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
        let mut rest = [0; 512];
        let _more = stream.read(&mut rest).unwrap();
    }
    assert_eq!(registry.connections(), 1);
    assert_eq!(registry.requests().iter().map(|request| request.connection).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_cut_body_ends_and_a_reset_body_breaks_after_as_many_bytes() {
    let payload = bytes(5, 3_000_000);
    for (fault, broken) in [(Fault::CutBody { after: 1_000_000 }, false), (Fault::ResetBody { after: 1_000_000 }, true)]
    {
        let (registry, image) = registry_with(&payload);
        registry.script(Matcher::new(Which::Blob), fault);
        let mut stream = TcpStream::connect(registry.address()).unwrap();
        write!(stream, "GET {} HTTP/1.1\r\nHost: x\r\n\r\n", blob_path(&image)).unwrap();
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer);
        assert_eq!(end.is_err(), broken);
        let start = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(answer.len() - start, 1_000_000);
        assert_eq!(answer[start..], payload[..1_000_000]);
        registry.assert_script_used();
    }
}

#[test]
fn a_token_can_expire_in_the_middle_of_a_body() {
    let registry = LyingRegistry::builder().access(Access::Bearer(Bearer::anonymous())).start();
    let image = Image::untitled(bytes(1, 1000));
    registry.publish("a", "v1", &image);
    let token = token(&registry.client().get("/token?scope=repository:a:pull").unwrap());
    registry.script(Matcher::new(Which::Blob), Fault::TokenExpiresMidBody { after: 100 });
    let client = registry.client().header("Authorization", &format!("Bearer {token}"));
    let path = format!("/v2/a/blobs/{}", digest(image.payload()));
    assert_eq!(client.get(&path).unwrap().body.len(), 100);
    assert_eq!(client.get(&path).unwrap().status, 401);
}

#[test]
fn every_fault_ends_with_the_client() {
    let payload = bytes(9, 300);
    for fault in Fault::examples() {
        let (registry, image) = registry_with(&payload);
        let name = fault.name();
        registry.script(Matcher::new(Which::Blob), fault);
        let mut stream = TcpStream::connect(registry.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let path = blob_path(&image);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-299\r\n\r\n").unwrap();
        let mut answer = vec![0; 1 << 20];
        // What comes is another test's matter: here it counts that the server survives it.
        let _answer = stream.read(&mut answer);
        drop(stream);
        registry.assert_script_used();
        assert_eq!(registry.client().get(&path).unwrap().body, payload, "{name}");
    }
}

#[test]
fn an_early_answer_does_not_wait_for_the_headers() {
    let (registry, _) = registry_with(b"x");
    registry.script(Matcher::new(Which::Version), Fault::EarlyAnswer);
    let mut stream = TcpStream::connect(registry.address()).unwrap();
    stream.write_all(b"GET /v2/ HTTP/1.1\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[test]
#[should_panic(expected = "scripted faults that no request met")]
fn a_step_that_no_request_met_fails_the_test() {
    let registry = LyingRegistry::start();
    registry.script(Matcher::new(Which::Blob), Fault::NoContent);
}

#[test]
fn blobs_can_live_elsewhere() {
    let origin = crate::Origin::start();
    let image = Image::untitled("payload");
    origin.offer_blobs("a", &image);
    let registry = LyingRegistry::builder().blobs_at(&origin.url("")).start();
    registry.publish("a", "v1", &image);
    let answer = registry.client().get(&format!("/v2/a/blobs/{}", digest(b"payload"))).unwrap();
    let target = answer.header("location").unwrap().strip_prefix(&origin.url("")).unwrap().to_owned();
    assert_eq!((answer.status, Client::new(origin.address()).get(&target).unwrap().body), (307, b"payload".to_vec()));
}

#[test]
fn a_registry_listens_on_the_sixth_version_of_the_protocol() {
    let registry = LyingRegistry::builder().binding(Binding::V6).start();
    assert!(registry.host().starts_with("[::1]:"));
    assert_eq!(registry.client().get("/v2/").unwrap().status, 200);
}
