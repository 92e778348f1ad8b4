//! A source that several may ask at the same time, and that answers each as it is told.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use futures_util::{Stream, StreamExt as _};
use tokio::sync::watch;
use tokio::time::Instant;
use unlade::source::{Ask, Body, Chunks, EndpointId, NotAsked, Source, Zeal};
use unlade::spec::descriptor::Content;
use unlade::spec::digest::{Algorithm, Digest};
use unlade::spec::manifest::RawManifest;
use unlade::spec::reference::Selector;
use unlade::verify::digest_of;
use unlade::{Error, ErrorKind, Result};

/// No chunk is longer.
const CHUNK: usize = 128 << 10;

/// What becomes of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// The window, whole.
    Right,
    /// So many of its bytes, and then a break.
    Break(u64),
    /// So many of its bytes, and it says so.
    Part(u64),
    /// So many of its bytes, although it says that it is all of it.
    Less(u64),
    /// The whole blob, whatever was asked for.
    Whole,
    /// Its bytes, after all those requests are there.
    AfterAsks(usize),
    /// A break, after all those requests are there.
    BreakAfterAsks(usize),
    /// A chunk, and another one after each pause.
    Slowly(Duration),
    /// So many chunks, each after a pause, and then a break.
    SlowlyThenBreak(Duration, usize),
    /// One bit of its first byte is wrong.
    Flip,
    /// It begins later than it was asked to.
    Late,
    /// More bytes than it was asked for, without an end.
    TooMuch,
    /// None.
    Refuse(ErrorKind),
    /// None, since nobody was asked; for so long, where that is known.
    HoldBack(Option<Duration>),
    /// From the endpoint of this name.
    From(&'static str),
    /// From there, and wrong.
    WrongFrom(&'static str),
}

/// A request that was made.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) window: Range<u64>,
    pub(crate) zeal: Zeal,
    pub(crate) after: Duration,
    pub(crate) avoid: Vec<EndpointId>,
}

type Script = dyn Fn(&Ask, usize) -> Reply + Send + Sync;

/// A large blob, and how requests for it are answered.
pub(crate) struct Wide {
    bytes: Bytes,
    digest: Digest,
    lanes: usize,
    endpoints: Vec<EndpointId>,
    script: Box<Script>,
    asked: Mutex<Vec<Asked>>,
    count: watch::Sender<usize>,
    began: Instant,
}

/// Makes a blob of several granules, the last of which is not whole.
pub(crate) fn large() -> (Bytes, Digest) {
    static LARGE: LazyLock<(Bytes, Digest)> = LazyLock::new(|| {
        let words = (0..(40_u64 << 20) / 8 + 100).flat_map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        let bytes: Bytes = words.collect::<Vec<u8>>().into();
        let digest = digest_of(Algorithm::Sha256, &bytes);
        (bytes, digest)
    });
    LARGE.clone()
}

impl Wide {
    pub(crate) fn new(lanes: usize, script: impl Fn(&Ask, usize) -> Reply + Send + Sync + 'static) -> Arc<Self> {
        Self::between(lanes, &[], script)
    }

    /// Makes one whose blob is at several endpoints.
    pub(crate) fn between(
        lanes: usize,
        endpoints: &[&str],
        script: impl Fn(&Ask, usize) -> Reply + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (bytes, digest) = large();
        let endpoints = endpoints.iter().map(|name| EndpointId::new(name)).collect();
        let (asked, count) = (Mutex::default(), watch::Sender::new(0));
        let began = Instant::now();
        Arc::new(Self { bytes, digest, lanes, endpoints, script: Box::new(script), asked, count, began })
    }

    pub(crate) fn content(&self) -> Content {
        Content { digest: self.digest.clone(), size: Some(self.bytes.len() as u64) }
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn after_asks(&self, asks: usize, then: impl Stream<Item = Result<Bytes>> + Send + 'static) -> Chunks {
        let mut count = self.count.subscribe();
        let wait = async move {
            count.wait_for(|count| *count >= asks).await.unwrap();
            then
        };
        stream::once(wait).flatten().boxed()
    }

    fn slice(&self, window: Range<u64>) -> Bytes {
        self.bytes.slice(usize::try_from(window.start).unwrap()..usize::try_from(window.end).unwrap())
    }
}

fn chunks(bytes: &Bytes) -> Vec<Result<Bytes>> {
    (0..bytes.len()).step_by(CHUNK).map(|at| Ok(bytes.slice(at..bytes.len().min(at + CHUNK)))).collect()
}

fn slowly(chunks: Vec<Result<Bytes>>, pause: Duration) -> impl Stream<Item = Result<Bytes>> {
    stream::iter(chunks).then(move |chunk| async move {
        tokio::time::sleep(pause).await;
        chunk
    })
}

fn flipped(bytes: &Bytes) -> Bytes {
    let mut wrong = bytes.to_vec();
    wrong[0] ^= 1;
    wrong.into()
}

#[async_trait]
impl Source for Wide {
    async fn manifest_unverified(&self, selector: &Selector) -> Result<RawManifest> {
        Err(Error::new(ErrorKind::NotFound, format!("there is no manifest {selector}")))
    }

    async fn open_unverified(&self, _: &Content, ask: Ask) -> Result<Body> {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            let (window, avoid) = (ask.window.clone(), ask.avoid.clone());
            asked.push(Asked { window, zeal: ask.zeal, after: self.began.elapsed(), avoid });
            asked.len()
        };
        self.count.send_replace(number);
        let size = self.bytes.len() as u64;
        let window = ask.window.start..ask.window.end.min(size);
        let bytes = self.slice(window.clone());
        let after = |count: u64| window.start..window.end.min(window.start + count);
        let mut origin = "here";
        let broken = || stream::once(async { Err(Error::new(ErrorKind::Unavailable, "the script says so")) });
        let (said, body) = match (self.script)(&ask, number - 1) {
            Reply::Right => (window, stream::iter(chunks(&bytes)).boxed()),
            Reply::Break(count) => {
                (window.clone(), stream::iter(chunks(&self.slice(after(count)))).chain(broken()).boxed())
            }
            Reply::Part(count) => (after(count), stream::iter(chunks(&self.slice(after(count)))).boxed()),
            Reply::Less(count) => (window.clone(), stream::iter(chunks(&self.slice(after(count)))).boxed()),
            Reply::Whole => (0..size, stream::iter(chunks(&self.bytes)).boxed()),
            Reply::AfterAsks(asks) => (window, self.after_asks(asks, stream::iter(chunks(&bytes)))),
            Reply::BreakAfterAsks(asks) => (window, self.after_asks(asks, broken())),
            Reply::Slowly(pause) => (window, slowly(chunks(&bytes), pause).boxed()),
            Reply::SlowlyThenBreak(pause, count) => {
                let few = chunks(&bytes).into_iter().take(count).collect();
                (window, slowly(few, pause).chain(broken()).boxed())
            }
            Reply::Flip => (window, stream::iter(chunks(&flipped(&bytes))).boxed()),
            Reply::Late => (window.start + 1..window.end, stream::iter(chunks(&bytes.slice(1..))).boxed()),
            Reply::TooMuch => {
                let more = stream::repeat_with(|| Ok(Bytes::from_static(&[7; 1024])));
                (window, stream::iter(chunks(&bytes)).chain(more).boxed())
            }
            Reply::Refuse(kind) => return Err(Error::new(kind, "the script says so")),
            Reply::HoldBack(pause) => {
                let until = pause.map(|pause| Instant::now().into_std() + pause);
                return Err(Error::new(ErrorKind::RateLimited, "the script says so").caused_by(NotAsked::new(until)));
            }
            Reply::From(name) => {
                origin = name;
                (window, stream::iter(chunks(&bytes)).boxed())
            }
            Reply::WrongFrom(name) => {
                origin = name;
                (window, stream::iter(chunks(&flipped(&bytes))).boxed())
            }
        };
        Ok(Body::new(said, Some(size), EndpointId::new(origin), body))
    }

    fn lanes(&self) -> usize {
        self.lanes
    }

    fn has_others(&self, _blob: &Content, than: &[EndpointId]) -> bool {
        self.endpoints.iter().any(|endpoint| !than.contains(endpoint))
    }
}

impl fmt::Display for Wide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wide")
    }
}

impl fmt::Debug for Wide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wide").field("lanes", &self.lanes).finish_non_exhaustive()
    }
}
