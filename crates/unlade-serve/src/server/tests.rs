use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use unlade::observe::Blind;
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
