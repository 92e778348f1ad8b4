//! What is added, and under which name.

use std::fs;

use serde_json::{Value, json};
use unlade_testkit::content::{bytes, digest};
use unlade_testkit::document::{Document, Image, Index};
use unlade_testkit::layout::{self, REF_NAME, assert_sound, blob_path, read_json};
use unlade_testkit::process::{Running, files};
use unlade_testkit::{Fault, LyingRegistry, Matcher, Which};

use super::{add, assert_holds, index};
use crate::common::{disk, document, folder, keys, pull, registry_of, unlade};

/// The entries of a layout's index, as digest and name.
fn entries(layout: &std::path::Path) -> Vec<(String, Option<String>)> {
    let index = read_json(&layout.join("index.json"));
    let entry = |entry: &Value| {
        let name = entry["annotations"][REF_NAME].as_str().map(str::to_owned);
        (entry["digest"].as_str().expect("an entry has a digest").to_owned(), name)
    };
    index["manifests"].as_array().expect("an index has a list").iter().map(entry).collect()
}

#[test]
fn an_index_is_added_whole_and_described() {
    let index = index();
    let registry = registry_of(&index);
    let place = folder();
    // Folders above it are made as well.
    let layout = place.path().join("deep/layout");
    let run = add(&registry.reference("acme/disk:v1"), &layout, "").arg("--json");
    let report = document(run.run().assert_code(0));
    let expected = ["elapsed_seconds", "endpoints", "files", "layout", "manifest", "reference", "referrers", "tag"];
    assert_eq!(keys(&report), expected);
    assert_eq!((&report["tag"], &report["referrers"]), (&json!("v1"), &json!([])));
    assert_eq!(report["manifest"]["digest"], index.digest());
    assert_eq!(report["endpoints"], json!([registry.host()]));
    let reported = report["files"].as_array().unwrap();
    let titles: Vec<&Value> = reported.iter().map(|file| &file["title"]).filter(|title| !title.is_null()).collect();
    assert_eq!(titles, ["amd64.raw", "arm64.raw", "riscv64.raw"]);
    let mut paths: Vec<String> = files(&layout);
    paths.retain(|path| path.starts_with("blobs/"));
    let mut named: Vec<String> = Vec::new();
    for file in reported {
        assert_eq!(
            keys(file),
            ["bytes_fetched", "bytes_resumed", "digest", "media_type", "path", "size", "status", "title"]
        );
        assert_eq!((&file["status"], &file["bytes_fetched"]), (&json!("downloaded"), &file["size"]));
        named.push(file["path"].as_str().unwrap().strip_prefix(&format!("{}/", layout.display())).unwrap().to_owned());
    }
    named.sort();
    assert_eq!(named, paths);
    assert_holds(&layout, &index);
    assert_eq!(entries(&layout), [(index.digest(), Some("v1".to_owned()))]);

    let outcome = add(&registry.reference("acme/disk:v1"), &layout, "").run();
    let text = &outcome.assert_code(0).stderr;
    let expected = format!("ocidir://{}:v1: 9 files, ", layout.display());
    assert!(text.starts_with(&expected) && text.contains(", all of them there already, verified sha256:"), "{text}");
}

#[test]
fn what_is_there_is_not_fetched_again_and_what_is_wrong_there_is() {
    let index = index();
    let registry = registry_of(&index);
    let layout = folder();
    let run = |json: &[&str]| add(&registry.reference("acme/disk:v1"), layout.path(), "").args(json).run();
    run(&[]).assert_code(0);
    let before = fs::read(layout.path().join("index.json")).unwrap();
    registry.recorder().forget();

    let report = document(run(&["--json"]).assert_code(0));
    let fetched = report["files"].as_array().unwrap().iter().filter(|file| file["bytes_fetched"] != 0).count();
    assert_eq!((fetched, registry.requests().len()), (1, 1), "nothing but the manifest of the tag");
    assert!(report["files"].as_array().unwrap().iter().all(|file| file["status"] == "present"));
    assert_eq!(fs::read(layout.path().join("index.json")).unwrap(), before);

    let blob = blob_path(layout.path(), &digest(index.children[0].payload()));
    fs::write(&blob, "for AMD64").unwrap();
    fs::write(blob_path(layout.path(), &index.children[1].digest()), "no manifest").unwrap();
    registry.recorder().forget();
    let report = document(run(&["--json"]).assert_code(0));
    let written = report["files"].as_array().unwrap().iter().filter(|file| file["status"] == "downloaded").count();
    assert_eq!((written, registry.requests().len()), (2, 3));
    assert_holds(layout.path(), &index);
}

#[test]
fn a_dry_run_says_what_would_be_added_and_writes_nothing() {
    let index = index();
    let registry = registry_of(&index);
    let place = folder();
    let layout = place.path().join("layout");
    let dry = |options: &[&str]| {
        let run = add(&registry.reference("acme/disk:v1"), &layout, "").arg("--dry-run").args(options);
        run.run()
    };
    let text = dry(&[]).assert_code(0).stdout_text();
    assert_eq!(text.lines().filter(|line| line.contains(" would be added: ")).count(), 9, "{text}");
    assert!(!layout.exists() && registry.requests_for("*/blobs/*").is_empty());

    add(&registry.reference("acme/disk:v1"), &layout, "").arg("--arch=arm64").run().assert_code(0);
    fs::write(blob_path(&layout, &digest(index.children[1].payload())), "FOR ARM64").unwrap();
    let before = (files(&layout), fs::read(layout.join("index.json")).unwrap());
    let report = document(dry(&["--json"]).assert_code(0));
    assert_eq!(report["dry_run"], true);
    let of = |status: &str| report["files"].as_array().unwrap().iter().filter(|file| file["status"] == status).count();
    assert_eq!((of("present"), of("planned"), of("downloaded")), (2, 7, 0), "{report}");
    assert_eq!((files(&layout), fs::read(layout.join("index.json")).unwrap()), before);
}

#[test]
fn a_signal_leaves_no_partial_and_no_name() {
    let index = Index::two_architectures(disk(), Image::untitled("for arm64"));
    let registry = registry_of(&index);
    registry.script(
        Matcher::new(Which::Blob).path(&format!("*{}", digest(disk().payload()))),
        Fault::StallBody { after: 200_000 },
    );
    let place = folder();
    let layout = place.path().join("layout");
    let running = add(&registry.reference("acme/disk:v1"), &layout, "").args(["--progress=json", "--json"]).start();
    running.stderr_line("\"bytes_fetched\":2000");
    running.signal(rustix::process::Signal::INT);
    let outcome = running.finish();
    outcome.assert_code(130);
    assert!(files(place.path()).iter().all(|file| file.contains("/blobs/") && !file.contains("partial")));
    add(&registry.reference("acme/disk:v1"), &layout, "").run().assert_code(0);
    assert_holds(&layout, &index);
}

#[test]
fn a_platform_takes_the_one_manifest_that_fits() {
    let index = index();
    let registry = registry_of(&index);
    let layout = folder();
    let run = add(&registry.reference("acme/disk:v1"), layout.path(), ":arm").arg("--arch=arm64");
    run.run().assert_code(0);
    assert_eq!(entries(layout.path()), [(index.children[1].digest(), Some("arm".to_owned()))]);
    assert_eq!(assert_sound(layout.path()).len(), 3, "manifest, configuration and layer");
}

#[test]
fn the_name_is_the_layouts_or_the_references_or_none() {
    let disk = disk();
    let registry = registry_of(&disk);
    registry.publish("acme/disk", "latest", &disk);
    let pinned = format!("@{}", disk.digest());
    for (rest, tag, expected) in [
        (":v1", "", Some("v1")),
        (":v1", ":other", Some("other")),
        ("", "", Some("latest")),
        (&pinned, "", None),
        (&pinned, ":v2", Some("v2")),
        (&format!(":v1{pinned}"), "", Some("v1")),
    ] {
        let layout = folder();
        add(&registry.reference(&format!("acme/disk{rest}")), layout.path(), tag).run().assert_code(0);
        assert_eq!(entries(layout.path()), [(disk.digest(), expected.map(str::to_owned))], "{rest} {tag}");
    }
}

#[test]
fn what_others_wrote_stays_as_it_is_written() {
    let (old, moved, new) = (Image::untitled("old"), Image::untitled("moved"), Image::untitled("new"));
    let registry = registry_of(&new);
    let layout = folder();
    layout::write(layout.path(), &[("old", &old), ("v1", &moved)]);
    let path = layout.path().join("index.json");
    let text = format!(
        "{{\n  \"unknown\": [1.50, \"\\u0041\"],\n  \"manifests\": [\n    {{\"digest\": \"blake3:00\"}},\n    MOVED ,\n    \
         {}\n  ]\n}}\n",
        old.descriptor()
    );
    let mut entry = moved.descriptor();
    entry["annotations"] = json!({ REF_NAME: "v1" });
    fs::write(&path, text.replace("MOVED", &entry.to_string())).unwrap();
    add(&registry.reference("acme/disk:v1"), layout.path(), "").run().assert_code(0);
    let after = fs::read_to_string(&path).unwrap();
    let (head, tail) = text.split_once("MOVED").unwrap();
    assert!(after.starts_with(head) && after.ends_with(tail), "{after}");
    let entry: Value = serde_json::from_str(&after[head.len()..after.len() - tail.len()]).unwrap();
    assert_eq!((entry["digest"].as_str(), entry["annotations"][REF_NAME].as_str()), (Some(&*new.digest()), Some("v1")));
    assert!(blob_path(layout.path(), &moved.digest()).exists(), "its blobs stay");
}

#[test]
fn referrers_come_along_on_request_with_theirs() {
    let image = Image::titled("disk.raw", "payload");
    let index = Index::new().entry(image.clone()).platform("amd64", "linux").build();
    let refer = |subject: &Document, kind: &str| {
        let image = Image::new().artifact_type(kind).layer("application/x", bytes(1, 10));
        image.subject(subject).annotate(REF_NAME, "v1").build()
    };
    let (sbom, of_index) = (refer(&image, "application/x-sbom"), refer(&index, "application/x-note"));
    let signature = refer(&sbom, "application/x-signature");
    let registry = registry_of(&index);
    for referrer in [&sbom, &of_index, &signature] {
        registry.put("acme/disk", referrer);
    }
    let layout = folder();
    let reference = registry.reference("acme/disk:v1");
    add(&reference, layout.path(), "").run().assert_code(0);
    assert_eq!(entries(layout.path()), [(index.digest(), Some("v1".to_owned()))]);

    let run = add(&reference, layout.path(), "").args(["--referrers", "--json"]);
    let report = document(run.run().assert_code(0));
    let mut added: Vec<_> = entries(layout.path());
    assert_eq!(added.remove(0), (index.digest(), Some("v1".to_owned())));
    added.sort();
    let mut expected = [&sbom, &of_index, &signature].map(|referrer| (referrer.digest(), None));
    expected.sort();
    assert_eq!(added, expected, "without names, whatever their annotations say");
    assert_eq!(report["referrers"].as_array().unwrap().len(), 3);
    let kinds = read_json(&layout.path().join("index.json"));
    assert!(kinds["manifests"].as_array().unwrap().iter().any(|entry| entry["artifactType"] == "application/x-sbom"));
    for referrer in [&sbom, &of_index, &signature] {
        assert_holds(layout.path(), referrer);
    }
    // Without a tag, what they refer to is meant.
    for entry in [":v1", &format!("@{}", index.digest())] {
        let other = folder();
        add(&registry.reference(&format!("acme/disk{entry}")), other.path(), "")
            .arg("--referrers")
            .run()
            .assert_code(0);
        let found = unlade().args(["digest", &format!("ocidir://{}", other.path().display())]).run();
        assert_eq!(found.assert_code(0).stdout_text(), format!("{}\n", index.digest()));
    }
    // Whoever reads the layout finds them.
    let subject = format!("ocidir://{}@{}", layout.path().display(), image.digest());
    let listed = document(unlade().args(["referrers", &subject, "--json"]).run().assert_code(0));
    assert_eq!(listed["referrers"].as_array().map(Vec::len), Some(1), "{listed}");
    let text = add(&reference, layout.path(), "").arg("--referrers").run().stderr;
    assert!(text.contains(", with 3 referrers, verified sha256:"), "{text}");
}

#[test]
fn foreign_layers_are_left_out_where_the_registry_lacks_them() {
    let foreign = |urls: Value| {
        let kind = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        let image = Image::new().layer("application/x-own", "own").layer(kind, "foreign");
        image.override_layer("urls", urls).build()
    };
    let lacking = |document: &Document| {
        let mut document = document.clone();
        document.blobs.retain(|blob| blob != "foreign");
        document
    };
    let whole = foreign(json!(["https://elsewhere.example/layer"]));
    let registry = registry_of(&lacking(&whole));
    let layout = folder();
    let outcome = add(&registry.reference("acme/disk:v1"), layout.path(), "").run();
    let text = &outcome.assert_code(0).stderr;
    let name = digest(b"foreign");
    assert!(text.contains(&format!("warning: {name} is left out: ")), "{text}");
    assert!(!blob_path(layout.path(), &name).exists() && layout.path().join("index.json").exists());

    // One that has it gives it.
    let registry = registry_of(&whole);
    add(&registry.reference("acme/disk:v1"), layout.path(), "").run().assert_code(0);
    assert_holds(layout.path(), &whole);
}

#[test]
fn content_that_stands_in_its_descriptor_need_not_be_in_the_registry() {
    let image = Image::new().layer("application/x", "tiny").override_layer("data", json!("dGlueQ==")).build();
    let mut lacking = image.clone();
    lacking.blobs.retain(|blob| blob != "tiny");
    let registry = registry_of(&lacking);
    let layout = folder();
    add(&registry.reference("acme/disk:v1"), layout.path(), "").run().assert_code(0);
    assert_holds(layout.path(), &image);
}

#[test]
fn an_index_of_blobs_is_added_as_well() {
    // As builders write their caches.
    let list = json!([unlade_testkit::document::descriptor("application/vnd.oci.image.layer.v1.tar", b"layer")]);
    let text = json!({"schemaVersion": 2, "mediaType": unlade_testkit::document::OCI_INDEX, "manifests": list});
    let cache = Document::raw(unlade_testkit::document::OCI_INDEX, text.to_string()).with_blob("layer");
    let registry = registry_of(&cache);
    let layout = folder();
    add(&registry.reference("acme/disk:v1"), layout.path(), "").run().assert_code(0);
    assert_holds(layout.path(), &cache);
}

#[test]
fn two_runs_at_the_same_time_are_both_in_the_index() {
    let registry = LyingRegistry::start();
    let images: Vec<Document> = (0..6).map(|seed| Image::titled("disk.raw", bytes(seed, 50_000))).collect();
    for (number, image) in images.iter().enumerate() {
        registry.publish("acme/disk", &format!("v{number}"), image);
    }
    let place = folder();
    let layout = place.path().join("layout");
    let start = |number| add(&registry.reference(&format!("acme/disk:v{number}")), &layout, "").start();
    let running: Vec<Running> = (0..images.len()).map(start).collect();
    for run in running {
        run.finish().assert_code(0);
    }
    for image in &images {
        assert_holds(&layout, image);
    }
    assert_eq!(entries(&layout).len(), images.len());
    assert!(!files(&layout).iter().any(|file| file.contains("unlade-partial")), "{:?}", files(&layout));
}

#[test]
fn a_run_that_fails_changes_no_index_and_names_nothing() {
    let index = index();
    let layout = folder();
    let old = Image::untitled("old");
    layout::write(layout.path(), &[("old", &old)]);
    let before = fs::read(layout.path().join("index.json")).unwrap();
    for (fault, code, kind) in [(Fault::FlipByte { at: 3 }, 5, "Mismatch"), (Fault::ErrorHuge, 3, "NotFound")] {
        let registry = registry_of(&index);
        registry.script(Matcher::new(Which::Blob).skip(1).times(1), fault);
        let outcome = add(&registry.reference("acme/disk:v1"), layout.path(), "").arg("--json").run();
        outcome.assert_code(code);
        assert_eq!(crate::common::fair_error(&outcome)["kind"], kind);
        assert_eq!(fs::read(layout.path().join("index.json")).unwrap(), before, "{kind}");
        assert_sound(layout.path());
        assert!(!files(layout.path()).iter().any(|file| file.contains("partial")));
        // As it was before, for the next case.
        fs::remove_dir_all(layout.path().join("blobs")).unwrap();
        layout::write(layout.path(), &[("old", &old)]);
    }
}

#[test]
fn what_is_served_is_added_and_what_was_added_is_served() {
    let index = index();
    let registry = registry_of(&index);
    let place = folder();
    let (first, second) = (place.path().join("first"), place.path().join("second"));
    add(&registry.reference("acme/disk:v1"), &first, "").run().assert_code(0);
    let running = unlade().arg("serve").arg(place.path()).args(["--listen", "127.0.0.1:0"]).start();
    let line = running.stdout_line("listening on ");
    let host = line.trim_end().strip_prefix("listening on http://").unwrap();
    let target = folder();
    pull(&format!("{host}/first:v1"), target.path()).arg("--arch=arm64").run().assert_code(0);
    assert_eq!(fs::read(target.path().join("out.img")).unwrap(), b"for arm64");
    add(&format!("{host}/first:v1"), &second, "").run().assert_code(0);
    assert_holds(&second, &index);
    // From layout to layout, without a registry.
    let third = place.path().join("third");
    add(&format!("ocidir://{}:v1", second.display()), &third, ":copied").run().assert_code(0);
    assert_holds(&third, &index);
    assert_eq!(entries(&third), [(index.digest(), Some("copied".to_owned()))]);
    // And to itself, under another name.
    add(&format!("ocidir://{}:copied", third.display()), &third, ":again").run().assert_code(0);
    assert_eq!(entries(&third).len(), 2);
}
