//! A wire between the command and the registry, which breaks once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const UNBROKEN: u64 = u64::MAX;

/// Says when the wire breaks.
#[derive(Clone)]
pub(crate) struct Scissors(Arc<AtomicU64>);

impl Scissors {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(UNBROKEN)))
    }

    /// Breaks, once, the first connection that carries this many bytes from the server.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.0.store(bytes, Ordering::SeqCst);
    }

    fn are_due(&self, passed: u64) -> bool {
        let due = |limit| (limit != UNBROKEN && passed >= limit).then_some(UNBROKEN);
        self.0.try_update(Ordering::SeqCst, Ordering::SeqCst, due).is_ok()
    }
}

/// Forwards connections until it is dropped.
pub(crate) async fn run(listener: TcpListener, server: SocketAddr, scissors: Scissors) -> io::Result<()> {
    let mut wires = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await?;
        let scissors = scissors.clone();
        // Either end may leave at any time, which ends this wire alone.
        wires.spawn(async move { drop(forward(client, server, &scissors).await) });
        while wires.try_join_next().is_some() {}
    }
}

async fn forward(mut client: TcpStream, server: SocketAddr, scissors: &Scissors) -> io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut from_server, mut to_server) = server.split();
    let (mut from_client, mut to_client) = client.split();
    let download = async {
        let mut buffer = vec![0; 64 << 10];
        let mut passed = 0;
        loop {
            let count = from_server.read(&mut buffer).await?;
            passed += count as u64;
            if count == 0 || scissors.are_due(passed) {
                return Ok(());
            }
            to_client.write_all(&buffer[..count]).await?;
        }
    };
    tokio::select! {
        ended = download => ended,
        ended = tokio::io::copy(&mut from_client, &mut to_server) => ended.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scissors_cut_once() {
        let scissors = Scissors::new();
        assert!(!scissors.are_due(u64::MAX - 1));
        scissors.cut_after(100);
        assert!(!scissors.are_due(99));
        assert!(scissors.are_due(100));
        assert!(!scissors.are_due(1000));
    }
}
