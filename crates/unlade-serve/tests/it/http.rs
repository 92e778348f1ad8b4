//! HTTP as it should not be spoken, and as it may be: what all this comes to, and what becomes of the connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::world::World;

/// One answer on a connection that may go on.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn code(&self) -> String {
        let document: Value = serde_json::from_slice(&self.body).unwrap();
        document["errors"][0]["code"].as_str().unwrap().to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
    }
}

fn connect(world: &World) -> BufReader<TcpStream> {
    BufReader::new(TcpStream::connect(world.registry.address).unwrap())
}

fn read(stream: &mut BufReader<TcpStream>) -> Answer {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(stream.read_line(&mut head).unwrap() > 0, "the head ends: {head}");
    }
    let mut answer = Answer { status: head[9..12].parse().unwrap(), head, body: Vec::new() };
    let length = answer.header("content-length").parse().unwrap();
    stream.by_ref().take(length).read_to_end(&mut answer.body).unwrap();
    answer
}

fn is_over(mut stream: BufReader<TcpStream>) -> bool {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).is_ok() && rest.is_empty()
}

#[test]
fn a_body_that_nobody_wants_does_not_disturb_the_next_request() {
    let world = World::new();
    let mut stream = connect(&world);
    let bodies = [
        ("POST", "Content-Length: 5\r\n\r\nhello".to_owned()),
        ("PUT", format!("Content-Length: 300000\r\n\r\n{}", "x".repeat(300_000))),
        ("PATCH", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_owned()),
        ("POST", "Content-Length: 0\r\n\r\n".to_owned()),
    ];
    for (method, rest) in bodies {
        write!(stream.get_mut(), "{method} /v2/disk/blobs/uploads/ HTTP/1.1\r\nHost: r\r\n{rest}").unwrap();
        let answer = read(&mut stream);
        assert_eq!((answer.status, answer.code().as_str()), (405, "UNSUPPORTED"), "{method}");
        assert_eq!(answer.header("connection"), "", "{method}");
    }
    // A body is no harm to a request that is answered, either.
    write!(
        stream.get_mut(),
        "GET /v2/ HTTP/1.1\r\nHost: r\r\nContent-Length: 2\r\n\r\nhiGET /v2/ HTTP/1.1\r\nHost: r\r\n\r\n"
    )
    .unwrap();
    for _ in 0..2 {
        let answer = read(&mut stream);
        assert_eq!((answer.status, serde_json::from_slice::<Value>(&answer.body).unwrap()), (200, json!({})));
    }
}

#[test]
fn a_body_that_is_too_long_or_asks_first_is_not_waited_for() {
    let world = World::new();
    for headers in ["Content-Length: 5\r\nExpect: 100-continue", "Content-Length: 1099511627776"] {
        let mut stream = connect(&world);
        write!(stream.get_mut(), "PUT /v2/disk/manifests/v1 HTTP/1.1\r\nHost: r\r\n{headers}\r\n\r\n").unwrap();
        if headers.contains("1099511627776") {
            stream.get_mut().write_all(&vec![b'x'; 2 << 20]).unwrap();
        }
        let answer = read(&mut stream);
        assert_eq!((answer.status, answer.header("connection")), (405, "close"), "{headers}");
        // Nothing was reset, though what was sent was not read.
        assert!(is_over(stream), "{headers}");
    }
}

#[test]
fn a_head_that_cannot_be_read_is_answered_with_a_document() {
    let world = World::new();
    let long = "x".repeat(100_000);
    let many = "X: y\r\n".repeat(200);
    for (request, status) in [
        (format!("GET /v2/ HTTP/1.1\r\nHost: r\r\nX: {long}\r\n\r\n"), 431),
        (format!("GET /v2/{long} HTTP/1.1\r\nHost: r\r\n\r\n"), 431),
        (format!("GET /v2/ HTTP/1.1\r\nHost: r\r\n{many}\r\n"), 431),
        ("GARBAGE\r\n\r\n".to_owned(), 400),
        (PREFACE.to_owned(), 400),
        ("GET /v2/\u{1} HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /v2/ HTTP/1.1\r\nHost: r\r\nContent-Length: x\r\n\r\n".to_owned(), 400),
        ("GET /v2/ HTTP/1.1\r\nHost: r\r\nBad Header: x\r\n\r\n".to_owned(), 400),
    ] {
        let mut stream = connect(&world);
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let answer = read(&mut stream);
        let start = &request[..request.len().min(40)];
        assert_eq!((answer.status, answer.code().as_str()), (status, "UNSUPPORTED"), "{start}");
        assert_eq!(answer.header("content-type"), "application/json", "{start}");
        assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0", "{start}");
        assert_eq!(answer.header("connection"), "close", "{start}");
        assert!(is_over(stream), "{start}");
    }
}

#[test]
fn what_a_blob_holds_is_never_mended() {
    let world = World::new();
    let bytes = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
    let digest = world.layout.blob(bytes);
    for _ in 0..20 {
        assert_eq!(world.registry.get(&format!("/v2/disk/blobs/{digest}")).body, bytes);
    }
    // What follows it is: each head that cannot be read gets the document.
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(3 << 20));
    for (second, status) in [("GARBAGE\r\n\r\n", 400), (long.as_str(), 431), (PREFACE, 400)] {
        let mut stream = connect(&world);
        write!(stream.get_mut(), "GET /v2/disk/blobs/{digest} HTTP/1.1\r\nHost: r\r\n\r\n{second}").unwrap();
        assert_eq!(read(&mut stream).body, bytes);
        let answer = read(&mut stream);
        assert_eq!((answer.status, answer.code().as_str()), (status, "UNSUPPORTED"), "{}", &second[..7]);
        assert!(is_over(stream));
    }
}

/// How a client begins that is sure of HTTP/2.
const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[test]
fn a_request_names_its_host_once() {
    let world = World::new();
    for (version, headers, status) in [
        ("1.1", "Host: r\r\n", 200),
        ("1.1", "Host:\r\n", 200),
        ("1.1", "", 400),
        ("1.1", "Host: r\r\nHost: r\r\n", 400),
        ("1.0", "", 200),
        ("1.0", "Host: r\r\nHost: s\r\n", 400),
    ] {
        let mut stream = connect(&world);
        write!(stream.get_mut(), "GET /v2/ HTTP/{version}\r\n{headers}\r\n").unwrap();
        let answer = read(&mut stream);
        assert_eq!(answer.status, status, "{version} {headers}");
        if status == 400 {
            assert_eq!(answer.code(), "UNSUPPORTED");
        }
    }
}

#[test]
fn content_that_is_not_the_one_that_a_condition_names_is_refused() {
    let mut world = World::new();
    let (image, blob) = (world.layout.image("one", Some("v1")), world.layout.blob(b"content"));
    for (target, digest) in [
        (format!("/v2/disk/blobs/{blob}"), &blob),
        ("/v2/disk/manifests/v1".to_owned(), &image),
        (format!("/v2/disk/manifests/{image}"), &image),
    ] {
        for (condition, status) in [(format!("\"{digest}\""), 200), ("*".to_owned(), 200), ("\"x\"".to_owned(), 412)] {
            for range in ["", "Range: bytes=0-1"] {
                let headers = [format!("If-Match: {condition}"), range.to_owned()];
                let headers: Vec<_> = headers.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
                let answer = world.registry.get_with(&target, &headers);
                let expected = if status == 200 && !range.is_empty() && digest == &blob { 206 } else { status };
                assert_eq!(answer.status, expected, "{target} {headers:?}");
            }
        }
    }
}

#[test]
fn every_method_but_two_is_refused_by_name() {
    let world = World::new();
    let mut stream = connect(&world);
    for method in ["OPTIONS", "TRACE", "PATCH", "PROPFIND", "get"] {
        write!(stream.get_mut(), "{method} /v2/ HTTP/1.1\r\nHost: r\r\n\r\n").unwrap();
        let answer = read(&mut stream);
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{method}");
        assert_eq!((answer.code().as_str(), answer.header("content-type")), ("UNSUPPORTED", "application/json"));
    }
}

#[test]
fn older_and_odder_forms_of_a_request_are_answered() {
    let mut world = World::new();
    let subject = world.layout.image("one", Some("v1"));
    world.layout.referrer(&subject, "application/x");
    // Without a length, the end of the connection is that of the body.
    let mut stream = connect(&world);
    write!(stream.get_mut(), "GET /v2/disk/referrers/{subject} HTTP/1.0\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200 ") && !head.contains("transfer-encoding"), "{head}");
    assert_eq!(serde_json::from_str::<Value>(body).unwrap()["manifests"].as_array().unwrap().len(), 1);

    let mut stream = connect(&world);
    write!(stream.get_mut(), "GET http://r/v2/disk/tags/list HTTP/1.1\r\nHost: r\r\n\r\n").unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&read(&mut stream).body).unwrap()["tags"], json!(["v1"]));
    // `*` and an authority are no paths of ours.
    for request in ["OPTIONS * HTTP/1.1", "CONNECT r:443 HTTP/1.1"] {
        let mut stream = connect(&world);
        write!(stream.get_mut(), "{request}\r\nHost: r\r\n\r\n").unwrap();
        assert_eq!(read(&mut stream).status, 405, "{request}");
    }
}
