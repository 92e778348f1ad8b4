//! Playing a script.

use std::fs;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::oneshot;
use unlade::cancel::Cancel;
use unlade::config::Config;
use unlade::image::Selection;
use unlade::observe::{Event, Observer};
use unlade::spec::descriptor::Content;
use unlade::target::file::{Durability, FileOptions, FileTarget, resolve};
use unlade::{Client, Error};
use unlade_testkit::process::{Outcome, Run as Process, Running};

use crate::script::{Death, How, Run, Script, Target, Way};
use crate::tamper::{is_strange, unfinished};
use crate::world::{TAGS, World};

/// The exit codes that the guide has for what can happen here.
const CODES: [i32; 8] = [1, 3, 4, 5, 6, 7, 8, 130];

/// How the runs of a script ended.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) good: usize,
    pub(crate) failed: usize,
    pub(crate) dead: usize,
}

/// What became of a run.
#[derive(Debug)]
enum End {
    Good,
    Failed(String),
    Dead,
}

/// Plays a script to its end, and panics at the first promise that does not hold.
pub(crate) fn play(script: &Script) -> Tally {
    let mut world = World::of(script);
    let mut tally = Tally::default();
    for run in &script.runs {
        if let Some(tampering) = &run.tampering {
            tampering.apply(&world.folder(), &world.victim());
        }
        if let Some(lies) = &run.lies {
            world.registry.lie_by(lies.chooser());
        }
        let ends = match run.way {
            Way::Command => by_command(&world, script.target, run),
            Way::Library => vec![by_library(&world, run)],
        };
        world.registry.be_honest();
        world.check(run.artifact);
        for end in ends {
            match end {
                End::Good => {
                    tally.good += 1;
                    world.check_success(run.artifact);
                }
                End::Failed(_) => tally.failed += 1,
                End::Dead => tally.dead += 1,
            }
        }
    }
    end(&mut world, script.target);
    tally
}

/// Once nobody lies any more, the next run ends well; only what is no file of ours may have to go away first.
fn end(world: &mut World, target: Target) {
    let run = Run {
        way: Way::Command,
        artifact: 0,
        lies: None,
        death: None,
        tampering: None,
        company: false,
        afresh: false,
        connections: 8,
        retries: 5,
    };
    let filled = !world.holds_any(run.artifact);
    let mut ends = by_command(world, target, &run);
    let strange: Vec<_> = unfinished(&world.folder()).into_iter().filter(|path| is_strange(path)).collect();
    if let (Some(End::Failed(said)), false) = (ends.first(), strange.is_empty()) {
        assert!(said.contains(".unlade-"), "the file in the way is not named: {said}");
        for path in strange {
            fs::remove_file(path).expect("remove the link");
        }
        ends = by_command(world, target, &run);
    }
    assert!(matches!(ends.as_slice(), [End::Good]), "nobody lies, and it ends in {ends:?}");
    world.check_success(run.artifact);
    // Beside a file that is there and right, what another run began for other content stays.
    if filled {
        world.check_clean();
    }
}

fn by_command(world: &World, target: Target, run: &Run) -> Vec<End> {
    let process = command(world, target, run);
    let (tell, told) = channel();
    if let Some(Death { after, how }) = run.death {
        let signal = match how {
            How::Kill => Signal::KILL,
            How::Interrupt => Signal::INT,
            How::Terminate => Signal::TERM,
        };
        world.registry.after(after, move || {
            // A descriptor, unlike a number, never comes to mean another process; one that has ended needs no signal.
            if let Ok(process) = told.recv() {
                pidfd_send_signal(&process, signal).unwrap_or_default();
            }
        });
    }
    let running = process.start();
    let id = Pid::from_raw(i32::try_from(running.id()).expect("numbers of processes fit")).expect("it is not 0");
    tell.send(pidfd_open(id, PidfdFlags::empty()).expect("open a child of our own")).unwrap_or_default();
    let other = run.company.then(|| command(world, target, run).start());
    let mut ends = vec![judge(world, target, run, running, run.death.is_some())];
    ends.extend(other.map(|other| judge(world, target, run, other, false)));
    ends
}

fn command(world: &World, target: Target, run: &Run) -> Process {
    let reference = world.registry.reference(&format!("os/disk:{}", TAGS[run.artifact]));
    let patience = if run.lies.is_some() { "500ms" } else { "30s" };
    let mut process = Process::new(env!("CARGO_BIN_EXE_unlade"))
        .args(["pull", &reference, "-o", &world.output(), "--no-sync", "--lock-timeout", "50s"])
        .args(["--stall-timeout", patience, "--response-timeout", patience])
        .args(["--retries", &run.retries.to_string(), "--connections", &run.connections.to_string()]);
    if target == Target::VerifiedStdout {
        process = process.arg("--verify-first");
    }
    if run.afresh {
        process = process.env("UNLADE_NO_RESUME", "true");
    }
    process
}

/// Waits for a process, and holds its end to what every end promises.
fn judge(world: &World, target: Target, run: &Run, running: Running, mortal: bool) -> End {
    let Outcome { code, stdout, stderr, .. } = running.finish();
    assert!(!stderr.contains("panicked"), "a panic: {stderr}");
    match code {
        None => {
            assert!(mortal, "it died, and nobody killed it: {stderr}");
            End::Dead
        }
        Some(0) => {
            let piped = matches!(target, Target::Stdout | Target::VerifiedStdout);
            assert!(!piped || stdout == *world.payload(run.artifact), "exit code 0, and other bytes on stdout");
            End::Good
        }
        Some(code) => {
            assert!(CODES.contains(&code), "exit code {code}: {stderr}");
            assert!(mortal || code != 130, "it says that it was stopped: {stderr}");
            assert!(code == 130 || stderr.contains("error: "), "exit code {code}, and no error: {stderr}");
            // It may be stopped while it hands on what is verified.
            let verified = target != Target::VerifiedStdout || world.payload(run.artifact).starts_with(&stdout);
            assert!(verified, "unverified bytes on stdout");
            End::Failed(stderr)
        }
    }
}

/// Is told what happens, and tells when nobody is left who could tell more.
#[derive(Debug)]
struct Witness(#[expect(dead_code, reason = "it is dropped")] std::sync::mpsc::Sender<()>);

impl Observer for Witness {
    fn notice(&self, _event: &Event) {}
}

fn by_library(world: &World, run: &Run) -> End {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("start the runtime");
    let (alive, ended) = channel();
    let (drop_it, dropped) = oneshot::channel::<()>();
    let cancel = Cancel::new();
    if let Some(Death { after, how }) = run.death {
        let cancel = cancel.clone();
        world.registry.after(after, move || match how {
            How::Kill => drop_it.send(()).unwrap_or_default(),
            How::Interrupt | How::Terminate => cancel.cancel(),
        });
    }
    let outcome = runtime.block_on(async {
        let dropped = async {
            if dropped.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            outcome = download(world, run, cancel, Arc::new(Witness(alive))) => Some(outcome),
            () = dropped => None,
        }
    });
    drop(runtime);
    // Its threads outlive the future: what they do to the target must have an end.
    let waited = ended.recv_timeout(Duration::from_mins(1));
    assert_eq!(waited, Err(std::sync::mpsc::RecvTimeoutError::Disconnected), "a thread goes on for ever");
    match outcome {
        None => End::Dead,
        Some(Ok(())) => End::Good,
        Some(Err(error)) => {
            let said = error.chain().join(": ");
            let stopped = error.kind() == unlade::ErrorKind::Interrupted;
            assert!(!stopped || run.death.is_some(), "it says that it was stopped: {said}");
            End::Failed(said)
        }
    }
}

async fn download(world: &World, run: &Run, cancel: Cancel, witness: Arc<Witness>) -> Result<(), Error> {
    let mut config = Config::default();
    config.stall_timeout = Duration::from_millis(300);
    config.response_timeout = Duration::from_millis(300);
    config.retries = u32::try_from(run.retries * 3).expect("it is small");
    config.connections = run.connections.try_into().expect("it is not 0");
    let client = Client::builder().config(config).observer(witness).build()?;
    let reference = world.registry.reference(&format!("os/disk:{}", TAGS[run.artifact]));
    let artifact = client.artifact(&reference.parse().expect("a reference"), &Selection::default()).await?;
    let content = Content::from(artifact.layer()?);
    let mut download = client.download(Arc::clone(artifact.source()), content, Arc::default());
    // Waits are another matter's, and would only take time here.
    download.policy.base = Duration::from_millis(1);
    download.cancel = cancel;
    if run.afresh {
        download.resume = unlade::target::Resume::Afresh;
    }
    let options = FileOptions::default().durability(Durability::NoSync);
    let file = FileTarget::new(resolve(&world.file(0), None)?, options);
    download.into_target(unlade::target::Target::Positioned(Box::new(file))).await.map(drop)
}
