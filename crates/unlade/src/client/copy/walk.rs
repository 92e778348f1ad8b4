//! The way through all that a manifest names, bottom up.

use std::collections::hash_map::Entry as Place;
use std::collections::{HashMap, HashSet, VecDeque};
use std::iter::Peekable;
use std::vec;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::Company;
use super::carrier::{AT_ONCE, Absence, Carrier, Outcome, Read, Wanted};
use super::report::Report;
use super::stored::{Role, Stored, contradiction};
use crate::error::{Advice, Error, ErrorKind, Result};
use crate::layout::Capacity;
use crate::spec::descriptor::Descriptor;
use crate::spec::digest::Digest;
use crate::spec::entry::Entry;
use crate::spec::manifest::{MAX_NESTING, Manifest};
use crate::spec::text::sanitise;

/// So many manifests of one index, of images or of nothing, are copied together: enough to keep all connections busy.
const TOGETHER: usize = 16;

/// So many bytes may these manifests have, unless one alone has more: they are in memory together.
const MAX_TOGETHER: u64 = 1 << 20;

/// So many manifests may be listed as referrers of what is copied: each may become an entry of the layout's index.
const MAX_REFERRERS: usize = 4096;

/// A signature of a list of parts of an image is a referrer of a referrer; real ones are not much further away.
const MAX_DISTANCE: usize = 4;

/// So many bytes may the indexes have that stand in one another: they are in memory together.
const MAX_OPEN: usize = 8 << 20;

/// A copy under way. Nothing names what was copied until the caller writes the layout's index.
pub(super) struct Walk {
    carrier: Carrier,
    stored: Stored,
    /// What the layout's index can still take.
    capacity: Capacity,
    /// How many bytes of blobs there are, as far as that is known.
    total: u64,
    waiting: VecDeque<Referrer>,
    /// Who was ever listed as a referrer of whom: the same may be listed rightly here and wrongly there.
    listed: HashSet<(Digest, Digest)>,
    report: Report,
}

/// A manifest that is said to refer to another one.
struct Referrer {
    content: Descriptor,
    subject: Digest,
    distance: usize,
}

/// A manifest whose parts are being copied.
struct Level {
    read: Read,
    /// The blobs that it names.
    blobs: Vec<Entry>,
    /// The manifests that it names, as far as they are not copied yet.
    manifests: Peekable<vec::IntoIter<Entry>>,
    /// What it names as something else than a manifest and could be one: its place has no such blob.
    questions: VecDeque<Descriptor>,
}

/// What comes next in a manifest.
enum Next {
    /// Nothing: its own turn has come.
    End,
    /// What may be an index.
    Inner(Descriptor),
    /// What names no manifests: images, and blobs.
    Leaves(Vec<(Descriptor, Role)>),
    /// What is no blob.
    Question(Descriptor),
}

impl Walk {
    pub(super) fn new(carrier: Carrier, capacity: Capacity) -> Self {
        Self {
            carrier,
            stored: Stored::default(),
            capacity,
            total: 0,
            waiting: VecDeque::new(),
            listed: HashSet::new(),
            report: Report::default(),
        }
    }

    /// Copies all that a manifest names and the manifest, and on request its referrers, which are described.
    pub(super) async fn run(&mut self, root: Read) -> Result<Vec<Descriptor>> {
        let mut found = Vec::new();
        self.tree(Level::of(root)?, 0).await?;
        while let Some(referrer) = self.waiting.pop_front() {
            let Some((read, described)) = self.referrer(&referrer).await? else {
                continue;
            };
            self.capacity.take(&described)?;
            if !self.stored.has(&referrer.content, Role::Manifest)? {
                self.tree(Level::of(read)?, referrer.distance).await?;
            }
            found.push(described);
        }
        Ok(found)
    }

    /// Returns what is in the layout now, and what is to be told.
    pub(super) fn into_parts(self) -> (Stored, Report) {
        (self.stored, self.report)
    }

    /// Reads what is listed as a referrer, and describes it; `None` if it is none. A list is no promise: tags that
    /// publishers keep name what was deleted long ago.
    async fn referrer(&self, referrer: &Referrer) -> Result<Option<(Read, Descriptor)>> {
        let (digest, subject) = (&referrer.content.digest, &referrer.subject);
        let read = match self.carrier.document(&referrer.content).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let text = format!("{digest} is listed as a referrer of {subject}, and is not there: it is left out");
                self.carrier.warn(&text);
                return Ok(None);
            }
            read => read?,
        };
        let Some(mut described) = read.document.referrer_of(subject) else {
            self.carrier.warn(&format!("{digest} is listed as a referrer of {subject}, and is none: it is left out"));
            return Ok(None);
        };
        // They are the manifest's own, and one of them could be taken for a tag.
        described.annotations.clear();
        Ok(Some((read, described)))
    }

    /// Copies a manifest after all that it names.
    async fn tree(&mut self, root: Level, distance: usize) -> Result<()> {
        let mut open = vec![root];
        while let Some(mut level) = open.pop() {
            let next = level.next(&self.stored)?;
            if matches!(next, Next::End) {
                self.end(vec![level], Vec::new(), distance).await?;
                continue;
            }
            open.push(level);
            if open.len() == MAX_NESTING {
                let message = format!("indexes are nested more than {MAX_NESTING} deep");
                return Err(Error::new(ErrorKind::Malformed, message));
            }
            match next {
                Next::End => {}
                Next::Inner(child) => {
                    let read = self.carrier.manifest(&child).await.map_err(in_part)?;
                    open.push(Level::inside(&open, read)?);
                }
                Next::Leaves(leaves) => {
                    let questions = self.leaves(leaves, distance).await?;
                    open.last_mut().expect("it was pushed above").questions.extend(questions);
                }
                Next::Question(child) => {
                    let read = self.carrier.document(&child).await.map_err(in_part)?;
                    match read.document.parse() {
                        Ok(_) => open.push(Level::inside(&open, read)?),
                        Err(_) => self.unknown(&child, read).await?,
                    }
                }
            }
        }
        Ok(())
    }

    /// Copies what its place keeps as a manifest and what is none of those that are known.
    async fn unknown(&mut self, child: &Descriptor, read: Read) -> Result<()> {
        let kind = sanitise(child.media_type.as_str()).into_owned();
        self.carrier.warn(&format!("{} is {kind}, which is not known: what it may name is left out", child.digest));
        let file = self.carrier.put(read).await?;
        self.report.add(file, Vec::new());
        self.stored.note(child, Role::Blob)
    }

    /// Copies what names no manifests; returns what is left open.
    async fn leaves(&mut self, leaves: Vec<(Descriptor, Role)>, distance: usize) -> Result<Vec<Descriptor>> {
        let (manifests, blobs): (Vec<_>, Vec<_>) = leaves.into_iter().partition(|(_, role)| *role == Role::Manifest);
        let manifests: Vec<&Descriptor> = manifests.iter().map(|(leaf, _)| leaf).collect();
        let read = self.carrier.manifests(&manifests).await.map_err(in_part)?;
        let levels = read.into_iter().map(Level::of).collect::<Result<Vec<Level>>>()?;
        self.end(levels, blobs.into_iter().map(|(blob, _)| blob).collect(), distance).await
    }

    /// Copies blobs, and manifests after their own blobs, and asks for their referrers; returns those of the first
    /// that are none.
    async fn end(&mut self, levels: Vec<Level>, blobs: Vec<Descriptor>, distance: usize) -> Result<Vec<Descriptor>> {
        let mut wanted = Vec::new();
        let mut places = HashMap::new();
        for blob in levels.iter().flat_map(|level| &level.blobs) {
            self.want(blob.readable()?, Absence::Lack, &mut wanted, &mut places)?;
        }
        for blob in &blobs {
            self.want(blob, Absence::Question, &mut wanted, &mut places)?;
        }
        let questions = self.blobs(wanted).await?;
        let mut subjects = Vec::new();
        for level in levels {
            let content = level.read.document.descriptor();
            let file = self.carrier.put(level.read).await?;
            if !self.stored.has(&content, Role::Blob)? {
                self.report.add(file, Vec::new());
            }
            self.stored.note(&content, Role::Manifest)?;
            subjects.push(content.digest);
        }
        match self.carrier.options.company {
            Company::Nobody => {}
            Company::Referrers => self.look_for_referrers(subjects, distance).await?,
        }
        Ok(questions)
    }

    /// Adds a blob to those that are wanted, unless it is there or stands among them.
    fn want(
        &self,
        blob: &Descriptor,
        absence: Absence,
        wanted: &mut Vec<Wanted>,
        places: &mut HashMap<Digest, usize>,
    ) -> Result<()> {
        if self.stored.has(blob, Role::Blob)? || self.stored.is_left_out(blob) {
            return Ok(());
        }
        match places.entry(blob.digest.clone()) {
            Place::Vacant(place) => {
                place.insert(wanted.len());
                wanted.push(Wanted { blob: blob.clone(), absence });
            }
            Place::Occupied(place) => {
                let known = &mut wanted[*place.get()];
                if known.blob.size != blob.size {
                    return Err(contradiction(blob, known.blob.size));
                }
                // Who names no other place for it needs it here.
                if blob.urls.is_empty() && absence == Absence::Lack {
                    known.blob.urls.clear();
                }
            }
        }
        Ok(())
    }

    async fn blobs(&mut self, wanted: Vec<Wanted>) -> Result<Vec<Descriptor>> {
        self.total = wanted.iter().fold(self.total, |total, wanted| total.saturating_add(wanted.blob.size));
        self.carrier.options.progress.set_total(self.total);
        let outcomes = self.carrier.blobs(&wanted).await?;
        let mut questions = Vec::new();
        for (Wanted { blob, .. }, outcome) in wanted.into_iter().zip(outcomes) {
            if !matches!(outcome, Outcome::Done(..)) {
                // These bytes are not coming.
                self.total = self.total.saturating_sub(blob.size);
            }
            match outcome {
                Outcome::Done(file, from) => {
                    self.report.add(*file, from);
                    self.stored.note(&blob, Role::Blob)?;
                }
                Outcome::LeftOut => self.stored.leave_out(&blob)?,
                Outcome::Absent => questions.push(blob),
            }
        }
        self.carrier.options.progress.set_total(self.total);
        Ok(questions)
    }

    async fn look_for_referrers(&mut self, subjects: Vec<Digest>, distance: usize) -> Result<()> {
        let Self { carrier, listed, waiting, .. } = self;
        let lists = subjects.into_iter().map(|subject| async {
            let list = carrier.client.cancel.guard(carrier.catalog.referrers(&subject, None)).await;
            list.map(|list| (list.entries, subject))
        });
        let mut lists = stream::iter(lists).buffered(AT_ONCE);
        while let Some(list) = lists.next().await {
            let (mut entries, subject) = list?;
            while let Some(referrer) = carrier.client.cancel.guard(async { entries.next().await.transpose() }).await? {
                if distance == MAX_DISTANCE {
                    let message =
                        format!("referrers of {subject} refer to each other, more than {MAX_DISTANCE} in a row");
                    return Err(Error::new(ErrorKind::TooLarge, message));
                }
                if !listed.insert((referrer.digest.clone(), subject.clone())) {
                    continue;
                }
                if listed.len() > MAX_REFERRERS {
                    let message = format!("more than {MAX_REFERRERS} manifests refer to it and to what it names");
                    return Err(Error::new(ErrorKind::TooLarge, message));
                }
                let content = Descriptor::new(referrer.media_type, referrer.digest, referrer.size);
                waiting.push_back(Referrer { content, subject: subject.clone(), distance: distance + 1 });
            }
        }
        Ok(())
    }
}

impl Level {
    fn of(read: Read) -> Result<Self> {
        let (blobs, manifests) = match read.document.parse()? {
            Manifest::Image(image) => (image.config.into_iter().chain(image.layers).collect(), Vec::new()),
            Manifest::Index(index) => (Vec::new(), index.manifests),
        };
        Ok(Self { read, blobs, manifests: manifests.into_iter().peekable(), questions: VecDeque::new() })
    }

    /// Takes a manifest that stands in others.
    fn inside(open: &[Level], read: Read) -> Result<Self> {
        let size: usize = open.iter().map(|level| level.read.document.raw().bytes.len()).sum();
        if size + read.document.raw().bytes.len() > MAX_OPEN {
            let message = format!("indexes in one another have more than {MAX_OPEN} bytes");
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        Self::of(read)
    }

    /// Takes what comes next and is not copied yet.
    fn next(&mut self, stored: &Stored) -> Result<Next> {
        if let Some(question) = self.questions.pop_front() {
            return Ok(Next::Question(question));
        }
        let (mut leaves, mut size): (Vec<(Descriptor, Role)>, u64) = (Vec::new(), 0);
        while let Some(entry) = self.manifests.peek() {
            let child = entry.readable()?;
            let role = if is_a_blob(child) { Role::Blob } else { Role::Manifest };
            let is_leaf = role == Role::Blob || Manifest::is_type_of_image(&child.media_type);
            if !is_leaf && !leaves.is_empty() {
                break;
            }
            if !is_copied(child, role, stored, &leaves)? {
                if !is_leaf {
                    let child = child.clone();
                    self.manifests.next();
                    return Ok(Next::Inner(child));
                }
                size = size.saturating_add(if role == Role::Manifest { child.size } else { 0 });
                if !leaves.is_empty() && (leaves.len() == TOGETHER || size > MAX_TOGETHER) {
                    break;
                }
                leaves.push((child.clone(), role));
            }
            self.manifests.next();
        }
        Ok(if leaves.is_empty() { Next::End } else { Next::Leaves(leaves) })
    }
}

/// Says whether an entry of an index was copied already, or is about to be.
fn is_copied(child: &Descriptor, role: Role, stored: &Stored, leaves: &[(Descriptor, Role)]) -> Result<bool> {
    if stored.has(child, role)? || (role == Role::Blob && stored.is_left_out(child)) {
        return Ok(true);
    }
    match leaves.iter().find(|(leaf, _)| leaf.digest == child.digest) {
        Some((leaf, _)) if leaf.size != child.size => Err(contradiction(child, leaf.size)),
        _ => Ok(leaves.iter().any(|(leaf, known)| leaf.digest == child.digest && role == *known)),
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
