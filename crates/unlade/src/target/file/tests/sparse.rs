//! Files with holes.

use super::resume::{STEP, blob, fill, finish, stopped};
use super::*;
use crate::target::GRANULE;

#[test]
fn sparse_files_hold_what_is_not_zero_and_go_on_as_others_do() {
    let (folder, path) = folder();
    let mut blob = blob(0);
    blob[STEP - 5000..3 * STEP].fill(0);
    let sparse = || {
        let options = FileOptions::default().allocation(Allocation::Sparse);
        Box::new(FileTarget::new(resolve(&path, None).unwrap(), options))
    };
    let mut first = sparse();
    first.prepare(&job(&blob)).unwrap();
    fill(&first, &blob, &[1, 2]);
    first.suspend(Fate::Keep).unwrap();
    assert!(fs::metadata(folder.path().join(PARTIAL)).unwrap().blocks() * 512 < 8192);
    assert_eq!(finish(sparse(), &blob), [1, 2]);
    assert!(fs::read(&path).unwrap() == blob);
    let found = fs::metadata(&path).unwrap();
    assert!(found.blocks() * 512 < GRANULE + 16384, "{}", found.blocks());
}

#[test]
fn sparse_files_have_no_garbage_of_before_where_they_are_zero() {
    let (folder, path) = folder();
    let (garbage, zeros) = (blob(0), vec![0; 3 * STEP + 1000]);
    stopped(&path, &zeros, &[0]);
    fs::write(folder.path().join(PARTIAL), &garbage).unwrap();
    let options = FileOptions::default().allocation(Allocation::Sparse);
    let target = Box::new(FileTarget::new(resolve(&path, None).unwrap(), options));
    assert_eq!(finish(target, &zeros), [0; 0]);
    assert!(fs::read(&path).unwrap() == zeros);
}
