//! The log of all requests, as a server writes it.

use std::io::{self, Read as _, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use unlade::observe::Blind;
use unlade_serve::{AccessLog, Logins, Tls};
use unlade_testkit::Client;
use unlade_testkit::tls::Authority;

use crate::client::{request, send};
use crate::world::World;

#[derive(Clone, Default)]
struct Book(Arc<Mutex<Vec<u8>>>);

impl Write for Book {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Book {
    fn log(&self) -> AccessLog {
        AccessLog::to(self.clone(), Arc::<Blind>::default()).unwrap()
    }

    /// Ends a world, and gives the lines of its log as method, path, status, bytes and whether it was complete.
    fn lines_of(&self, world: World) -> Vec<Value> {
        drop(world);
        let bytes = self.0.lock().unwrap().clone();
        let lines = String::from_utf8(bytes).unwrap();
        let told =
            |line: &Value| json!([line["method"], line["path"], line["status"], line["bytes"], line["complete"]]);
        lines.lines().map(|line| told(&serde_json::from_str(line).unwrap())).collect()
    }
}

#[test]
fn each_request_is_a_line_and_all_are_written_at_the_end() {
    let book = Book::default();
    let mut world = World::with(|server| server.access_log(book.log()));
    let subject = world.layout.image("one", Some("v1"));
    world.layout.referrer(&subject, "application/x");
    let blob = world.layout.blob(&vec![7; 200_000]);
    let address = world.registry.address;
    let path = format!("/v2/disk/blobs/{blob}");
    let known = format!("If-None-Match: \"{blob}\"");
    let referrers = format!("/v2/disk/referrers/{subject}");
    let whole = world.registry.get(&path).body.len();
    let listed = world.registry.get(&referrers).body.len();
    for (method, headers) in [("GET", "Range: bytes=10-19"), ("HEAD", "X: y"), ("GET", known.as_str())] {
        request(address, method, &path, &[headers]);
    }
    let refused = request(address, "POST", "/v2/%0a?secret=1", &[]).body.len();
    world.registry.get("/v2/?n=secret");
    let lines = book.lines_of(world);
    assert_eq!(
        lines,
        [
            json!(["GET", path, 200, whole, true]),
            json!(["GET", referrers, 200, listed, true]),
            json!(["GET", path, 206, 10, true]),
            json!(["HEAD", path, 200, 0, true]),
            json!(["GET", path, 304, 0, true]),
            json!(["POST", "/v2/%0a", 405, refused, true]),
            json!(["GET", "/v2/", 200, 2, true]),
        ]
    );
}

#[test]
fn requests_that_come_at_once_are_told_apart() {
    let book = Book::default();
    let world = World::with(|server| server.access_log(book.log()));
    let blob = world.layout.blob(&vec![7; 100_000]);
    let mut stream = TcpStream::connect(world.registry.address).unwrap();
    let path = format!("/v2/disk/blobs/{blob}");
    let requests = [("GET", "/v2/"), ("HEAD", &path), ("GET", &path), ("DELETE", "/v2/x"), ("GET", "/v2/")];
    for (number, (method, path)) in requests.iter().enumerate() {
        let end = if number + 1 == requests.len() { "Connection: close\r\n" } else { "" };
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: r\r\n{end}\r\n").unwrap();
    }
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).unwrap();
    let lines = book.lines_of(world);
    let refused = lines[3][3].as_u64().unwrap();
    assert!(refused > 50);
    let expected = [("GET", "/v2/", 200, 2), ("HEAD", &path, 200, 0), ("GET", &path, 200, 100_000)];
    let expected = expected.into_iter().chain([("DELETE", "/v2/x", 405, refused), ("GET", "/v2/", 200, 2)]);
    let expected: Vec<Value> =
        expected.map(|(method, path, status, bytes)| json!([method, path, status, bytes, true])).collect();
    assert_eq!(lines, expected);
}

#[test]
fn an_answer_that_breaks_off_is_not_complete() {
    const SIZE: u64 = 64 << 20;
    let book = Book::default();
    let world = World::with(|server| server.access_log(book.log()));
    let blob = world.layout.blob(b"large");
    std::fs::File::options().write(true).open(world.layout.path(&blob)).unwrap().set_len(SIZE).unwrap();
    let mut stream = send(world.registry.address, "GET", &format!("/v2/disk/blobs/{blob}"), &[]);
    stream.read_exact(&mut vec![0; 100_000]).unwrap();
    drop(stream);
    let line = &book.lines_of(world)[0];
    assert_eq!((&line[2], &line[4]), (&json!(200), &json!(false)));
    let bytes = line[3].as_u64().unwrap();
    assert!((50_000..SIZE).contains(&bytes), "{bytes}");
}

#[test]
fn a_head_that_cannot_be_read_has_a_line_too() {
    let book = Book::default();
    let world = World::with(|server| server.access_log(book.log()));
    let refused = request(world.registry.address, "GET", "/", &[&format!("X: {}", "x".repeat(100_000))]);
    let length = refused.body.len();
    // So has one behind others, and one of HTTP/2.
    let mut lengths = Vec::new();
    for (before, rest) in [("GET /v2/ HTTP/1.1\r\nHost: r\r\n\r\n", "GARBAGE"), ("", "PRI * HTTP/2.0\r\n\r\nSM")] {
        let mut stream = TcpStream::connect(world.registry.address).unwrap();
        write!(stream, "{before}{rest}\r\n\r\n").unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        lengths.push(answers.rsplit("\r\n\r\n").next().unwrap().len());
    }
    assert!(lengths[0] > 50);
    assert_eq!(
        book.lines_of(world),
        [
            json!([null, null, 431, length, true]),
            json!(["GET", "/v2/", 200, 2, true]),
            json!([null, null, 400, lengths[0], true]),
            json!([null, null, 400, lengths[1], true]),
        ]
    );
}

#[test]
fn who_came_in_is_named_and_no_password_is_told() {
    let (authority, book) = (Authority::new(), Book::default());
    let identity = authority.server();
    let read = |path| std::fs::read(path).unwrap();
    let tls = Tls::from_pem(("cert", &read(&identity.certificate)), ("key", &read(&identity.key))).unwrap();
    let users = b"alice:$2y$04$GnOapqmYXZf5nbYqrSq4POY6Ia8c3aIL2kIMuTkN7yhiBA131dOj2\n";
    let logins = Logins::from_htpasswd("users", users).unwrap();
    let world = World::with(|server| server.tls(tls).logins(logins).access_log(book.log()));
    let client = Client::new(world.registry.address).tls(authority.client_config());
    for (user, password) in [("alice", "right"), ("alice", "wrong"), ("hunter2", "right")] {
        client.clone().basic(user, password).get("/v2/").unwrap();
    }
    drop(world);
    let text = String::from_utf8(book.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = lines.iter().map(|line| json!([line["user"], line["status"], line["client"]])).collect();
    // A name that is not known may be a password in the wrong field.
    assert_eq!(
        told,
        [json!(["alice", 200, "127.0.0.1"]), json!([null, 401, "127.0.0.1"]), json!([null, 401, "127.0.0.1"])]
    );
    for secret in ["right", "wrong", "hunter2", "YWxpY2U"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
