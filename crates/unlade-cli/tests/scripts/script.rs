//! A script: an artifact, a target, and what happens in one run after another.

use std::ops::Range;

use crate::dice::Dice;
use crate::lies::Lies;

/// How many bytes there are to make content of.
pub(crate) const POOL: usize = 40 << 20;

/// A megabyte, which is also what is noted of an unfinished file at a time.
const MIB: usize = 1 << 20;

/// Above this, a blob comes over several connections.
const LARGE: usize = 16 << 20;

#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// The layers of two artifacts, as places in the pool: what a tag means may change between runs.
    pub(crate) layers: [Vec<Range<usize>>; 2],
    pub(crate) target: Target,
    /// Whether there is another file in the target's place already.
    pub(crate) taken: bool,
    pub(crate) runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    File,
    Folder,
    Stdout,
    VerifiedStdout,
    Layout,
}

#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) way: Way,
    /// Which of the two artifacts it pulls.
    pub(crate) artifact: usize,
    pub(crate) lies: Option<Lies>,
    pub(crate) death: Option<Death>,
    /// What somebody does to the unfinished file and its journal before it.
    pub(crate) tampering: Option<Tampering>,
    /// Whether another process pulls the same at the same time.
    pub(crate) company: bool,
    pub(crate) afresh: bool,
    pub(crate) connections: usize,
    pub(crate) retries: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The command, in a process of its own.
    Command,
    /// The library, in this one.
    Library,
}

/// The end of a run once the registry has sent so many bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death {
    pub(crate) after: usize,
    pub(crate) how: How,
}

/// Of a process, a signal; of a call of the library, that its future is dropped or that it is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Kill,
    Interrupt,
    Terminate,
}

#[derive(Debug, Clone)]
pub(crate) struct Tampering {
    pub(crate) seed: u64,
    pub(crate) deed: Deed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Flip,
    Cut,
    Extend,
    Shuffle,
    Repeat,
    Replace,
    Remove,
    Link,
    SecondName,
}

impl Script {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let target = match dice.below(20) {
            0..12 => Target::File,
            12..15 => Target::Folder,
            15 => Target::Stdout,
            16 => Target::VerifiedStdout,
            _ => Target::Layout,
        };
        // One in ten is large enough for several connections.
        let large = dice.percent(10) && target != Target::Layout;
        let count = if target == Target::Folder { 2 + dice.below(3) } else { 1 };
        let mut layers = || (0..count).map(|number| place(&mut dice, large && number == 0)).collect();
        let layers: [Vec<Range<usize>>; 2] = [layers(), layers()];
        let total = layers[0].iter().map(ExactSizeIterator::len).sum();
        // A library's target is a file.
        let library = target == Target::File && dice.percent(60);
        let runs = (0..=dice.below(4)).map(|number| run(&mut dice, number, total, library)).collect();
        Self { layers, target, taken: dice.percent(30), runs }
    }
}

fn place(dice: &mut Dice, large: bool) -> Range<usize> {
    let size = if large {
        LARGE + 1 + dice.below(6 * MIB)
    } else {
        match dice.below(8) {
            0 => dice.pick(&[0, 1, 65_535, 65_536, 65_537]),
            1 => MIB * (1 + dice.below(3)),
            2 => MIB * (1 + dice.below(3)) - 1 + 2 * dice.below(2),
            3 | 4 => dice.below(4 * MIB),
            _ => dice.magnitude(20),
        }
    };
    let start = dice.below(POOL - size);
    start..start + size
}

fn run(dice: &mut Dice, number: usize, total: usize, library: bool) -> Run {
    let lies = dice.percent(60).then(|| Lies {
        seed: dice.throw(),
        percent: dice.pick(&[10, 30, 60, 100]),
        most: 1 + dice.below(6),
    });
    let death = dice.percent(50).then(|| Death {
        after: dice.below(total + total / 4 + 2000),
        how: dice.pick(&[How::Kill, How::Kill, How::Interrupt, How::Terminate]),
    });
    let deeds = [
        Deed::Flip,
        Deed::Flip,
        Deed::Cut,
        Deed::Extend,
        Deed::Shuffle,
        Deed::Repeat,
        Deed::Replace,
        Deed::Remove,
        Deed::Link,
        Deed::SecondName,
    ];
    let tampered = number > 0 && dice.percent(30);
    Run {
        way: if library && dice.percent(75) { Way::Library } else { Way::Command },
        artifact: usize::from(dice.percent(15)),
        lies,
        death,
        tampering: tampered.then(|| Tampering { seed: dice.throw(), deed: dice.pick(&deeds) }),
        company: dice.percent(15),
        afresh: dice.percent(10),
        connections: 1 + dice.below(8),
        retries: dice.below(4),
    }
}

#[test]
fn scripts_are_what_their_seeds_say_and_cover_all_there_is() {
    let all: Vec<Script> = (0..2000).map(Script::of).collect();
    assert_eq!(format!("{:?}", all[7]), format!("{:?}", Script::of(7)));
    let said = format!("{all:?}");
    for word in [
        "File",
        "Folder",
        "Stdout",
        "VerifiedStdout",
        "Layout",
        "Library",
        "Command",
        "Kill",
        "Interrupt",
        "Terminate",
        "Flip",
        "Cut",
        "Extend",
        "Shuffle",
        "Repeat",
        "Replace",
        "Remove",
        "Link",
        "SecondName",
        "company: true",
        "afresh: true",
        "taken: true",
        "lies: None",
        "death: None",
    ] {
        assert!(said.contains(word), "no script has {word}");
    }
    let sizes = || all.iter().flat_map(|script| script.layers.iter().flatten()).map(ExactSizeIterator::len);
    assert!(sizes().any(|size| size == 0) && sizes().any(|size| size > LARGE) && sizes().any(|size| size % MIB == 0));
}
