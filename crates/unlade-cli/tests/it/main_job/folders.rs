//! Several layers, and the folder that takes them.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};
use unlade_testkit::content::{bytes, digest};
use unlade_testkit::document::{Document, Image, TITLE};
use unlade_testkit::process::files;
use unlade_testkit::{Fault, LyingRegistry, Matcher, Which};

use crate::common::{document, error, events, fair_error, folder, keys, refused, registry_of, settled, unlade};

/// An artifact of layers with titles; an empty title is none.
pub(crate) fn artifact(layers: &[(&str, &[u8])]) -> Document {
    let add = |image: Image, (title, payload): &(&str, &[u8])| {
        let image = image.layer("application/octet-stream", payload.to_vec());
        if title.is_empty() { image } else { image.annotate_layer(TITLE, title) }
    };
    layers.iter().fold(Image::new(), add).build()
}

/// What a netboot artifact holds.
fn boot() -> Document {
    artifact(&[("boot/initrd", &bytes(1, 200_000)), ("boot/vmlinuz", b"a kernel"), ("cmdline", b"console=ttyS0")])
}

const BOOT: [&str; 3] = ["boot/initrd", "boot/vmlinuz", "cmdline"];

fn blobs(registry: &LyingRegistry) -> usize {
    registry.requests_for("*/blobs/*").len()
}

/// Lies about one blob.
fn lie(registry: &LyingRegistry, payload: &[u8], fault: Fault) {
    registry.script(Matcher::new(Which::Blob).path(&format!("*{}", digest(payload))), fault);
}

#[test]
fn each_layer_becomes_a_file_in_the_folder_under_its_title() {
    let boot = boot();
    let registry = registry_of(&boot);
    for (output, base) in [
        (&["-o", "there"][..], "there/"),
        (&["-o", "there/"], "there/"),
        (&["-o", "new"], "new/"),
        (&["-o", "new/deep/er/"], "new/deep/er/"),
        (&["-o", "."], ""),
        (&[], ""),
    ] {
        let run = unlade().args(["pull", &registry.reference("acme/disk:v1")]).args(output);
        fs::create_dir(run.home().join("there")).unwrap();
        run.run().assert_code(0);
        assert_eq!(files(run.home()), BOOT.map(|title| format!("{base}{title}")), "{output:?}");
        for (title, payload) in BOOT.iter().zip(&boot.blobs[1..]) {
            let path = run.home().join(format!("{base}{title}"));
            assert!(fs::read(&path).unwrap() == *payload, "{output:?}: {title} has other bytes");
        }
    }
}

#[test]
fn the_document_and_the_summary_tell_of_each_file() {
    let registry = registry_of(&boot());
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "out"]);
    let text = run.run();
    let size = |title| if title == BOOT[0] { "195.3 KiB" } else { "" };
    for title in BOOT {
        assert!(text.stderr.contains(&format!("out/{title}: {}", size(title))), "{}", text.stderr);
    }
    assert!(text.stderr.contains("3 files, 195.3 KiB from "), "{}", text.stderr);

    let pulled = document(run.arg("--json").run().assert_code(0));
    assert_eq!(keys(&pulled), ["elapsed_seconds", "endpoints", "files", "manifest", "reference"]);
    let found = pulled["files"].as_array().unwrap();
    // In the order of the manifest, whichever came first; this time all are there already.
    assert_eq!(found.iter().map(|file| &file["title"]).collect::<Vec<_>>(), BOOT.each_ref());
    for file in found {
        let expected = ["bytes_fetched", "bytes_resumed", "digest", "media_type", "path", "size", "status", "title"];
        assert_eq!(keys(file), expected);
        assert_eq!((&file["status"], &file["bytes_fetched"]), (&json!("present"), &json!(0)), "{file}");
    }
    assert_eq!(found[2]["path"], "out/cmdline");
    assert_eq!(pulled["endpoints"], json!([]));
    assert_eq!(blobs(&registry), 3, "the second run fetches nothing");

    let again = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "out", "--json"]).run();
    let again = document(again.assert_code(0));
    assert_eq!(again["files"][0]["bytes_fetched"], 200_000);
    assert_eq!(again["endpoints"].as_array().unwrap().len(), 1);
}

#[test]
fn layers_without_a_title_are_left_out_with_a_note() {
    let registry = registry_of(&artifact(&[("a", b"1"), ("", b"2"), ("b", b"3"), ("", b"4")]));
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "out"]);
    let outcome = run.run();
    outcome.assert_code(0);
    let note = "warning: 2 layers have no title that could name their files, and are left out\n";
    assert!(outcome.stderr.starts_with(note), "{}", outcome.stderr);
    assert_eq!((files(run.home()), blobs(&registry)), (vec!["out/a".to_owned(), "out/b".to_owned()], 2));
}

#[test]
fn one_titled_layer_among_others_is_the_one_file() {
    let registry = registry_of(&artifact(&[("", b"config"), ("disk.raw", b"cargo")]));
    for (output, expected) in
        [(&["-o", "mine.img"][..], "mine.img"), (&["-o", "new/"], "new/disk.raw"), (&[], "disk.raw")]
    {
        let run = unlade().args(["pull", &registry.reference("acme/disk:v1")]).args(output);
        let outcome = run.run();
        outcome.assert_code(0);
        assert!(outcome.stderr.starts_with("warning: a layer has no title"), "{}", outcome.stderr);
        assert_eq!(fs::read(run.home().join(expected)).unwrap(), b"cargo", "{output:?}");
    }
    let outcome = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "-"]).run();
    assert_eq!(outcome.assert_code(0).stdout, b"cargo");
}

#[test]
fn several_layers_are_neither_a_file_nor_a_stream() {
    let registry = registry_of(&artifact(&[("a", b"1"), ("b", b"2")]));
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    refused(
        unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o"]).arg(&file),
        2,
        "InvalidInput",
        "error: DIR/file is a file, and several are to be pulled\nhint: name a folder, or another one, with -o FOLDER\n",
    );
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    let outcome = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "-"]).run();
    outcome.assert_code(8);
    assert!(outcome.stdout.is_empty() && outcome.stderr.contains("the manifest has 2 layers\n"), "{}", outcome.stderr);
    assert_eq!(blobs(&registry), 0);
}

#[test]
fn content_that_two_layers_have_is_fetched_once() {
    let (large, small) = (bytes(1, 150_000), b"small".as_slice());
    let registry = registry_of(&artifact(&[
        ("a", &large),
        ("copies/b", &large),
        ("c", small),
        ("copies/d", &large),
        ("c", small),
    ]));
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "out", "--json"]);
    let pulled = document(run.run().assert_code(0));
    assert_eq!(blobs(&registry), 2);
    assert_eq!(files(run.home()), ["out/a", "out/c", "out/copies/b", "out/copies/d"]);
    for name in ["a", "copies/b", "copies/d"] {
        assert!(fs::read(run.home().join("out").join(name)).unwrap() == large, "{name}");
    }
    let fetched: Vec<&Value> = pulled["files"].as_array().unwrap().iter().map(|file| &file["bytes_fetched"]).collect();
    assert_eq!(fetched, [&json!(150_000), &json!(0), &json!(5), &json!(0)]);
}

#[test]
fn names_that_the_publisher_chose_replace_nothing_and_that_shows_before_the_first_byte() {
    let boot = boot();
    let registry = registry_of(&boot);
    for (name, content) in [("cmdline", &b"mine"[..]), ("boot/vmlinuz", b"MY OWN K"), ("boot/initrd", b"")] {
        let run = unlade().args(["pull", &registry.reference("acme/disk:v1")]);
        fs::create_dir(run.home().join("boot")).unwrap();
        fs::write(run.home().join(name), content).unwrap();
        refused(
            run.arg("--quiet"),
            7,
            "Exists",
            &format!(
                "error: {name} exists already, and is not what was asked for\n\
                 hint: replace it with --overwrite, or name another file with -o FILE\n"
            ),
        );
    }
    assert_eq!(blobs(&registry), 0);

    // One that is right stays, and the others are fetched.
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "--json"]);
    fs::write(run.home().join("cmdline"), "console=ttyS0").unwrap();
    let pulled = document(run.run().assert_code(0));
    let status: Vec<&Value> = pulled["files"].as_array().unwrap().iter().map(|file| &file["status"]).collect();
    assert_eq!(status, ["downloaded", "downloaded", "present"]);
    assert_eq!((files(run.home()), blobs(&registry)), (BOOT.map(str::to_owned).to_vec(), 2));

    for options in [&["--overwrite"][..], &["-o", "."]] {
        let run = unlade().args(["pull", &registry.reference("acme/disk:v1")]).args(options);
        fs::write(run.home().join("cmdline"), "mine").unwrap();
        run.run().assert_code(0);
        assert_eq!(fs::read(run.home().join("cmdline")).unwrap(), b"console=ttyS0", "{options:?}");
    }
}

#[test]
fn a_layer_that_is_wrong_costs_no_other() {
    let boot = boot();
    let registry = registry_of(&boot);
    lie(&registry, b"a kernel", Fault::FlipByte { at: 3 });
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "out"]);
    let outcome = run.arg("--json").run();
    outcome.assert_code(5);
    assert_eq!(
        settled(&outcome.stderr),
        "removed the unfinished out/boot/.vmlinuz.unlade-partial; a new run starts over\n\
         error: 1 of 3 files could not be pulled into out; 2 are there\n  \
           caused by: the bytes from HOST are not the blob DIGEST\n  \
           caused by: the content of DIGEST has the digest DIGEST\n    \
             out/boot/vmlinuz: the bytes from HOST are not the blob DIGEST: the content of DIGEST has the digest \
         DIGEST\n\
         hint: what is wrong was not published; try again later, or tell the registry's operators\n",
    );
    let error = fair_error(&outcome);
    let expected = [("boot/initrd", "downloaded"), ("boot/vmlinuz", "failed"), ("cmdline", "downloaded")];
    for (file, (title, status)) in error["files"].as_array().unwrap().iter().zip(expected) {
        assert_eq!(keys(file), ["digest", "error", "path", "size", "status", "title"]);
        assert_eq!((&file["title"], &file["status"]), (&json!(title), &json!(status)), "{file}");
        assert_eq!(file["error"].is_string(), status == "failed", "{file}");
    }
}

#[test]
fn what_was_pulled_stays_and_what_failed_leaves_nothing() {
    let registry = registry_of(&boot());
    lie(&registry, b"a kernel", Fault::FlipByte { at: 3 });
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "out"]);
    run.run().assert_code(5);
    assert_eq!(files(run.home()), ["out/boot/initrd", "out/cmdline"]);

    // All of them wrong: not even a folder is left.
    let registry = registry_of(&boot());
    registry.script(Matcher::new(Which::Blob).times(3), Fault::FlipByte { at: 3 });
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "new/out"]);
    let outcome = run.run();
    outcome.assert_code(5);
    assert!(outcome.stderr.contains("3 of 3 files could not be pulled into new/out; none is there"));
    assert_eq!(fs::read_dir(run.home()).unwrap().count(), 0, "{:?}", files(run.home()));
}

#[test]
fn the_first_failure_in_the_order_of_the_layers_gives_the_code() {
    let registry = registry_of(&boot());
    lie(&registry, b"a kernel", Fault::FlipByte { at: 3 });
    lie(&registry, b"console=ttyS0", Fault::Redirect { status: 307, to: "http://169.254.169.254/x".to_owned() });
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "out", "--json"]);
    let outcome = run.run();
    outcome.assert_code(5);
    assert_eq!(outcome.stderr.matches("\n    out/").count(), 2, "{}", outcome.stderr);
    assert_eq!(error(&outcome)["message"], "2 of 3 files could not be pulled into out; 1 is there");
}

#[test]
fn a_blob_that_is_missing_is_named_and_costs_no_other() {
    let mut image = artifact(&[("a", b"1"), ("b", b"2")]);
    image.blobs.pop();
    let registry = registry_of(&image);
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "out", "--json"]);
    let outcome = run.run();
    outcome.assert_code(3);
    let error = fair_error(&outcome);
    assert_eq!(error["hint"], "a part of the artifact is missing there: push it again");
    assert_eq!(files(run.home()), ["out/a"]);
}

#[test]
fn copies_of_content_that_is_wrong_are_not_fetched_again() {
    let registry = registry_of(&artifact(&[("a", b"cargo"), ("b", b"cargo"), ("c", b"other")]));
    lie(&registry, b"cargo", Fault::FlipByte { at: 3 });
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "out", "--json"]);
    let outcome = run.run();
    outcome.assert_code(5);
    let error = fair_error(&outcome);
    assert_eq!(error["files"][1]["error"], "its content is that of \"a\", which could not be had");
    assert_eq!((files(run.home()), blobs(&registry)), (vec!["out/c".to_owned()], 2));
}

#[test]
fn what_concerns_all_stops_the_others() {
    let payloads: Vec<Vec<u8>> = (0..12).map(|seed| bytes(seed, 1000 + usize::try_from(seed).unwrap())).collect();
    let titles: Vec<String> = (0..12).map(|number| format!("file{number}")).collect();
    let layers: Vec<(&str, &[u8])> =
        titles.iter().map(String::as_str).zip(payloads.iter().map(Vec::as_slice)).collect();
    let registry = registry_of(&artifact(&layers));
    registry.script(Matcher::new(Which::Blob).times(4), Fault::StallBody { after: 500 });
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "out", "--progress=json", "--json"]);
    let running = run.start();
    running.stderr_line("\"bytes_fetched\":2000");
    assert_eq!(files(run.home()).len(), 4, "four at a time: {:?}", files(run.home()));
    running.signal(Signal::INT);
    let outcome = running.finish();
    outcome.assert_code(130);
    let error = error(&outcome);
    assert_eq!(error["message"], "4 of 12 files could not be pulled into out; none is there, 8 were not tried");
    let count =
        |status: &str| error["files"].as_array().unwrap().iter().filter(|file| file["status"] == status).count();
    assert_eq!((count("failed"), count("skipped")), (4, 8));
    assert_eq!(fs::read_dir(run.home()).unwrap().count(), 0, "{:?}", files(run.home()));
    let progress = events(&outcome.stderr).into_iter().rfind(|event| event["event"] == "progress").unwrap();
    assert_eq!((&progress["connections"], &progress["bytes_total"]), (&json!(4), &json!(12_066)));
}

#[test]
fn many_small_layers_are_one_sum() {
    let payloads: Vec<Vec<u8>> = (0..300).map(|seed| bytes(seed, 100)).collect();
    let titles: Vec<String> = (0..300).map(|number| format!("deep/{}/file{number}", number % 7)).collect();
    let layers: Vec<(&str, &[u8])> =
        titles.iter().map(String::as_str).zip(payloads.iter().map(Vec::as_slice)).collect();
    let registry = registry_of(&artifact(&layers));
    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "out", "--progress=json"]);
    let outcome = run.run();
    outcome.assert_code(0);
    assert_eq!(files(run.home()).len(), 300);
    let progress: Vec<Value> =
        events(&outcome.stderr).into_iter().filter(|event| event["event"] == "progress").collect();
    let last = progress.last().unwrap();
    assert_eq!((&last["bytes_verified"], &last["bytes_total"]), (&json!(30_000), &json!(30_000)));
    assert!(progress.iter().all(|event| event["connections"].as_u64().unwrap() <= 4));
    // A connection is used again for the next file.
    assert!(registry.connections() <= 5, "{} connections", registry.connections());
}

#[test]
fn two_processes_that_fill_one_folder_agree() {
    let boot = boot();
    let registry = registry_of(&boot);
    let folder = folder();
    let run = || unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o"]).arg(folder.path().join("out"));
    let (one, other) = (run(), run());
    let running = [one.start(), other.start()];
    for running in running {
        running.finish().assert_code(0);
    }
    assert_eq!(files(folder.path()), BOOT.map(|title| format!("out/{title}")));
    assert!(fs::read(folder.path().join("out/boot/initrd")).unwrap() == boot.blobs[1]);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let registry = registry_of(&boot());
    let folder = folder();
    let run = |options: &[&str], output: &Path| {
        let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "--dry-run", "-o"]).arg(output);
        run.args(options)
    };
    let there = folder.path().join("there");
    fs::create_dir(&there).unwrap();
    fs::write(there.join("cmdline"), "console=ttyS0").unwrap();
    let text = run(&[], &there).run();
    assert_eq!(
        settled(&text.assert_code(0).stdout_text()),
        "DIR/there/boot/initrd would be pulled: 195.3 KiB, DIGEST\n\
         DIR/there/boot/vmlinuz would be pulled: 8 B, DIGEST\n\
         DIR/there/cmdline is there already: 13 B, DIGEST\n"
    );
    let planned = document(run(&["--json"], &folder.path().join("new/er/")).run().assert_code(0));
    assert_eq!(keys(&planned), ["dry_run", "elapsed_seconds", "endpoints", "files", "manifest", "reference"]);
    assert_eq!((&planned["dry_run"], &planned["files"][2]["status"]), (&json!(true), &json!("planned")));
    let stream = unlade().args(["pull", &registry.reference("acme/disk:v1"), "--dry-run", "-o", "-"]).run();
    stream.assert_code(8);
    assert_eq!((files(folder.path()), blobs(&registry)), (vec!["there/cmdline".to_owned()], 0));

    let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "--dry-run", "--json"]);
    fs::write(run.home().join("cmdline"), "console=tty0!").unwrap();
    let outcome = run.run();
    outcome.assert_code(7);
    assert_eq!(fair_error(&outcome)["kind"], "Exists");
}

#[test]
fn a_dry_run_of_one_layer_knows_what_is_there() {
    let registry = registry_of(&Image::titled("disk.raw", "cargo"));
    for (content, expected) in [(None, "planned"), (Some("cargo"), "present"), (Some("other"), "planned")] {
        let run = unlade().args(["pull", &registry.reference("acme/disk:v1"), "--dry-run", "--json", "-o", "disk.img"]);
        if let Some(content) = content {
            fs::write(run.home().join("disk.img"), content).unwrap();
        }
        let planned = document(run.run().assert_code(0));
        assert_eq!(planned["files"][0]["status"], expected, "{content:?}");
        assert_eq!(files(run.home()).len(), usize::from(content.is_some()));
    }
    let outcome = unlade().args(["pull", &registry.reference("acme/disk:v1"), "--dry-run", "-o", "-", "--json"]).run();
    let file = &document(outcome.assert_code(0))["files"][0];
    assert_eq!((&file["path"], &file["status"]), (&json!(null), &json!("planned")));
    assert_eq!(blobs(&registry), 0);
}
