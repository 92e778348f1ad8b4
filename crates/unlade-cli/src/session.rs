//! What all verbs share: the client, the display, and how a run is stopped.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use rustix::process::Signal;
use tokio::runtime::Runtime;
use tokio::signal::unix::{self, SignalKind};
use unlade::auth::{Keychain, PullSecretFormat};
use unlade::cancel::Cancel;
use unlade::config::{Config, Identity, Pem, PlainHttp, RealmRule, Realms, TlsVerification, TlsVersion};
use unlade::observe::Observer;
use unlade::site::Environment;
use unlade::{Client, Error, ErrorKind, Result};

use crate::options::{Common, Realm, SecretFormat, Tls};
use crate::progress::Display;

/// The largest certificate, key or pull secret that is read.
const MAX_FILE: u64 = 4 << 20;

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
        log(options);
        let display = Display::new(options.progress, options.quiet);
        let cancel = Cancel::new();
        let environment = Environment::of_process();
        let keychain = credentials(options, &environment)?;
        let client = Client::builder()
            .config(config(options)?)
            .credentials(keychain)
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

/// The signals that ask a run to stop.
struct Signals(Vec<unix::Signal>);

impl Signals {
    /// Takes the signals over from the system, which would end the process at once.
    ///
    /// Those that were ignored when the process began stay so: that is what `nohup` and a shell's background jobs are.
    fn listen() -> std::io::Result<Self> {
        // A limit on the size of files is to be an error of the write, and is one once nobody dies of the signal.
        drop(listen(Signal::XFSZ)?);
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let asking = [Signal::HUP, Signal::INT, Signal::TERM];
        asking
            .into_iter()
            .filter(|signal| !is_ignored(*signal, &status))
            .map(listen)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Waits for one of them.
    async fn stop(&mut self) {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        select_all(self.0.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
    }
}

fn listen(kind: Signal) -> std::io::Result<unix::Signal> {
    unix::signal(SignalKind::from_raw(kind.as_raw()))
}

/// Says whether a signal is ignored, by the text of `/proc/self/status`.
fn is_ignored(signal: Signal, status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal.as_raw() - 1) & 1 == 1
}

fn log(options: &Common) {
    let level = match options.verbose {
        0 => return,
        1 => "unlade=info,unlade_cli=info,unlade_serve=info",
        _ => "unlade=debug,unlade_cli=debug,unlade_serve=debug",
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(level)
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .finish();
    // Set once, here: nothing else in this process sets it.
    drop(tracing::subscriber::set_global_default(subscriber));
}

fn config(options: &Common) -> Result<Config> {
    let mut config = Config::default();
    config.allow_nets.clone_from(&options.allow_net);
    for path in &options.ca_file {
        config.authorities.push(Pem::new(path.display().to_string(), read(path)?));
    }
    config.identity = match (&options.cert_file, &options.key_file) {
        (Some(certificate), Some(key)) => Some(Identity::new(pem(certificate)?, pem(key)?)),
        (None, None) => None,
        _ => {
            return Err(Error::new(ErrorKind::InvalidInput, "--cert-file and --key-file belong together"));
        }
    };
    config.connect_timeout = options.connect_timeout;
    config.lock_timeout = options.lock_timeout;
    config.min_rate = options.min_rate;
    config.plain_http = match options.plain_http {
        Some(true) => PlainHttp::Always,
        Some(false) => PlainHttp::Never,
        None => PlainHttp::Loopback,
    };
    config.realms = realms(options);
    config.response_timeout = options.response_timeout;
    config.retries = options.retries;
    config.stall_timeout = options.stall_timeout;
    config.tls_minimum = match options.tls_min {
        Tls::V1_2 => TlsVersion::Tls12,
        Tls::V1_3 => TlsVersion::Tls13,
    };
    if options.insecure_skip_tls_verify {
        config.tls_verification = TlsVerification::Skip;
    }
    config.trusted_hosts.clone_from(&options.trust_host);
    Ok(config)
}

fn realms(options: &Common) -> Realms {
    let mut realms = Realms::default();
    realms.rule = match options.realm {
        Realm::Strict => RealmRule::Strict,
        Realm::Warn => RealmRule::Warn,
    };
    realms.trusted.clone_from(&options.trust_realm);
    realms
}

fn credentials(options: &Common, environment: &Environment) -> Result<Keychain> {
    let mut keychain = Keychain::new(environment.auth_files(options.authfile.as_deref())?)?;
    if let Some(path) = &options.pull_secret_file {
        let format = match options.pull_secret_format {
            SecretFormat::Auto => PullSecretFormat::Auto,
            SecretFormat::Authfile => PullSecretFormat::AuthFile,
            SecretFormat::Base64 => PullSecretFormat::Base64,
            SecretFormat::Token => PullSecretFormat::Token,
            SecretFormat::UserPassword => PullSecretFormat::UserPassword,
        };
        keychain = keychain.with_pull_secret(&read(path)?, format, &path.display().to_string())?;
    }
    Ok(keychain)
}

fn pem(path: &Path) -> Result<Pem> {
    Ok(Pem::new(path.display().to_string(), read(path)?))
}

/// Reads a small file, or stdin for `-`.
fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(MAX_FILE + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
    };
    let name = path.display();
    read.map_err(|error| Error::new(ErrorKind::InvalidInput, format!("cannot read {name}")).caused_by(error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::new(ErrorKind::InvalidInput, format!("{name} is larger than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_stand_in_a_mask() {
        for (status, signal, expected) in [
            ("Name:\tunlade\nSigIgn:\t0000000000000001\n", Signal::HUP, true),
            ("SigIgn:\t0000000000000001\n", Signal::INT, false),
            ("SigIgn:\t0000000000001006\n", Signal::INT, true),
            ("SigIgn:\t0000000000004000\n", Signal::TERM, true),
            ("SigIgn:\tx\n", Signal::HUP, false),
            ("", Signal::HUP, false),
        ] {
            assert_eq!(is_ignored(signal, status), expected, "{status:?} {signal:?}");
        }
    }
}
