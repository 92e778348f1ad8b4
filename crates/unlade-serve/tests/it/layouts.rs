//! Layouts as the programs that make them leave them, and while they are being made.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use unlade::spec::digest::Digest;
use unlade::spec::media_type::{OCI_INDEX, OCI_MANIFEST};

use crate::world::{Registry, World};

/// Puts an `index.json` in the place of another, as careful writers do.
fn replace_index(layout: &Path, entries: &[Value]) {
    let index = json!({"schemaVersion": 2, "manifests": entries});
    fs::write(layout.join(".index.json.new"), index.to_string()).unwrap();
    fs::rename(layout.join(".index.json.new"), layout.join("index.json")).unwrap();
}

fn entry(media_type: &str, digest: &Digest, annotations: &Value) -> Value {
    let mut entry = json!({"mediaType": media_type, "digest": digest, "size": 0});
    if !annotations.is_null() {
        entry["annotations"] = annotations.clone();
    }
    entry
}

fn named(name: &str) -> Value {
    json!({"org.opencontainers.image.ref.name": name})
}

/// Stores a manifest that no `index.json` names; gives its digest and its size.
fn stored(world: &World, document: &Value) -> (Digest, usize) {
    let bytes = serde_json::to_vec(document).unwrap();
    (world.layout.blob(&bytes), bytes.len())
}

fn image(world: &World, note: &str) -> (Digest, usize) {
    stored(world, &json!({"mediaType": OCI_MANIFEST, "layers": [], "annotations": {"note": note}}))
}

fn tags(registry: &Registry) -> Value {
    registry.get("/v2/disk/tags/list").json()["tags"].clone()
}

#[test]
fn each_writers_habit_is_understood() {
    let world = World::new();
    let layout = world.folder.path().join("disk");
    let (child, size) = image(&world, "child");
    let inner =
        json!({"mediaType": OCI_INDEX, "manifests": [{"mediaType": OCI_MANIFEST, "digest": child, "size": size}]});
    let (inner, size) = stored(&world, &inner);
    let outer = json!({"mediaType": OCI_INDEX, "manifests": [{"mediaType": OCI_INDEX, "digest": inner, "size": size}]});
    let (outer, outer_size) = stored(&world, &outer);
    let (plain, plain_size) = image(&world, "plain");
    let (whole, whole_size) = image(&world, "whole");
    let (port, port_size) = image(&world, "port");
    let (untagged, untagged_size) = image(&world, "untagged");
    let sized = |mut entry: Value, size: usize| {
        entry["size"] = size.into();
        entry
    };
    let containerd = json!({
        "io.containerd.image.name": "docker.io/library/other:v9",
        "org.opencontainers.image.ref.name": "nested",
    });
    replace_index(
        &layout,
        &[
            // skopeo and regctl: the tag.
            sized(entry(OCI_MANIFEST, &plain, &named("v1")), plain_size),
            // podman and buildah: the whole reference.
            sized(entry(OCI_MANIFEST, &whole, &named("registry.example:5000/team/disk:v2")), whole_size),
            // A reference without a tag: its port is none.
            sized(entry(OCI_MANIFEST, &port, &named("registry.example:5000/team/disk")), port_size),
            // crane: no name at all.
            sized(entry(OCI_MANIFEST, &untagged, &Value::Null), untagged_size),
            // containerd: two names, and an index of indexes.
            sized(entry(OCI_INDEX, &outer, &containerd), outer_size),
        ],
    );
    assert_eq!(tags(&world.registry), json!(["nested", "v1", "v2"]));
    for (reference, digest, media_type) in [
        ("v1".to_owned(), &plain, OCI_MANIFEST),
        ("v2".to_owned(), &whole, OCI_MANIFEST),
        ("nested".to_owned(), &outer, OCI_INDEX),
        (port.to_string(), &port, OCI_MANIFEST),
        (untagged.to_string(), &untagged, OCI_MANIFEST),
        (inner.to_string(), &inner, OCI_INDEX),
        (child.to_string(), &child, OCI_MANIFEST),
    ] {
        let answer = world.registry.get(&format!("/v2/disk/manifests/{reference}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, media_type), "{reference}");
        assert_eq!(answer.header("docker-content-digest"), digest.to_string(), "{reference}");
    }
    for absent in ["v9", "disk", "latest", "other"] {
        assert_eq!(world.registry.get(&format!("/v2/disk/manifests/{absent}")).status, 404, "{absent}");
    }
}

#[test]
fn what_is_unfinished_is_not_offered() {
    let world = World::new();
    let blobs = world.folder.path().join("disk/blobs/sha256");
    let digest = world.layout.blob(b"whole");
    let partial = format!(".{}.unlade-partial", digest.hex());
    fs::rename(blobs.join(digest.hex()), blobs.join(&partial)).unwrap();
    for target in [
        format!("/v2/disk/blobs/{digest}"),
        format!("/v2/disk/blobs/sha256:{partial}"),
        format!("/v2/disk/blobs/{partial}"),
        format!("/v2/disk/manifests/{digest}"),
    ] {
        assert!([400, 404].contains(&world.registry.get(&target).status), "{target}");
    }
    fs::rename(blobs.join(&partial), blobs.join(digest.hex())).unwrap();
    assert_eq!(world.registry.get(&format!("/v2/disk/blobs/{digest}")).body, b"whole");
}

#[test]
fn a_layout_that_is_written_to_is_answered_from_as_it_was_or_as_it_is() {
    let world = World::new();
    let layout = world.folder.path().join("disk");
    let images: Vec<(Digest, usize)> = (0..2).map(|number| image(&world, &number.to_string())).collect();
    let write = |number: usize| {
        let (digest, size) = &images[number % 2];
        let mut entry = entry(OCI_MANIFEST, digest, &named("v1"));
        entry["size"] = (*size).into();
        replace_index(&layout, &[entry]);
    };
    write(0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..3000).for_each(write));
        let mut asked = 0;
        while !writer.is_finished() || asked == 0 {
            let answer = world.registry.get("/v2/disk/manifests/v1");
            let named = images.iter().any(|(digest, _)| answer.header("docker-content-digest") == digest.to_string());
            assert!(answer.status == 200 && named, "{answer:?}");
            assert_eq!(tags(&world.registry), json!(["v1"]));
            asked += 1;
        }
    });
}

#[test]
fn ten_thousand_tags_come_each_once_and_in_order() {
    const COUNT: usize = 10_000;
    let world = World::new();
    let (digest, size) = image(&world, "one");
    let tagged = |number: usize| {
        let mut entry = entry(OCI_MANIFEST, &digest, &named(&format!("v{number:05}")));
        entry["size"] = size.into();
        entry
    };
    // The last comes first: they are sorted by the registry.
    let entries: Vec<Value> = (0..COUNT).rev().map(tagged).collect();
    replace_index(&world.folder.path().join("disk"), &entries);
    let mut target = "/v2/disk/tags/list".to_owned();
    let mut all = Vec::new();
    let mut pages = 0;
    loop {
        let answer = world.registry.get(&target);
        all.extend(answer.json()["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()));
        pages += 1;
        let Some(link) = answer.header("link").strip_suffix(">; rel=\"next\"") else {
            break;
        };
        target = link.strip_prefix('<').unwrap().to_owned();
    }
    assert_eq!(pages, 10);
    assert!(all.iter().eq(&(0..COUNT).map(|number| format!("v{number:05}")).collect::<Vec<_>>()));
    let last = world.registry.get("/v2/disk/tags/list?n=5&last=v09996");
    assert_eq!((last.json()["tags"].clone(), last.header("link")), (json!(["v09997", "v09998", "v09999"]), ""));
    assert_eq!(world.registry.get("/v2/disk/manifests/v09999").status, 200);
}
