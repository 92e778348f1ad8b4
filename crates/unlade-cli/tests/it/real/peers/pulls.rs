//! Artifacts of several files and folders: what unlade pulls is what oras and regctl pull.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use unlade_testkit::real::Place;

use super::assert_same_document;
use super::site::{Site, done};
use crate::common::{folder, unlade};

/// What a pull leaves at a path.
#[derive(Debug, Eq, PartialEq)]
enum Node {
    File { content: Vec<u8>, is_executable: bool },
    Folder,
    Link(PathBuf),
}

/// Lists all below a folder, by path.
fn tree(folder: &Path) -> BTreeMap<String, Node> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("list a folder") {
            let path = entry.expect("list a folder").path();
            let kind = fs::symlink_metadata(&path).expect("look at a file");
            let node = if kind.is_symlink() {
                Node::Link(fs::read_link(&path).expect("read a link"))
            } else if kind.is_dir() {
                folders.push(path.clone());
                Node::Folder
            } else {
                let content = fs::read(&path).expect("read a file");
                Node::File { content, is_executable: kind.permissions().mode() & 0o100 != 0 }
            };
            let name = path.strip_prefix(folder).expect("an entry is below its folder");
            found.insert(name.to_string_lossy().into_owned(), node);
        }
    }
    found
}

/// Pulls with unlade into a folder that is not there yet, and lists what came.
#[track_caller]
fn pulled(reference: &str) -> BTreeMap<String, Node> {
    let home = folder();
    let target = home.path().join("out");
    unlade().args(["pull", reference, "-o"]).arg(format!("{}/", target.display())).run().assert_code(0);
    tree(&target)
}

#[track_caller]
fn assert_agreed(site: Option<Site>) {
    let Some(site) = site else { return };
    let artifact = site.by_oras();
    let theirs = folder();
    done(&site.peers.oras.run().args(["pull", "--plain-http", &artifact, "-o"]).arg(theirs.path()));
    let expected = tree(theirs.path());
    assert!(expected.contains_key("boot/kernel.img") && expected.contains_key("tree"), "{expected:?}");
    assert_same_tree(&pulled(&artifact), &expected);

    let artifact = site.by_regctl().swap_remove(0);
    let theirs = folder();
    done(&site.regctl().args(["artifact", "get", &artifact, "--output"]).arg(theirs.path()));
    let expected = tree(theirs.path());
    assert_eq!(expected.len(), 2, "{expected:?}");
    assert_same_tree(&pulled(&artifact), &expected);
    assert_same_document(&site.peers.all(), Place::Registry(&artifact));
}

/// Compares path by path: nobody wants to see the bytes.
#[track_caller]
fn assert_same_tree(found: &BTreeMap<String, Node>, expected: &BTreeMap<String, Node>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, node) in expected {
        assert!(found[path] == *node, "{path} differs");
    }
}

#[test]
fn files_that_peers_pushed_are_pulled_from_docker_registry() {
    assert_agreed(Site::docker_registry());
}

#[test]
fn files_that_peers_pushed_are_pulled_from_distribution_v3() {
    assert_agreed(Site::distribution());
}

#[test]
fn files_that_peers_pushed_are_pulled_from_a_registry_with_referrers() {
    assert_agreed(Site::referrers_registry());
}
