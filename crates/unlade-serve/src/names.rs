//! The names of all repositories, found at most once a second.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;
use unlade::Result;
use unlade::layout::Desk;

use crate::listing;

/// How long a list is taken for the list of now: a whole tree is walked for it, and its pages are asked for one after
/// the other.
const FRESH: Duration = Duration::from_secs(1);

/// A list that all share who ask at the same time, or shortly after each other.
#[derive(Debug)]
pub(crate) struct Names {
    fresh: Duration,
    /// Where trees are walked: not where documents are read, for which nobody then waits.
    desk: Desk,
    last: Arc<Mutex<Last>>,
}

/// The list that was made last, and when, for as long as it is fresh.
type Last = Option<(Instant, Arc<Vec<String>>)>;

impl Default for Names {
    fn default() -> Self {
        Self { fresh: FRESH, desk: Desk::new(), last: Arc::default() }
    }
}

impl Names {
    /// Gives the list, sorted; `walk` makes it, and may block.
    pub(crate) async fn list(
        &self,
        walk: impl FnOnce() -> Result<Vec<String>> + Send + 'static,
    ) -> Result<Arc<Vec<String>>> {
        // Whoever comes while it is made waits here, and finds it.
        let mut last = self.last.lock().await;
        if let Some((made, names)) = &*last
            && made.elapsed() < self.fresh
        {
            return Ok(Arc::clone(names));
        }
        let sorted = move || {
            let mut names = walk()?;
            listing::sort(&mut names);
            Ok(Arc::new(names))
        };
        let names = self.desk.read(sorted).await?;
        *last = Some((Instant::now(), Arc::clone(&names)));
        drop(last);
        tokio::spawn(forget(Arc::clone(&self.last), self.fresh));
        Ok(names)
    }
}

/// Lets go of a list once it is old: it may be long.
async fn forget(last: Arc<Mutex<Last>>, fresh: Duration) {
    tokio::time::sleep(fresh).await;
    last.lock().await.take_if(|(made, _)| made.elapsed() >= fresh);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn all_who_ask_within_a_second_share_one_walk() {
        let fresh = Duration::from_millis(500);
        let (names, walks) = (Names { fresh, ..Names::default() }, Arc::<AtomicUsize>::default());
        let ask = || {
            let walks = Arc::clone(&walks);
            names.list(move || {
                walks.fetch_add(1, Ordering::SeqCst);
                Ok(vec!["b".to_owned(), "a".to_owned()])
            })
        };
        for answer in join_all((0..50).map(|_| ask())).await {
            assert_eq!(*answer.unwrap(), ["a", "b"]);
        }
        assert_eq!(walks.load(Ordering::SeqCst), 1);
        tokio::time::sleep(fresh).await;
        ask().await.unwrap();
        assert_eq!(walks.load(Ordering::SeqCst), 2);
        tokio::time::sleep(fresh * 2).await;
        assert!(names.last.lock().await.is_none(), "an old list is kept");
    }

    #[tokio::test]
    async fn a_walk_that_nobody_waits_for_does_not_hold_up_the_next() {
        let names = Names::default();
        let (hold, until) = channel::<()>();
        let left = names.list(move || Ok(vec![format!("{:?}", until.recv())]));
        assert!(Box::pin(left).now_or_never().is_none());
        drop(hold);
        assert_eq!(*names.list(|| Ok(vec!["a".to_owned()])).await.unwrap(), ["a"]);
    }
}
