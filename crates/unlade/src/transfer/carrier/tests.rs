use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _, stream};

use super::super::Progress;
use super::super::buffer::SIZE;
use super::super::fetch::Terms;
use super::super::pieces::Bounds;
use super::super::spans::Spans;
use super::*;
use crate::error::ErrorKind;
use crate::observe::Blind;
use crate::retry::{Budget, Policy};
use crate::source::{Ask, Body, Chunks, EndpointId, Source, Zeal};
use crate::spec::descriptor::Content;
use crate::spec::manifest::RawManifest;
use crate::spec::reference::Selector;
use crate::transport::watch::{Pace, watch};
use crate::verify::digest_of;

const LENGTH: u64 = 1 << 20;

/// Gives one body, whatever it is asked for, and never answers again.
struct Once(Mutex<Option<Chunks>>);

#[async_trait]
impl Source for Once {
    async fn manifest_unverified(&self, _: &Selector) -> Result<RawManifest> {
        Err(Error::new(ErrorKind::NotFound, "there is none"))
    }

    async fn open_unverified(&self, _: &Content, ask: Ask) -> Result<Body> {
        let chunks = self.0.lock().unwrap().take();
        let Some(chunks) = chunks else { return std::future::pending().await };
        Ok(Body::new(ask.window, None, EndpointId::new("here"), chunks))
    }
}

impl fmt::Display for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("once")
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Once")
    }
}

/// What a carrier needs: two pieces of a blob, of which the second is carried.
struct Stage {
    buffers: Buffers,
    arrivals: mpsc::Sender<Arrival>,
    inbox: mpsc::Receiver<Arrival>,
    front: Front,
    pieces: Mutex<Pieces>,
    courtesy: Option<Mutex<Courtesy>>,
}

impl Stage {
    fn new(depth: usize) -> Self {
        let (arrivals, inbox) = mpsc::channel(depth);
        let mut pieces = Pieces::new(Spans::of(0..2 * LENGTH), Bounds { piece: LENGTH, lead: u64::MAX });
        pieces.take(0);
        pieces.take(0);
        let buffers = Buffers::holding(0, 0);
        Self { buffers, arrivals, inbox, front: Front::default(), pieces: Mutex::new(pieces), courtesy: None }
    }

    fn carrier(&self) -> Carrier<'_> {
        let Self { buffers, arrivals, front, pieces, courtesy, .. } = self;
        Carrier { buffers, arrivals, front, pieces, courtesy: courtesy.as_ref(), began: Instant::now() }
    }

    /// Hands on all of the first piece.
    fn pass_first(&self) {
        self.pieces.lock().unwrap().advance(0, LENGTH);
    }
}

/// Fetches the second piece.
fn fetch(chunks: Chunks) -> Fetch {
    fetch_from(Some(chunks))
}

fn fetch_from(chunks: Option<Chunks>) -> Fetch {
    let terms = Terms {
        budget: Arc::new(Budget::new(Policy::default(), None)),
        observer: Arc::new(Blind),
        progress: Arc::<Progress>::default(),
        origins: Arc::default(),
        avoid: Vec::new(),
        recalled: Arc::default(),
    };
    let digest = digest_of(crate::spec::digest::Algorithm::Sha256, b"");
    let content = Content { digest, size: Some(2 * LENGTH) };
    Fetch::new(Arc::new(Once(Mutex::new(chunks))), content, terms).part(LENGTH..2 * LENGTH).zeal(Zeal::Spare)
}

/// Gives a kibibyte after each pause.
fn drip(pause: Duration) -> stream::BoxStream<'static, Bytes> {
    let chunks = stream::iter(0..LENGTH / 1024);
    chunks.then(move |_| sleep(pause).map(|()| Bytes::from_static(&[7; 1024]))).boxed()
}

#[tokio::test(start_paused = true)]
async fn what_would_be_held_waits_for_a_whole_buffer() {
    for (is_first, expected) in [(false, SIZE), (true, 3 << 10)] {
        let mut stage = Stage::new(1);
        if is_first {
            stage.pass_first();
        }
        let slow = drip(Duration::from_millis(60)).map(Ok).boxed();
        let carried = stage.carrier().carry(1, fetch(slow), Manners::GiveWay);
        assert!(timeout(Duration::from_hours(1), carried).await.is_err(), "nobody takes what comes");
        let Some(Arrival::Chunk { offset, bytes }) = stage.inbox.recv().await else { panic!("nothing came") };
        assert_eq!((offset, bytes.len()), (LENGTH, expected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_whoever_reads_is_no_fault_of_the_body() {
    let mut stage = Stage::new(1);
    stage.pass_first();
    let slow = drip(Duration::from_millis(60)).map(Ok).boxed();
    let watched = watch(slow, Pace::new(Duration::from_secs(30), 1024));
    let chunks = watched.map(|chunk| chunk.map_err(|_| Error::new(ErrorKind::Unavailable, "too slow"))).boxed();
    let mut inbox = std::mem::replace(&mut stage.inbox, mpsc::channel(1).1);
    let reading = async {
        loop {
            sleep(Duration::from_hours(1)).await;
            if inbox.recv().await.is_none() {
                break;
            }
        }
    };
    tokio::select! {
        ended = stage.carrier().carry(1, fetch(chunks), Manners::GiveWay) => assert!(matches!(ended, Ended::Done)),
        () = reading => panic!("it ended without a word"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_piece_that_has_given_way_for_long_reads_on() {
    let mut stage = Stage::new(8);
    // One connection is as fast as all, and that has shown often enough not to be tried for half a minute.
    let (mut courtesy, mut now) = (Courtesy::default(), Duration::ZERO);
    for _ in 0..1050 {
        now += Duration::from_millis(60);
        courtesy.note(now, 100);
    }
    assert_eq!(courtesy.way(), Way::GiveWay);
    stage.courtesy = Some(Mutex::new(courtesy));
    let began = Instant::now().checked_sub(now).expect("the clock has run for some minutes");
    let first_goes_on = async {
        loop {
            sleep(Duration::from_millis(20)).await;
            stage.courtesy.as_ref().unwrap().lock().unwrap().note(began.elapsed(), 1 << 20);
        }
    };
    let started = Instant::now();
    let carrier = Carrier { began, ..stage.carrier() };
    tokio::select! {
        ended = carrier.carry(1, fetch(drip(Duration::ZERO).map(Ok).boxed()), Manners::GiveWay) => {
            assert!(matches!(ended, Ended::Done));
        }
        () = first_goes_on => {}
    }
    let waited = started.elapsed();
    assert!(waited >= GIVING_WAY && waited < GIVING_WAY * 3 / 2, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn time_without_an_answer_makes_no_laggard() {
    let waited = |answered: Option<Chunks>| async move {
        let stage = Stage::new(1);
        stage.pieces.lock().unwrap().measure(0, LENGTH, Duration::from_millis(1));
        stage.pass_first();
        stage.pieces.lock().unwrap().end_piece(0);
        let unanswered = fetch_from(answered);
        assert!(timeout(Duration::from_mins(1), stage.carrier().carry(1, unanswered, Manners::GiveWay)).await.is_err());
        stage.pieces.lock().unwrap().laggard(None)
    };
    assert_eq!(waited(None).await, None);
    assert_eq!(waited(Some(stream::pending().boxed())).await, Some(1));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_several_gets_a_buffer_though_all_are_held() {
    let mut stage = Stage::new(8);
    stage.pass_first();
    stage.front.idle();
    let mut held = Vec::new();
    while let Some(filling) = stage.buffers.take().now_or_never() {
        held.push(filling);
    }
    let carried = stage.carrier().carry(1, fetch(drip(Duration::ZERO).map(Ok).boxed()), Manners::Last);
    let ended = timeout(Duration::from_hours(1), carried).await;
    assert!(matches!(ended, Ok(Ended::Done)));
    assert!(stage.inbox.recv().await.is_some());
}
