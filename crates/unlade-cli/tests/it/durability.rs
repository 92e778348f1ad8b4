//! What reaches the disk, and in which order: as the system was asked, seen by strace.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use unlade_testkit::LyingRegistry;
use unlade_testkit::content::bytes;
use unlade_testkit::document::Image;
use unlade_testkit::process::{Outcome, Run, files};

use crate::common::{disk, folder, registry_of};

/// Pulls under strace, and gives the calls that bear on durability.
#[track_caller]
fn calls(target: &Path, options: &[&str]) -> Vec<String> {
    let registry = registry_of(&disk());
    let traces = folder();
    let trace = traces.path().join("trace");
    let calls = "trace=fsync,fdatasync,sync_file_range,rename,renameat,renameat2";
    let run = Run::new("/usr/bin/strace").args(["-f", "-y", "-qq", "-e", calls, "-o"]).arg(&trace);
    let run = run.arg(env!("CARGO_BIN_EXE_unlade")).args(["pull", &registry.reference("acme/disk:v1"), "-o"]);
    run.arg(target).args(options).run().assert_code(0);
    let text = fs::read_to_string(&trace).expect("read what strace saw");
    whole(&text).into_iter().filter(|line| line.contains(" = 0")).collect()
}

/// Puts together the calls that another thread's came in between of, where they end.
fn whole(trace: &str) -> Vec<String> {
    let (mut begun, mut calls) = (HashMap::new(), Vec::new());
    for line in trace.lines() {
        let thread = line.split(' ').next().unwrap_or_default();
        match (line.split_once(" <unfinished ...>"), line.split_once(" resumed>")) {
            (Some((beginning, _)), _) => drop(begun.insert(thread, beginning)),
            (None, Some((_, end))) => calls.push(format!("{}{end}", begun.remove(thread).unwrap_or_default())),
            (None, None) => calls.push(line.to_owned()),
        }
    }
    calls
}

#[test]
fn calls_of_several_threads_are_put_together() {
    let trace = "1  fsync(3</a> <unfinished ...>\n2  rename(\"x\", \"y\") = 0\n1  <... fsync resumed>) = 0\n";
    assert_eq!(whole(trace), ["2  rename(\"x\", \"y\") = 0", "1  fsync(3</a>) = 0"]);
}

fn position(calls: &[String], call: &str, argument: &str) -> Option<usize> {
    calls.iter().position(|line| line.contains(call) && line.contains(argument))
}

/// Pulls a file while strace lets some calls on one path fail, and gives what came of it.
fn pull_with(registry: &LyingRegistry, target: &Path, path: &Path, lie: &str) -> Outcome {
    let traces = folder();
    let calls = lie.split(':').next().expect("it begins with the calls");
    let run =
        Run::new("/usr/bin/strace").args(["-f", "-qq", "-o"]).arg(traces.path().join("trace")).arg("-P").arg(path);
    let run = run.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={lie}")]);
    let run = run.arg(env!("CARGO_BIN_EXE_unlade")).args(["pull", &registry.reference("acme/disk:v1"), "-o"]);
    run.arg(target).run()
}

#[test]
fn what_could_not_be_synced_is_gone_on_with_by_nobody() {
    let registry = registry_of(&Image::titled("disk.raw", bytes(1, 3_500_000)));
    let folder = folder();
    let (target, partial) = (folder.path().join("out.img"), folder.path().join(".out.img.unlade-partial"));
    let outcome = pull_with(&registry, &target, &partial, "fsync:error=EIO");
    outcome.assert_code(7);
    assert!(outcome.stderr.contains("cannot sync"), "{}", outcome.stderr);
    // The system would not say it a second time.
    assert!(files(folder.path()).is_empty(), "{:?}", files(folder.path()));
}

#[test]
fn what_could_not_be_synced_on_the_way_is_gone_on_with_by_nobody() {
    let registry = registry_of(&Image::titled("disk.raw", bytes(1, 20_000_000)));
    let folder = folder();
    let (target, partial) = (folder.path().join("out.img"), folder.path().join(".out.img.unlade-partial"));
    // The sync at the end goes well: the system has told it before.
    let outcome = pull_with(&registry, &target, &partial, "fdatasync:error=EIO");
    outcome.assert_code(7);
    assert!(outcome.stderr.contains("cannot sync"), "{}", outcome.stderr);
    assert!(files(folder.path()).is_empty(), "{:?}", files(folder.path()));
}

#[test]
fn content_is_synced_before_its_name_and_its_name_before_the_end() {
    let folder = folder();
    let calls = calls(&folder.path().join("out.img"), &[]);
    let content = position(&calls, "sync(", ".out.img.unlade-partial>");
    let renamed = position(&calls, "rename", "out.img");
    let name = position(&calls, "sync(", &format!("<{}>", folder.path().display()));
    let (Some(content), Some(renamed), Some(name)) = (content, renamed, name) else {
        panic!("content, renaming and folder are there: {calls:#?}");
    };
    assert!(content < renamed && renamed < name, "{calls:#?}");
}

#[test]
fn a_layout_names_what_is_on_the_disk_alone() {
    let folder = folder();
    let layout = folder.path().join("layout");
    let calls = calls(Path::new(&format!("ocidir://{}", layout.display())), &[]);
    let published = calls.iter().position(|line| line.contains("rename") && line.contains("\"index.json\""));
    let (before, after) = calls.split_at(published.unwrap_or_else(|| panic!("the index is there: {calls:#?}")));
    let blobs = before.iter().filter(|line| line.contains("rename") && line.contains("unlade-partial")).count();
    assert_eq!(blobs, 4, "configuration, layer, manifest, and oci-layout: {before:#?}");
    for (place, call) in before.iter().enumerate().filter(|(_, call)| call.contains("rename")) {
        let partial = call.split('"').nth(1).expect("the old name is quoted");
        let content = before[..place].iter().any(|call| call.contains("sync(") && call.contains(partial));
        let place_of = if call.contains("oci-layout") { "layout" } else { "layout/blobs/sha256" };
        let named = format!("<{}>", folder.path().join(place_of).display());
        let name = before[place..].iter().any(|call| call.contains("sync(") && call.contains(&named));
        assert!(content && name, "{partial}: {calls:#?}");
    }
    assert!(position(before, "sync(", ".index.json.unlade-partial>").is_some(), "{calls:#?}");
    assert!(position(after, "sync(", &format!("<{}>", layout.display())).is_some(), "{calls:#?}");
    assert!(after[1..].iter().all(|call| !call.contains("rename")), "it comes last: {calls:#?}");
}

#[test]
fn what_is_there_already_is_made_durable_before_it_is_counted_on() {
    let folder = folder();
    let layout = folder.path().join("deep/layout");
    let target = format!("ocidir://{}", layout.display());
    let is_synced = |calls: &[String], path: &Path| {
        let named = format!("<{}>", path.display());
        assert!(position(calls, "sync(", &named).is_some(), "{named}: {calls:#?}");
    };
    self::calls(Path::new(&target), &["--no-sync"]);
    // As another program leaves it that syncs nothing: without a name, and with one.
    for file in ["index.json", ""] {
        if !file.is_empty() {
            fs::remove_file(layout.join(file)).expect("it was written");
        }
        let calls = self::calls(Path::new(&target), &[]);
        let published = calls.iter().position(|line| line.contains("rename"));
        assert_eq!(published.is_some(), !file.is_empty(), "{calls:#?}");
        let before = &calls[..published.unwrap_or(calls.len())];
        for blob in files(&layout.join("blobs")) {
            is_synced(before, &layout.join("blobs").join(blob));
        }
        for path in ["blobs/sha256", "blobs", "oci-layout", "", ".."].map(|name| layout.join(name)) {
            is_synced(before, &path.canonicalize().expect("it is there"));
        }
        is_synced(before, folder.path());
    }
    let calls = calls(Path::new(&target), &[]);
    is_synced(&calls, &layout.join("index.json"));
}

#[test]
fn a_file_that_is_right_already_is_made_durable() {
    let folder = folder();
    let file = folder.path().join("out.img");
    fs::write(&file, disk().payload()).expect("write a file");
    let calls = calls(&file, &[]);
    for path in [&file, folder.path()] {
        let named = format!("<{}>", path.display());
        assert!(position(&calls, "sync(", &named).is_some(), "{named}: {calls:#?}");
    }
    assert_eq!(position(&calls, "rename", ""), None, "{calls:#?}");
}

#[test]
fn nothing_is_synced_for_those_who_do_not_want_it() {
    let folder = folder();
    let calls = calls(&folder.path().join("out.img"), &["--no-sync"]);
    assert_eq!(position(&calls, "sync(", ""), None, "{calls:#?}");
    assert!(position(&calls, "rename", "out.img").is_some(), "{calls:#?}");
    let layout = format!("ocidir://{}", folder.path().join("layout").display());
    for _ in 0..2 {
        let calls = self::calls(Path::new(&layout), &["--no-sync"]);
        assert_eq!(position(&calls, "sync(", ""), None, "{calls:#?}");
    }
}
