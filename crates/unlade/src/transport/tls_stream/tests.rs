//! The stream against rustls' own server, over a line that carries as few bytes at once as it likes.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};

use proptest::prelude::*;
use rustls::{HandshakeKind, ServerConfig, ServerConnection};
use tokio::runtime::Builder;
use unlade_testkit::tls::Authority;

use super::*;

/// What the server does once hands are shaken.
#[derive(Debug, Clone)]
enum Act {
    /// Says that this was all.
    Bye,
    /// Flips a bit of the next bytes.
    Damage,
    /// Says something in records of its own.
    Say(Vec<u8>),
    /// Takes new keys, and wants new ones of the client.
    Turn,
}

/// A server in memory and the line to it, which ends when the server has nothing more to do.
struct Line {
    server: ServerConnection,
    acts: VecDeque<Act>,
    /// Records on their way to the client.
    under_way: VecDeque<u8>,
    /// What the client said, in the clear.
    heard: Vec<u8>,
    /// Whether the client said that this was all.
    client_ended: bool,
    damaged: bool,
    /// How many bytes the line carries at once, at most.
    width: usize,
    dice: fastrand::Rng,
}

impl Line {
    fn new(config: &Arc<ServerConfig>, acts: impl IntoIterator<Item = Act>, seed: u64) -> Self {
        let mut server = ServerConnection::new(Arc::clone(config)).unwrap();
        server.set_buffer_limit(None);
        let mut dice = fastrand::Rng::with_seed(seed);
        let width = 1 << dice.usize(0..=19);
        let acts = acts.into_iter().collect();
        let (under_way, heard) = (VecDeque::new(), Vec::new());
        Self { server, acts, under_way, heard, client_ended: false, damaged: false, width, dice }
    }

    /// Says whether the line takes its time.
    fn dawdles(&mut self, context: &Context<'_>) -> bool {
        let dawdles = self.dice.u8(0..4) == 0;
        if dawdles {
            context.waker().wake_by_ref();
        }
        dawdles
    }

    fn act(&mut self) {
        match self.acts.pop_front() {
            Some(Act::Say(bytes)) => self.server.writer().write_all(&bytes).unwrap(),
            Some(Act::Turn) => self.server.refresh_traffic_keys().unwrap(),
            Some(Act::Bye) => self.server.send_close_notify(),
            Some(Act::Damage) => self.damaged = true,
            None => {}
        }
        self.collect();
    }

    fn collect(&mut self) {
        let mut records = Vec::new();
        while self.server.wants_write() {
            self.server.write_tls(&mut records).unwrap();
        }
        if self.damaged && !records.is_empty() {
            *records.last_mut().unwrap() ^= 1;
            self.damaged = false;
        }
        self.under_way.extend(records);
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, reader: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.dawdles(context) {
            return Poll::Pending;
        }
        while this.under_way.is_empty() && !this.server.is_handshaking() && !this.acts.is_empty() {
            this.act();
        }
        let most = this.under_way.len().min(reader.remaining()).min(this.width);
        let count = if most == 0 { 0 } else { this.dice.usize(1..=most) };
        let bytes: Vec<u8> = this.under_way.drain(..count).collect();
        reader.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.dawdles(context) {
            return Poll::Pending;
        }
        let count = this.dice.usize(1..=bytes.len().min(this.width));
        let mut rest = &bytes[..count];
        while !rest.is_empty() {
            this.server.read_tls(&mut rest).unwrap();
            // It fails with what the client says of damage.
            this.client_ended |= this.server.process_new_packets().is_ok_and(|state| state.peer_has_closed());
            let mut plain = Vec::new();
            // Ends for want of more, or because the client has ended.
            let _ = this.server.reader().read_to_end(&mut plain);
            this.heard.extend(plain);
        }
        this.collect();
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.get_mut().dawdles(context) { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Servers of both versions of TLS, and a client that trusts them.
struct Cast {
    client: Arc<ClientConfig>,
    servers: [Arc<ServerConfig>; 2],
}

fn cast() -> Cast {
    let authority = Authority::new();
    let server = authority.server();
    Cast { client: authority.client_config(), servers: [server.server_config(), server.server_config_tls12()] }
}

async fn connect(client: &Arc<ClientConfig>, line: Line) -> io::Result<TlsStream<Line>> {
    TlsStream::connect(Arc::clone(client), ServerName::try_from("localhost").unwrap(), line).await
}

async fn say(stream: &mut TlsStream<Line>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = poll_fn(|context| Pin::new(&mut *stream).poll_write(context, bytes)).await?;
        bytes = &bytes[count..];
    }
    poll_fn(|context| Pin::new(&mut *stream).poll_flush(context)).await
}

/// Reads to the end by pieces of any size; returns what came, and how it ended.
async fn hear(stream: &mut TlsStream<Line>, dice: &mut fastrand::Rng) -> (Vec<u8>, io::Result<()>) {
    let mut heard = Vec::new();
    loop {
        let mut room = vec![0; 1 << dice.usize(0..=18)];
        let mut reader = ReadBuf::new(&mut room);
        let outcome = poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut reader)).await;
        heard.extend_from_slice(reader.filled());
        match outcome {
            Ok(()) if reader.filled().is_empty() => return (heard, Ok(())),
            Ok(()) => {}
            Err(error) => return (heard, Err(error)),
        }
    }
}

fn said(acts: &[Act]) -> Vec<u8> {
    let said = acts.iter().filter_map(|act| if let Act::Say(bytes) = act { Some(bytes.as_slice()) } else { None });
    said.collect::<Vec<_>>().concat()
}

fn noise(dice: &mut fastrand::Rng, length: std::ops::Range<usize>) -> Vec<u8> {
    let mut noise = vec![0; dice.usize(length)];
    dice.fill(&mut noise);
    noise
}

/// Makes up what a server does before it ends.
fn acts(dice: &mut fastrand::Rng, turns: bool) -> Vec<Act> {
    let act = |dice: &mut fastrand::Rng| match dice.u8(0..6) {
        0 if turns => Act::Turn,
        _ => {
            let most = 1 << dice.usize(1..=18);
            Act::Say(noise(dice, 0..most))
        }
    };
    (0..dice.usize(0..8)).map(|_| act(dice)).collect()
}

/// Plays one conversation; it ends in whichever way the last act says.
async fn play(cast: &Cast, version: usize, seed: u64, last: &[Act]) -> (Vec<Act>, Vec<u8>, io::Result<()>) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let acts = acts(&mut dice, version == 0);
    let request = noise(&mut dice, 1..40_000);
    let line = Line::new(&cast.servers[version], acts.iter().chain(last).cloned(), seed);
    let mut stream = connect(&cast.client, line).await.unwrap();
    say(&mut stream, &request).await.unwrap();
    assert_eq!(stream.stream.heard, request);
    let (heard, end) = hear(&mut stream, &mut dice).await;
    poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await.unwrap();
    assert_eq!(stream.stream.client_ended, end.is_ok() || end.as_ref().is_err_and(is_cut));
    (acts, heard, end)
}

fn is_cut(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_said_is_heard(seed in any::<u64>(), version in 0..2_usize) {
        let runtime = Builder::new_current_thread().build().unwrap();
        let cast = cast();
        let (acts, heard, end) = runtime.block_on(play(&cast, version, seed, &[Act::Bye]));
        prop_assert!(end.is_ok(), "{end:?}");
        prop_assert!(heard == said(&acts));
    }

    #[test]
    fn an_end_without_a_word_is_told(seed in any::<u64>(), version in 0..2_usize) {
        let runtime = Builder::new_current_thread().build().unwrap();
        let cast = cast();
        let (acts, heard, end) = runtime.block_on(play(&cast, version, seed, &[]));
        prop_assert!(is_cut(&end.unwrap_err()));
        prop_assert!(heard == said(&acts));
    }

    #[test]
    fn damage_is_told_after_what_came_before_it(seed in any::<u64>(), version in 0..2_usize) {
        let runtime = Builder::new_current_thread().build().unwrap();
        let cast = cast();
        let damaged = [Act::Damage, Act::Say(vec![7; 100]), Act::Bye];
        let (acts, heard, end) = runtime.block_on(play(&cast, version, seed, &damaged));
        let error = end.unwrap_err();
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        prop_assert_eq!(inner, Some(&rustls::Error::DecryptError));
        prop_assert!(heard == said(&acts));
    }
}

#[tokio::test]
async fn a_line_that_ends_during_the_handshake_is_a_break() {
    let cast = cast();
    let mut line = Line::new(&cast.servers[0], [], 1);
    // What the server says is lost.
    line.width = 1;
    let failed = TlsStream::connect(Arc::clone(&cast.client), ServerName::try_from("localhost").unwrap(), Deaf(line));
    assert!(is_cut(&failed.await.err().unwrap()));
}

/// A line that carries nothing back.
struct Deaf(Line);

impl AsyncRead for Deaf {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Deaf {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_session_is_resumed_and_a_wrong_name_refused() {
    for version in 0..2 {
        // Sessions of one version would be offered to the server of the other.
        let cast = cast();
        let server = &cast.servers[version];
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let line = Line::new(server, [Act::Say(b"hello".to_vec()), Act::Bye], 3);
            let mut stream = connect(&cast.client, line).await.unwrap();
            say(&mut stream, b"hello").await.unwrap();
            let (heard, end) = hear(&mut stream, &mut fastrand::Rng::with_seed(3)).await;
            assert!(end.is_ok() && heard == b"hello");
            assert_eq!(stream.stream.server.handshake_kind(), Some(expected));
        }
    }
    let cast = cast();
    let name = ServerName::try_from("elsewhere.example").unwrap();
    let line = Line::new(&cast.servers[0], [], 5);
    let error = TlsStream::connect(Arc::clone(&cast.client), name, line).await.err().unwrap();
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    assert!(matches!(inner, Some(rustls::Error::InvalidCertificate(_))), "{error}");
}
