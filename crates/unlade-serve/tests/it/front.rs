//! What stands in front: TLS, and who may come in.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use unlade::spec::digest::Algorithm;
use unlade::verify::digest_of;
use unlade_serve::{Logins, Tls};
use unlade_testkit::Client;
use unlade_testkit::tls::{Authority, Identity};

use crate::client::request;
use crate::world::World;

/// Of the password `right`, as cheap as can be.
fn logins() -> Logins {
    Logins::from_htpasswd("users", b"alice:$2y$04$GnOapqmYXZf5nbYqrSq4POY6Ia8c3aIL2kIMuTkN7yhiBA131dOj2\n").unwrap()
}

fn tls(identity: &Identity) -> Tls {
    let read = |path| std::fs::read(path).unwrap();
    Tls::from_pem(("cert", &read(&identity.certificate)), ("key", &read(&identity.key))).unwrap()
}

/// `alice:right`, and others.
const RIGHT: &str = "Authorization: Basic YWxpY2U6cmlnaHQ=";
const WRONG: [&str; 4] = [
    "Authorization: Basic YWxpY2U6d3Jvbmc=",
    "Authorization: Basic bWFsbG9yeTpyaWdodA==",
    "Authorization: Bearer YWxpY2U6cmlnaHQ=",
    "Authorization: Basic",
];

#[test]
fn nothing_is_answered_without_a_login() {
    let mut world = World::with(|server| server.logins(logins()));
    let image = world.layout.image("one", Some("v1"));
    let absent = digest_of(Algorithm::Sha256, b"absent");
    let targets = [
        ("GET", "/v2/".to_owned(), 200),
        ("HEAD", "/v2/disk/manifests/v1".to_owned(), 200),
        ("GET", format!("/v2/disk/manifests/{image}"), 200),
        ("GET", format!("/v2/disk/blobs/{absent}"), 404),
        ("GET", "/v2/disk/tags/list".to_owned(), 200),
        ("GET", "/v2/_catalog".to_owned(), 200),
        ("GET", "/v2/../x".to_owned(), 404),
        ("DELETE", "/v2/disk/manifests/v1".to_owned(), 405),
    ];
    for (method, target, status) in targets {
        let headers: Vec<&[&str]> = vec![&[], &[RIGHT, RIGHT]];
        for headers in headers.into_iter().chain(WRONG.iter().map(std::slice::from_ref)) {
            let answer = request(world.registry.address, method, &target, headers);
            assert_eq!(answer.status, 401, "{method} {target} {headers:?}");
            assert_eq!(answer.header("www-authenticate"), "Basic realm=\"unlade\", charset=\"UTF-8\"");
            assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
            assert_eq!(answer.header("content-type"), "application/json");
            assert_ne!(answer.header("content-length"), "");
            if method == "HEAD" {
                assert!(answer.body.is_empty());
            } else {
                assert_eq!(answer.code(), "UNAUTHORIZED");
            }
        }
        let answer = request(world.registry.address, method, &target, &[RIGHT]);
        assert_eq!(answer.status, status, "{method} {target}");
    }
}

#[test]
fn all_is_answered_over_tls_of_both_versions_and_nothing_else_is() {
    let authority = Authority::new();
    let mut world = World::with(|server| server.tls(tls(&authority.server())));
    world.layout.image("one", Some("v1"));
    let bytes = vec![7; 3_000_000];
    let blob = world.layout.blob(&bytes);
    let client = Client::new(world.registry.address);
    let mut config = (*authority.client_config()).clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    for config in [authority.client_config(), Arc::new(config)] {
        let client = client.clone().tls(config);
        assert_eq!(client.get("/v2/disk/manifests/v1").unwrap().status, 200);
        assert!(client.get(&format!("/v2/disk/blobs/{blob}")).unwrap().body == bytes);
        let part = client.header("Range", "bytes=1000000-1999999").get(&format!("/v2/disk/blobs/{blob}")).unwrap();
        assert_eq!((part.status, part.body.len()), (206, 1_000_000));
    }
    let refused = world.registry.get("/v2/disk/manifests/v1");
    assert_eq!((refused.status, refused.code().as_str()), (400, "UNSUPPORTED"));
    assert!(String::from_utf8(refused.body).unwrap().contains("HTTP request to an HTTPS server"));
    assert!(client.clone().tls(Authority::new().client_config()).get("/v2/").is_err());
    // What is neither is ended without a word of ours, and does no harm.
    let mut stream = TcpStream::connect(world.registry.address).unwrap();
    stream.write_all(&[0x16, 3, 1, 0, 5, 0xff, 0, 0, 1, 0]).unwrap();
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest));
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
    assert_eq!(client.tls(authority.client_config()).get("/v2/").unwrap().status, 200);
}

#[test]
fn a_login_is_asked_for_inside_of_tls() {
    let authority = Authority::new();
    let world = World::with(|server| server.tls(tls(&authority.server())).logins(logins()));
    let client = Client::new(world.registry.address);
    assert_eq!(client.clone().basic("alice", "right").get("/v2/").unwrap().status, 400);
    let client = client.tls(authority.client_config());
    assert_eq!(client.get("/v2/").unwrap().status, 401);
    assert_eq!(client.clone().basic("alice", "wrong").get("/v2/").unwrap().status, 401);
    assert_eq!(client.basic("alice", "right").get("/v2/").unwrap().status, 200);
}

#[test]
fn who_shows_no_login_twice_has_to_connect_anew() {
    let world = World::with(|server| server.logins(logins()));
    let ask = |stream: &mut BufReader<TcpStream>, login: &str| {
        let login = if login.is_empty() { String::new() } else { format!("{login}\r\n") };
        stream.get_mut().write_all(format!("HEAD /v2/ HTTP/1.1\r\nHost: r\r\n{login}\r\n").as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).unwrap() > 0, "the connection ended: {head}");
        }
        (head[9..12].to_owned(), head.to_ascii_lowercase().contains("\r\nconnection: close\r\n"))
    };
    let connect = || BufReader::new(TcpStream::connect(world.registry.address).unwrap());
    let told = |status: &str, last| (status.to_owned(), last);
    let mut stream = connect();
    assert_eq!(ask(&mut stream, ""), told("401", false));
    assert_eq!(ask(&mut stream, WRONG[0]), told("401", true));
    assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    // As clients do it: they ask once to learn that they have to.
    let mut stream = connect();
    for _ in 0..3 {
        assert_eq!(ask(&mut stream, ""), told("401", false));
        assert_eq!(ask(&mut stream, RIGHT), told("200", false));
    }
}
