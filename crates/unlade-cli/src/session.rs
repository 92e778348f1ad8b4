//! What all verbs share: the client, the display, and how a run is stopped.

mod leftovers;
mod settings;
mod signals;

use std::io;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use unlade::cancel::Cancel;
use unlade::observe::{Event, Observer};
use unlade::site::Environment;
use unlade::{Client, Error, ErrorKind, Result};

use self::leftovers::Leftovers;
pub(crate) use self::settings::read;
use self::signals::{Consequences, Signals};
use crate::failure;
use crate::log;
use crate::options::Common;
use crate::progress::Display;

/// How long a job that was asked to stop may take to clean up before the process ends all the same.
const GRACE: Duration = Duration::from_secs(3);

/// After so long the user is told what a job that was asked to stop still waits for; most end sooner.
const NOTICE: Duration = Duration::from_millis(200);

/// How long a job for others may take to end once it is to stop at once: it cuts off what is under way, and says so.
const HURRY: Duration = Duration::from_secs(1);

/// How long a process that is ended without its job looks for what that left behind.
const CLEANING: Duration = Duration::from_millis(500);

/// So many pairs of sockets take as many descriptors as the runtimes of the run and of the signals, and one more.
const RUNTIME_PAIRS: usize = 6;

/// What a verb works with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nothing beyond this machine: no login is read, no certificate, no setting of connections.
    Local,
    Registries,
}

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
    signals: Signals,
    cancel: Cancel,
    hurry: Cancel,
    json: bool,
}

impl Session {
    /// Reads what the options name and puts the client together.
    pub(crate) fn begin(options: &Common, display: Arc<Display>, reach: Reach) -> Result<Self> {
        log::begin(options, &display);
        let leftovers = Arc::new(Leftovers::new(Arc::clone(&display)));
        let cancel = Cancel::new();
        let mut client = Client::builder().observer(Arc::clone(&leftovers) as Arc<dyn Observer>).cancel(cancel.clone());
        if reach == Reach::Registries {
            let environment = Environment::of_process();
            let keychain = settings::credentials(options, &environment)?;
            client = client
                .config(settings::config(options, &environment)?)
                .credentials(keychain)
                .roots(Arc::new(environment.roots()));
        }
        let client = client.build()?;
        spare_descriptors().map_err(|error| Error::io("cannot start the runtime", error))?;
        // One thread: the data path has threads of its own, and a second one here costs more than it gives.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::io("cannot start the runtime", error))?;
        // After all files are read, which may block, and before the job begins: from here on a signal finds it stoppable.
        let ending = Ending { display: Arc::clone(&display), leftovers: Arc::clone(&leftovers) };
        let signals = Signals::listen(ending).map_err(|error| Error::io("cannot listen for signals", error))?;
        let hurry = Cancel::new();
        Ok(Self { runtime, client, display, leftovers, signals, cancel, hurry, json: options.json })
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

    /// Is cancelled once the user wants a job for others to end at once, whatever is under way.
    pub(crate) fn hurry(&self) -> &Cancel {
        &self.hurry
    }

    /// Says whether one JSON document is wanted on stdout.
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    /// Runs a job, with the display beside it, until it ends or a signal asks it to stop.
    pub(crate) fn run(&self, job: impl Future<Output = Result<()>>, patience: Patience) -> Result<()> {
        self.runtime.block_on(async {
            let mut signals = self.signals.clone();
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
        mut job: Pin<&mut impl Future<Output = Result<()>>>,
        signals: &mut Signals,
        patience: Patience,
    ) -> Result<()> {
        self.cancel.cancel();
        let message = tokio::select! {
            biased;
            outcome = &mut job => return outcome,
            () = self.wait(patience) => "stopped on request, without waiting any longer",
            () = signals.stop() => {
                self.hurry.cancel();
                if patience == Patience::Endless {
                    // However it ended, it did not do all that it would have.
                    let _ended_or_late = tokio::time::timeout(HURRY, job).await;
                }
                "stopped at once on the second request"
            }
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
        self.display.notice(&Event::Waiting { reason: format!("{busy}; a second signal stops at once"), wait: None });
        match patience {
            Patience::Brief => tokio::time::sleep(GRACE).await,
            Patience::Endless => std::future::pending().await,
        }
    }
}

/// Makes sure that the runtimes of the run and of the signals can open what they need: the library behind them panics
/// where it cannot make its own pair of sockets.
fn spare_descriptors() -> io::Result<()> {
    let _pairs = (0..RUNTIME_PAIRS).map(|_| UnixStream::pair()).collect::<io::Result<Vec<_>>>()?;
    Ok(())
}

/// What signals do by themselves.
struct Ending {
    display: Arc<Display>,
    leftovers: Arc<Leftovers>,
}

impl Consequences for Ending {
    fn first(&self) {
        self.display.hurry();
    }

    fn last(&self) {
        let (done, removed) = channel::<()>();
        let leftovers = Arc::clone(&self.leftovers);
        // On a thread: the disk may be what the run is stuck in.
        thread::spawn(move || {
            leftovers.remove();
            drop(done);
        });
        let _removed_or_late = removed.recv_timeout(CLEANING);
        std::process::exit(failure::exit_code(ErrorKind::Interrupted).into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::Sender;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use clap::Parser as _;
    use rustix::process::{Signal, getpid, kill_process};

    use super::*;
    use crate::options::Options;
    use crate::progress::Voice;

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_mins(1);

    fn session() -> Session {
        let options = Options::try_parse_from(["unlade", "digest", "localhost:1/a"]).unwrap();
        Session::begin(&options.common, Display::new(options.common.progress, Voice::All), Reach::Registries).unwrap()
    }

    /// Asks this very process to stop, which is harmless once a session listens.
    fn ask_to_stop() {
        kill_process(getpid(), Signal::TERM).unwrap();
    }

    /// All sessions of a process hear its signals.
    fn alone() -> MutexGuard<'static, ()> {
        static ALONE: Mutex<()> = Mutex::new(());
        ALONE.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job that fills a file, is asked to stop and does not end; then `more` happens.
    #[track_caller]
    fn stop_a_job_that_hangs(patience: Patience, more: impl Future<Output = ()>) -> Error {
        let _alone = alone();
        let (session, folder) = (session(), tempfile::tempdir().unwrap());
        let path = folder.path().join("partial");
        std::fs::write(&path, "half").unwrap();
        let job = async {
            session.leftovers.notice(&Event::PartialMade { path: path.clone(), journal: None });
            ask_to_stop();
            session.cancel().cancelled().await;
            more.await;
            std::future::pending().await
        };
        let error = session.run(job, patience).unwrap_err();
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
    fn a_process_that_is_stuck_is_ended_at_the_third_request() {
        struct Told(Sender<&'static str>);
        impl Consequences for Told {
            fn first(&self) {
                self.0.send("first").unwrap();
            }

            fn last(&self) {
                self.0.send("last").unwrap();
            }
        }
        let _alone = alone();
        let (tell, told) = channel();
        let mut signals = Signals::listen(Told(tell)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // Each is waited for: two at the same time may be one to the system.
        for number in 1..=2 {
            ask_to_stop();
            runtime.block_on(signals.stop());
            assert_eq!(told.try_recv().ok(), (number == 1).then_some("first"));
        }
        ask_to_stop();
        assert_eq!(told.recv_timeout(PATIENCE), Ok("last"));
    }

    #[test]
    fn the_end_waits_for_nothing_that_hangs() {
        let _alone = alone();
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
