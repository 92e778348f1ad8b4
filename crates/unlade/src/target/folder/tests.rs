use std::fs;

use tempfile::TempDir;

use super::super::stage::{Fate, Job, Room, Stage as _};
use super::*;
use crate::cancel::Cancel;
use crate::observe::Blind;
use crate::spec::digest::Algorithm;
use crate::verify::digest_of;

fn content(text: &str) -> Content {
    Content { digest: digest_of(Algorithm::Sha256, text.as_bytes()), size: Some(text.len() as u64) }
}

fn places(folder: &Folder, titles: &[&str]) -> Vec<Place> {
    let layers: Vec<_> = titles.iter().map(|title| (*title, content(title))).collect();
    let slots = folder.arrange(&layers, Probe::Look).unwrap();
    slots.into_iter().filter_map(|slot| if let Slot::File(place) = slot { Some(place) } else { None }).collect()
}

fn prepared(root: &Arc<Root>, place: &Place) -> Box<FileTarget> {
    let mut target = root.file(place.clone(), FileOptions::default());
    let job = Job::new(content("x"), std::time::Duration::ZERO, Cancel::new(), Arc::new(Blind));
    assert!(matches!(target.prepare(&job).unwrap(), Room::Empty));
    Box::new(target)
}

fn count(path: &Path) -> usize {
    fs::read_dir(path).unwrap().count()
}

#[test]
fn who_chose_the_folder_decides_what_is_replaced_in_it() {
    let folder = TempDir::new().unwrap();
    let options = FileOptions::default();
    let named = Folder::resolve(folder.path()).unwrap();
    assert_eq!((named.replace(&options), named.path()), (Replace::Always, folder.path()));
    let current = Folder::current();
    assert_eq!((current.replace(&options), current.path()), (Replace::Never, Path::new(".")));
    assert_eq!(current.replace(&options.clone().replace(Replace::Always)), Replace::Always);
    assert_eq!(places(&current, &["a/b"])[0].path(), Path::new("a/b"));
    assert_eq!(places(&named, &["a/b"])[0].path(), folder.path().join("a/b"));
}

#[test]
fn nothing_is_made_before_it_is_needed() {
    let folder = TempDir::new().unwrap();
    let new = Folder::resolve(&folder.path().join("new/er")).unwrap();
    let places = places(&new, &["a/b/c"]);
    assert_eq!(count(folder.path()), 0);
    let root = new.open(Durability::NoSync).unwrap();
    assert_eq!(count(&folder.path().join("new/er")), 0);
    let target = prepared(&root, &places[0]);
    assert_eq!(count(&folder.path().join("new/er/a/b")), 1);
    drop((target, root));
    assert_eq!(count(folder.path()), 0, "and nothing of it is left");
}

#[test]
fn folders_go_with_the_last_of_those_that_shared_them() {
    let folder = TempDir::new().unwrap();
    let new = Folder::resolve(&folder.path().join("new")).unwrap();
    let places = places(&new, &["a/one", "a/b/two", "c/three"]);
    let root = new.open(Durability::NoSync).unwrap();
    let mut targets: Vec<_> = places.iter().map(|place| prepared(&root, place)).collect();
    drop(root);
    fs::write(folder.path().join("new/c/stranger"), "mine").unwrap();
    // Whoever made a folder may be the first to leave it.
    while !targets.is_empty() {
        assert!(folder.path().join("new/a").exists());
        targets.remove(0).suspend(Fate::Keep).unwrap();
    }
    assert!(!folder.path().join("new/a").exists());
    assert_eq!(fs::read(folder.path().join("new/c/stranger")).unwrap(), b"mine");
}

#[test]
fn a_folder_that_another_process_removed_is_made_again() {
    let folder = TempDir::new().unwrap();
    let new = Folder::resolve(&folder.path().join("new")).unwrap();
    let places = places(&new, &["a"]);
    let root = new.open(Durability::NoSync).unwrap();
    fs::remove_dir(folder.path().join("new")).unwrap();
    let target = prepared(&root, &places[0]);
    assert_eq!(count(&folder.path().join("new")), 1);
    drop((target, root));
}

#[test]
fn a_folder_that_folds_case_is_found_by_the_innermost_that_is_there() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("there")).unwrap();
    let nearest = |base: &str, shared: &[&str]| {
        let found =
            Folder::resolve(&folder.path().join(base)).unwrap().nearest(shared.iter().copied()).unwrap().unwrap();
        found.path().strip_prefix(folder.path()).unwrap().to_owned()
    };
    assert_eq!(nearest("there", &[]), Path::new("there"));
    assert_eq!(nearest("", &["there", "not"]), Path::new("there"));
    assert_eq!(nearest("not/there", &["there"]), Path::new(""));
}

#[test]
fn the_title_of_a_folder_may_be_no_link() {
    let folder = TempDir::new().unwrap();
    std::os::unix::fs::symlink("/", folder.path().join("link")).unwrap();
    let places = places(&Folder::resolve(folder.path()).unwrap(), &["link/a", "a"]);
    let root = Folder::resolve(folder.path()).unwrap().open(Durability::NoSync).unwrap();
    let job = Job::new(content("x"), std::time::Duration::ZERO, Cancel::new(), Arc::new(Blind));
    let mut target = root.file(places[0].clone(), FileOptions::default());
    assert!(target.prepare(&job).unwrap_err().to_string().contains("which is a symbolic link"));
    assert!(target.survey(&job).unwrap_err().to_string().contains("which is a symbolic link"));
}

#[test]
fn a_survey_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let new = Folder::resolve(&folder.path().join("new")).unwrap();
    let places = places(&new, &["a"]);
    let job = Job::new(content("x"), std::time::Duration::ZERO, Cancel::new(), Arc::new(Blind));
    let survey = |replace| FileTarget::new(places[0].clone(), FileOptions::default().replace(replace)).survey(&job);
    assert!(matches!(survey(Replace::Never).unwrap(), Room::Empty));
    assert_eq!(count(folder.path()), 0);
    fs::create_dir(folder.path().join("new")).unwrap();
    fs::write(folder.path().join("new/a"), "y").unwrap();
    assert!(matches!(survey(Replace::Never).unwrap(), Room::Present(_)));
    fs::write(folder.path().join("new/a"), "longer").unwrap();
    assert!(matches!(survey(Replace::Always).unwrap(), Room::Empty));
    assert_eq!(count(&folder.path().join("new")), 1);
}
