//! What no program can help: the power goes, it is killed, the disk is full, nothing more can be opened.
//!
//! The moments are chosen by seeds. `tests/crash` tries a thousand of them; without it a few are tried, every other
//! one of which is new in each run. A failure names its seed, which `UNLADE_SEED` then tries alone: the same moments, but
//! threads and the system's clock are not the same in each run. A power cut therefore leaves a file as well, with all
//! that the run had done to the disk.

mod clock;
mod descriptors;
mod full;
mod killed;
mod memory;
mod power;
mod scene;

use std::env;

/// Gives the seeds to try: so few, or as many as `UNLADE_SEEDS` says.
fn seeds(few: u64) -> Vec<u64> {
    let number = |name| {
        let text: String = env::var(name).ok()?;
        Some(text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
    };
    if let Some(seed) = number("UNLADE_SEED") {
        return vec![seed];
    }
    let count = number("UNLADE_SEEDS").unwrap_or(few);
    let new = || fastrand::u64(..1 << 32);
    (0..count).map(|seed| if seed % 2 == 0 { seed / 2 } else { new() }).collect()
}
