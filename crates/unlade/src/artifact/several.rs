//! Several layers into one folder: concurrently, and each file as a whole or not at all.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::download::{Pulled, incomplete};
use super::plan::{Assignment, Form};
use super::{Artifact, ArtifactDownload};
use crate::error::{Error, ErrorKind, FileFate, FileReport, Result};
use crate::spec::digest::Digest;
use crate::target::file::Replace;
use crate::target::folder::{Folder, Root};
use crate::target::{Positioned, Room, Status, Target};
use crate::transfer::copy::copy;
use crate::transfer::several::{self, Onward, Patience, onward};
use crate::transfer::{Buffers, Crew, Delivery};

/// What became of a file: `None` if it was not tried.
type Outcome = Option<Result<Delivery>>;

/// The work on one folder.
struct Work<'a> {
    download: &'a ArtifactDownload<'a>,
    files: &'a [Assignment<'a>],
    root: Arc<Root>,
    buffers: Buffers,
    crew: Crew,
}

/// Pulls files into a folder, in which each has its place.
pub(super) async fn pull(
    download: &ArtifactDownload<'_>,
    folder: &Folder,
    files: &[Assignment<'_>],
) -> Result<Vec<Pulled>> {
    download.progress.set_total(files.iter().map(|file| file.layer.size).fold(0, u64::saturating_add));
    let mut outcomes: Vec<Outcome> = files.iter().map(|_| None).collect();
    if folder.replace(&download.options) == Replace::Never {
        // Whatever stands in the way is found before the first byte.
        let found = download.survey(files).await?;
        outcomes = found.into_iter().map(|delivery| delivery.map(Ok)).collect();
    }
    let missing: Vec<usize> = (0..files.len()).filter(|number| outcomes[*number].is_none()).collect();
    if !missing.is_empty() {
        let root = folder.open(download.options.durability).map_err(|error| download.artifact.named(error))?;
        let work =
            Work { download, files, root: Arc::clone(&root), buffers: Buffers::default(), crew: Crew::default() };
        let groups = groups(files, missing);
        let mut patience = Patience::default();
        let judge = |done: &Vec<Result<Delivery>>| patience.note(kinds(done));
        let done = several::run(groups.iter().map(|group| work.group(group)), judge).await;
        for (group, done) in groups.iter().zip(done) {
            for (number, outcome) in group.iter().zip(done.unwrap_or_default()) {
                outcomes[*number] = Some(outcome);
            }
        }
        drop(work);
        let synced = tokio::task::spawn_blocking(move || root.sync()).await;
        let synced = synced.unwrap_or_else(|error| Err(Error::new(ErrorKind::Io, "cannot sync").caused_by(error)));
        return verdict(download.artifact, folder.path(), files, outcomes).and_then(|pulled| synced.map(|()| pulled));
    }
    verdict(download.artifact, folder.path(), files, outcomes)
}

/// Puts files with the same content together, and those with the smallest first: most are done when one that is large
/// fails.
fn groups(files: &[Assignment<'_>], numbers: Vec<usize>) -> Vec<Vec<usize>> {
    let mut of_content: BTreeMap<(u64, &Digest, Option<usize>), Vec<usize>> = BTreeMap::new();
    for number in numbers {
        let Assignment { layer, form, .. } = &files[number];
        // What came out of an archive cannot be copied as one.
        let alone = matches!(form, Form::Tree(_)).then_some(number);
        of_content.entry((layer.size, &layer.digest, alone)).or_default().push(number);
    }
    of_content.into_values().collect()
}

fn kinds(done: &[Result<Delivery>]) -> impl Iterator<Item = ErrorKind> {
    done.iter().filter_map(|outcome| outcome.as_ref().err().map(Error::kind))
}

/// Says whether an error is about the place of one file: the same content may well be had for another.
fn is_about_place(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Exists | ErrorKind::InvalidInput | ErrorKind::Io | ErrorKind::Locked)
}

impl Work<'_> {
    /// Makes the files that have one content: it is fetched for the first, and copied for the others. The outcomes of
    /// those that were not tried are missing at the end.
    async fn group(&self, numbers: &[usize]) -> Vec<Result<Delivery>> {
        let mut outcomes = Vec::new();
        let mut there: Option<&Assignment<'_>> = None;
        let mut lost: Option<(&str, ErrorKind)> = None;
        for number in numbers {
            let file = &self.files[*number];
            let outcome = match (there, lost) {
                (Some(there), _) => self.copy(there, file).await,
                (None, Some((title, kind))) => {
                    Err(Error::new(kind, format!("its content is that of \"{title}\", which could not be had")))
                }
                (None, None) => self.fetch(file).await,
            };
            match outcome.as_ref().map_err(Error::kind) {
                Ok(_) => there = Some(file),
                Err(kind) if is_about_place(kind) => {}
                Err(kind) => lost = lost.or(Some((file.title(), kind))),
            }
            let stop = outcome.as_ref().is_err_and(|error| onward(error.kind()) == Onward::Stop);
            outcomes.push(outcome);
            if stop {
                break;
            }
        }
        outcomes
    }

    async fn fetch(&self, file: &Assignment<'_>) -> Result<Delivery> {
        let ArtifactDownload { artifact, options, progress, .. } = self.download;
        let mut download = artifact.client.download(Arc::clone(&artifact.source), file.content(), progress.child());
        download.buffers = self.buffers.clone();
        download.crew = self.crew.clone();
        let (place, options) = (file.place.clone(), options.clone());
        let target: Box<dyn Positioned> = match &file.form {
            Form::File => Box::new(self.root.file(place, options)),
            Form::Tree(archive) => Box::new(self.root.tree(archive.clone(), place, options)),
        };
        let delivery = download.into_target(Target::Positioned(target)).await;
        delivery.map_err(|error| artifact.named(incomplete(error)))
    }

    /// Makes a file from one that is finished, and not trusted for that.
    async fn copy(&self, from: &Assignment<'_>, file: &Assignment<'_>) -> Result<Delivery> {
        let ArtifactDownload { artifact, options, progress, .. } = self.download;
        let cancel = artifact.client.cancel().child();
        let _leash = cancel.leash();
        let job = artifact.client.job(file.content(), cancel);
        let copied = match self.root.file(from.place.clone(), options.clone()).survey(&job) {
            Ok(Room::Present(bytes)) => {
                let target = Box::new(self.root.file(file.place.clone(), options.clone()));
                copy(bytes, target, job, progress.child()).await
            }
            Ok(_) => Err(Error::new(ErrorKind::Io, "it is gone, or was changed")),
            Err(error) => Err(error),
        };
        copied.map_err(|error| {
            let (from, to) = (from.place.path().display(), file.place.path().display());
            artifact.named(error.making(format!("cannot copy {from} to {to}")))
        })
    }
}

/// Comes to one verdict on all files: all there, or the error of the first that is not, with a report on each.
fn verdict(
    artifact: &Artifact,
    folder: &Path,
    files: &[Assignment<'_>],
    outcomes: Vec<Outcome>,
) -> Result<Vec<Pulled>> {
    let failed = outcomes.iter().filter(|outcome| matches!(outcome, Some(Err(_)))).count();
    let skipped = outcomes.iter().filter(|outcome| outcome.is_none()).count();
    if failed + skipped == 0 {
        let pulled = files.iter().zip(outcomes.into_iter().flatten().flatten());
        return Ok(pulled.map(|(file, delivery)| Pulled { layer: file.layer.clone(), delivery }).collect());
    }
    let reports = files.iter().zip(&outcomes).map(|(file, outcome)| report(file, outcome.as_ref())).collect();
    let mut errors: Vec<Error> = outcomes.into_iter().flatten().filter_map(Result::err).collect();
    // What the user asked for is no failure of a layer.
    let first = errors.iter().position(|error| error.kind() == ErrorKind::Interrupted).unwrap_or(0);
    let message = format!(
        "{failed} of {} files could not be pulled into {}; {}{}",
        files.len(),
        folder.display(),
        match files.len() - failed - skipped {
            0 => "none is there".to_owned(),
            1 => "1 is there".to_owned(),
            there => format!("{there} are there"),
        },
        match skipped {
            0 => String::new(),
            1 => ", 1 was not tried".to_owned(),
            more => format!(", {more} were not tried"),
        }
    );
    let error = errors.swap_remove(first).making(message).with(|context| context.files = reports);
    // The titles are the publisher's words.
    Err(artifact.named(error))
}

fn report(file: &Assignment<'_>, outcome: Option<&Result<Delivery>>) -> FileReport {
    let fate = match outcome {
        None => FileFate::Skipped,
        Some(Err(error)) => FileFate::Failed(error.chain()),
        Some(Ok(delivery)) if delivery.receipt.status == Status::Present => FileFate::Present,
        Some(Ok(_)) => FileFate::Downloaded,
    };
    FileReport {
        path: file.place.path().to_owned(),
        title: file.title().to_owned(),
        digest: file.layer.digest.clone(),
        size: file.layer.size,
        fate,
    }
}
