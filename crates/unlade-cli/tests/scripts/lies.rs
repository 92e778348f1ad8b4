//! Lies for any request, chosen by what it asks for and not by when it comes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use unlade_testkit::{Fault, ReceivedRequest, RetryAfter};

use crate::dice::Dice;

/// How a registry lies during a run.
#[derive(Debug, Clone)]
pub(crate) struct Lies {
    pub(crate) seed: u64,
    pub(crate) percent: usize,
    pub(crate) most: usize,
}

/// What would take minutes where nothing is at stake: byte after byte.
const SLOW: [u16; 2] = [7, 69];

/// What is told about lists that no pull asks for, or about tokens where none is needed.
fn is_about_others(fault: &Fault) -> bool {
    matches!(fault.number(), 34..=38 | 59..=62 | 78..=83 | 85..=87 | 91 | 92)
}

impl Lies {
    /// Makes the chooser that a registry asks at each request.
    pub(crate) fn chooser(&self) -> impl Fn(&ReceivedRequest) -> Option<Fault> + Send + Sync + 'static {
        let (lies, told, seen) = (self.clone(), AtomicUsize::new(0), Mutex::new(HashMap::<u64, u64>::new()));
        move |request| {
            // Requests come in any order: the same range gets the same lie whenever it is asked for.
            let mut hasher = DefaultHasher::new();
            (&request.method, &request.path, request.header("range")).hash(&mut hasher);
            let key = hasher.finish();
            let turn = {
                let mut seen = seen.lock().expect("nobody panics with it");
                let count = seen.entry(key).or_default();
                *count += 1;
                *count
            };
            let mut dice = Dice::new(lies.seed ^ key ^ turn.wrapping_mul(0x517c_c1b7_2722_0a95));
            // Of manifests there are few, and nothing follows a lie about them.
            let percent = if request.path.contains("/blobs/") { lies.percent } else { lies.percent / 8 };
            let lie = dice.percent(percent) && told.fetch_add(1, Ordering::SeqCst) < lies.most;
            lie.then(|| any(&mut dice))
        }
    }
}

/// Chooses any lie, most often one about a body or a range.
fn any(dice: &mut Dice) -> Fault {
    match dice.below(10) {
        0..4 => about_bodies(dice),
        4..7 => about_ranges(dice),
        7 => passing(dice),
        _ => {
            let fits = |fault: &Fault| !SLOW.contains(&fault.number()) && !is_about_others(fault);
            let all: Vec<Fault> = Fault::examples().into_iter().filter(fits).collect();
            dice.pick(&all)
        }
    }
}

fn about_bodies(dice: &mut Dice) -> Fault {
    let after = dice.magnitude(23);
    let by = 1 + dice.magnitude(12);
    match dice.below(10) {
        0 | 1 => Fault::CutBody { after },
        2 | 3 => Fault::ResetBody { after },
        4 => Fault::StallBody { after },
        5 => Fault::FlipByte { at: after },
        6 => Fault::LengthTooLarge { by },
        7 => Fault::LengthTooSmall { by },
        8 => Fault::LengthMissing { after },
        _ => Fault::ChunkedUnfinished { after },
    }
}

fn about_ranges(dice: &mut Dice) -> Fault {
    let by = 1 + dice.magnitude(21);
    match dice.below(10) {
        0 => Fault::RangeWrongStart,
        1 => Fault::RangeWrongTotal,
        2 => Fault::RangeMissing,
        3 => Fault::RangeDuplicated,
        4 => Fault::RangeUnasked,
        5 | 6 => Fault::RangeIgnored,
        7 => Fault::RangeRefused,
        8 => Fault::RangeShort { by },
        _ => Fault::RangeLong { by },
    }
}

/// Chooses one after which another try is all that is called for.
fn passing(dice: &mut Dice) -> Fault {
    dice.pick(&[
        Fault::ResetBeforeAnswer,
        Fault::CloseBeforeAnswer,
        Fault::TooManyRequests { retry_after: RetryAfter::Seconds(0) },
        Fault::TooManyRequests { retry_after: RetryAfter::Date(Duration::from_secs(1)) },
        Fault::ServerError { status: 503, retry_after: RetryAfter::Absent },
        Fault::ServerError { status: 500, retry_after: RetryAfter::Seconds(0) },
        Fault::RequestTimeout,
        Fault::ConnectionClose,
        Fault::ExtraBytes,
        Fault::Chunked,
    ])
}
