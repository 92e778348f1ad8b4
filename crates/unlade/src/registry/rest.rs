//! What a request waits for before it is made: a host that wants to be left alone, and the right to a body.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};
use url::Url;

use super::host::Host;
use super::permits::Permit;
use super::request::Terms;
use super::shared::Registries;
use crate::error::{Error, ErrorKind, Result};
use crate::observe::Event;
use crate::source::{Ask, EndpointId, NotAsked, Zeal};
use crate::spec::safe_url::SafeUrl;

/// A wait as long as this is told of: shorter ones nobody notices.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Waits while the host of `at` wants to be left alone; what is spare is not made at all then.
///
/// May be dropped at any time.
pub(super) async fn rest(registries: &Registries, at: &Url, what: &str, terms: Terms<'_>) -> Result<()> {
    let host = registries.host(at);
    let mut told = false;
    // Others may ask for more while this one waits.
    while let Some(quiet) = host.quiet() {
        let reason = format!("{} wants to be left alone", SafeUrl::from(at.clone()).authority());
        if terms.zeal == Zeal::Spare {
            return Err(held_back(format!("cannot {what}: {reason}"), Some(quiet.until)));
        }
        if !told && quiet.left >= WORTH_TELLING {
            told = true;
            terms.observer.notice(&Event::Waiting { reason, wait: Some(quiet.left) });
        }
        sleep_until(quiet.until).await;
    }
    Ok(())
}

/// Takes the right to one body from a host; what is spare takes it only if it is free now.
///
/// May be dropped at any time.
pub(super) async fn permit(host: &Host, origin: &EndpointId, what: &str, ask: &Ask) -> Result<Permit> {
    let mut taking = pin!(host.permit(ask.zeal));
    let taken = if let Ok(taken) = timeout(WORTH_TELLING, taking.as_mut()).await {
        taken
    } else {
        let reason = format!("all connections to {origin} are in use");
        ask.observer.notice(&Event::Waiting { reason, wait: None });
        taking.await
    };
    taken.ok_or_else(|| held_back(format!("cannot {what}: no connection to {origin} is free"), None))
}

fn held_back(text: String, until: Option<Instant>) -> Error {
    Error::new(ErrorKind::RateLimited, text).caused_by(NotAsked::new(until.map(Instant::into_std)))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::sync::Arc;

    use super::*;
    use crate::observe::tests::Notes;

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_a_connection_is_told_once_it_lasts() {
        let host = Host::new(NonZeroUsize::new(1).unwrap());
        let notes = Arc::new(Notes::default());
        let ask = Ask::whole(Ask::default().budget, Arc::clone(&notes) as _);
        let origin = EndpointId::new("registry.example");
        for (seconds, told) in [(0, 0), (20, 1)] {
            let held = host.permit(Zeal::Stubborn).await;
            let (second, ()) = tokio::join!(permit(&host, &origin, "fetch it", &ask), async {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                drop(held);
            });
            assert!(second.is_ok());
            assert_eq!(notes.all().len(), told, "{seconds} s");
        }
        let reason = "all connections to registry.example are in use".to_owned();
        assert_eq!(notes.all(), [Event::Waiting { reason, wait: None }]);
    }
}
