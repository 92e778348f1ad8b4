//! What a reference names, as a tree: indexes, manifests, and their layers.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};

use super::{Client, Found, told, unchosen};
use crate::error::{ErrorKind, Result};
use crate::image::Selection;
use crate::source::{Document, Source, SourceExt as _};
use crate::spec::descriptor::{Annotations, DISK_TYPE, Descriptor};
use crate::spec::entry::Entry;
use crate::spec::manifest::{Allowance, ImageManifest, Index, MAX_NESTING, Manifest};
use crate::spec::media_type::MediaType;
use crate::spec::reference::{Reference, Selector};

/// How many documents are read below the first: more platforms than any real image has, and few enough to wait for.
const MAX_DOCUMENTS: usize = 128;

/// How large they may be together, in bytes: what is kept of them stays in memory until the end.
const MAX_BYTES: u64 = 16 << 20;

/// How many are asked for at once.
const CONCURRENT: usize = 4;

/// What a reference names, down to the layers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// The reference as it was asked for.
    pub reference: Reference,
    /// The manifest or index that it names.
    pub root: Node,
}

/// A manifest or an index in the tree.
#[derive(Debug)]
#[non_exhaustive]
pub struct Node {
    /// What names it: an entry of the index above, or the description of the document itself.
    pub entry: Entry,
    /// What it is.
    pub body: Body,
}

/// What a node of the tree is.
#[derive(Debug)]
#[non_exhaustive]
pub enum Body {
    /// One image or artifact.
    Image(Box<ImageManifest>),
    /// A list, whose entries have become the nodes.
    Index(Box<Index>, Vec<Node>),
    /// Listed, and not there: the index is sparse.
    Missing,
    /// Something else than a manifest, by its type, or an entry that cannot be read.
    Opaque,
    /// A manifest that was not read: it is too large, there are too many, or it is too deep in the tree.
    Unread,
}

impl Inspection {
    /// Counts the manifests that were not read.
    pub fn unread(&self) -> usize {
        self.root.unread()
    }
}

impl Node {
    fn new(entry: Entry) -> Self {
        let is_manifest = entry.descriptor().is_some_and(|found| may_be_manifest(&found.media_type));
        Self { entry, body: if is_manifest { Body::Unread } else { Body::Opaque } }
    }

    /// Returns the nodes below it.
    pub fn children(&self) -> &[Node] {
        match &self.body {
            Body::Index(_, children) => children,
            _ => &[],
        }
    }

    /// Returns its layers.
    pub fn layers(&self) -> &[Entry] {
        match &self.body {
            Body::Image(image) => &image.layers,
            _ => &[],
        }
    }

    /// Returns its configuration.
    pub fn config(&self) -> Option<&Entry> {
        match &self.body {
            Body::Image(image) => image.config.as_ref(),
            _ => None,
        }
    }

    /// Returns what the publisher says about it: in the manifest, and besides in the index above.
    pub fn annotations(&self) -> Annotations {
        let mut annotations = self.entry.annotations().clone();
        annotations
            .extend(self.own_annotations().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
        annotations
    }

    /// Returns the kind of disk that its publisher says it is for: the annotation `disktype`.
    pub fn disk_type(&self) -> Option<&str> {
        let own = self.own_annotations().and_then(|annotations| annotations.get(DISK_TYPE)).map(String::as_str);
        own.or_else(|| self.entry.annotation(DISK_TYPE))
    }

    /// Returns the type of the artifact, by the manifest's word or that of the index above.
    pub fn artifact_type(&self) -> Option<&MediaType> {
        let own = match &self.body {
            Body::Image(image) => image.artifact_type.as_ref(),
            Body::Index(index, _) => index.artifact_type.as_ref(),
            _ => None,
        };
        own.or_else(|| self.entry.descriptor()?.artifact_type.as_ref())
    }

    /// Says whether it is an attestation: something said of another entry.
    pub fn is_attestation(&self) -> bool {
        self.entry.platform().is_some_and(crate::spec::platform::Platform::is_unknown)
    }

    fn own_annotations(&self) -> Option<&Annotations> {
        match &self.body {
            Body::Image(image) => Some(&image.annotations),
            Body::Index(index, _) => Some(&index.annotations),
            _ => None,
        }
    }

    fn unread(&self) -> usize {
        let own = usize::from(matches!(self.body, Body::Unread));
        own + self.children().iter().map(Self::unread).sum::<usize>()
    }
}

impl Client {
    /// Reads what a reference names, and all that is listed there.
    ///
    /// At most 128 manifests of 16 MiB in all are read below the first, at most 8 deep; what is beyond is
    /// [`Body::Unread`], and so is a manifest that is larger than the limit or holds too much. A manifest that an index lists and that is not there is [`Body::Missing`].
    ///
    /// # Errors
    ///
    /// As [`manifest`](Client::manifest), for any of the documents that are read.
    pub async fn inspect(&self, reference: &Reference, selection: &Selection) -> Result<Inspection> {
        let source = self.source(reference)?;
        let document = self.root(source.as_ref(), reference).await?;
        let found = if *selection == Selection::default() {
            Found { document, entry: None }
        } else {
            let descent = self.descend(source.as_ref(), document, selection, |_, _| {}).await;
            descent.map_err(|error| unchosen(error, source.as_ref(), reference))?
        };
        let told = |error| told(error, source.as_ref(), reference);
        let manifest = found.document.parse().map_err(told)?;
        let mut root = Node { entry: Entry::Readable(found.described()), body: body(manifest) };
        drop(found);
        self.read_below(&source, &mut root).await.map_err(told)?;
        Ok(Inspection { reference: reference.clone(), root })
    }

    /// Reads what is below a node, level by level.
    async fn read_below(&self, source: &Arc<dyn Source>, root: &mut Node) -> Result<()> {
        let mut allotment = Allotment::new(self.config.manifest_limit);
        let mut level: Vec<&mut Node> = vec![root];
        for _ in 0..MAX_NESTING {
            let below = level.into_iter().flat_map(|node| match &mut node.body {
                Body::Index(_, children) => children.iter_mut(),
                _ => [].iter_mut(),
            });
            level =
                below.filter(|node| matches!(node.body, Body::Unread)).filter(|node| allotment.admits(node)).collect();
            if level.is_empty() {
                break;
            }
            let reads = stream::iter(level).map(|node| async {
                let read = self.read(source.as_ref(), node).await;
                (node, read)
            });
            // In their order: what is kept must not depend on who answers first.
            let mut reads = Box::pin(reads.buffered(CONCURRENT));
            let mut done = Vec::new();
            while let Some((node, read)) = reads.next().await {
                node.body = allotment.keep(read?)?;
                done.push(node);
            }
            drop(reads);
            level = done;
        }
        Ok(())
    }

    /// Reads the document of a node, as far as that can be done.
    async fn read(&self, source: &dyn Source, node: &Node) -> Result<Read> {
        let Some(descriptor) = node.entry.descriptor() else { return Ok(Read::Missing) };
        let selector = Selector::Digest(descriptor.digest.clone());
        let read = self.cancel.guard(source.manifest(&selector)).await;
        match read.and_then(|document| document.check(descriptor).map(|()| document)) {
            Ok(document) => Ok(Read::Document(document)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Read::Missing),
            // By itself, whatever there is room for beside others.
            Err(error) if error.kind() == ErrorKind::TooLarge => Ok(Read::TooLarge),
            Err(error) => Err(error),
        }
    }
}

/// What came of reading a document.
enum Read {
    Document(Document),
    Missing,
    TooLarge,
}

/// How much may still be read and kept.
struct Allotment {
    /// How large one of them may be.
    largest: u64,
    documents: usize,
    bytes: u64,
    entries: Allowance,
}

impl Allotment {
    fn new(largest: u64) -> Self {
        Self { largest, documents: MAX_DOCUMENTS, bytes: MAX_BYTES, entries: Allowance::new() }
    }

    /// Says whether a document is to be read, and takes the room for it.
    fn admits(&mut self, node: &Node) -> bool {
        let size = node.entry.descriptor().map_or(0, |descriptor| descriptor.size);
        match (self.documents.checked_sub(1), self.bytes.checked_sub(size)) {
            (Some(documents), Some(bytes)) if size <= self.largest => {
                (self.documents, self.bytes) = (documents, bytes);
                true
            }
            _ => false,
        }
    }

    /// Reads a document, of which nothing is kept once there is no room.
    fn keep(&mut self, read: Read) -> Result<Body> {
        Ok(match read {
            Read::Document(document) => document.parse_within(&mut self.entries)?.map_or(Body::Unread, body),
            Read::Missing => Body::Missing,
            Read::TooLarge => Body::Unread,
        })
    }
}

fn body(manifest: Manifest) -> Body {
    match manifest {
        Manifest::Image(image) => Body::Image(image),
        Manifest::Index(mut index) => {
            let children = std::mem::take(&mut index.manifests).into_iter().map(Node::new).collect();
            Body::Index(index, children)
        }
    }
}

/// Says whether a type is that of a manifest, or leaves it open.
fn may_be_manifest(media_type: &MediaType) -> bool {
    Manifest::is_type(media_type) || media_type.is("") || media_type.is("application/json")
}

impl Found {
    /// Describes the document: what it is, and what the index that led to it says of it.
    fn described(&self) -> Descriptor {
        let mut descriptor = self.document.descriptor();
        if let Some(entry) = &self.entry {
            descriptor.artifact_type.clone_from(&entry.artifact_type);
            descriptor.platform.clone_from(&entry.platform);
            descriptor.annotations.clone_from(&entry.annotations);
        }
        descriptor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(media_type: &str, size: u64) -> Node {
        let digest = format!("sha256:{size:064x}").parse().unwrap();
        Node::new(Entry::Readable(Descriptor::new(media_type.parse().unwrap(), digest, size)))
    }

    #[test]
    fn what_may_be_a_manifest_is_read() {
        for (media_type, expected) in [
            ("application/vnd.oci.image.manifest.v1+json", true),
            ("application/vnd.docker.distribution.manifest.list.v2+json", true),
            ("", true),
            ("application/json", true),
            ("application/zstd", false),
        ] {
            assert_eq!(matches!(node(media_type, 1).body, Body::Unread), expected, "{media_type}");
        }
    }

    #[test]
    fn there_is_room_for_so_many_documents_and_bytes() {
        let mut allotment = Allotment::new(4 << 20);
        assert_eq!((0..1000).filter(|_| allotment.admits(&node("", 1000))).count(), MAX_DOCUMENTS);
        let mut allotment = Allotment::new(4 << 20);
        assert_eq!((0..10).filter(|_| allotment.admits(&node("", 4 << 20))).count(), 4);
        assert!(!allotment.admits(&node("", u64::MAX)) && !allotment.admits(&node("", 1)));
        // Nor does one that is too large to be read, or absurd.
        let mut allotment = Allotment::new(4 << 20);
        assert!(!allotment.admits(&node("", (4 << 20) + 1)) && !allotment.admits(&node("", u64::MAX)));
        assert_eq!((0..10).filter(|_| allotment.admits(&node("", 4 << 20))).count(), 4);
    }

    #[test]
    fn of_what_has_no_room_nothing_is_kept() {
        let entries = vec![r#"{"digest":"blake3:a","size":1}"#; 5000].join(",");
        let text = format!(r#"{{"layers":[{entries}]}}"#);
        let document = || {
            let raw = crate::spec::manifest::RawManifest::new(None, text.clone());
            Document::verify(raw, &Selector::Only).unwrap()
        };
        let mut allotment = Allotment::new(4 << 20);
        let kept =
            (0..10).filter(|_| matches!(allotment.keep(Read::Document(document())).unwrap(), Body::Image(_))).count();
        assert!((2..6).contains(&kept), "{kept}");
        assert!(matches!(allotment.keep(Read::Missing).unwrap(), Body::Missing));
        assert!(matches!(allotment.keep(Read::TooLarge).unwrap(), Body::Unread));
    }
}
