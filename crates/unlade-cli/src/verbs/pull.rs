//! `unlade pull`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};
use unlade::artifact::{Artifact, ArtifactDownload, Planned, Pulled, Standing, Unpack};
use unlade::source::EndpointId;
use unlade::spec::descriptor::Descriptor;
use unlade::spec::text::sanitise;
use unlade::target::file::{Allocation, Durability, FileOptions, Replace};
use unlade::target::{Resume, Status, Target};
use unlade::{Error, ErrorKind, Result};

use super::{add, reference, selection};
use crate::options;
use crate::output;
use crate::session::Session;
use crate::units;

/// So many files are told of one by one; of more, only what they come to.
const MAX_LISTED: usize = 32;

pub(super) async fn run(options: &options::Pull, session: &Session) -> Result<()> {
    if let Some(layout) = options.output.as_deref().map(add::Output::read).transpose()?.flatten() {
        return add::run(options, layout, session).await;
    }
    let started = Instant::now();
    let reference = reference(&options.reference)?;
    check(options, session)?;
    let to_stdout = to_stdout(options);
    if !to_stdout || !std::io::stdout().is_terminal() {
        session.display().watch(&format!("asking for {reference}"));
    }
    let stdout = if to_stdout && !options.dry_run { Some(stdout(options, session)?) } else { None };
    let artifact = session.client().artifact(&reference, &selection(&options.choice)?).await?;
    let unpack = if options.no_unpack { Unpack::Nothing } else { Unpack::Folders };
    let download = artifact.download().options(files(options)).unpack(unpack).progress(session.display().counters());
    if options.dry_run {
        return plan(options, session, &artifact, download, started).await;
    }
    let pulled = match stdout {
        Some(stdout) => {
            let layer = artifact.layer()?.clone();
            vec![Pulled::new(layer, download.into_target(stdout).await?)]
        }
        None => download.into_path(options.output.as_deref()).await?,
    };
    session.display().finish();
    if session.json() {
        let endpoints = endpoints(&pulled);
        let files: Vec<Value> = pulled.iter().map(fetched).collect();
        return output::document(&report(&artifact, &files, &endpoints, started)).await;
    }
    for line in words(&artifact, &pulled, started) {
        session.display().summary(&line);
    }
    Ok(())
}

/// Refuses what cannot be meant, before anything is asked for.
fn check(options: &options::Pull, session: &Session) -> Result<()> {
    let to_stdout = to_stdout(options);
    if to_stdout && session.json() && !options.dry_run {
        return Err(Error::new(ErrorKind::InvalidInput, "--json and -o - both want stdout"));
    }
    if options.verify_first && !to_stdout {
        let message = "--verify-first is for -o -: a file is always verified before it has its name";
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    if options.referrers {
        let message = "--referrers adds to a layout: name one with -o ocidir://DIR";
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    Ok(())
}

fn to_stdout(options: &options::Pull) -> bool {
    options.output.as_deref() == Some(Path::new("-"))
}

fn stdout(options: &options::Pull, session: &Session) -> Result<Target> {
    if options.verify_first { output::spool(session.display()) } else { output::target() }
}

/// Says how files are written.
pub(super) fn files(options: &options::Pull) -> FileOptions {
    let mut files = FileOptions::default();
    if options.overwrite {
        files = files.replace(Replace::Always);
    }
    if options.no_sync {
        files = files.durability(Durability::NoSync);
    }
    if options.no_resume {
        files = files.resume(Resume::Afresh);
    }
    if options.sparse {
        files = files.allocation(Allocation::Sparse);
    }
    files
}

/// Says what would be done.
async fn plan(
    options: &options::Pull,
    session: &Session,
    artifact: &Artifact,
    download: ArtifactDownload<'_>,
    started: Instant,
) -> Result<()> {
    let planned = if to_stdout(options) {
        vec![(artifact.layer()?.clone(), None, Standing::Planned)]
    } else {
        let planned = download.plan(options.output.as_deref()).await?;
        planned.into_iter().map(|Planned { layer, path, standing, .. }| (layer, Some(path), standing)).collect()
    };
    session.display().finish();
    if session.json() {
        let files: Vec<Value> = planned
            .iter()
            .map(|(layer, path, standing)| {
                let status = if *standing == Standing::Present { "present" } else { "planned" };
                file(layer, path.as_deref(), status, (0, 0))
            })
            .collect();
        let mut document = report(artifact, &files, &[], started);
        document["dry_run"] = json!(true);
        return output::document(&document).await;
    }
    let mut text = String::new();
    for (layer, path, standing) in &planned {
        let place = path.as_deref().map_or_else(|| "stdout".into(), Path::to_string_lossy);
        let done = if *standing == Standing::Present { "is there already" } else { "would be pulled" };
        let size = units::bytes(layer.size);
        text.push_str(&sanitise(&format!("{place} {done}: {size}, {}", layer.digest)));
        text.push('\n');
    }
    output::bytes(text).await
}

/// Says what was done, in lines.
fn words(artifact: &Artifact, pulled: &[Pulled], started: Instant) -> Vec<String> {
    if let [one] = pulled {
        return vec![single(artifact, one)];
    }
    let mut lines = Vec::new();
    if pulled.len() <= MAX_LISTED {
        lines.extend(pulled.iter().map(|one| {
            let receipt = &one.delivery.receipt;
            let done = if receipt.status == Status::Present { " is there already" } else { "" };
            format!("{}{done}: {}, {}", place(one), units::bytes(receipt.verified.size), receipt.verified.digest)
        }));
    }
    let size = pulled.iter().map(|one| one.delivery.receipt.verified.size).fold(0, u64::saturating_add);
    let fetched = pulled.iter().filter(|one| one.delivery.receipt.status != Status::Present).count();
    lines.push(format!(
        "{} files, {} from {} in {:.1} s, verified; {} were there already",
        pulled.len(),
        units::bytes(size),
        artifact.reference(),
        started.elapsed().as_secs_f64(),
        pulled.len() - fetched,
    ));
    lines
}

fn single(artifact: &Artifact, pulled: &Pulled) -> String {
    let (delivery, path) = (&pulled.delivery, place(pulled));
    let receipt = &delivery.receipt;
    let size = units::bytes(receipt.verified.size);
    match receipt.status {
        Status::Present => format!("{path} is there already: {size}, {}", receipt.verified.digest),
        _ => format!(
            "{path}: {size} from {} in {:.1} s, verified {}",
            artifact.reference(),
            delivery.elapsed.as_secs_f64(),
            receipt.verified.digest
        ),
    }
}

fn place(pulled: &Pulled) -> String {
    pulled.delivery.receipt.path.as_ref().map_or_else(|| "stdout".to_owned(), |path| path.display().to_string())
}

/// Names the places that bytes came from, each once.
fn endpoints(pulled: &[Pulled]) -> Vec<&str> {
    let mut names = Vec::new();
    for name in pulled.iter().flat_map(|one| &one.delivery.endpoints).map(EndpointId::as_str) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn report(artifact: &Artifact, files: &[Value], endpoints: &[&str], started: Instant) -> Value {
    json!({
        "reference": artifact.reference().to_string(),
        "manifest": output::descriptor(&artifact.descriptor()),
        "files": files,
        "endpoints": endpoints,
        "elapsed_seconds": started.elapsed().as_secs_f64(),
    })
}

fn fetched(pulled: &Pulled) -> Value {
    let delivery = &pulled.delivery;
    let status = match delivery.receipt.status {
        Status::Present => "present",
        _ => "downloaded",
    };
    let path = delivery.receipt.path.as_deref();
    file(&pulled.layer, path, status, (delivery.bytes_fetched, delivery.bytes_resumed))
}

/// Describes a file with the contract's keys; of its bytes, those that were fetched, and those not fetched again.
fn file(layer: &Descriptor, path: Option<&Path>, status: &str, (fetched, resumed): (u64, u64)) -> Value {
    json!({
        "path": path.map(|path| path.display().to_string()),
        "title": layer.title().map(sanitise),
        "digest": layer.digest.to_string(),
        "size": layer.size,
        "media_type": sanitise(layer.media_type.as_str()),
        "status": status,
        "bytes_fetched": fetched,
        "bytes_resumed": resumed,
    })
}
