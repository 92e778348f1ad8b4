//! A source that does what it is told, step by step.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt as _};
use unlade::source::{Ask, Body, EndpointId, Source};
use unlade::spec::descriptor::Content;
use unlade::spec::digest::Algorithm;
use unlade::spec::manifest::RawManifest;
use unlade::spec::reference::Selector;
use unlade::spec::safe_url::SafeUrl;
use unlade::verify::digest_of;
use unlade::{Error, ErrorKind, Result};
use url::Url;

/// No chunk is longer: several make a buffer of the pipeline.
const CHUNK: usize = 60_000;

/// What happens at one opening. Numbers of bytes are counted from where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Breaks off.
    Break(u64),
    /// Begins earlier than asked, by so many bytes.
    Early(u64),
    /// Is honest, at another endpoint.
    Elsewhere,
    /// Ends, though it said that there would be more.
    End(u64),
    /// Goes on behind the blob's end, for ever.
    Endless,
    /// Fails in a way that is no break.
    Fail(u64, ErrorKind),
    /// Has one bit of the blob's byte at this offset wrong.
    Flip(u64),
    /// Gives nothing more, and does not end.
    Hang(u64),
    /// Begins later than asked, by so many bytes.
    Late(u64),
    /// Gives a part, and says so.
    Part(u64),
    /// Is not opened at all.
    Refuse(ErrorKind),
    /// Goes on behind the blob's end by so many bytes, and then gives nothing more, and does not end.
    Surplus(usize),
    /// Says that the blob has another size.
    Total(u64),
}

/// A source of one blob that is honest once its steps are used up.
pub(crate) struct Scripted {
    bytes: Bytes,
    says_size: bool,
    steps: Mutex<VecDeque<Step>>,
    asks: Mutex<Vec<Range<u64>>>,
    given: Arc<AtomicU64>,
}

impl Scripted {
    pub(crate) fn new(bytes: impl Into<Bytes>, steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self::parts(bytes, steps))
    }

    /// Makes a source that never says how large the blob is.
    pub(crate) fn of_unknown_size(bytes: impl Into<Bytes>, steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self { says_size: false, ..Self::parts(bytes, steps) })
    }

    fn parts(bytes: impl Into<Bytes>, steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            bytes: bytes.into(),
            says_size: true,
            steps: Mutex::new(steps.into_iter().collect()),
            asks: Mutex::default(),
            given: Arc::default(),
        }
    }

    /// Names the blob.
    pub(crate) fn content(&self) -> Content {
        let size = self.says_size.then_some(self.bytes.len() as u64);
        Content { digest: digest_of(Algorithm::Sha256, &self.bytes), size }
    }

    /// Lists where the openings were asked to begin.
    pub(crate) fn starts(&self) -> Vec<u64> {
        self.asks.lock().unwrap().iter().map(|window| window.start).collect()
    }

    /// Counts the bytes that were taken from it.
    pub(crate) fn given(&self) -> u64 {
        self.given.load(Ordering::Relaxed)
    }

    fn window(&self, window: Range<u64>) -> Bytes {
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        self.bytes.slice(at(window.start)..at(window.end).max(at(window.start)))
    }

    fn count(&self, chunks: impl Stream<Item = Result<Bytes>> + Send + 'static) -> BoxStream<'static, Result<Bytes>> {
        let given = Arc::clone(&self.given);
        chunks
            .inspect(move |chunk| {
                given.fetch_add(chunk.as_ref().map_or(0, Bytes::len) as u64, Ordering::Relaxed);
            })
            .boxed()
    }
}

fn pieces(bytes: &Bytes) -> impl Stream<Item = Result<Bytes>> + Send + use<> {
    let pieces: Vec<_> = bytes.chunks(CHUNK).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    stream::iter(pieces)
}

fn failing(kind: ErrorKind) -> BoxStream<'static, Result<Bytes>> {
    stream::once(async move { Err(Error::new(kind, "the script says so")) }).boxed()
}

#[async_trait]
impl Source for Scripted {
    async fn manifest_unverified(&self, selector: &Selector) -> Result<RawManifest> {
        Err(Error::new(ErrorKind::NotFound, format!("there is no manifest {selector}")))
    }

    async fn open_unverified(&self, _: &Content, ask: Ask) -> Result<Body> {
        self.asks.lock().unwrap().push(ask.window.clone());
        let step = self.steps.lock().unwrap().pop_front();
        let size = self.bytes.len() as u64;
        let end = ask.window.end.min(size);
        let mut start = ask.window.start.min(size);
        let mut said = end;
        let mut origin = "here";
        let mut total = self.says_size.then_some(size);
        let mut bytes = self.window(start..end);
        let after = |count: u64| start..end.min(start + count);
        let mut ending = stream::empty().boxed();
        match step {
            Some(Step::Break(count)) => {
                (bytes, ending) = (self.window(after(count)), failing(ErrorKind::Unavailable));
            }
            Some(Step::Early(count)) => {
                start = start.saturating_sub(count);
                bytes = self.window(start..end);
            }
            Some(Step::Elsewhere) => origin = "elsewhere",
            Some(Step::End(count)) => bytes = self.window(after(count)),
            Some(Step::Endless) => {
                said = u64::MAX;
                ending = stream::repeat_with(|| Ok(Bytes::from_static(&[7; 1024]))).boxed();
            }
            Some(Step::Fail(count, kind)) => (bytes, ending) = (self.window(after(count)), failing(kind)),
            Some(Step::Flip(offset)) if (start..end).contains(&offset) => {
                let mut wrong = bytes.to_vec();
                wrong[usize::try_from(offset - start).unwrap()] ^= 1;
                bytes = wrong.into();
            }
            None | Some(Step::Flip(_)) => {}
            Some(Step::Hang(count)) => (bytes, ending) = (self.window(after(count)), stream::pending().boxed()),
            Some(Step::Late(count)) => {
                start += count;
                bytes = self.window(start..end);
            }
            Some(Step::Part(count)) => {
                bytes = self.window(after(count));
                said = start + bytes.len() as u64;
            }
            Some(Step::Refuse(kind)) => return Err(Error::new(kind, "the script says so")),
            Some(Step::Surplus(count)) => {
                said = u64::MAX;
                ending = pieces(&vec![7; count].into()).chain(stream::pending()).boxed();
            }
            Some(Step::Total(other)) => total = Some(other),
        }
        if !self.says_size && said == size {
            said = u64::MAX;
        }
        let chunks = self.count(pieces(&bytes).chain(ending));
        let url = Url::parse(&format!("https://{origin}.example/blob?signature=secret")).unwrap();
        Ok(Body::new(start..said, total, EndpointId::new(origin), chunks).from_url(SafeUrl::from(url)))
    }
}

impl fmt::Display for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("script")
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").field("steps", &self.steps).finish_non_exhaustive()
    }
}
