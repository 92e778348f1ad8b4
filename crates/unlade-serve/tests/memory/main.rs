//! What many clients cost. It is the process that is measured: no other test runs in this one.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests to us, but not to the lint")]

#[expect(dead_code, reason = "the other tests use the rest of it")]
#[path = "../it/client.rs"]
mod client;
#[expect(dead_code, reason = "the other tests use the rest of it")]
#[path = "../it/world.rs"]
mod world;

use std::fs::File;
use std::io::{BufWriter, Read, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use unlade::observe::Blind;
use unlade::spec::digest::{Algorithm, Digest};
use unlade::spec::media_type::OCI_MANIFEST;
use unlade::verify::{Hasher, digest_of};
use unlade_serve::{AccessLog, Tls};
use unlade_testkit::tls::Authority;

use crate::client::send;
use crate::world::World;

/// Returns the most memory that this process ever had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Sends a request fifty times and reads no more than the beginning of each answer.
fn rest_in(target: &str, ask: impl Fn() -> Box<dyn Read>) -> Vec<Box<dyn Read>> {
    let mut clients: Vec<_> = (0..50).map(|_| ask()).collect();
    for client in &mut clients {
        let mut beginning = [0; 64];
        client.read_exact(&mut beginning).unwrap();
        assert!(beginning.starts_with(b"HTTP/1.1 200 "), "{target}: {}", String::from_utf8_lossy(&beginning));
    }
    clients
}

/// Sends a request inside of TLS.
fn send_encrypted(world: &World, config: &Arc<ClientConfig>, target: &str) -> impl Read + use<> {
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(world.registry.address).unwrap());
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

/// Makes a blob that takes no room.
fn large(world: &World) -> Digest {
    let digest = digest_of(Algorithm::Sha256, b"large");
    let file = File::create(world.layout.path(&digest)).unwrap();
    file.set_len(4 << 30).unwrap();
    digest
}

/// The server has one thread: while it serves this client, it fills the buffers of all others.
fn read_on(mut client: impl Read) {
    let read = std::io::copy(&mut client.by_ref().take(256 << 20), &mut std::io::sink()).unwrap();
    assert_eq!(read, 256 << 20);
}

/// Adds a manifest as large as one may be, and an index of many entries; in pieces, since it is this process that is
/// measured.
fn fill(world: &World) -> Digest {
    let (start, end) = (format!(r#"{{"mediaType":"{OCI_MANIFEST}","layers":[],"annotations":{{"note":""#), "\"}}");
    let pieces = [start.as_bytes()].into_iter().chain([[b'x'; 4096].as_slice(); 1023]).chain([end.as_bytes()]);
    let mut hasher = Hasher::new(Algorithm::Sha256);
    pieces.clone().for_each(|piece| hasher.update(piece));
    let large = hasher.finish();
    let mut file = File::create(world.layout.path(&large)).unwrap();
    pieces.for_each(|piece| file.write_all(piece).unwrap());
    let size = file.metadata().unwrap().len();
    assert!((4_000_000..4 << 20).contains(&size), "{size}");

    let mut index = BufWriter::new(File::create(world.folder.path().join("disk/index.json")).unwrap());
    let mut entry = |start: &str, digest: &Digest, size: u64, tag: &str| {
        write!(index, r#"{start}{{"mediaType":"{OCI_MANIFEST}","digest":"{digest}","size":{size},"#).unwrap();
        write!(index, r#""annotations":{{"org.opencontainers.image.ref.name":"{tag}"}}}}"#).unwrap();
    };
    entry(r#"{"schemaVersion":2,"manifests":["#, &large, size, "large");
    for number in 0..4000_u32 {
        let digest = digest_of(Algorithm::Sha256, &number.to_le_bytes());
        entry(",", &digest, 1, &format!("a-tag-with-a-rather-long-name-{number}"));
    }
    index.write_all(b"]}").unwrap();
    index.flush().unwrap();
    large
}

#[test]
fn fifty_clients_that_stopped_reading_fit_into_64_mib() {
    let world = World::new();
    let digest = large(&world);
    let target = format!("/v2/disk/blobs/{digest}");
    let ask = |target: &str| -> Box<dyn Read> { Box::new(send(world.registry.address, "GET", target, &[])) };
    let clients = rest_in(&target, || ask(&target));
    read_on(ask(&target));
    assert!(peak() < 64 << 20, "blobs: {} MiB", peak() >> 20);
    drop(clients);

    over_tls();

    let large = fill(&world);
    for target in [
        "/v2/disk/manifests/large".to_owned(),
        format!("/v2/disk/manifests/{large}"),
        "/v2/disk/tags/list".to_owned(),
        format!("/v2/disk/referrers/{digest}"),
    ] {
        drop(rest_in(&target, || ask(&target)));
        assert!(peak() < 64 << 20, "{target}: {} MiB", peak() >> 20);
    }
}

/// The same with TLS and a log; the clients' own share of it counts, too.
fn over_tls() {
    let authority = Authority::new();
    let identity = authority.server();
    let read = |path| std::fs::read(path).unwrap();
    let tls = Tls::from_pem(("cert", &read(&identity.certificate)), ("key", &read(&identity.key))).unwrap();
    let log = AccessLog::to(std::io::sink(), Arc::<Blind>::default()).unwrap();
    let world = World::with(|server| server.tls(tls).access_log(log));
    let target = format!("/v2/disk/blobs/{}", large(&world));
    let config = authority.client_config();
    let clients = rest_in(&target, || Box::new(send_encrypted(&world, &config, &target)));
    read_on(send_encrypted(&world, &config, &target));
    assert!(peak() < 64 << 20, "blobs over TLS: {} MiB", peak() >> 20);
    drop(clients);
}
