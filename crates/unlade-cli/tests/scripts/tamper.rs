//! What others do to unfinished files and their journals between two runs.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use unlade_testkit::process::files;

use crate::dice::Dice;
use crate::script::{Deed, Tampering};

/// How long records of journals may be; others are split somewhere, which is as good.
const RECORDS: [usize; 5] = [8, 16, 24, 32, 64];

/// Lists what is unfinished, or tells of it: what may stand in a folder beside what was published.
pub(crate) fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let is_ours = |name: &String| is_unfinished(name);
    files(folder).into_iter().filter(is_ours).map(|name| folder.join(name)).collect()
}

/// Says whether a path is that of an unfinished file or of its journal.
pub(crate) fn is_unfinished(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.starts_with('.') && (name.ends_with(".unlade-partial") || name.ends_with(".unlade-journal"))
}

/// Says whether what stands there is a link, by either of its kinds, and so somebody else's too.
pub(crate) fn is_strange(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| !found.is_file() || found.nlink() > 1)
}

impl Tampering {
    /// Does it to one of the files, if there is any.
    pub(crate) fn apply(&self, folder: &Path, victim: &Path) {
        let mut dice = Dice::new(self.seed);
        let found = unfinished(folder);
        if found.is_empty() {
            return;
        }
        let path = dice.pick(&found);
        let put = |bytes: Vec<u8>| fs::write(&path, bytes).expect("change the file");
        // What is a link already stays one: the other name of it is somebody else's.
        let is_own = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file() && found.nlink() == 1);
        if !is_own {
            return;
        }
        let mut bytes = fs::read(&path).expect("read the file");
        match self.deed {
            Deed::Flip => {
                if let Some(byte) = (!bytes.is_empty()).then(|| dice.below(bytes.len())) {
                    bytes[byte] ^= 1 << dice.below(8);
                }
                put(bytes);
            }
            Deed::Cut => {
                bytes.truncate(dice.below(bytes.len() + 1));
                put(bytes);
            }
            Deed::Extend => {
                bytes.extend((0..=dice.magnitude(16)).map(|at| at.to_le_bytes()[0]));
                put(bytes);
            }
            Deed::Shuffle => put(shuffled(&mut dice, &bytes)),
            Deed::Repeat => put([bytes.as_slice(), &bytes].concat()),
            Deed::Replace => {
                let length = if dice.percent(50) { bytes.len() } else { dice.magnitude(20) };
                let noise: Vec<u8> = (0..length).map(|_| dice.throw().to_le_bytes()[0]).collect();
                put(noise);
            }
            Deed::Remove => fs::remove_file(&path).expect("remove the file"),
            Deed::Link => {
                fs::remove_file(&path).expect("remove the file");
                symlink(victim, &path).expect("make a link");
            }
            Deed::SecondName => {
                fs::remove_file(&path).expect("remove the file");
                fs::hard_link(victim, &path).expect("make a link");
            }
        }
    }
}

fn shuffled(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let mut records: Vec<&[u8]> = bytes.chunks(dice.pick(&RECORDS)).collect();
    for last in (1..records.len()).rev() {
        records.swap(last, dice.below(last + 1));
    }
    records.concat()
}
