use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use unlade::observe::{Blind, Event};
use unlade_testkit::tls::Authority;

use super::*;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn start(server: Server) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, told) = oneshot::channel::<()>();
    let task = tokio::spawn(server.serve(listener, async { told.await.unwrap_or(()) }));
    Running { address, stop, task }
}

impl Running {
    async fn end(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it ends").unwrap();
    }
}

fn tls() -> Tls {
    let authority = Authority::new();
    let identity = authority.server();
    let read = |path| std::fs::read(path).unwrap();
    Tls::from_pem(("cert", &read(identity.certificate)), ("key", &read(identity.key))).unwrap()
}

/// Sends a byte after another, for as long as they are taken.
async fn is_cut_off(address: SocketAddr, byte: u8) {
    let (mut near, mut far) = TcpStream::connect(address).await.unwrap().into_split();
    let trickle = async {
        while far.write_all(&[byte]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let mut answer = Vec::new();
    tokio::select! {
        // It ends, by an end of the stream or a reset.
        _ = near.read_to_end(&mut answer) => {}
        () = trickle => {}
        () = tokio::time::sleep(PATIENCE) => panic!("the connection is still open"),
    }
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off() {
    let limits = Limits { head: Duration::from_millis(50), ..Limits::default() };
    let running = start(Server::of(Router::new()).limits(limits)).await;
    is_cut_off(running.address, b'x').await;
    running.end().await;
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut_off() {
    let limits = Limits { connections: 1, head: Duration::from_millis(50), ..Limits::default() };
    let running = start(Server::of(Router::new()).tls(tls()).limits(limits)).await;
    // One says nothing, one says a part of it; each holds the only place until it is cut off.
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    let mut end = Vec::new();
    tokio::time::timeout(PATIENCE, silent.read_to_end(&mut end)).await.expect("it is cut off").unwrap();
    is_cut_off(running.address, 0x16).await;
    running.end().await;
}

#[tokio::test]
async fn who_has_not_asked_anything_does_not_hold_up_the_end() {
    for server in [Server::of(Router::new()), Server::of(Router::new()).tls(tls())] {
        let running = start(server).await;
        let _silent = TcpStream::connect(running.address).await.unwrap();
        let mut begun = TcpStream::connect(running.address).await.unwrap();
        begun.write_all(&[0x16]).await.unwrap();
        let begun = std::time::Instant::now();
        running.end().await;
        assert!(begun.elapsed() < Duration::from_secs(10), "it waited for a head or a handshake");
    }
}

#[tokio::test]
async fn a_request_whose_client_left_before_the_answer_has_a_line_without_a_status() {
    let path = tempfile::tempdir().unwrap();
    let log = path.path().join("log");
    let (begun, mut begins) = tokio::sync::mpsc::channel(1);
    let endless = || async move {
        begun.send(()).await.unwrap();
        std::future::pending::<()>().await;
    };
    let router = Router::new().fallback(endless);
    let running = start(Server::of(router).access_log(AccessLog::append(&log, Arc::<Blind>::default()).unwrap())).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: r\r\n\r\n").await.unwrap();
    begins.recv().await.unwrap();
    drop(stream);
    // The end waits for answers that somebody waits for, and nobody does.
    running.end().await;
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    for part in [r#""path":"/slow""#, r#""status":null"#, r#""bytes":0"#, r#""complete":false"#] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

/// Asks for something on a connection that goes on, and reads the head of the answer; `None` if there is none.
async fn ask(stream: &mut TcpStream) -> Option<String> {
    stream.write_all(b"HEAD /v2/ HTTP/1.1\r\nHost: r\r\n\r\n").await.ok()?;
    head(stream).await
}

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tokio::time::timeout(PATIENCE, stream.read_u8()).await.expect("it answers or ends").ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// Keeps the warnings.
#[derive(Debug, Default)]
struct Warned(Mutex<Vec<String>>);

impl Observer for Warned {
    fn notice(&self, event: &Event) {
        if let Event::Warning { text } = event {
            self.0.lock().unwrap().push(text.clone());
        }
    }
}

#[tokio::test]
async fn connections_that_rest_make_room_for_those_that_come() {
    let warned = Arc::<Warned>::default();
    let limits = Limits { connections: 2, ..Limits::default() };
    let server = Server::of(Router::new()).limits(limits).observer(Arc::clone(&warned) as Arc<dyn Observer>);
    let running = start(server).await;
    let begun = std::time::Instant::now();
    // One has asked for something, and one has begun to: that one may still go on for a while.
    let mut first = TcpStream::connect(running.address).await.unwrap();
    assert!(ask(&mut first).await.is_some());
    let mut second = TcpStream::connect(running.address).await.unwrap();
    second.write_all(b"HEAD /v2/ HT").await.unwrap();
    let mut others = Vec::new();
    for _ in 0..2 {
        let mut other = TcpStream::connect(running.address).await.unwrap();
        assert!(ask(&mut other).await.is_some());
        others.push(other);
    }
    assert!(begun.elapsed() < limits.head / 2, "they waited for others to be cut off");
    assert!(ask(&mut first).await.is_none() && head(&mut second).await.is_none());
    let full = "2 connections are open, and no more are: those that rest are closed for others";
    assert_eq!(*warned.0.lock().unwrap(), [full]);
    running.end().await;
}

#[tokio::test]
async fn who_is_answered_while_others_wait_has_to_connect_anew() {
    let (tell, mut told) = tokio::sync::mpsc::channel(1);
    let release = Arc::<tokio::sync::Notify>::default();
    let hold = Arc::clone(&release);
    let slow = || async move {
        tell.send(()).await.unwrap();
        hold.notified().await;
    };
    let limits = Limits { connections: 1, ..Limits::default() };
    let running = start(Server::of(Router::new().fallback(slow)).limits(limits)).await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first.write_all(b"HEAD /v2/ HTTP/1.1\r\nHost: r\r\n\r\n").await.unwrap();
    told.recv().await.unwrap();
    let mut second = TcpStream::connect(running.address).await.unwrap();
    second.write_all(b"HEAD /v2/ HTTP/1.1\r\nHost: r\r\n\r\n").await.unwrap();
    // On this one thread the gate runs before what was just woken.
    tokio::task::yield_now().await;
    release.notify_one();
    assert!(head(&mut first).await.is_some());
    assert!(ask(&mut first).await.is_none(), "it kept its place");
    told.recv().await.unwrap();
    release.notify_one();
    assert!(head(&mut second).await.is_some());
    running.end().await;
}

#[tokio::test]
async fn an_answer_that_takes_long_is_not_cut_off() {
    let limits = Limits { rest: Duration::from_millis(30), ..Limits::default() };
    let slow = || tokio::time::sleep(Duration::from_millis(300));
    let running = start(Server::of(Router::new().fallback(slow)).limits(limits)).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert!(ask(&mut stream).await.is_some_and(|head| head.starts_with("HTTP/1.1 200 ")));
    running.end().await;
}

#[tokio::test]
async fn what_hurries_cuts_off_what_is_under_way() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (begun, mut begins) = tokio::sync::mpsc::channel(1);
    let endless = || async move {
        begun.send(()).await.unwrap();
        std::future::pending::<()>().await;
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    let log = AccessLog::append(file.path(), Arc::<Blind>::default()).unwrap();
    let server = Server::of(Router::new().fallback(endless)).access_log(log);
    let (hurry, told) = oneshot::channel::<()>();
    let serving = server.serve_until(listener, std::future::pending(), async { told.await.unwrap_or(()) });
    let serving = tokio::spawn(serving);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: r\r\n\r\n").await.unwrap();
    begins.recv().await.unwrap();
    hurry.send(()).unwrap();
    tokio::time::timeout(PATIENCE, serving).await.expect("it ends").unwrap();
    assert!(head(&mut stream).await.is_none());
    let text = std::fs::read_to_string(file.path()).unwrap();
    assert!(text.contains(r#""path":"/slow""#) && text.contains(r#""complete":false"#), "{text}");
}

#[test]
fn what_does_not_fit_together_is_named() {
    let authority = Authority::new();
    let (one, two) = (authority.server(), authority.server());
    let read = |path: &std::path::Path| std::fs::read(path).unwrap();
    let (certificate, key) = (read(&one.certificate), read(&one.key));
    for (certificate, key, expected) in [
        (&certificate, &read(&two.key), "the key in KEY does not fit the certificate in CERT"),
        (&key, &key, "CERT holds no certificate in PEM"),
        (&certificate, &certificate, "KEY holds no private key in PEM"),
        (&Vec::new(), &key, "CERT holds no certificate in PEM"),
        (&certificate, &b"\xff".to_vec(), "KEY holds no private key in PEM"),
        (
            &certificate,
            &b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_vec(),
            "KEY holds an encrypted private key, which cannot be used: openssl pkey -in FILE writes it in clear",
        ),
        (
            &certificate,
            &b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n".to_vec(),
            "KEY holds an encrypted private key, which cannot be used: openssl pkey -in FILE writes it in clear",
        ),
    ] {
        let error = Tls::from_pem(("CERT", certificate), ("KEY", key)).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (unlade::ErrorKind::InvalidInput, expected));
    }
    // What is no certificate between the right marks.
    let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let error = Tls::from_pem(("CERT", broken), ("KEY", &key)).unwrap_err();
    assert_eq!(error.kind(), unlade::ErrorKind::InvalidInput, "{error}");
    assert_eq!(error.to_string(), "CERT holds a certificate that cannot be read");
}
