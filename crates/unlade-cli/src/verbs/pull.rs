//! `unlade pull`.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Instant;

use serde_json::json;
use unlade::artifact::Artifact;
use unlade::spec::text::sanitise;
use unlade::target::Status;
use unlade::target::file::{Durability, FileOptions, Replace};
use unlade::transfer::Delivery;
use unlade::{Error, ErrorKind, Result};

use super::{reference, selection};
use crate::options;
use crate::output;
use crate::session::Session;
use crate::units;

pub(super) async fn run(options: &options::Pull, session: &Session) -> Result<()> {
    let started = Instant::now();
    let reference = reference(&options.reference)?;
    let to_stdout = options.output.as_deref() == Some(Path::new("-"));
    if to_stdout && session.json() {
        return Err(Error::new(ErrorKind::InvalidInput, "--json and -o - both want stdout"));
    }
    if options.output.as_ref().is_some_and(|path| path.to_string_lossy().starts_with("ocidir:")) {
        return Err(Error::new(ErrorKind::Unsupported, "this version cannot add to a layout"));
    }
    if !to_stdout || !std::io::stdout().is_terminal() {
        session.display().watch(&format!("asking for {reference}"));
    }
    let stdout = to_stdout.then(output::target).transpose()?;
    let artifact = session.client().artifact(&reference, &selection(&options.choice)?).await?;
    let download = artifact.download().options(files(options)).progress(session.display().counters());
    let delivery = match (stdout, &options.output) {
        (Some(stdout), _) => download.into_target(stdout).await?,
        (None, Some(path)) => download.into_file(path).await?,
        (None, None) => download.into_titled_file().await?,
    };
    session.display().finish();
    if session.json() {
        return output::document(&report(&artifact, &delivery, started)?).await;
    }
    session.display().summary(&words(&artifact, &delivery));
    Ok(())
}

fn files(options: &options::Pull) -> FileOptions {
    let mut files = FileOptions::default();
    if options.overwrite {
        files = files.replace(Replace::Always);
    }
    if options.no_sync {
        files = files.durability(Durability::NoSync);
    }
    files
}

fn words(artifact: &Artifact, delivery: &Delivery) -> String {
    let receipt = &delivery.receipt;
    let path = receipt.path.as_ref().map_or_else(|| "stdout".to_owned(), |path| path.display().to_string());
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

fn report(artifact: &Artifact, delivery: &Delivery, started: Instant) -> Result<serde_json::Value> {
    let receipt = &delivery.receipt;
    let layer = artifact.layer()?;
    let status = match receipt.status {
        Status::Present => "present",
        _ => "downloaded",
    };
    let endpoints: Vec<&str> = delivery.endpoints.iter().map(unlade::source::EndpointId::as_str).collect();
    Ok(json!({
        "reference": artifact.reference().to_string(),
        "manifest": output::descriptor(&artifact.descriptor()),
        "files": [{
            "path": receipt.path.as_ref().map(|path| path.display().to_string()),
            "title": layer.title().map(sanitise),
            "digest": receipt.verified.digest.to_string(),
            "size": receipt.verified.size,
            "media_type": sanitise(layer.media_type.as_str()),
            "status": status,
            "bytes_fetched": delivery.bytes_fetched,
            "bytes_resumed": delivery.bytes_resumed,
        }],
        "endpoints": endpoints,
        "elapsed_seconds": started.elapsed().as_secs_f64(),
    }))
}
