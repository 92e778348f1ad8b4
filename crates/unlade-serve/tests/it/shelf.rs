//! One layout, or many.

use std::os::unix::fs::symlink;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tempfile::TempDir;
use unlade::ErrorKind;
use unlade::observe::{Event, Observer};
use unlade_serve::{Server, Shelf};

use crate::world::{Layout, Registry};

#[test]
fn a_layout_is_the_repository_of_its_folders_name() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("my-disk_1.0");
    Layout::new(&path);
    let link = folder.path().join("Alias");
    symlink(&path, &link).unwrap();
    for path in [path, link] {
        assert_eq!(Shelf::open(&path).unwrap().repositories().unwrap(), ["my-disk_1.0"]);
    }
}

#[test]
fn layouts_below_a_folder_are_repositories_of_their_paths() {
    let folder = TempDir::new().unwrap();
    Layout::new(&folder.path().join("a")).image("one", Some("v1"));
    Layout::new(&folder.path().join("team/b/c")).image("two", Some("v1"));
    Layout::new(&folder.path().join("Upper/d"));
    Layout::new(&folder.path().join("1/2/3/4/5/6/7/8/9"));
    let registry = Registry::serve(folder.path());
    assert_eq!(registry.get("/v2/_catalog").json(), json!({"repositories": ["a", "team/b/c"]}));
    let page = registry.get("/v2/_catalog?n=1");
    assert_eq!(page.json(), json!({"repositories": ["a"]}));
    assert_eq!(page.header("link"), "</v2/_catalog?n=1&last=a>; rel=\"next\"");
    for (name, status) in [
        ("a", 200),
        ("team/b/c", 200),
        ("team%2Fb%2Fc", 200),
        ("team/b", 404),
        ("team", 404),
        ("1/2/3/4/5/6/7/8/9", 404),
    ] {
        assert_eq!(registry.get(&format!("/v2/{name}/manifests/v1")).status, status, "{name}");
    }
}

#[test]
fn layouts_come_and_go_while_others_are_served() {
    let folder = TempDir::new().unwrap();
    Layout::new(&folder.path().join("a"));
    let registry = Registry::serve(folder.path());
    assert_eq!(registry.get("/v2/later/tags/list").status, 404);
    Layout::new(&folder.path().join("later"));
    assert_eq!(registry.get("/v2/later/tags/list").status, 200);
    std::fs::remove_dir_all(folder.path().join("later")).unwrap();
    assert_eq!(registry.get("/v2/later/tags/list").status, 404);
}

#[test]
fn no_link_below_the_folder_is_followed() {
    let outside = TempDir::new().unwrap();
    Layout::new(&outside.path().join("secret"));
    let folder = TempDir::new().unwrap();
    Layout::new(&folder.path().join("a"));
    symlink(outside.path(), folder.path().join("link")).unwrap();
    symlink(outside.path().join("secret"), folder.path().join("b")).unwrap();
    let registry = Registry::serve(folder.path());
    assert_eq!(registry.get("/v2/_catalog").json(), json!({"repositories": ["a"]}));
    for name in ["link/secret", "b"] {
        assert_eq!(registry.get(&format!("/v2/{name}/tags/list")).status, 404, "{name}");
    }
}

#[test]
fn a_layout_without_its_index_is_no_repository_yet() {
    let folder = TempDir::new().unwrap();
    Layout::new(&folder.path().join("a"));
    let half = folder.path().join("half");
    Layout::new(&half);
    let index = half.join("index.json");
    let text = std::fs::read(&index).unwrap();
    std::fs::remove_file(&index).unwrap();
    let registry = Registry::serve(folder.path());
    let listed = || registry.get("/v2/_catalog").json()["repositories"].clone();
    assert_eq!((listed(), registry.get("/v2/half/tags/list").status), (json!(["a"]), 404));
    std::fs::write(&index, text).unwrap();
    assert_eq!(registry.get("/v2/half/tags/list").status, 200);
    // Lists are kept for a second: a new registry has none.
    assert_eq!(Registry::serve(folder.path()).get("/v2/_catalog").json(), json!({"repositories": ["a", "half"]}));
}

#[test]
fn what_holds_no_layout_is_refused_as_input() {
    let folder = TempDir::new().unwrap();
    Layout::new(&folder.path().join("Upper Case"));
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::create_dir(folder.path().join("other")).unwrap();
    std::fs::write(folder.path().join("other/oci-layout"), r#"{"imageLayoutVersion":"9"}"#).unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for name in ["absent", "file", "empty", "other", "Upper Case"] {
        let error = Shelf::open(&folder.path().join(name)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}: {error}");
    }
}

#[test]
fn a_layout_that_cannot_be_served_for_its_name_is_named() {
    let folder = TempDir::new().unwrap();
    for (layout, named) in [("Disk", "Disk"), ("team/Disk", "team/Disk"), (".git", ".git")] {
        let shelf = folder.path().join("shelf");
        Layout::new(&shelf.join(layout));
        let message = Shelf::open(&shelf).unwrap_err().to_string();
        assert!(message.contains(&format!("shelf/{named} has a name that no repository can have")), "{message}");
        std::fs::remove_dir_all(&shelf).unwrap();
    }
    let shelf = folder.path().join("shelf");
    Layout::new(&shelf.join("Disk"));
    Layout::new(&shelf.join("disk"));
    assert_eq!(Shelf::open(&shelf).unwrap().repositories().unwrap(), ["disk"]);
}

#[test]
fn one_layout_that_is_replaced_is_served_as_it_is_now() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("disk");
    Layout::new(&path).image("one", Some("v1"));
    let registry = Registry::serve(&path);
    let tags = || registry.get("/v2/disk/tags/list");
    assert_eq!(tags().json()["tags"], json!(["v1"]));
    std::fs::rename(&path, folder.path().join("old")).unwrap();
    assert_eq!(tags().status, 404);
    Layout::new(&path).image("two", Some("v2"));
    std::fs::remove_dir_all(folder.path().join("old")).unwrap();
    assert_eq!(tags().json()["tags"], json!(["v2"]));
    // And through a link, as those do it who change over at once.
    std::fs::rename(&path, folder.path().join("new")).unwrap();
    symlink("new", &path).unwrap();
    assert_eq!(tags().json()["tags"], json!(["v2"]));
}

/// Keeps the warnings.
#[derive(Debug, Default)]
struct Warned(Mutex<Vec<String>>);

impl Observer for Warned {
    fn notice(&self, event: &Event) {
        if let Event::Warning { text } = event {
            self.0.lock().unwrap().push(text.clone());
        }
    }
}

#[test]
fn the_operator_is_told_what_cannot_be_served_and_not_at_each_request() {
    let (folder, warned) = (TempDir::new().unwrap(), Arc::<Warned>::default());
    Layout::new(&folder.path().join("ok"));
    Layout::new(&folder.path().join("My-Disk"));
    Layout::new(&folder.path().join("broken"));
    unlade_testkit::layout::write_long_ago(&folder.path().join("broken/index.json"), "{");
    let shelf = Shelf::open_watched(folder.path(), Arc::clone(&warned) as Arc<dyn Observer>).unwrap();
    let registry = Registry::run(Server::new(shelf));
    for _ in 0..3 {
        assert_eq!(registry.get("/v2/broken/tags/list").status, 500);
        assert_eq!(registry.get("/v2/_catalog").json()["repositories"], json!(["broken", "ok"]));
    }
    let told = warned.0.lock().unwrap().clone();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("My-Disk has a name that no repository can have"), "{told:?}");
    assert!(told[1].starts_with("a request cannot be answered: ") && told[1].contains("broken"), "{told:?}");
}
