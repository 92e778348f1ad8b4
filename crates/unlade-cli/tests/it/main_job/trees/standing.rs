//! Folders in archives, and what is there already.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use unlade_testkit::LyingRegistry;
use unlade_testkit::archive::Tar;
use unlade_testkit::content::bytes;
use unlade_testkit::document::TITLE;
use unlade_testkit::process::{Outcome, Run, files};

use super::{TREE, all, packed, pull, tree};
use crate::bad_input::targets::namespace;
use crate::common::{error, fair_error, folder, registry_of};

#[test]
fn what_is_in_a_folder_already_stays_and_what_is_the_archives_is_replaced() {
    let registry = registry_of(&packed(&tree().finish()).build());
    let run = pull(&registry).args(["-o", "out"]);
    let out = run.home().join("out");
    fs::create_dir_all(out.join("etc/mine")).unwrap();
    fs::write(out.join("etc/mine/note"), "mine").unwrap();
    fs::write(out.join("run"), "old").unwrap();
    fs::create_dir(out.join("empty")).unwrap();
    run.run().assert_code(0);
    assert_eq!(files(&out), ["again", "etc/deep/config", "etc/mine/note", "etc/run", "run"]);
    assert_eq!(fs::read(out.join("run")).unwrap(), b"#!/bin/sh\n");
    assert_eq!(fs::read(out.join("etc/mine/note")).unwrap(), b"mine");
    // Once more: all of it is there.
    let before = fs::metadata(out.join("run")).unwrap().ino();
    run.run().assert_code(0);
    assert_eq!(fs::metadata(out.join("run")).unwrap().ino(), before, "what is the same is left alone");
}

#[test]
fn a_name_that_the_publisher_chose_replaces_no_file_in_its_folder() {
    let registry = registry_of(&packed(&tree().finish()).build());
    let run = pull(&registry);
    fs::create_dir_all(run.home().join("tree/etc/deep")).unwrap();
    fs::write(run.home().join("tree/etc/deep/config"), "mine").unwrap();
    let outcome = run.run();
    outcome.assert_code(7);
    let error = fair_error(&outcome);
    assert_eq!(error["kind"], "Exists");
    assert!(error["message"].as_str().unwrap().starts_with("tree/etc/deep/config exists already"), "{error}");
    assert_eq!(files(run.home()), ["tree/etc/deep/config"], "nothing else was published");
    assert_eq!(fs::read(run.home().join("tree/etc/deep/config")).unwrap(), b"mine");
    // One that is right is no reason to stop.
    fs::write(run.home().join("tree/etc/deep/config"), bytes(7, 300_000)).unwrap();
    run.run().assert_code(0);
    assert_eq!(files(&run.home().join("tree")), TREE);
    fs::write(run.home().join("tree/run"), "mine").unwrap();
    pull_again(&registry, &run).assert_code(0);
    assert_eq!(fs::read(run.home().join("tree/run")).unwrap(), b"#!/bin/sh\n");
}

/// Pulls into the folder of another run, over what is there.
fn pull_again(registry: &LyingRegistry, run: &Run) -> Outcome {
    let script = "cd \"$THERE\" && exec $UNLADE pull \"$REF\" --overwrite";
    crate::common::shell(script).env("THERE", run.home()).env("REF", registry.reference("acme/disk:v1")).run()
}

/// What is in the way, and how it comes there.
/// What is in the way, and how it comes there.
type Setup<'a> = (&'a str, &'a dyn Fn(&Path));

#[test]
fn what_is_in_the_way_of_a_folder_is_named_and_nothing_is_published() {
    let registry = registry_of(&packed(&tree().finish()).build());
    let outside = folder();
    let setups: [Setup<'_>; 4] = [
        ("out/etc, which is a regular file, by a folder", &|out| fs::write(out.join("etc"), "mine").unwrap()),
        ("out/etc, which is a symbolic link, by a folder", &|out| symlink(outside.path(), out.join("etc")).unwrap()),
        ("out/run, which is a folder, by a regular file", &|out| fs::create_dir(out.join("run")).unwrap()),
        ("out/run, which is a symbolic link, by a regular file", &|out| {
            symlink(outside.path().join("x"), out.join("run")).unwrap();
        }),
    ];
    for (reason, setup) in setups {
        let run = pull(&registry).args(["-o", "out"]);
        let out = run.home().join("out");
        fs::create_dir(&out).unwrap();
        setup(&out);
        let outcome = run.run();
        outcome.assert_code(7);
        let error = fair_error(&outcome);
        assert_eq!(error["message"], format!("cannot replace {reason}"));
        assert_eq!(all(&out), 1, "{reason}: {:?}", files(&out));
        assert_eq!(all(outside.path()), 0);
    }
    let run = pull(&registry);
    fs::write(run.home().join("tree"), "mine").unwrap();
    let outcome = run.run();
    outcome.assert_code(7);
    assert_eq!(fair_error(&outcome)["kind"], "Exists");
    assert_eq!(error(&outcome)["message"], "tree exists already, and is a regular file");
}

#[test]
fn what_has_the_place_of_a_folder_is_found_before_anything_is_fetched() {
    let image = packed(&tree().finish()).layer("a/b", "a file").annotate_layer(TITLE, "other").build();
    let registry = registry_of(&image);
    for options in [&["--dry-run"][..], &[]] {
        let run = pull(&registry).args(options);
        fs::write(run.home().join("tree"), "mine").unwrap();
        let outcome = run.run();
        outcome.assert_code(7);
        assert_eq!(fair_error(&outcome)["kind"], "Exists", "{options:?}");
        assert_eq!(files(run.home()), ["tree"], "{options:?}");
    }
    assert!(registry.requests_for("*/blobs/*").is_empty());
}

#[test]
fn a_mode_that_changed_is_brought_where_files_may_be_replaced() {
    let registry = registry_of(&packed(&tree().finish()).build());
    let run = pull(&registry);
    run.run().assert_code(0);
    let file = run.home().join("tree/run");
    let before = fs::metadata(&file).unwrap().mode();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    run.run().assert_code(0);
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600, "nothing may be replaced");
    pull_again(&registry, &run).assert_code(0);
    assert_eq!(fs::metadata(&file).unwrap().mode(), before);
}

#[test]
fn a_link_of_the_users_is_never_replaced() {
    let registry = registry_of(&packed(&tree().finish()).build());
    let run = pull(&registry).args(["-o", "out"]);
    let link = run.home().join("out/etc/run");
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink("elsewhere", &link).unwrap();
    let outcome = run.run();
    outcome.assert_code(7);
    assert_eq!(
        fair_error(&outcome)["message"],
        "cannot replace out/etc/run, which is a symbolic link to something else"
    );
    assert_eq!(all(run.home()), 3, "nothing else was published: {:?}", files(run.home()));
    fs::remove_file(&link).unwrap();
    symlink("../run", &link).unwrap();
    run.run().assert_code(0);
}

/// Pulls into `out` below a folder, as someone who is bound by modes; root is not.
fn pull_bound(registry: &LyingRegistry, home: &Path) -> Outcome {
    let bound =
        if rustix::process::geteuid().is_root() { "setpriv --bounding-set=-dac_override,-dac_read_search" } else { "" };
    let script = format!("cd \"$THERE\" && exec {bound} $UNLADE pull \"$REF\" -o out --json");
    crate::common::shell(&script).env("THERE", home).env("REF", registry.reference("acme/disk:v1")).run()
}

/// Sets the mode of a folder that is to be removed at the end of a test.
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set a mode");
}

#[test]
fn a_folder_that_its_owner_may_not_write_is_made_and_compared() {
    let start = || Tar::new().with(0o555, 1).folder("tree").folder("tree/sub").file("tree/sub/x", b"cargo");
    let registry = registry_of(&packed(&start().finish()).build());
    let home = folder();
    pull_bound(&registry, home.path()).assert_code(0);
    let out = home.path().join("out");
    pull_bound(&registry, home.path()).assert_code(0);
    assert_eq!((files(&out), all(home.path())), (vec!["sub/x".to_owned()], 3), "it was right");

    // One that is not is left as it is, and whole.
    let other = registry_of(&packed(&start().file("tree/sub/y", b"cargo").file("tree/z", b"z").finish()).build());
    set_mode(&out, 0o755);
    let outcome = pull_bound(&other, home.path());
    outcome.assert_code(7);
    let error = fair_error(&outcome);
    assert_eq!(error["message"], "cannot write to the folder out/sub", "{error}");
    assert_eq!((files(&out), all(home.path())), (vec!["sub/x".to_owned()], 3));

    // What is removed on the way is removed although it may not be written.
    let broken = registry_of(&packed(&start().file("elsewhere", b"x").finish()).build());
    set_mode(&out.join("sub"), 0o755);
    fs::remove_dir_all(&out).unwrap();
    pull_bound(&broken, home.path()).assert_code(1);
    assert_eq!(all(home.path()), 0, "{:?}", files(home.path()));
}

#[test]
fn a_file_system_within_a_folder_stops_it_before_anything_is_changed() {
    let registry = registry_of(&packed(&tree().finish()).build());
    let Some(namespace) = namespace() else { return };
    for mount in ["-t tmpfs tmpfs", "--bind $OUT/etc"] {
        let folder = folder();
        fs::create_dir(folder.path().join("etc")).unwrap();
        let script = format!(
            "mount {mount} $OUT/etc || exit 98; $UNLADE pull $REF -o $OUT $0; code=$?; \
             [ \"$(cd $OUT && find . | sort | tr \"\\n\" \" \")\" = \". ./etc \" ] || exit 99; exit $code"
        );
        let run = crate::common::shell(&format!("exec {namespace} sh -c '{script}' \"$0\""));
        let outcome = run.env("REF", registry.reference("acme/disk:v1")).env("OUT", folder.path()).arg("--json").run();
        outcome.assert_code(7);
        let message = fair_error(&outcome)["message"].as_str().unwrap().to_owned();
        assert!(message.ends_with("/etc, which is a file system of its own"), "{mount}: {message}");
    }
}

#[test]
fn what_a_killed_run_left_is_no_hindrance() {
    let registry = registry_of(&packed(&tree().finish()).build());
    let run = pull(&registry).args(["-o", "out"]);
    let left = run.home().join("..out.unlade-partial.unlade-partial");
    fs::create_dir_all(left.join("half")).unwrap();
    fs::write(left.join("half/done"), "x").unwrap();
    symlink("/", left.join("link")).unwrap();
    fs::write(run.home().join(".out.unlade-partial"), "half a blob").unwrap();
    run.run().assert_code(0);
    assert_eq!(files(run.home()), TREE.map(|name| format!("out/{name}")));
}
