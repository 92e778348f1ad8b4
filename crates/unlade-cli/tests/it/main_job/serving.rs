//! `unlade serve`.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use unlade_testkit::content::digest;
use unlade_testkit::document::{Image, Index};
use unlade_testkit::layout;
use unlade_testkit::process::Running;

use crate::common::{disk, folder, pull, refused, settled, unlade};

/// Serves a folder on a free port, and gives the host and port that it says.
#[track_caller]
fn serve(folder: &Path) -> (Running, String) {
    let running = unlade().arg("serve").arg(folder).args(["--listen", "127.0.0.1:0"]).start();
    let line = running.stdout_line("listening on ");
    let host = line.trim_end().strip_prefix("listening on http://").expect("the line names the URL").to_owned();
    (running, host)
}

#[test]
fn a_layout_is_served_under_the_name_of_its_folder_until_it_is_told_to_end() {
    let disk = disk();
    let layouts = folder();
    let path = layouts.path().join("disk");
    layout::write(&path, &[("v1", &disk)]);
    for signal in [Signal::TERM, Signal::INT] {
        let (running, host) = serve(&path);
        let target = folder();
        pull(&format!("{host}/disk:v1"), target.path()).run().assert_code(0);
        assert!(fs::read(target.path().join("out.img")).unwrap() == *disk.payload());
        running.signal(signal);
        let outcome = running.finish();
        assert_eq!(outcome.assert_code(0).stdout_text(), format!("listening on http://{host}\n"));
        assert_eq!(outcome.stderr, "stopped on request\n");
    }
}

#[test]
fn a_folder_of_layouts_is_served_by_their_paths() {
    let (one, two) = (Image::untitled("one"), Image::untitled("two"));
    let layouts = folder();
    layout::write(&layouts.path().join("acme/one"), &[("v1", &one)]);
    layout::write(&layouts.path().join("two"), &[("v1", &Index::new().entry(two.clone()).build())]);
    let (_running, host) = serve(layouts.path());
    for (repository, document) in [("acme/one", &one), ("two", &two)] {
        let target = folder();
        pull(&format!("{host}/{repository}:v1"), target.path()).run().assert_code(0);
        assert!(fs::read(target.path().join("out.img")).unwrap() == *document.payload(), "{repository}");
        let blob = format!("{host}/{repository}@{}", digest(document.payload()));
        assert!(unlade().args(["blob", &blob]).run().assert_code(0).stdout == *document.payload(), "{repository}");
    }
}

#[test]
fn what_is_no_layout_is_not_served() {
    let empty = folder();
    let run = unlade().arg("serve").arg(empty.path());
    refused(run, 2, "InvalidInput", "error: DIR is neither an OCI image layout nor a folder of them\n");
    let run = unlade().arg("serve").arg(empty.path().join("nowhere"));
    refused(
        run,
        2,
        "InvalidInput",
        "error: DIR/nowhere is neither an OCI image layout nor a folder of them\n  \
           caused by: No such file or directory (os error 2)\n",
    );
    fs::write(empty.path().join("file"), "").unwrap();
    let run = unlade().arg("serve").arg(empty.path().join("file"));
    refused(
        run,
        2,
        "InvalidInput",
        "error: DIR/file is neither an OCI image layout nor a folder of them\n  \
           caused by: Not a directory (os error 20)\n",
    );
}

#[test]
fn a_port_that_is_taken_is_named() {
    let layouts = folder();
    layout::write(&layouts.path().join("disk"), &[("v1", &disk())]);
    let (_running, host) = serve(layouts.path());
    let run = unlade().arg("serve").arg(layouts.path()).args(["--listen", &host]);
    let error =
        refused(run, 7, "Io", "error: cannot listen on HOST\n  caused by: Address already in use (os error 98)\n");
    assert_eq!(settled(error["message"].as_str().unwrap()), "cannot listen on HOST");
}
