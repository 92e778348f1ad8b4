//! What all verbs share: the client, the display, and how a run is stopped.

mod settings;
mod signals;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use unlade::cancel::Cancel;
use unlade::observe::Observer;
use unlade::site::Environment;
use unlade::{Client, Error, ErrorKind, Result};

use self::signals::Signals;
use crate::log;
use crate::options::Common;
use crate::progress::Display;

/// How long a job that was asked to stop may take to clean up before the process ends all the same.
const GRACE: Duration = Duration::from_secs(3);

/// One run of the command.
pub(crate) struct Session {
    runtime: Runtime,
    client: Client,
    display: Arc<Display>,
    cancel: Cancel,
    json: bool,
}

impl Session {
    /// Reads what the options name and puts the client together.
    pub(crate) fn begin(options: &Common) -> Result<Self> {
        let display = Display::new(options.progress, options.quiet);
        log::begin(options, &display);
        let cancel = Cancel::new();
        let environment = Environment::of_process();
        let keychain = settings::credentials(options, &environment)?;
        let client = Client::builder()
            .config(settings::config(options)?)
            .credentials(keychain)
            .roots(Arc::new(environment.roots()?))
            .observer(Arc::clone(&display) as Arc<dyn Observer>)
            .cancel(cancel.clone())
            .build()?;
        // One thread: the data path has threads of its own, and a second one here costs more than it gives.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::io("cannot start the runtime", error))?;
        Ok(Self { runtime, client, display, cancel, json: options.json })
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
    pub(crate) fn run(&self, job: impl Future<Output = Result<()>>) -> Result<()> {
        self.runtime.block_on(async {
            // Before the job begins: a signal that comes then must find it stoppable.
            let mut signals = Signals::listen().map_err(|error| Error::io("cannot listen for signals", error))?;
            tokio::pin!(job);
            let outcome = tokio::select! {
                biased;
                outcome = &mut job => outcome,
                () = signals.stop() => self.stop(job, &mut signals).await,
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
    /// that blocks (a pipe nobody reads) must not hold the process.
    async fn stop(&self, job: impl Future<Output = Result<()>>, signals: &mut Signals) -> Result<()> {
        self.cancel.cancel();
        tokio::select! {
            outcome = job => outcome,
            () = tokio::time::sleep(GRACE) => Err(Error::new(ErrorKind::Interrupted, "stopped on request, without cleaning up")),
            () = signals.stop() => Err(Error::new(ErrorKind::Interrupted, "stopped at once on the second request")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use clap::Parser as _;

    use super::*;
    use crate::options::Options;

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_mins(1);

    fn session() -> Session {
        let options = Options::try_parse_from(["unlade", "digest", "localhost:1/a"]).unwrap();
        Session::begin(&options.common).unwrap()
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
        session.run(job).unwrap();
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
