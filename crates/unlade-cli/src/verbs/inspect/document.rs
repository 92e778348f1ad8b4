//! The tree as a document. It is written node by node: as values it would take many times its size.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use unlade::client::{Body, Inspection, Node};
use unlade::spec::entry::Entry;
use unlade::spec::text::sanitise;

use crate::output;

/// The whole.
pub(super) struct Document<'a>(pub(super) &'a Inspection);

/// A node below the first.
struct Below<'a>(&'a Node);

/// Layers; each is described when it is written.
struct Layers<'a>(&'a [Entry]);

/// Nodes of one index.
struct Nodes<'a>(&'a [Node]);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("reference", &self.0.reference.to_string())?;
        members(&self.0.root, &mut map)?;
        map.end()
    }
}

impl Serialize for Below<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        members(self.0, &mut map)?;
        map.end()
    }
}

impl Serialize for Layers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(output::entry))
    }
}

impl Serialize for Nodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Below))
    }
}

/// Writes the contract's keys. What is not known is `null`, and so are the contents of what was not read.
fn members<M: serde::ser::SerializeMap>(node: &Node, map: &mut M) -> Result<(), M::Error> {
    let entry = &node.entry;
    map.serialize_entry("digest", &entry.digest())?;
    map.serialize_entry("media_type", &sanitise(entry.media_type().as_str()))?;
    map.serialize_entry("size", &entry.descriptor().map(|descriptor| descriptor.size))?;
    map.serialize_entry("artifact_type", &node.artifact_type().map(|found| sanitise(found.as_str())))?;
    let platform = entry.platform().map(|platform| sanitise(&platform.to_string()).into_owned());
    map.serialize_entry("platform", &platform)?;
    map.serialize_entry("annotations", &output::annotations(&node.annotations()))?;
    map.serialize_entry("config", &node.config().map(output::entry))?;
    let known = matches!(node.body, Body::Image(_) | Body::Index(..));
    map.serialize_entry("layers", &known.then(|| Layers(node.layers())))?;
    map.serialize_entry("manifests", &known.then(|| Nodes(node.children())))?;
    match node.body {
        Body::Missing => map.serialize_entry("missing", &true)?,
        Body::Unread => map.serialize_entry("unread", &true)?,
        _ => {}
    }
    if let Err(unreadable) = entry.readable() {
        map.serialize_entry("fault", &unreadable.fault.to_string())?;
    }
    Ok(())
}
