//! Targets that cannot be filled: what was there stays, and nothing new appears.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use unlade_testkit::LyingRegistry;
use unlade_testkit::document::Image;
use unlade_testkit::process::{Run, files};
use unlade_testkit::real::{Lack, not_run};

use crate::common::{disk, folder, refused, registry_of, shell, unlade};

/// Pulls to a path.
fn pull_to(registry: &LyingRegistry, output: impl AsRef<Path>) -> Run {
    unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o"]).arg(output.as_ref())
}

/// A script that pulls to `$OUT`; `PLAIN` runs a program without the right of root to pass over modes.
fn scripted(registry: &LyingRegistry, output: &Path, script: &str) -> Run {
    let plain = if rustix::process::geteuid().is_root() {
        "setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search"
    } else {
        ""
    };
    let script = script.replace("PULL", "$UNLADE pull \"$REF\" -o \"$OUT\" \"$0\"").replace("PLAIN", plain);
    shell(&script).env("REF", registry.reference("acme/disk:v1")).env("OUT", output)
}

#[test]
fn a_missing_folder_is_named() {
    let (registry, folder) = (registry_of(&disk()), folder());
    refused(
        pull_to(&registry, folder.path().join("not/there/out.img")),
        7,
        "Io",
        "error: cannot open the folder DIR/not/there\n  \
           caused by: No such file or directory (os error 2)\n\
         hint: make the folder first: mkdir -p DIR/not/there\n",
    );
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_file_in_the_place_of_a_folder_is_named() {
    let (registry, folder) = (registry_of(&disk()), folder());
    fs::write(folder.path().join("file"), "mine").unwrap();
    for output in ["file/", "file/out.img"] {
        refused(
            pull_to(&registry, folder.path().join(output)),
            7,
            "Io",
            &format!("error: cannot look at DIR/{output}\n  caused by: Not a directory (os error 20)\n"),
        );
    }
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"mine");
}

#[test]
fn a_read_only_folder_is_named() {
    let (registry, folder) = (registry_of(&disk()), folder());
    let locked = folder.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::write(locked.join("old.img"), "old").unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    for (output, text) in [
        ("new.img", "error: cannot make a file in the folder DIR/locked\n"),
        ("old.img", "error: cannot make a file in the folder DIR/locked\n"),
        ("new/", "error: cannot make the folder DIR/locked/new/\n"),
    ] {
        let run = scripted(&registry, &locked.join(output), "exec PLAIN PULL");
        refused(run, 7, "Io", &format!("{text}  caused by: Permission denied (os error 13)\n"));
    }
    assert_eq!(files(&locked), ["old.img"]);
    assert_eq!(fs::read(locked.join("old.img")).unwrap(), b"old");
}

#[test]
fn a_folder_that_may_not_be_entered_is_named() {
    let (registry, folder) = (registry_of(&disk()), folder());
    let locked = folder.path().join("locked");
    fs::create_dir(&locked).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let run = scripted(&registry, &locked.join("out.img"), "exec PLAIN PULL");
    let text = "error: cannot look at DIR/locked/out.img\n  caused by: Permission denied (os error 13)\n";
    refused(run, 7, "Io", text);
}

#[test]
fn a_folder_where_nothing_can_be_made_is_named() {
    // Not even root makes a file there.
    refused(
        pull_to(&registry_of(&disk()), "/proc/out.img"),
        7,
        "Io",
        "error: cannot make a file in the folder /proc\n  caused by: No such file or directory (os error 2)\n",
    );
}

#[test]
fn a_file_system_without_room_is_found_out_before_the_first_byte() {
    let (registry, folder) = (registry_of(&disk()), folder());
    fs::create_dir(folder.path().join("small")).unwrap();
    let output = folder.path().join("small/out.img");
    let Some(namespace) = namespace() else { return };
    let script = "mount -t tmpfs -o size=100k tmpfs ${OUT%/*} && echo old > $OUT || exit 98; \
                  $UNLADE pull $REF -o $OUT $0; code=$?; [ $(ls -A ${OUT%/*}) = out.img ] || exit 99; exit $code";
    let run = shell(&format!("exec {namespace} sh -c '{script}' \"$0\""))
        .env("REF", registry.reference("acme/disk:v1"))
        .env("OUT", &output);
    refused(
        run,
        7,
        "NoSpace",
        "error: DIR/small/out.img needs 300000 bytes, and its file system has 98304 left\n\
         hint: free 293.0 KiB there, or choose another place with -o\n",
    );
    assert!(registry.requests_for("*/blobs/*").is_empty());
}

/// The command that gives a script file systems of its own, where the system allows it.
pub(crate) fn namespace() -> Option<&'static str> {
    let command = if rustix::process::geteuid().is_root() { "unshare -m" } else { "unshare -rm" };
    let works = shell(&format!("{command} mount -t tmpfs tmpfs /tmp")).run().code == Some(0);
    if !works {
        not_run(&Lack::Right(format!("{command} is not allowed here, so no small file system can be made")));
    }
    works.then_some(command)
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_and_not_a_death() {
    let (registry, folder) = (registry_of(&disk()), folder());
    let output = folder.path().join("out.img");
    fs::write(&output, "old").unwrap();
    refused(
        scripted(&registry, &output, "ulimit -f 100; exec PULL"),
        7,
        "NoSpace",
        "error: cannot make room for the 300000 bytes of DIR/out.img\n  caused by: File too large (os error 27)\n",
    );
    assert_eq!(files(folder.path()), ["out.img"]);
    assert_eq!(fs::read(&output).unwrap(), b"old");
}

#[test]
fn a_folder_does_not_name_a_layer_without_a_title() {
    let (registry, folder) = (registry_of(&Image::untitled("payload")), folder());
    for output in [".", "new/", "new/er/"] {
        refused(
            pull_to(&registry, folder.path().join(output)),
            2,
            "InvalidInput",
            "error: the layer has no title that could name its file\nhint: name the file with -o FILE\n",
        );
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "no folder is made for nothing");
    assert!(registry.requests_for("*/blobs/*").is_empty());
}

#[test]
fn a_folder_in_the_place_of_the_file_is_named() {
    let (registry, folder) = (registry_of(&disk()), folder());
    fs::create_dir_all(folder.path().join("there/disk.raw")).unwrap();
    refused(
        pull_to(&registry, folder.path().join("there")),
        7,
        "Io",
        "error: cannot replace DIR/there/disk.raw, which is a folder\n",
    );
}

#[test]
fn devices_are_the_job_of_another_verb() {
    let (registry, folder) = (registry_of(&disk()), folder());
    symlink("/dev/null", folder.path().join("link")).unwrap();
    let write = "hint: this version has no `unlade write` yet: pull to a file, and copy that to the device\n";
    for (output, text) in [
        (Path::new("/dev/null"), "error: cannot replace /dev/null, which is a character device\n"),
        (&folder.path().join("link"), "error: cannot replace DIR/link, which is a character device\n"),
        (
            Path::new("/dev/no-such-disk"),
            "error: /dev/no-such-disk is no device, and a file there would fill the memory\n",
        ),
    ] {
        refused(pull_to(&registry, output), 2, "InvalidInput", &format!("{text}{write}"));
    }
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    assert!(!Path::new("/dev/no-such-disk").exists());
}

#[test]
fn streams_are_not_replaced() {
    let (registry, folder) = (registry_of(&disk()), folder());
    let (fifo, socket) = (folder.path().join("fifo"), folder.path().join("socket"));
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let _listener = UnixListener::bind(&socket).unwrap();
    for (output, text) in [
        (fifo.as_path(), "DIR/fifo, which is a FIFO"),
        (&socket, "DIR/socket, which is a socket"),
        (Path::new("/dev/stdout"), "/dev/stdout, which is a stream"),
        (Path::new("/dev/fd/1"), "/dev/fd/1, which is a stream"),
        (Path::new("/proc/self/fd/1"), "/proc/self/fd/1, which is a stream"),
    ] {
        let text = format!("error: cannot replace {text}: `-o -` writes to standard output\n");
        refused(pull_to(&registry, output), 2, "InvalidInput", &text);
    }
    assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
    assert!(fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
}

#[test]
fn a_name_that_is_too_long_is_named() {
    let (registry, folder) = (registry_of(&disk()), folder());
    let name = "x".repeat(256);
    let error = refused(
        pull_to(&registry, folder.path().join(&name)),
        7,
        "Io",
        &format!("error: cannot look at DIR/{name}\n  caused by: File name too long (os error 36)\n"),
    );
    assert_eq!(error["causes"][0], "File name too long (os error 36)");
    // The longest name that there can be leaves no room for the usual name of a partial.
    let longest = folder.path().join("y".repeat(255));
    pull_to(&registry, &longest).run().assert_code(0);
    assert_eq!(files(folder.path()), ["y".repeat(255)]);
}

#[test]
fn links_that_lead_round_are_named() {
    let (registry, folder) = (registry_of(&disk()), folder());
    symlink("one", folder.path().join("other")).unwrap();
    symlink("other", folder.path().join("one")).unwrap();
    refused(
        pull_to(&registry, folder.path().join("one")),
        7,
        "Io",
        "error: cannot look at DIR/one\n  caused by: Too many levels of symbolic links (os error 40)\n",
    );
}

#[test]
fn an_empty_path_is_none() {
    let registry = registry_of(&disk());
    let outcome = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "", "--json"]).run();
    outcome.assert_code(2);
    assert_eq!(crate::common::fair_error(&outcome)["kind"], "InvalidInput");
    assert!(registry.requests().is_empty());
}
