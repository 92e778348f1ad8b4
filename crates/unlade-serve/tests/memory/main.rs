//! What many clients cost. It is the process that is measured: no other test runs in this one.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests to us, but not to the lint")]

#[expect(dead_code, reason = "the other tests use the rest of it")]
#[path = "../it/client.rs"]
mod client;
#[expect(dead_code, reason = "the other tests use the rest of it")]
#[path = "../it/world.rs"]
mod world;

use std::io::Read as _;

use crate::client::send;
use crate::world::World;

/// Returns the most memory that this process ever had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
fn fifty_clients_that_stopped_reading_fit_into_64_mib() {
    let world = World::new();
    let digest = unlade::verify::digest_of(unlade::spec::digest::Algorithm::Sha256, b"large");
    let file = std::fs::File::create(world.layout.path(&digest)).unwrap();
    file.set_len(4 << 30).unwrap();
    let target = format!("/v2/disk/blobs/{digest}");
    let clients: Vec<_> = (0..50)
        .map(|_| {
            let mut stream = send(world.registry.address, "GET", &target, &[]);
            stream.read_exact(&mut [0; 4096]).unwrap();
            stream
        })
        .collect();
    // The server has one thread: while it serves this one, it fills the buffers of all others.
    let mut stream = send(world.registry.address, "GET", &target, &["Range: bytes=0-268435455"]);
    let read = std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    assert!(read > 256 << 20);
    assert!(peak() < 64 << 20, "{} MiB", peak() >> 20);
    drop(clients);
}
