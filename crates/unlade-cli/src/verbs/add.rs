//! `unlade pull -o ocidir://…`: adds to a layout.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use unlade::client::copy::{Company, Copied, CopiedFile, CopyOptions, Fate, Intent, Tally};
use unlade::layout::LayoutWriter;
use unlade::source::EndpointId;
use unlade::spec::descriptor::Descriptor;
use unlade::spec::reference::{Place, Reference, Tag};
use unlade::spec::text::sanitise;
use unlade::{Error, ErrorKind, Result};

use super::pull::files;
use super::{reference, selection};
use crate::options;
use crate::output;
use crate::session::Session;
use crate::units;

/// A layout that the user named to be written to.
pub(super) struct Output {
    path: PathBuf,
    tag: Option<Tag>,
}

impl Output {
    /// Reads `-o`; what has no scheme of a layout is none.
    pub(super) fn read(output: &Path) -> Result<Option<Self>> {
        let text = output.to_string_lossy();
        if !["ocidir:", "ocitar:"].iter().any(|scheme| text.starts_with(scheme)) {
            return Ok(None);
        }
        let refused = |message| Err(Error::new(ErrorKind::InvalidInput, message));
        if output.to_str().is_none() {
            return refused(format!("the layout {text} cannot be named here: its name is not UTF-8"));
        }
        let reference = reference(&text)?;
        match reference.place() {
            Place::Layout(path) if reference.digest().is_none() => {
                Ok(Some(Self { path: path.clone(), tag: reference.tag().cloned() }))
            }
            Place::Layout(_) => refused(format!("{text} names a digest, which is for the artifact itself to say")),
            _ => refused(format!("{text} is a layout in a tar, which can only be read: name a folder, ocidir://DIR")),
        }
    }
}

pub(super) async fn run(options: &options::Pull, output: Output, session: &Session) -> Result<()> {
    let started = Instant::now();
    let reference = reference(&options.reference)?;
    if options.verify_first {
        let message = "--verify-first is for -o -: a blob is always verified before it has its name";
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    if options.overwrite {
        let message = "--overwrite is for files: in a layout, blobs that are wrong are replaced, and so are tags";
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    let files = files(options);
    let layout = LayoutWriter::open(&output.path, files.durability)?.files(&files);
    session.display().watch(&format!("asking for {reference}"));
    let company = if options.referrers { Company::Referrers } else { Company::Nobody };
    let how = CopyOptions::default()
        .tag(output.tag.clone())
        .company(company)
        .intent(if options.dry_run { Intent::Look } else { Intent::Copy })
        .progress(session.display().counters());
    let copied = session.client().copy_into(&reference, &selection(&options.choice)?, &layout, how).await?;
    session.display().finish();
    if session.json() {
        let mut document = report(&reference, &layout, &copied, started);
        if options.dry_run {
            document["dry_run"] = json!(true);
        }
        if copied.omitted() > 0 {
            document["files_omitted"] = json!(copied.omitted());
        }
        return output::document(&document).await;
    }
    if options.dry_run {
        let more = match copied.omitted() {
            0 => String::new(),
            omitted => format!("and {omitted} more\n"),
        };
        return output::bytes(copied.files.iter().map(line).chain([more]).collect::<String>()).await;
    }
    session.display().summary(&words(&reference, &layout, &copied, started));
    Ok(())
}

/// Says what would be done about a file.
fn line(file: &CopiedFile) -> String {
    let done = if file.fate == Fate::Present { "is there already" } else { "would be added" };
    let text = format!("{} {done}: {}, {}", file.path.display(), units::bytes(file.content.size), file.content.digest);
    format!("{}\n", sanitise(&text))
}

fn words(reference: &Reference, layout: &LayoutWriter, copied: &Copied, started: Instant) -> String {
    let place = format!("ocidir://{}", layout.path().display());
    let name = copied.tag.as_ref().map_or_else(|| format!("@{}", copied.manifest.digest), |tag| format!(":{tag}"));
    let (there, fetched) = (copied.present, copied.written);
    let count = |tally: Tally| match tally.files {
        1 => "1 file".to_owned(),
        several => format!("{several} files"),
    };
    let size = |tally: Tally| units::bytes(tally.bytes);
    let source = if fetched.files == 0 {
        format!("{}, {}, all of them there already", count(there), size(there))
    } else {
        let more = if there.files == 0 { String::new() } else { format!(", {} there already", count(there)) };
        let seconds = started.elapsed().as_secs_f64();
        format!("{}, {} from {reference} in {seconds:.1} s{more}", count(fetched), size(fetched))
    };
    let referrers = match copied.referrers.len() {
        0 => String::new(),
        1 => ", with 1 referrer".to_owned(),
        several => format!(", with {several} referrers"),
    };
    format!("{place}{name}: {source}{referrers}, verified {}", copied.manifest.digest)
}

fn report(reference: &Reference, layout: &LayoutWriter, copied: &Copied, started: Instant) -> Value {
    let endpoints: Vec<&str> = copied.endpoints.iter().map(EndpointId::as_str).collect();
    let referrers: Vec<Value> = copied.referrers.iter().map(output::descriptor).collect();
    json!({
        "reference": reference.to_string(),
        "manifest": output::descriptor(&copied.manifest),
        "layout": layout.path().display().to_string(),
        "tag": copied.tag.as_ref().map(Tag::as_str),
        "referrers": referrers,
        "files": copied.files.iter().map(file).collect::<Vec<_>>(),
        "endpoints": endpoints,
        "elapsed_seconds": started.elapsed().as_secs_f64(),
    })
}

fn file(file: &CopiedFile) -> Value {
    let content: &Descriptor = &file.content;
    let status = match file.fate {
        Fate::Planned => "planned",
        Fate::Present => "present",
        _ => "downloaded",
    };
    json!({
        "path": file.path.display().to_string(),
        "title": content.title().map(sanitise),
        "digest": content.digest.to_string(),
        "size": content.size,
        "media_type": sanitise(content.media_type.as_str()),
        "status": status,
        "bytes_fetched": file.bytes_fetched,
        "bytes_resumed": file.bytes_resumed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_told_from_a_file() {
        for (output, expected) in [
            ("disk.img", Ok(None)),
            ("-", Ok(None)),
            ("oci/", Ok(None)),
            ("./ocidir://x", Ok(None)),
            ("ocidir://layouts/disk", Ok(Some(("layouts/disk", None)))),
            ("ocidir:///srv/disk:v1", Ok(Some(("/srv/disk", Some("v1"))))),
            ("ocidir://disk:", Err(())),
            ("ocidir:disk", Err(())),
            ("ocidir://", Err(())),
            ("ocidir://disk:-", Err(())),
            ("ocitar://disk.tar", Err(())),
        ] {
            let found = Output::read(Path::new(output));
            let found = found.as_ref().map(|found| {
                found.as_ref().map(|found| (found.path.to_str().unwrap(), found.tag.as_ref().map(Tag::as_str)))
            });
            assert_eq!(found.map_err(|error| assert_eq!(error.kind(), ErrorKind::InvalidInput)), expected, "{output}");
        }
        let digest = format!("ocidir://disk@sha256:{}", "a".repeat(64));
        assert!(Output::read(Path::new(&digest)).is_err());
    }
}
