use async_trait::async_trait;
use futures_util::stream;

use super::*;
use crate::observe::tests::Notes;
use crate::retry::Policy;
use crate::spec::digest::Algorithm;
use crate::spec::manifest::RawManifest;
use crate::spec::reference::Selector;
use crate::verify::digest_of;

const BLOB: &[u8] = &[7; 100];

/// Breaks off after ten bytes each time, but for the last ones.
#[derive(Debug)]
struct Brittle;

#[async_trait]
impl Source for Brittle {
    async fn manifest_unverified(&self, _: &Selector) -> Result<RawManifest> {
        Err(Error::new(ErrorKind::NotFound, "no manifest"))
    }

    async fn open_unverified(&self, _: &Content, ask: Ask) -> Result<Body> {
        let (start, end) = (ask.window.start, ask.window.end);
        let given = Ok(Bytes::from_static(&BLOB[..usize::try_from((end - start).min(10)).unwrap()]));
        let broken = (end - start > 10).then(|| Err(Error::new(ErrorKind::Unavailable, "it broke")));
        let chunks = stream::iter(std::iter::once(given).chain(broken)).boxed();
        Ok(Body::new(ask.window, Some(100), EndpointId::new("here"), chunks))
    }
}

impl std::fmt::Display for Brittle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("brittle")
    }
}

#[tokio::test(start_paused = true)]
async fn a_break_far_ahead_is_told_with_what_is_verified() {
    let (notes, progress) = (Arc::new(Notes::default()), Arc::new(Progress::default()));
    let terms = Terms {
        budget: Arc::new(Budget::new(Policy::default(), Some(100))),
        observer: Arc::clone(&notes) as _,
        progress: Arc::clone(&progress),
        origins: Arc::default(),
        avoid: Vec::new(),
        recalled: Arc::default(),
    };
    progress.set_verified(3);
    let content = Content { digest: digest_of(Algorithm::Sha256, BLOB), size: Some(100) };
    let mut fetch = Fetch::new(Arc::new(Brittle), content, terms).part(50..80);
    while fetch.next().await.unwrap().is_some() {}
    let events = notes.all();
    let resumed: Vec<_> = events.into_iter().filter(|event| matches!(event, Event::Resumed { .. })).collect();
    let expected = |at| Event::Resumed { at, verified: 3, resumed: at - 50 };
    assert_eq!(resumed, [expected(60), expected(70)]);
}
