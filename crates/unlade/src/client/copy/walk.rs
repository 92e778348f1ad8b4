//! The way through all that a manifest names, bottom up.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::vec;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::{Company, CopiedFile, CopyOptions, Fate, Intent, blocking};
use crate::artifact::download::incomplete;
use crate::cancel::Cancel;
use crate::client::{Client, MAX_NESTING};
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::layout::{LayoutWriter, Terms};
use crate::observe::Event;
use crate::source::{Catalog, Document, EndpointId, Source, SourceExt as _};
use crate::spec::descriptor::{Content, Descriptor, TITLE};
use crate::spec::digest::Digest;
use crate::spec::entry::Entry;
use crate::spec::manifest::Manifest;
use crate::spec::reference::Selector;
use crate::target::{Receipt, Status, Target};
use crate::transfer::{Buffers, Delivery};

/// So many blobs are fetched at a time.
const AT_ONCE: usize = 4;

/// So many manifests and blobs may be copied at once: each costs some hundred bytes of memory.
const MAX_PARTS: usize = 100_000;

/// So many manifests may refer to what is copied: each becomes an entry of the layout's index.
const MAX_REFERRERS: usize = 4096;

/// A signature of a list of parts of an image is a referrer of a referrer; real ones are not much further away.
const MAX_DISTANCE: usize = 4;

/// So many bytes may the indexes have that stand in one another: they are in memory together.
const MAX_OPEN: usize = 8 << 20;

/// Longer titles are no names of files, and not reported.
const MAX_TITLE: usize = 4096;

/// A copy under way. Nothing names what was copied until the caller writes the layout's index.
pub(super) struct Walk {
    client: Client,
    catalog: Arc<dyn Catalog>,
    layout: LayoutWriter,
    terms: Terms,
    options: CopyOptions,
    /// Those of all blobs that are fetched at the same time.
    buffers: Buffers,
    /// What is copied or about to be, each with its size.
    seen: HashMap<Digest, u64>,
    /// How many bytes of blobs there are, as far as that is known.
    total: u64,
    waiting: VecDeque<Referrer>,
    files: Vec<CopiedFile>,
    endpoints: Vec<EndpointId>,
}

/// A manifest that is said to refer to another one.
struct Referrer {
    content: Descriptor,
    subject: Digest,
    distance: usize,
}

/// A manifest whose parts are being copied.
struct Level {
    document: Document,
    /// How many bytes of it came over the network.
    fetched: u64,
    /// The blobs that it names.
    blobs: Vec<Entry>,
    /// The manifests that it names, as far as they are not copied yet.
    manifests: vec::IntoIter<Entry>,
}

impl Walk {
    pub(super) fn new(
        client: Client,
        catalog: Arc<dyn Catalog>,
        layout: LayoutWriter,
        terms: Terms,
        options: CopyOptions,
    ) -> Self {
        let (seen, waiting) = (HashMap::new(), VecDeque::new());
        let (files, endpoints) = (Vec::new(), Vec::new());
        let buffers = Buffers::default();
        Self { client, catalog, layout, terms, options, buffers, seen, total: 0, waiting, files, endpoints }
    }

    /// Copies all that a manifest names and the manifest, and on request its referrers, which are described.
    pub(super) async fn run(&mut self, root: Document) -> Result<Vec<Descriptor>> {
        let mut found = Vec::new();
        let root_size = root.raw().bytes.len() as u64;
        self.note(&root.descriptor())?;
        self.tree(Level::of(root, root_size)?, 0).await?;
        while let Some(referrer) = self.waiting.pop_front() {
            if !self.note(&referrer.content)? {
                continue;
            }
            let (document, fetched) = self.manifest(&referrer.content).await?;
            let Some(mut described) = document.referrer_of(&referrer.subject) else {
                let text = format!(
                    "{} is listed as a referrer of {}, and is none: it is left out",
                    document.digest(),
                    referrer.subject
                );
                self.terms.observer.notice(&Event::Warning { text });
                continue;
            };
            self.tree(Level::of(document, fetched)?, referrer.distance).await?;
            // They are the manifest's own, and one of them could be taken for a tag.
            described.annotations.clear();
            found.push(described);
        }
        Ok(found)
    }

    /// Returns what was copied, and where it came from.
    pub(super) fn into_parts(self) -> (Vec<CopiedFile>, Vec<EndpointId>) {
        (self.files, self.endpoints)
    }

    /// Copies a manifest after all that it names.
    async fn tree(&mut self, root: Level, distance: usize) -> Result<()> {
        let mut open = vec![root];
        while let Some(mut level) = open.pop() {
            let Some(child) = level.manifests.next() else {
                self.end(level, distance).await?;
                continue;
            };
            let child = child.readable()?.clone();
            open.push(level);
            if !self.note(&child)? {
                continue;
            }
            if open.len() == MAX_NESTING {
                let message = format!("indexes are nested more than {MAX_NESTING} deep");
                return Err(Error::new(ErrorKind::Malformed, message));
            }
            if is_a_blob(&child) {
                self.blobs_or_manifests(child).await?;
                continue;
            }
            let (document, fetched) = self.manifest(&child).await?;
            let size: usize = open.iter().map(|level| level.document.raw().bytes.len()).sum();
            if size + document.raw().bytes.len() > MAX_OPEN {
                let message = format!("indexes in one another have more than {MAX_OPEN} bytes");
                return Err(Error::new(ErrorKind::TooLarge, message));
            }
            open.push(Level::of(document, fetched)?);
        }
        Ok(())
    }

    /// Copies the blobs of a manifest and then the manifest itself, and asks for its referrers.
    async fn end(&mut self, level: Level, distance: usize) -> Result<()> {
        let mut blobs = Vec::new();
        for blob in &level.blobs {
            let blob = blob.readable()?;
            if self.note(blob)? {
                blobs.push(blob.clone());
            }
        }
        self.blobs(blobs).await?;
        self.put(level.document.clone(), level.fetched).await?;
        match self.options.company {
            Company::Nobody => Ok(()),
            Company::Referrers => self.look_for_referrers(&level.document, distance).await,
        }
    }

    async fn look_for_referrers(&mut self, subject: &Document, distance: usize) -> Result<()> {
        let subject = subject.digest();
        let mut listed = self.client.cancel.guard(self.catalog.referrers(subject, None)).await?.entries;
        while let Some(referrer) = self.client.cancel.guard(async { listed.next().await.transpose() }).await? {
            if distance == MAX_DISTANCE {
                let message = format!("referrers of {subject} refer to each other, more than {MAX_DISTANCE} in a row");
                return Err(Error::new(ErrorKind::TooLarge, message));
            }
            if self.waiting.len() == MAX_REFERRERS {
                let message = format!("more than {MAX_REFERRERS} manifests refer to {subject} and its like");
                return Err(Error::new(ErrorKind::TooLarge, message));
            }
            let content = Descriptor::new(referrer.media_type, referrer.digest, referrer.size);
            self.waiting.push_back(Referrer { content, subject: subject.clone(), distance: distance + 1 });
        }
        Ok(())
    }

    /// Takes note of a part; returns false if it is copied already.
    fn note(&mut self, part: &Descriptor) -> Result<bool> {
        if let Some(size) = self.seen.get(&part.digest) {
            if *size == part.size {
                return Ok(false);
            }
            let message = format!("{} is promised with {size} bytes and with {}", part.digest, part.size);
            return Err(Error::new(ErrorKind::Mismatch, message));
        }
        if self.seen.len() == MAX_PARTS {
            let message = format!("it has more than {MAX_PARTS} manifests and blobs");
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        self.seen.insert(part.digest.clone(), part.size);
        Ok(true)
    }

    /// Reads a manifest, in the layout if it is there, and says how many bytes were fetched.
    async fn manifest(&self, wanted: &Descriptor) -> Result<(Document, u64)> {
        let (layout, digest) = (self.layout.clone(), wanted.digest.clone());
        if let Some(document) = blocking(move || layout.manifest(&digest)).await? {
            document.check(wanted)?;
            return Ok((document, 0));
        }
        let selector = Selector::Digest(wanted.digest.clone());
        let document = self.client.cancel.guard(self.catalog.manifest(&selector)).await.map_err(in_part)?;
        document.check(wanted)?;
        let fetched = document.raw().bytes.len() as u64;
        Ok((document, fetched))
    }

    async fn put(&mut self, document: Document, fetched: u64) -> Result<()> {
        let content = document.descriptor();
        let file = match self.options.intent {
            Intent::Copy => {
                let (layout, terms) = (self.layout.clone(), self.terms.clone());
                let put = move || layout.put(document.digest(), &document.raw().bytes, &terms);
                file(blocking(put).await?, content)
            }
            Intent::Look => self.looked_at(content).await?,
        };
        self.files.push(CopiedFile { bytes_fetched: fetched, ..file });
        Ok(())
    }

    /// Copies an entry of an index that says it is no manifest: some list blobs, as the caches of builders are.
    async fn blobs_or_manifests(&mut self, child: Descriptor) -> Result<()> {
        match self.blobs(vec![child.clone()]).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            outcome => return outcome,
        }
        let selector = Selector::Digest(child.digest.clone());
        let document = self.client.cancel.guard(self.catalog.manifest(&selector)).await.map_err(in_part)?;
        let fetched = document.raw().bytes.len() as u64;
        self.put(document, fetched).await
    }

    /// Copies blobs, a few at a time. After the first failure no other is begun, and those under way are stopped.
    async fn blobs(&mut self, blobs: Vec<Descriptor>) -> Result<()> {
        self.total = blobs.iter().fold(self.total, |total, blob| total.saturating_add(blob.size));
        self.options.progress.set_total(self.total);
        let cancel = self.client.cancel.child();
        let jobs = blobs.into_iter().enumerate().map(|(number, blob)| {
            let job = self.blob(blob, &cancel);
            async move { (number, job.await) }
        });
        let mut outcomes = stream::iter(jobs).buffer_unordered(AT_ONCE);
        let (mut copied, mut failure) = (Vec::new(), None);
        while let Some((number, outcome)) = outcomes.next().await {
            match outcome {
                Ok(Some(delivered)) => copied.push((number, delivered)),
                Ok(None) => {}
                Err(error) => {
                    // Those that are stopped have nothing to tell.
                    failure.get_or_insert(error);
                    cancel.cancel();
                }
            }
        }
        drop(outcomes);
        copied.sort_by_key(|(number, _)| *number);
        for (_, (file, endpoints)) in copied {
            self.files.push(file);
            for endpoint in endpoints {
                if !self.endpoints.contains(&endpoint) {
                    self.endpoints.push(endpoint);
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Copies a blob; `None` if it is left out.
    async fn blob(&self, blob: Descriptor, cancel: &Cancel) -> Result<Option<(CopiedFile, Vec<EndpointId>)>> {
        cancel.check()?;
        if self.options.intent == Intent::Look {
            return Ok(Some((self.looked_at(named(&blob)).await?, Vec::new())));
        }
        let target = Target::Positioned(Box::new(self.layout.blob(&blob.digest)));
        let source = Arc::clone(&self.catalog) as Arc<dyn Source>;
        let mut download = self.client.download(source, Content::from(&blob), self.options.progress.child());
        download.cancel = cancel.clone();
        download.buffers = self.buffers.clone();
        match download.into_target(target).await {
            Ok(delivery) => Ok(Some(delivered(delivery, &blob))),
            Err(error) if error.kind() == ErrorKind::NotFound => self.absent(&blob, error).await,
            Err(error) => Err(error),
        }
    }

    /// Says whether the layout has content already.
    async fn looked_at(&self, content: Descriptor) -> Result<CopiedFile> {
        let (layout, wanted) = (self.layout.clone(), Content::from(&content));
        let (path, is_there) = blocking(move || Ok((layout.path_of(&wanted.digest), layout.has(&wanted)?))).await?;
        let fate = if is_there { Fate::Present } else { Fate::Planned };
        Ok(CopiedFile { path, content, fate, bytes_fetched: 0, bytes_resumed: 0 })
    }

    /// Decides about a blob that its place does not have.
    async fn absent(&self, blob: &Descriptor, error: Error) -> Result<Option<(CopiedFile, Vec<EndpointId>)>> {
        if let Some(bytes) = blob.inline() {
            let (layout, digest, terms) = (self.layout.clone(), blob.digest.clone(), self.terms.clone());
            let receipt = blocking(move || layout.put(&digest, &bytes, &terms)).await?;
            return Ok(Some((file(receipt, named(blob)), Vec::new())));
        }
        if blob.urls.is_empty() {
            return Err(incomplete(error));
        }
        let text =
            format!("{} is left out: {} does not have it, and names other places for it", blob.digest, self.catalog);
        self.terms.observer.notice(&Event::Warning { text });
        Ok(None)
    }
}

impl Level {
    fn of(document: Document, fetched: u64) -> Result<Self> {
        let (blobs, manifests) = match document.parse()? {
            Manifest::Image(image) => (image.config.into_iter().chain(image.layers).collect(), Vec::new()),
            Manifest::Index(index) => (Vec::new(), index.manifests),
        };
        Ok(Self { document, fetched, blobs, manifests: manifests.into_iter() })
    }
}

/// Says whether an entry of an index has a type that is neither a manifest's nor missing.
fn is_a_blob(entry: &Descriptor) -> bool {
    !entry.media_type.as_str().is_empty() && !Manifest::is_type(&entry.media_type)
}

/// Says what helps where an index names a manifest that its place does not have.
fn in_part(error: Error) -> Error {
    if error.kind() != ErrorKind::NotFound {
        return error;
    }
    let advice = Advice::Choose { by: "platform", candidates: Vec::new() };
    error.making("an index names a manifest that is not there").advise(advice)
}

fn delivered(delivery: Delivery, blob: &Descriptor) -> (CopiedFile, Vec<EndpointId>) {
    let (bytes_fetched, bytes_resumed) = (delivery.bytes_fetched, delivery.bytes_resumed);
    let file = CopiedFile { bytes_fetched, bytes_resumed, ..file(delivery.receipt, named(blob)) };
    (file, delivery.endpoints)
}

fn file(receipt: Receipt, content: Descriptor) -> CopiedFile {
    let path = receipt.path.unwrap_or_default();
    let fate = if receipt.status == Status::Present { Fate::Present } else { Fate::Downloaded };
    CopiedFile { path, content, fate, bytes_fetched: 0, bytes_resumed: 0 }
}

/// Describes a blob as far as it is reported: its other annotations may be many.
fn named(blob: &Descriptor) -> Descriptor {
    let mut content = Descriptor::new(blob.media_type.clone(), blob.digest.clone(), blob.size);
    let title = blob.title().filter(|title| title.len() <= MAX_TITLE);
    content.annotations.extend(title.map(|title| (TITLE.to_owned(), title.to_owned())));
    content
}
