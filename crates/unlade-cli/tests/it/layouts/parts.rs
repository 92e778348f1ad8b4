//! What an artifact is made of: the same content in several roles, and lists that do not keep their word.

use std::path::Path;

use serde_json::json;
use unlade_testkit::content::digest;
use unlade_testkit::document::{Document, Image, Index};
use unlade_testkit::layout::{assert_sound, blob_path};
use unlade_testkit::process::Run;
use unlade_testkit::{Fault, LyingRegistry, Matcher, Which};

use super::{add, assert_holds};
use crate::common::{document, folder, registry_of, unlade};

/// Has the registry list this, and nothing else, as a referrer of another document.
fn list(registry: &LyingRegistry, subject: &Document, listed: (String, usize)) {
    let path = format!("*/referrers/{}", subject.digest());
    let (digest, size) = listed;
    registry.script(Matcher::new(Which::Referrers).path(&path), Fault::ReferrersForeign { digest, size });
}

fn is(document: &Document) -> (String, usize) {
    (document.digest(), document.bytes.len())
}

fn with_referrers(registry: &LyingRegistry, layout: &Path) -> Run {
    add(&registry.reference("acme/disk:v1"), layout, "").arg("--referrers")
}

fn refer(subject: &Document, payload: &'static str) -> Document {
    Image::new().artifact_type("application/x-signature").layer("application/x", payload).subject(subject).build()
}

#[test]
fn a_layer_that_is_a_manifest_elsewhere_is_copied_with_all_that_it_names() {
    let inner = Image::titled("inner.raw", "named by what is a layer as well");
    let outer = Image::new().layer("application/x-data", inner.bytes.clone()).build();
    for index in [[&outer, &inner], [&inner, &outer]] {
        let index = index.into_iter().fold(Index::new(), |index, image| index.entry(image.clone())).build();
        let nested = Index::new().entry(Index::new().entry(outer.clone()).build()).entry(inner.clone()).build();
        for document in [index, nested] {
            let registry = registry_of(&document);
            let layout = folder();
            add(&registry.reference("acme/disk:v1"), layout.path(), "").run().assert_code(0);
            assert_holds(layout.path(), &document);
        }
    }
}

#[test]
fn what_is_falsely_listed_is_left_out_there_and_nowhere_else() {
    let image = Image::untitled("image");
    let index = Index::new().entry(image.clone()).build();
    let part = Image::untitled("part of a referrer");
    let whole = Index::new().artifact_type("application/x-signature").entry(part.clone()).build();
    // The part is listed for the image before the referrer of the index, which names it, is looked at.
    let mut text: serde_json::Value = serde_json::from_slice(&whole.bytes).unwrap();
    text["subject"] = index.descriptor();
    let mut referrer = Document::raw(&whole.media_type, text.to_string());
    referrer.children.clone_from(&whole.children);
    let registry = registry_of(&index);
    registry.put("acme/disk", &referrer);
    list(&registry, &image, is(&part));
    let layout = folder();
    let outcome = with_referrers(&registry, layout.path()).run();
    let (part, subject) = (part.digest(), image.digest());
    let warning = format!("warning: {part} is listed as a referrer of {subject}, and is none: it is left out\n");
    assert!(outcome.assert_code(0).stderr.contains(&warning), "{}", outcome.stderr);
    assert_holds(layout.path(), &referrer);
    registry.assert_script_used();
}

#[test]
fn a_false_list_does_not_hide_a_true_one() {
    let (one, other) = (Image::untitled("one"), Image::untitled("other"));
    let index = Index::new().entry(one.clone()).entry(other.clone()).build();
    let signature = refer(&other, "signature");
    let registry = registry_of(&index);
    registry.put("acme/disk", &signature);
    list(&registry, &one, is(&signature));
    let layout = folder();
    let report = document(with_referrers(&registry, layout.path()).arg("--json").run().assert_code(0));
    assert_eq!(report["referrers"].as_array().map(Vec::len), Some(1), "{report}");
    assert_holds(layout.path(), &signature);
    let subject = format!("ocidir://{}@{}", layout.path().display(), other.digest());
    let listed = document(unlade().args(["referrers", &subject, "--json"]).run().assert_code(0));
    assert_eq!(listed["referrers"][0]["digest"], signature.digest());
}

#[test]
fn a_referrer_that_is_gone_is_left_out() {
    let image = Image::untitled("image");
    let registry = registry_of(&image);
    let gone = digest(b"gone");
    list(&registry, &image, (gone.clone(), 123));
    let layout = folder();
    let outcome = with_referrers(&registry, layout.path()).run();
    let warning =
        format!("warning: {gone} is listed as a referrer of {}, and is not there: it is left out\n", image.digest());
    assert!(outcome.assert_code(0).stderr.contains(&warning), "{}", outcome.stderr);
    assert_holds(layout.path(), &image);
}

#[test]
fn what_is_copied_already_can_be_a_referrer() {
    let image = Image::untitled("image");
    let signature = refer(&image, "signature");
    let index = Index::new().entry(image.clone()).entry(signature.clone()).build();
    let registry = registry_of(&index);
    let layout = folder();
    let report = document(with_referrers(&registry, layout.path()).arg("--json").run().assert_code(0));
    assert_eq!(report["referrers"][0]["digest"], signature.digest());
    assert_eq!(report["files"].as_array().map(Vec::len), Some(6), "each once: {report}");
}

#[test]
fn a_layer_that_one_image_may_lack_is_still_needed_by_another() {
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let image = |note: &str| Image::new().layer(foreign, "foreign").annotate("note", note);
    let lax = image("lax").override_layer("urls", json!(["https://elsewhere.example/layer"])).build();
    let strict = image("strict").build();
    for images in [[&lax, &strict], [&strict, &lax]] {
        let mut index = images.into_iter().fold(Index::new(), |index, image| index.entry(image.clone())).build();
        for child in &mut index.children {
            child.blobs.retain(|blob| blob != "foreign");
        }
        let registry = registry_of(&index);
        let layout = folder();
        add(&registry.reference("acme/disk:v1"), layout.path(), "").run().assert_code(3);
        assert!(!layout.path().join("index.json").exists());
    }
}

#[test]
fn a_manifest_with_a_type_that_is_none_is_held_to_its_size_and_copied_whole() {
    let image = Image::titled("disk.raw", "payload");
    let entry = |size: usize| {
        let entry = Index::new().entry(image.clone()).override_entry("mediaType", json!("application/x-weird"));
        entry.override_entry("size", json!(size)).build()
    };
    let registry = registry_of(&entry(5));
    let layout = folder();
    add(&registry.reference("acme/disk:v1"), layout.path(), "").run().assert_code(5);
    assert!(!layout.path().join("index.json").exists());

    let index = entry(image.bytes.len());
    let registry = registry_of(&index);
    add(&registry.reference("acme/disk:v1"), layout.path(), "").run().assert_code(0);
    assert_sound(layout.path());
    for blob in &image.blobs {
        assert!(blob_path(layout.path(), &digest(blob)).exists(), "{}", digest(blob));
    }
}

#[test]
fn many_manifests_are_added_each_whole() {
    let image = |number: usize| Image::titled(&format!("{number}.raw"), format!("payload {}", number % 30));
    let index = (0..40).fold(Index::new(), |index, number| index.entry(image(number))).build();
    let registry = registry_of(&index);
    let layout = folder();
    add(&registry.reference("acme/disk:v1"), layout.path(), "").run().assert_code(0);
    assert_holds(layout.path(), &index);
    assert_eq!(registry.requests_for("*/blobs/*").len(), 31, "each blob once");
}
