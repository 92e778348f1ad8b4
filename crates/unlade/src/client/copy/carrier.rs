//! Brings manifests and blobs from their place into the layout, one by one or a few at a time.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::report::named;
use super::{CopiedFile, CopyOptions, Fate, Intent, blocking};
use crate::artifact::download::incomplete;
use crate::cancel::Cancel;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::layout::{LayoutWriter, MAX_TURNS, Terms, is_overtaken};
use crate::observe::Event;
use crate::source::{Catalog, Document, EndpointId, Source, SourceExt as _};
use crate::spec::descriptor::{Content, Descriptor};
use crate::spec::reference::Selector;
use crate::target::{Receipt, Status, Target};
use crate::transfer::{Buffers, Delivery, Progress};

/// So many blobs, or manifests, are fetched at a time.
pub(super) const AT_ONCE: usize = 4;

/// The way from a place into a layout.
pub(super) struct Carrier {
    pub(super) client: Client,
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) layout: LayoutWriter,
    pub(super) terms: Terms,
    pub(super) options: CopyOptions,
    /// Those of all blobs that are fetched at the same time.
    pub(super) buffers: Buffers,
}

/// A blob that is wanted.
pub(super) struct Wanted {
    pub(super) blob: Descriptor,
    pub(super) absence: Absence,
}

/// What it means that a place does not have a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// A part of an artifact is missing.
    Lack,
    /// It may be a manifest: an index names it, with a type that says nothing.
    Question,
}

/// What became of a blob.
pub(super) enum Outcome {
    Done(Box<CopiedFile>, Vec<EndpointId>),
    LeftOut,
    /// Its place has no such blob: the question is open.
    Absent,
}

/// A manifest as it is read, and how many bytes of it came over the network.
pub(super) struct Read {
    pub(super) document: Document,
    pub(super) fetched: u64,
}

impl Carrier {
    /// Reads what may be a manifest, in the layout if it is there, and holds it to its digest and its size.
    pub(super) async fn document(&self, wanted: &Descriptor) -> Result<Read> {
        let (layout, digest) = (self.layout.clone(), wanted.digest.clone());
        if let Some(document) = blocking(move || layout.manifest(&digest)).await? {
            document.check_content(wanted)?;
            return Ok(Read { document, fetched: 0 });
        }
        let selector = Selector::Digest(wanted.digest.clone());
        let document = self.client.cancel.guard(self.catalog.manifest(&selector)).await?;
        document.check_content(wanted)?;
        let fetched = document.raw().bytes.len() as u64;
        Ok(Read { document, fetched })
    }

    /// Reads a manifest.
    pub(super) async fn manifest(&self, wanted: &Descriptor) -> Result<Read> {
        let read = self.document(wanted).await?;
        read.document.check(wanted)?;
        Ok(read)
    }

    /// Reads manifests, a few at a time, in their order.
    pub(super) async fn manifests(&self, wanted: &[&Descriptor]) -> Result<Vec<Read>> {
        let mut reading = stream::iter(wanted.iter().map(|wanted| self.manifest(wanted))).buffered(AT_ONCE);
        let mut read = Vec::new();
        while let Some(manifest) = reading.next().await {
            read.push(manifest?);
        }
        Ok(read)
    }

    /// Puts a manifest into the layout.
    pub(super) async fn put(&self, read: Read) -> Result<CopiedFile> {
        let Read { document, fetched } = read;
        let content = document.descriptor();
        let file = match self.options.intent {
            Intent::Copy => {
                let (layout, terms) = (self.layout.clone(), self.terms.clone());
                let put = move || layout.put(document.digest(), &document.raw().bytes, &terms);
                file(blocking(put).await?, content)
            }
            Intent::Look => self.looked_at(content).await?,
        };
        Ok(CopiedFile { bytes_fetched: fetched, ..file })
    }

    /// Copies blobs, a few at a time, and gives their outcomes in the same order. After the first failure no other is
    /// begun, and those under way are stopped.
    pub(super) async fn blobs(&self, wanted: &[Wanted]) -> Result<Vec<Outcome>> {
        let cancel = self.client.cancel.child();
        let jobs = wanted.iter().enumerate().map(|(number, wanted)| {
            let job = self.blob(wanted, &cancel);
            async move { (number, job.await) }
        });
        let mut running = stream::iter(jobs).buffer_unordered(AT_ONCE);
        let (mut outcomes, mut failure) = (Vec::new(), None);
        while let Some((number, outcome)) = running.next().await {
            match outcome {
                Ok(outcome) => outcomes.push((number, outcome)),
                Err(error) => {
                    // Those that are stopped have nothing to tell.
                    failure.get_or_insert(error);
                    cancel.cancel();
                }
            }
        }
        drop(running);
        outcomes.sort_by_key(|(number, _)| *number);
        failure.map_or_else(|| Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect()), Err)
    }

    async fn blob(&self, wanted: &Wanted, cancel: &Cancel) -> Result<Outcome> {
        let blob = &wanted.blob;
        cancel.check()?;
        if self.options.intent == Intent::Look {
            return Ok(Outcome::Done(Box::new(self.looked_at(named(blob)).await?), Vec::new()));
        }
        let progress = self.options.progress.child();
        for _ in 1..MAX_TURNS {
            match self.deliver(wanted, cancel, &progress).await {
                Err(error) if is_overtaken(&error) => progress.start_over(),
                outcome => return outcome,
            }
        }
        self.deliver(wanted, cancel, &progress).await
    }

    /// Brings a blob into the layout, unless it is there.
    async fn deliver(&self, wanted: &Wanted, cancel: &Cancel, progress: &Arc<Progress>) -> Result<Outcome> {
        let blob = &wanted.blob;
        let (layout, digest) = (self.layout.clone(), blob.digest.clone());
        let target = Target::Positioned(Box::new(blocking(move || layout.blob(&digest)).await?));
        let source = Arc::clone(&self.catalog) as Arc<dyn Source>;
        let mut download = self.client.download(source, Content::from(blob), Arc::clone(progress));
        download.cancel = cancel.clone();
        download.buffers = self.buffers.clone();
        match download.into_target(target).await {
            Ok(delivery) => Ok(delivered(delivery, blob)),
            Err(error) if error.kind() == ErrorKind::NotFound => self.absent(wanted, error).await,
            Err(error) => Err(error),
        }
    }

    /// Decides about a blob that its place does not have.
    async fn absent(&self, wanted: &Wanted, error: Error) -> Result<Outcome> {
        let blob = &wanted.blob;
        if let Some(bytes) = blob.inline() {
            let (layout, digest, terms) = (self.layout.clone(), blob.digest.clone(), self.terms.clone());
            let receipt = blocking(move || layout.put(&digest, &bytes, &terms)).await?;
            return Ok(Outcome::Done(Box::new(file(receipt, named(blob))), Vec::new()));
        }
        match wanted.absence {
            _ if !blob.urls.is_empty() => {
                let place = &self.catalog;
                self.warn(&format!(
                    "{} is left out: {place} does not have it, and names other places for it",
                    blob.digest
                ));
                Ok(Outcome::LeftOut)
            }
            Absence::Lack => Err(incomplete(error)),
            Absence::Question => Ok(Outcome::Absent),
        }
    }

    /// Says whether the layout has content already.
    async fn looked_at(&self, content: Descriptor) -> Result<CopiedFile> {
        let (layout, wanted) = (self.layout.clone(), Content::from(&content));
        let (path, is_there) = blocking(move || Ok((layout.path_of(&wanted.digest), layout.has(&wanted)?))).await?;
        let fate = if is_there { Fate::Present } else { Fate::Planned };
        Ok(CopiedFile { path, content, fate, bytes_fetched: 0, bytes_resumed: 0 })
    }

    pub(super) fn warn(&self, text: &str) {
        let text = self.catalog.blot(text).into_owned();
        self.terms.observer.notice(&Event::Warning { text });
    }
}

fn delivered(delivery: Delivery, blob: &Descriptor) -> Outcome {
    let (bytes_fetched, bytes_resumed) = (delivery.bytes_fetched, delivery.bytes_resumed);
    let file = CopiedFile { bytes_fetched, bytes_resumed, ..file(delivery.receipt, named(blob)) };
    Outcome::Done(Box::new(file), delivery.endpoints)
}

fn file(receipt: Receipt, content: Descriptor) -> CopiedFile {
    let path = receipt.path.unwrap_or_default();
    let fate = if receipt.status == Status::Present { Fate::Present } else { Fate::Downloaded };
    CopiedFile { path, content, fate, bytes_fetched: 0, bytes_resumed: 0 }
}
