//! The tree for people: what the reference names, then a table of all that is below.

use unlade::client::{Body, Inspection, Node};
use unlade::spec::descriptor::Annotations;
use unlade::spec::entry::Entry;
use unlade::spec::media_type::OCI_EMPTY;

use super::super::pick::digest;
use crate::table::{Room, Table};
use crate::units;

/// Of a manifest in an index so many layers are shown one by one: an artifact has few, and those of a container image
/// say little.
const MAX_LAYERS: usize = 8;

/// So many annotations are shown.
const MAX_ANNOTATIONS: usize = 16;

/// The columns of the table, in the order of a [`Row`], and how wide a terminal must be for each: on a narrow one, few
/// columns say more than the beginnings of many.
const COLUMNS: [(&str, usize); 6] =
    [("NAME", 0), ("PLATFORM", 0), ("DISK TYPE", 30), ("SIZE", 40), ("TYPE", 100), ("DIGEST", 70)];

/// A line of the table.
type Row = [String; 6];

/// Writes the whole.
pub(super) fn of(inspection: &Inspection, room: Room) -> String {
    let whole = &inspection.root;
    let mut names = Table::new(&[]);
    names.row([inspection.reference.to_string()]);
    names.row([whole.entry.digest().unwrap_or_default()]);
    let mut text = names.text(room) + &facts(whole).text(room);
    let mut rows = Vec::new();
    match &whole.body {
        Body::Index(_, children) => children.iter().for_each(|child| node(child, 0, room, &mut rows)),
        _ => content(whole, 0, usize::MAX, room, &mut rows),
    }
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table(rows, room).text(room));
    }
    text
}

/// Tells what is known of what the reference names.
fn facts(root: &Node) -> Table {
    let mut table = Table::new(&[]);
    let descriptor = root.entry.descriptor();
    let facts = [
        ("type", Some(root.entry.media_type().as_str().to_owned())),
        ("size", descriptor.map(|descriptor| units::bytes(descriptor.size))),
        ("artifact type", root.artifact_type().map(|found| found.as_str().to_owned())),
        ("platform", root.entry.platform().map(ToString::to_string)),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            table.row([name, &value]);
        }
    }
    let annotations: Annotations = root.annotations();
    for (number, (key, value)) in annotations.iter().take(MAX_ANNOTATIONS).enumerate() {
        table.row([if number == 0 { "annotations" } else { "" }, &format!("{key}={value}")]);
    }
    if let Some(more) = annotations.len().checked_sub(MAX_ANNOTATIONS).filter(|more| *more > 0) {
        table.row(["", &format!("and {more} more: --json shows all")]);
    }
    table
}

/// Puts the rows together, without the columns that are empty in all of them, and those for which there is no room.
fn table(rows: Vec<Row>, room: Room) -> Table {
    let fits = |least| match room {
        Room::Columns(columns) => columns >= least,
        Room::Endless => true,
    };
    let shown: Vec<usize> = (0..COLUMNS.len()).filter(|column| fits(COLUMNS[*column].1)).collect();
    let mut table = Table::new(&shown.iter().map(|column| COLUMNS[*column].0).collect::<Vec<_>>());
    for row in rows {
        table.row(shown.iter().map(|column| &row[*column]));
    }
    table.without_empty_columns()
}

/// Describes a manifest or an index that is listed, and below it what it holds.
fn node(branch: &Node, depth: usize, room: Room, rows: &mut Vec<Row>) {
    let size = match &branch.body {
        Body::Image(_) => Some(branch.layers().iter().filter_map(size_of).fold(0, u64::saturating_add)),
        Body::Opaque => size_of(&branch.entry),
        _ => None,
    };
    rows.push([
        indented(depth, &name(branch)),
        branch.entry.platform().map(ToString::to_string).unwrap_or_default(),
        branch.disk_type().unwrap_or_default().to_owned(),
        size.map(units::bytes).unwrap_or_default(),
        media_type(&kind(branch), room),
        digest(&branch.entry, room),
    ]);
    for child in branch.children() {
        node(child, depth + 1, room, rows);
    }
    content(branch, depth + 1, MAX_LAYERS, room, rows);
}

/// Lists the layers of a manifest, one by one or all in one line.
fn content(node: &Node, depth: usize, most: usize, room: Room, rows: &mut Vec<Row>) {
    let layers = node.layers();
    if layers.len() > most {
        let mut row = Row::default();
        row[0] = indented(depth, &format!("{} layers", layers.len()));
        rows.push(row);
        return;
    }
    for (number, layer) in layers.iter().enumerate() {
        let title = layer.title().map_or_else(|| format!("layer {}", number + 1), str::to_owned);
        let name = match layer.readable() {
            Ok(_) => title,
            Err(unreadable) => format!("{title} (cannot be used: {})", unreadable.fault),
        };
        rows.push([
            indented(depth, &name),
            String::new(),
            String::new(),
            size_of(layer).map(units::bytes).unwrap_or_default(),
            media_type(layer.media_type().as_str(), room),
            digest(layer, room),
        ]);
    }
}

/// Says what a node is, and what became of it.
fn name(node: &Node) -> String {
    let kind = match &node.body {
        _ if node.is_attestation() => "attestation",
        Body::Index(..) => "index",
        Body::Opaque => "entry",
        _ => "manifest",
    };
    match (&node.body, node.entry.readable()) {
        (_, Err(unreadable)) => format!("{kind} (cannot be used: {})", unreadable.fault),
        (Body::Missing, _) => format!("{kind} (missing)"),
        (Body::Unread, _) => format!("{kind} (not read)"),
        _ => kind.to_owned(),
    }
}

/// Returns the type that says most of a node: that of the artifact, or of the configuration.
fn kind(node: &Node) -> String {
    let config = node.config().map(Entry::media_type).filter(|found| !found.is(OCI_EMPTY));
    let other = match &node.body {
        Body::Opaque => Some(node.entry.media_type()),
        _ => config,
    };
    node.artifact_type().or(other).map(|found| found.as_str().to_owned()).unwrap_or_default()
}

/// Shortens a type for a terminal, where nearly all of them begin alike.
fn media_type(text: &str, room: Room) -> String {
    match room {
        Room::Columns(_) => text.strip_prefix("application/").unwrap_or(text).to_owned(),
        Room::Endless => text.to_owned(),
    }
}

fn size_of(entry: &Entry) -> Option<u64> {
    entry.descriptor().map(|descriptor| descriptor.size)
}

fn indented(depth: usize, text: &str) -> String {
    format!("{:width$}{text}", "", width = 2 * depth)
}
