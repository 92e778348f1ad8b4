//! Shows the main job of unlade on a registry of its own: what `./demo` runs.
//!
//! The command under show is the built `unlade`, whose path is the only argument;
//! without one it is looked for beside this program. All that is made lives in one
//! temporary folder, which goes away however the show ends.

mod artifact;
mod gate;
mod relay;
mod steps;
mod terminal;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use unlade_serve::Shelf;

use gate::Gate;
use relay::Scissors;
use steps::Stage;
use terminal::Terminal;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let shown = tokio::select! {
        // Before the show begins: a signal that comes then must not leave its folder behind.
        biased;
        interrupted = interrupted() => interrupted,
        shown = show() => shown,
    };
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Waits for Ctrl-C, a request to end, or the end of the terminal.
async fn interrupted() -> Result {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = hangup.recv() => {}
        _ = terminate.recv() => {}
    }
    Err("interrupted".into())
}

async fn show() -> Result {
    let unlade = command()?;
    let folder = tempfile::Builder::new().prefix("unlade-demo-").tempdir()?;
    let layout = folder.path().join("layouts/disk");
    artifact::write(&layout)?;

    let gate = Gate::new();
    let server = TcpListener::bind("127.0.0.1:0").await?;
    let behind = server.local_addr()?;
    let wire = TcpListener::bind("127.0.0.1:0").await?;
    let registry = wire.local_addr()?.to_string();
    std::fs::write(folder.path().join("auth.json"), gate.auth_file(&registry))?;

    let router = gate.guard(unlade_serve::router(Shelf::open(&folder.path().join("layouts"))?));
    let scissors = Scissors::new();
    let terminal = Terminal::new(folder.path(), &unlade);
    terminal.say(&format!("A disk image for two architectures lies in a registry on http://{registry}."))?;
    let stage = Stage { terminal: &terminal, registry, scissors: scissors.clone(), folder: folder.path() };
    tokio::select! {
        played = stage.play() => played?,
        ended = relay::run(wire, behind, scissors) => ended?,
        () = unlade_serve::serve_router(server, router, std::future::pending()) => return Err("the registry ended".into()),
    }
    folder.close()?;
    terminal.say("All is well, and all that was made for this is gone.")?;
    Ok(())
}

/// Finds the command under show.
fn command() -> Result<PathBuf> {
    let path = match std::env::args_os().nth(1) {
        Some(path) => std::path::absolute(path)?,
        None => std::env::current_exe()?.parent().unwrap_or(Path::new(".")).join("unlade"),
    };
    if path.is_file() { Ok(path) } else { Err(format!("{} is missing: build unlade-cli", path.display()).into()) }
}
