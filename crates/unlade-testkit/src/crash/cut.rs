//! What a disk holds once the power has gone: decided by a seed, without looking at anything.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use fastrand::Rng;

use super::action::Action;
use super::disk::{Disk, ROOT};
use super::{Op, Recording};

/// What a disk tears writes into: at the borders of sectors, or of pages.
const UNITS: [usize; 2] = [512, 4096];

/// How much of what was not synced survives, in a quarter each: some disks are lucky.
const LUCK: [u32; 5] = [0, 1, 2, 3, 4];

/// One cut in so many comes after the command has ended.
const LATE: u32 = 8;

/// A disk after a power cut.
#[derive(Debug)]
#[non_exhaustive]
pub struct Cut {
    /// What it holds.
    pub disk: Disk,
    /// Whether the command had ended by then, and said that all is well.
    pub is_late: bool,
    /// What became of each change, for messages.
    pub story: String,
    synced: BTreeMap<OsString, usize>,
}

impl Cut {
    /// Counts the bytes that were written to a file of the folder itself, and synced before the cut.
    pub fn synced(&self, name: &str) -> u64 {
        self.synced.get(OsStr::new(name)).map_or(0, |bytes| *bytes as u64)
    }
}

/// What becomes of a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    Durable,
    Lost,
    Lucky,
    Torn,
}

/// How lucky a disk is with data, how lucky with names, and what it tears writes into.
#[derive(Debug)]
struct Weather {
    data: u32,
    names: u32,
    unit: usize,
}

impl Recording {
    /// Cuts the power at a moment, and with a loss, that the seed decides.
    pub fn cut(&self, seed: u64) -> Cut {
        let mut rng = Rng::with_seed(seed);
        let is_late = rng.u32(..LATE) == 0;
        let at = if is_late { self.end } else { self.moment(&mut rng) };
        let mut luck = || LUCK[rng.usize(..LUCK.len())];
        let (data, names) = (luck(), luck());
        let weather = Weather { data, names, unit: UNITS[rng.usize(..UNITS.len())] };
        let mut story = format!("seed {seed}, cut at {at} of {}, {weather:?}\n", self.end);
        let (mut disk, mut synced) = (self.blank(), BTreeMap::new());
        for op in self.ops.iter().filter(|op| op.begin < at && !matches!(op.action, Action::Sync { .. })) {
            let fate = if self.is_durable(op, at) { Fate::Durable } else { fate(&op.action, &weather, &mut rng) };
            if let (Fate::Durable, Action::Write { node, bytes, .. }) = (fate, &op.action) {
                *synced.entry(*node).or_default() += bytes.len();
            }
            writeln!(story, "{:?} {:?}", fate, op.action).expect("writing to a String does not fail");
            suffer(&mut disk, &op.action, fate, weather.unit, &mut rng);
        }
        let entries = disk.entries(ROOT).iter();
        let synced = entries.filter_map(|(name, node)| Some((name.clone(), *synced.get(node)?))).collect();
        Cut { disk: disk.reachable(), is_late, story, synced }
    }

    /// Chooses a moment: at the begin of any change, or at its end.
    fn moment(&self, rng: &mut Rng) -> usize {
        let count = self.ops.len();
        match rng.usize(..=2 * count) {
            0 => 0,
            choice if choice <= count => self.ops[choice - 1].begin + 1,
            choice => self.ops[choice - count - 1].end.min(self.end - 1) + 1,
        }
    }

    /// Says whether a change was synced before the cut: a sync covers what had ended when it began.
    fn is_durable(&self, op: &Op, at: usize) -> bool {
        let synced = |wanted: usize| {
            let covers = |sync: &Op| sync.begin > op.end && sync.end < at;
            self.ops.iter().any(|sync| matches!(sync.action, Action::Sync { node } if node == wanted) && covers(sync))
        };
        match &op.action {
            Action::Link { folder, .. } | Action::Unlink { folder, .. } => synced(*folder),
            Action::Rename { from, to, .. } => synced(from.0) && synced(to.0),
            Action::Extend { node, .. }
            | Action::Mode { node, .. }
            | Action::Resize { node, .. }
            | Action::Sync { node }
            | Action::Write { node, .. } => synced(*node),
        }
    }
}

fn fate(action: &Action, weather: &Weather, rng: &mut Rng) -> Fate {
    let luck = match action {
        Action::Link { .. } | Action::Rename { .. } | Action::Unlink { .. } => weather.names,
        _ => weather.data,
    };
    match action {
        _ if rng.u32(..4) < luck => Fate::Lucky,
        Action::Write { .. } if rng.bool() => Fate::Torn,
        _ => Fate::Lost,
    }
}

/// Does to the disk what is left of a change.
fn suffer(disk: &mut Disk, action: &Action, fate: Fate, unit: usize, rng: &mut Rng) {
    match (fate, action) {
        (Fate::Durable | Fate::Lucky, _) => disk.apply(action),
        (Fate::Lost | Fate::Torn, Action::Write { node, offset, bytes }) => {
            // The file may have grown though the bytes are lost: it holds zeros there then.
            if rng.bool() {
                disk.apply(&Action::Extend { node: *node, length: offset + bytes.len() });
            }
            if fate == Fate::Torn {
                tear(disk, (*node, *offset, bytes), unit, rng);
            }
        }
        (Fate::Lost | Fate::Torn, _) => {}
    }
}

/// Writes some of the sectors that a write touches.
fn tear(disk: &mut Disk, (node, offset, bytes): (usize, usize, &[u8]), unit: usize, rng: &mut Rng) {
    let mut start = 0;
    while start < bytes.len() {
        let end = ((offset + start) / unit * unit + unit - offset).min(bytes.len());
        if rng.bool() {
            disk.apply(&Action::Write { node, offset: offset + start, bytes: bytes[start..end].to_vec() });
        }
        start = end;
    }
}
