//! What all verbs share: the client, the display, and how a run is stopped.

mod leftovers;
mod settings;
mod signals;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use unlade::cancel::Cancel;
use unlade::observe::{Event, Observer};
use unlade::site::Environment;
use unlade::{Client, Error, ErrorKind, Result};

use self::leftovers::Leftovers;
pub(crate) use self::settings::read;
use self::signals::Signals;
use crate::log;
use crate::options::Common;
use crate::progress::Display;

/// How long a job that was asked to stop may take to clean up before the process ends all the same.
const GRACE: Duration = Duration::from_secs(3);

/// After so long the user is told what a job that was asked to stop still waits for; most end sooner.
const NOTICE: Duration = Duration::from_millis(200);

/// How long a job that was asked to stop is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// A few seconds.
    Brief,
    /// Until it has ended: what it does, it does for others.
    Endless,
}

/// One run of the command.
pub(crate) struct Session {
    runtime: Runtime,
    client: Client,
    display: Arc<Display>,
    leftovers: Arc<Leftovers>,
    cancel: Cancel,
    json: bool,
}

impl Session {
    /// Reads what the options name and puts the client together.
    pub(crate) fn begin(options: &Common, display: Arc<Display>) -> Result<Self> {
        log::begin(options, &display);
        let leftovers = Arc::new(Leftovers::new(Arc::clone(&display)));
        let cancel = Cancel::new();
        let environment = Environment::of_process();
        let keychain = settings::credentials(options, &environment)?;
        let client = Client::builder()
            .config(settings::config(options)?)
            .credentials(keychain)
            .roots(Arc::new(environment.roots()))
            .observer(Arc::clone(&leftovers) as Arc<dyn Observer>)
            .cancel(cancel.clone())
            .build()?;
        // One thread: the data path has threads of its own, and a second one here costs more than it gives.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::io("cannot start the runtime", error))?;
        Ok(Self { runtime, client, display, leftovers, cancel, json: options.json })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn display(&self) -> &Arc<Display> {
        &self.display
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Says whether one JSON document is wanted on stdout.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Runs a job, with the display beside it, until it ends or a signal asks it to stop.
    pub(crate) fn run(&self, job: impl Future<Output = Result<()>>, patience: Patience) -> Result<()> {
        self.runtime.block_on(async {
            // Before the job begins: a signal that comes then must find it stoppable.
            let mut signals = Signals::listen().map_err(|error| Error::io("cannot listen for signals", error))?;
            tokio::pin!(job);
            let outcome = tokio::select! {
                biased;
                outcome = &mut job => outcome,
                () = signals.stop() => self.stop(job, &mut signals, patience).await,
                never = self.display.tick() => never,
            };
            self.display.finish();
            outcome
        })
    }

    /// Ends the run at once, whatever is still under way: a look-up of a name can take as long as it likes,
    /// and nobody could end it.
    pub(crate) fn end(self) {
        self.runtime.shutdown_background();
    }

    /// Asks the job to stop, and waits for it as long as that is reasonable: a target
    /// that blocks (a pipe nobody reads, a slow disk) must not hold the process.
    async fn stop(
        &self,
        job: impl Future<Output = Result<()>>,
        signals: &mut Signals,
        patience: Patience,
    ) -> Result<()> {
        self.cancel.cancel();
        let message = tokio::select! {
            biased;
            outcome = job => return outcome,
            () = self.wait(patience) => "stopped on request, without waiting any longer",
            () = signals.stop() => "stopped at once on the second request",
            never = self.display.tick() => never,
        };
        self.leftovers.remove();
        Err(Error::new(ErrorKind::Interrupted, message))
    }

    /// Waits until a job that was asked to stop has had enough time, and says for what.
    async fn wait(&self, patience: Patience) {
        tokio::time::sleep(NOTICE).await;
        let busy = match (patience, self.leftovers.any()) {
            (Patience::Endless, _) => "answers are under way".to_owned(),
            (Patience::Brief, Some(path)) => format!("the disk is busy with {}", path.display()),
            (Patience::Brief, None) => "what is under way has not ended".to_owned(),
        };
        self.display.notice(&Event::Waiting { reason: format!("{busy}; a second signal stops at once") });
        match patience {
            Patience::Brief => tokio::time::sleep(GRACE).await,
            Patience::Endless => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::sync::{Mutex, PoisonError};

    use clap::Parser as _;
    use rustix::process::{Signal, getpid, kill_process};

    use super::*;
    use crate::options::Options;
    use crate::progress::Voice;

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_mins(1);

    fn session() -> Session {
        let options = Options::try_parse_from(["unlade", "digest", "localhost:1/a"]).unwrap();
        Session::begin(&options.common, Display::new(options.common.progress, Voice::All)).unwrap()
    }

    /// Asks this very process to stop, which is harmless once a session listens.
    fn ask_to_stop() {
        kill_process(getpid(), Signal::TERM).unwrap();
    }

    /// A job that fills a file, is asked to stop and does not end; then `more` happens.
    #[track_caller]
    fn stop_a_job_that_hangs(patience: Patience, more: impl Future<Output = ()>) -> Error {
        // All sessions of a process hear its signals.
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (session, folder) = (session(), tempfile::tempdir().unwrap());
        let path = folder.path().join("partial");
        std::fs::write(&path, "half").unwrap();
        let job = async {
            session.leftovers.notice(&Event::PartialMade { path: path.clone() });
            ask_to_stop();
            session.cancel().cancelled().await;
            more.await;
            std::future::pending().await
        };
        let error = session.run(job, patience).unwrap_err();
        drop(alone);
        assert!(!path.exists());
        error
    }

    #[test]
    fn a_job_that_does_not_end_is_left_after_a_while_and_what_it_filled_is_removed() {
        let error = stop_a_job_that_hangs(Patience::Brief, async {});
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        assert_eq!(error.to_string(), "stopped on request, without waiting any longer");
    }

    #[test]
    fn a_job_is_left_at_the_second_request_and_what_it_filled_is_removed() {
        let error = stop_a_job_that_hangs(Patience::Endless, async { ask_to_stop() });
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        assert_eq!(error.to_string(), "stopped at once on the second request");
    }

    #[test]
    fn the_end_waits_for_nothing_that_hangs() {
        let session = session();
        let (started, begun) = channel();
        let (release, hanging) = channel::<()>();
        let lookup = move || {
            started.send(()).unwrap();
            hanging.recv().unwrap_err();
        };
        let job = async {
            drop(tokio::task::spawn_blocking(lookup));
            Ok(())
        };
        session.run(job, Patience::Brief).unwrap();
        begun.recv_timeout(PATIENCE).unwrap();
        let (done, ended) = channel();
        let end = move || {
            session.end();
            done.send(()).unwrap();
        };
        std::thread::spawn(end);
        ended.recv_timeout(PATIENCE).expect("the end has come, although a thread still hangs");
        drop(release);
    }
}
