//! Bytes on stdout: a layer, a blob, a manifest, a digest.

use unlade_testkit::content::{digest, digest_by};
use unlade_testkit::document::{Document, Image, Index, OCI_MANIFEST};
use unlade_testkit::{Fault, LyingRegistry, Matcher, Which};

use crate::common::{disk, error, fair_error, registry_of, shell, unlade};

#[test]
fn a_layer_flows_to_stdout_and_nothing_else_does() {
    let disk = disk();
    let registry = registry_of(&disk);
    let outcome = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "-"]).run();
    assert!(outcome.assert_code(0).stdout == *disk.payload(), "other bytes than the layer's");
    assert!(outcome.stderr.starts_with("stdout: 293.0 KiB from "), "{}", outcome.stderr);
}

#[test]
fn a_pipe_gets_the_same_bytes() {
    let disk = disk();
    let registry = registry_of(&disk);
    let outcome = shell("$UNLADE pull \"$REF\" -o - | sha256sum").env("REF", registry.reference("acme/disk:v1")).run();
    let sum = outcome.assert_code(0).stdout_text();
    assert_eq!(format!("sha256:{}", sum.split(' ').next().unwrap()), digest(disk.payload()));
}

#[test]
fn the_end_is_the_verdict_on_what_flowed() {
    let disk = disk();
    let blob = format!("acme/disk@{}", digest(disk.payload()));
    for (verb, rest) in [("pull", "acme/disk:v1"), ("blob", &*blob)] {
        let registry = registry_of(&disk);
        registry.script(Matcher::new(Which::Blob), Fault::FlipByte { at: 299_999 });
        let mut run = unlade().args([verb, &registry.reference(rest)]);
        if verb == "pull" {
            run = run.args(["-o", "-"]);
        }
        let outcome = run.run();
        outcome.assert_code(5);
        assert!(outcome.stderr.contains("error: the bytes from "), "{verb}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("are not the blob sha256:"), "{verb}: {}", outcome.stderr);
    }
}

#[test]
fn a_blob_is_given_by_its_own_digest_whatever_its_algorithm() {
    let registry = LyingRegistry::start();
    let payload = "a blob that no manifest names";
    for algorithm in ["sha256", "sha384", "sha512"] {
        let digest = digest_by(algorithm, payload.as_bytes());
        registry.put_blob("acme/disk", &digest, payload);
        let outcome = unlade().args(["blob", &registry.reference(&format!("acme/disk@{digest}"))]).run();
        assert_eq!(outcome.assert_code(0).stdout_text(), payload, "{algorithm}");
        assert_eq!(outcome.stderr, "", "{algorithm}");
    }
}

#[test]
fn an_empty_blob_is_no_bytes() {
    let registry = LyingRegistry::start();
    registry.put_blob("acme/disk", &digest(b""), "");
    let outcome = unlade().args(["blob", &registry.reference(&format!("acme/disk@{}", digest(b"")))]).run();
    assert_eq!(outcome.assert_code(0).stdout, b"");
}

#[test]
fn a_blob_of_unknown_size_ends_where_its_digest_says() {
    let disk = disk();
    let registry = registry_of(&disk);
    registry.script(Matcher::new(Which::Blob), Fault::Chunked);
    let reference = registry.reference(&format!("acme/disk@{}", digest(disk.payload())));
    assert!(unlade().args(["blob", &reference]).run().assert_code(0).stdout == *disk.payload());

    // Without a length and without chunks, an end that comes early looks like any other end.
    registry.script(Matcher::new(Which::Blob), Fault::LengthMissing { after: 1000 });
    let outcome = unlade().args(["blob", &reference]).run();
    outcome.assert_code(5);
}

#[test]
fn a_blob_needs_a_digest() {
    let registry = registry_of(&disk());
    let outcome = unlade().args(["blob", &registry.reference("acme/disk:v1"), "--json"]).run();
    outcome.assert_code(2);
    let message = fair_error(&outcome)["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("names no blob: add its digest, REPO@sha256:…"), "{message}");
    assert!(registry.requests().is_empty());
}

#[test]
fn a_manifest_is_given_byte_for_byte() {
    let odd = "{\n \"schemaVersion\" : 2,\t\"mediaType\": \"application/vnd.oci.image.manifest.v1+json\", \
               \"config\": {\"mediaType\":\"a/b\",\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\
               \"size\":2}, \"layers\":[], \"unknown\": [1.50, \"\\u00e9\"] }\n\n";
    for document in [Document::raw(OCI_MANIFEST, odd), disk(), Index::new().entry(disk()).build()] {
        let registry = registry_of(&document);
        let reference = registry.reference("acme/disk:v1");
        assert_eq!(unlade().args(["manifest", &reference]).run().assert_code(0).stdout, document.bytes);
        let by_digest = registry.reference(&format!("acme/disk@{}", document.digest()));
        assert_eq!(unlade().args(["manifest", &by_digest]).run().assert_code(0).stdout, document.bytes);
    }
}

#[test]
fn a_manifest_is_verified_before_its_first_byte_is_given() {
    let disk = disk();
    let registry = registry_of(&disk);
    registry.script(Matcher::new(Which::Manifest), Fault::WrongManifest);
    let reference = registry.reference(&format!("acme/disk@{}", disk.digest()));
    let outcome = unlade().args(["manifest", &reference]).run();
    outcome.assert_code(5);
    assert_eq!(outcome.stdout_text(), "");
}

#[test]
fn a_digest_is_a_line() {
    let disk = disk();
    let registry = registry_of(&disk);
    let outcome = unlade().args(["digest", &registry.reference("acme/disk:v1")]).run();
    assert_eq!(outcome.assert_code(0).stdout_text(), format!("{}\n", disk.digest()));
    assert_eq!(outcome.stderr, "");
}

#[test]
fn documents_and_layers_do_not_share_stdout() {
    let registry = registry_of(&Image::untitled("payload"));
    let outcome = unlade().args(["pull", &registry.reference("acme/disk:v1"), "-o", "-", "--json"]).run();
    outcome.assert_code(2);
    assert_eq!(error(&outcome)["message"], "--json and -o - both want stdout");
    assert!(registry.requests().is_empty());
}
