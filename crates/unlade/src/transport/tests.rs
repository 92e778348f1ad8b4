//! Exchanges with servers on loopback that speak bytes and TLS as they are told.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use futures_util::StreamExt as _;
use http::Method;
use rustls::pki_types::CertificateDer;
use unlade_testkit::tls::{Authority, Validity};
use unlade_testkit::{Fault, Matcher, Origin, Which};

use super::address::{AddressClass, Peril};
use super::guard::{AddressGuard, Bounds};
use super::*;

#[derive(Debug)]
struct NoRoots;

impl RootLoader for NoRoots {
    fn load(&self) -> crate::error::Result<Vec<CertificateDer<'static>>> {
        Ok(Vec::new())
    }
}

fn profile(files: &[&std::path::Path]) -> Profile {
    let texts: Vec<Vec<u8>> = files.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let named = texts.iter().map(|text| ("test.pem", text.as_slice()));
    Profile::new(Authorities::new(Arc::new(NoRoots), named).unwrap())
}

async fn get(url: &str, profile: Profile) -> Result<Answer, Failure> {
    Pool::new().call(Exchange::new(Method::GET, url.parse().unwrap(), profile)).await
}

async fn outcome(url: &str, profile: Profile) -> Result<u16, FailureKind> {
    get(url, profile).await.map(|answer| answer.status.as_u16()).map_err(|failure| failure.kind().clone())
}

#[tokio::test]
async fn certificates_are_believed_by_the_rules() {
    let authority = Authority::new();
    let other = Authority::new();
    let names = &unlade_testkit::tls::LOOPBACK_NAMES;
    let self_signed = authority.self_signed();
    let given = [self_signed.certificate.as_path()];
    let fault = |fault| Err(FailureKind::Tls(fault));
    let expired = authority.self_signed_for(names, Validity::Expired);
    let elsewhere = authority.self_signed_for(&["elsewhere.example"], Validity::Now);
    for (case, server, trusted, expected) in [
        ("signed by the authority", &authority.server(), vec![authority.file()], Ok(404)),
        ("signed by another", &authority.server(), vec![other.file()], fault(TlsFault::UnknownIssuer)),
        ("nothing trusted", &authority.server(), vec![], fault(TlsFault::UnknownIssuer)),
        ("expired", &authority.server_for(names, Validity::Expired), vec![authority.file()], fault(TlsFault::Expired)),
        ("early", &authority.server_for(names, Validity::Future), vec![authority.file()], fault(TlsFault::NotYetValid)),
        (
            "another name",
            &authority.server_for(&["elsewhere.example"], Validity::Now),
            vec![authority.file()],
            fault(TlsFault::NameMismatch),
        ),
        ("self-signed and given", &self_signed, given.iter().map(|path| path.to_path_buf()).collect(), Ok(404)),
        ("self-signed and unknown", &self_signed, vec![authority.file()], fault(TlsFault::UnknownIssuer)),
        ("self-signed, given, expired", &expired, vec![expired.certificate.clone()], fault(TlsFault::Expired)),
        (
            "self-signed, given, another name",
            &elsewhere,
            vec![elsewhere.certificate.clone()],
            fault(TlsFault::NameMismatch),
        ),
    ] {
        let origin = Origin::start_tls(server.server_config());
        let trusted: Vec<&std::path::Path> = trusted.iter().map(std::path::PathBuf::as_path).collect();
        assert_eq!(outcome(&origin.url("/x"), profile(&trusted)).await, expected, "{case}");
        let unverified = profile(&trusted).verification(Verification::None);
        assert_eq!(outcome(&origin.url("/x"), unverified).await, Ok(404), "{case}, unverified");
    }
}

#[tokio::test]
async fn the_version_of_tls_is_held() {
    let authority = Authority::new();
    let origin = Origin::start_tls(authority.server().server_config_tls12());
    let profile = profile(&[&authority.file()]);
    assert_eq!(outcome(&origin.url("/x"), profile.clone()).await, Ok(404));
    assert_eq!(
        outcome(&origin.url("/x"), profile.minimum(TlsMinimum::Tls13)).await,
        Err(FailureKind::Tls(TlsFault::ProtocolVersion))
    );
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_wanted() {
    let authority = Authority::new();
    let server = authority.server();
    let origin = Origin::start_tls(authority.requiring_clients(&server));
    let client = authority.client("me");
    let read = |path: &std::path::Path| std::fs::read(path).unwrap();
    let identity =
        Identity::from_pem(("cert.pem", &read(&client.certificate)), ("key.pem", &read(&client.key))).unwrap();
    let profile = profile(&[&authority.file()]);
    assert_eq!(outcome(&origin.url("/x"), profile.clone().identified(Some(identity))).await, Ok(404));
    let refused = outcome(&origin.url("/x"), profile).await;
    assert_eq!(refused, Err(FailureKind::Tls(TlsFault::ClientCertificateRequired)));
}

#[test]
fn a_key_must_fit_its_certificate() {
    let authority = Authority::new();
    let (one, other) = (authority.client("one"), authority.client("other"));
    let read = |path: &std::path::Path| std::fs::read(path).unwrap();
    let (certificate, key) = (read(&one.certificate), read(&other.key));
    for (certificate, key) in [(&certificate, &key), (&key, &key), (&certificate, &certificate)] {
        let error = Identity::from_pem(("cert.pem", certificate), ("key.pem", key)).unwrap_err();
        assert_eq!(error.kind(), crate::error::ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn failures_are_told_apart() {
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    assert_eq!(outcome(&format!("http://{refused}/"), profile(&[])).await, Err(FailureKind::Refused));
    assert_eq!(outcome("http://nothing.invalid/", profile(&[])).await.unwrap_err(), FailureKind::UnknownHost);
    for (fault, expected) in [
        (Fault::SshBanner, FailureKind::NotHttp),
        (Fault::GarbageStatusLine, FailureKind::NotHttp),
        (Fault::ResetBeforeAnswer, FailureKind::Broken),
        (Fault::CloseBeforeAnswer, FailureKind::Broken),
        (Fault::HugeHeader { bytes: 1 << 20 }, FailureKind::HeadersTooLarge),
    ] {
        let origin = Origin::start();
        let name = fault.name();
        origin.script(Matcher::new(Which::Any), fault);
        assert_eq!(outcome(&origin.url("/x"), profile(&[])).await, Err(expected), "{name}");
    }
    let (address, server) = answering(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nspeak plainly");
    assert_eq!(outcome(&format!("https://{address}/"), profile(&[])).await, Err(FailureKind::PlainText));
    server.join().unwrap();
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_failure_and_not_an_end() {
    for fault in [Fault::CutBody { after: 10 }, Fault::ResetBody { after: 10 }, Fault::ChunkedUnfinished { after: 10 }]
    {
        let origin = Origin::start();
        origin.offer("/x", vec![7; 100]);
        let name = fault.name();
        origin.script(Matcher::new(Which::Any), fault);
        let chunks: Vec<_> = get(&origin.url("/x"), profile(&[])).await.unwrap().chunks.collect().await;
        let kind = chunks.last().unwrap().as_ref().unwrap_err().kind().clone();
        assert_eq!(kind, FailureKind::Broken, "{name}");
    }
}

#[tokio::test]
async fn forbidden_addresses_are_not_connected_to() {
    let origin = Origin::start();
    let guard = AddressGuard::Named(Bounds::new(AddressClass::Public, [].into()));
    let forbidden = Err(FailureKind::ForbiddenAddress([127, 0, 0, 1].into(), Peril::Loopback));
    assert_eq!(outcome(&origin.url("/x"), profile(&[]).guarded(guard.clone())).await, forbidden);
    // The same address behind a name is found out when the name is resolved.
    let named = origin.url("/x").replace("127.0.0.1", "localhost");
    let outcome = outcome(&named, profile(&[]).guarded(guard)).await;
    assert!(matches!(outcome, Err(FailureKind::ForbiddenAddress(_, Peril::Loopback))), "{outcome:?}");
    assert!(origin.recorder().requests().is_empty());
}

#[tokio::test]
async fn a_failure_names_no_url() {
    let (address, server) = answering(b"nonsense\r\n\r\n");
    let failure = get(&format!("http://{address}/x?signature=hunter2"), profile(&[])).await.unwrap_err();
    server.join().unwrap();
    assert!(!format!("{failure:?} {failure}").contains("hunter2"));
}

#[tokio::test]
async fn a_connection_is_used_again_once_its_answer_was_read() {
    let authority = Authority::new();
    for origin in [Origin::start(), Origin::start_tls(authority.server().server_config())] {
        origin.offer("/x", vec![7; 4_000_000]);
        let (pool, profile) = (Pool::new(), profile(&[&authority.file()]));
        let ask = async |method: Method| {
            pool.call(Exchange::new(method, origin.url("/x").parse().unwrap(), profile.clone())).await.unwrap()
        };
        // Read to the end, without a body, and dropped in the middle of it.
        assert_eq!(ask(Method::GET).await.chunks.map(|chunk| chunk.unwrap().len()).fold(0, sum).await, 4_000_000);
        drop(ask(Method::HEAD).await);
        drop(ask(Method::GET).await);
        let another = ask(Method::GET).await;
        // It is busy until it was read.
        drop(ask(Method::HEAD).await);
        drop(another);
        let connections: Vec<usize> = origin.recorder().requests().iter().map(|request| request.connection).collect();
        assert_eq!(connections, [1, 1, 1, 2, 3]);
    }
}

async fn sum(sum: usize, more: usize) -> usize {
    sum + more
}

/// Serves connections in turn: says the next of the answers to each request, and closes after half an answer, or
/// where there is none.
fn answering_in_turn(plan: &'static [&'static [&'static [u8]]]) -> (String, std::thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut asked = 0;
        for answers in plan {
            let (mut stream, _) = listener.accept().unwrap();
            let mut answers = answers.iter();
            let mut request = [0; 4096];
            while stream.read(&mut request).unwrap() > 0 {
                asked += 1;
                let Some(answer) = answers.next() else { break };
                stream.write_all(answer).unwrap();
                if !answer.ends_with(b"\r\n\r\n") {
                    break;
                }
            }
        }
        asked
    });
    (url, server)
}

const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn a_connection_that_was_closed_at_rest_costs_nothing() {
    // The connection is closed in the face of the second request: the server had closed it before, but for the time
    // that word of it takes.
    const HALF: &[u8] = b"HTTP/1.1 200 O";
    const CLOSED: &[&[&[u8]]] = &[&[EMPTY], &[EMPTY]];
    const CLOSED_ONCE: &[&[&[u8]]] = &[&[EMPTY]];
    const CLOSED_TWICE: &[&[&[u8]]] = &[&[EMPTY], &[]];
    const CLOSED_WITHIN: &[&[&[u8]]] = &[&[EMPTY, HALF]];
    for (method, plan, expected) in [
        (Method::GET, CLOSED, Ok(200)),
        (Method::HEAD, CLOSED, Ok(200)),
        // It may have been obeyed already.
        (Method::POST, CLOSED_ONCE, Err(FailureKind::Broken)),
        // Half an answer is one that broke off.
        (Method::GET, CLOSED_WITHIN, Err(FailureKind::Broken)),
        // Once is enough: the new connection was not closed at rest.
        (Method::GET, CLOSED_TWICE, Err(FailureKind::Broken)),
    ] {
        let (url, server) = answering_in_turn(plan);
        let (pool, profile) = (Pool::new(), profile(&[]));
        let ask = async |method: &Method| {
            let exchange = Exchange::new(method.clone(), url.parse().unwrap(), profile.clone());
            pool.call(exchange).await.map(|answer| answer.status.as_u16()).map_err(|failure| failure.kind().clone())
        };
        assert_eq!(ask(&Method::GET).await, Ok(200));
        let outcome = ask(&method).await;
        drop(pool);
        assert_eq!(outcome, expected, "{method}");
        server.join().unwrap();
    }
}

#[tokio::test]
async fn an_answer_that_arrived_and_is_not_read_costs_no_connection() {
    // Head and body come in one piece.
    const REFUSAL: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\n\r\n\r\n";
    let (url, server) = answering_in_turn(&[&[REFUSAL, REFUSAL, REFUSAL]]);
    let (pool, profile) = (Pool::new(), profile(&[]));
    for _ in 0..3 {
        let exchange = Exchange::new(Method::GET, url.parse().unwrap(), profile.clone());
        drop(pool.call(exchange).await.unwrap());
    }
    drop(pool);
    assert_eq!(server.join().unwrap(), 3);
}

#[tokio::test]
async fn making_a_connection_has_its_own_time_and_an_answer_has_another() {
    // Never accepted, and never greeted in TLS.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let (short, long) = (std::time::Duration::from_millis(50), std::time::Duration::from_secs(30));
    for (scheme, connect, response, expected) in [
        ("https", short * 2, short, FailureKind::ConnectTimeout),
        ("https", short, long, FailureKind::ConnectTimeout),
        ("http", long, short, FailureKind::ResponseTimeout),
    ] {
        let url = format!("{scheme}://{address}/").parse().unwrap();
        let mut exchange = Exchange::new(Method::GET, url, profile(&[&Authority::new().file()]));
        (exchange.connect_timeout, exchange.response_timeout) = (connect, response);
        let failure = Pool::new().call(exchange).await.unwrap_err();
        assert_eq!(failure.kind(), &expected, "{scheme} {connect:?} {response:?}");
    }
}

#[test]
fn an_answer_may_be_dropped_outside_of_a_runtime() {
    // Head and body come in one piece, and the connection could be kept.
    let (url, server) = answering_in_turn(&[&[b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\r\n\r\n"]]);
    let (pool, profile) = (Pool::new(), profile(&[]));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let exchange = Exchange::new(Method::GET, url.parse().unwrap(), profile);
    let answer = runtime.block_on(pool.call(exchange)).unwrap();
    drop(answer);
    drop((pool, runtime));
    assert_eq!(server.join().unwrap(), 1);
}

#[tokio::test]
async fn a_connection_does_not_rest_for_ever() {
    let origin = Origin::start();
    let (pool, profile) = (Pool::new(), profile(&[]));
    let ask = async || {
        let exchange = Exchange::new(Method::HEAD, origin.url("/x").parse().unwrap(), profile.clone());
        pool.call(exchange).await.unwrap().status
    };
    assert_eq!([ask().await, ask().await], [404, 404]);
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(91)).await;
    tokio::time::resume();
    assert_eq!(ask().await, 404);
    let connections: Vec<usize> = origin.recorder().requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [1, 1, 2]);
}

/// Answers one connection with these bytes, whatever it says.
fn answering(answer: &'static [u8]) -> (std::net::SocketAddr, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut greeting = [0; 4096];
        assert!(stream.read(&mut greeting).unwrap() > 0);
        stream.write_all(answer).unwrap();
    });
    (address, server)
}

#[tokio::test]
async fn the_guard_holds_for_addresses_behind_a_proxy() {
    let proxy = unlade_testkit::ForwardProxy::start();
    let guard = AddressGuard::Named(Bounds::new(AddressClass::Public, [].into()));
    let through = crate::config::Proxy::parse(&proxy.url(), "a test").unwrap();
    for url in ["http://10.0.0.1/x", "https://10.0.0.1/x"] {
        let profile = profile(&[]).guarded(guard.clone()).through(Some(through.clone()));
        let expected = FailureKind::ForbiddenAddress([10, 0, 0, 1].into(), Peril::Private);
        assert_eq!(outcome(url, profile).await, Err(expected), "{url}");
    }
    assert_eq!(proxy.asked(), Vec::<String>::new());
}
