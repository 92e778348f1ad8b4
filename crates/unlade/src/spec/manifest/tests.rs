use proptest::prelude::*;

use super::*;

const HEX: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn parse(declared: &str, text: &str) -> Result<Manifest, ManifestError> {
    let media_type = if declared.is_empty() { None } else { Some(declared.parse().unwrap()) };
    Manifest::parse(&RawManifest::new(media_type, text.replace("HEX", HEX)))
}

fn image(declared: &str, text: &str) -> ImageManifest {
    match parse(declared, text) {
        Ok(Manifest::Image(image)) => *image,
        other => panic!("not an image: {other:?}"),
    }
}

fn index(declared: &str, text: &str) -> Index {
    match parse(declared, text) {
        Ok(Manifest::Index(index)) => *index,
        other => panic!("not an index: {other:?}"),
    }
}

#[test]
fn reads_every_kind_of_manifest() {
    let layer = r#"{"mediaType":"a/b","digest":"sha256:HEX","size":1}"#;
    for (declared, text, layers) in [
        (
            OCI_MANIFEST,
            format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{layer},"layers":[{layer}]}}"#),
            1,
        ),
        (
            DOCKER_MANIFEST,
            format!(r#"{{"schemaVersion":2,"mediaType":"{DOCKER_MANIFEST}","config":{layer},"layers":[]}}"#),
            0,
        ),
        (OCI_ARTIFACT, format!(r#"{{"mediaType":"{OCI_ARTIFACT}","blobs":[{layer},{layer}]}}"#), 2),
        ("", r#"{"schemaVersion":2,"layers":null,"config":null,"annotations":null}"#.to_owned(), 0),
        ("application/json", format!(r#"{{"layers":[{layer}]}}"#), 1),
        (OCI_MANIFEST, r#"{"schemaVersion":2}"#.to_owned(), 0),
    ] {
        assert_eq!(image(declared, &text).layers.len(), layers, "{text}");
    }
    for (declared, text) in [
        (OCI_INDEX, format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{layer}]}}"#)),
        (DOCKER_LIST, format!(r#"{{"mediaType":"{DOCKER_LIST}","manifests":[{layer}]}}"#)),
        ("text/plain; charset=utf-8", format!(r#"{{"manifests":[{layer}]}}"#)),
    ] {
        assert_eq!(index(declared, &text).manifests.len(), 1, "{text}");
    }
    assert_eq!(index(OCI_INDEX, r#"{"manifests":null}"#).manifests.len(), 0);
}

#[test]
fn what_two_readers_would_see_differently_is_refused() {
    let is = |declared: &str, text: &str, expected: fn(&ManifestError) -> bool| {
        let error = parse(declared, text).expect_err(text);
        assert!(expected(&error), "{text}: {error:?}");
    };
    is("", r#"{"layers":[],"manifests":[]}"#, |error| matches!(error, ManifestError::Ambiguous));
    is(OCI_INDEX, r#"{"config":null,"manifests":[]}"#, |error| matches!(error, ManifestError::Ambiguous));
    is("", r#"{"layers":[],"layers":[]}"#, |error| matches!(error, ManifestError::DuplicateKey("layers")));
    is("", r#"{"layers":[],"blobs":[]}"#, |error| matches!(error, ManifestError::DuplicateKey("layers")));
    is("", &format!(r#"{{"mediaType":"{OCI_INDEX}","layers":[]}}"#), |error| {
        matches!(error, ManifestError::Contradictory { .. })
    });
    is(OCI_INDEX, r#"{"layers":[]}"#, |error| matches!(error, ManifestError::Contradictory { .. }));
    is(DOCKER_MANIFEST, &format!(r#"{{"mediaType":"{OCI_MANIFEST}","layers":[]}}"#), |error| {
        matches!(error, ManifestError::Contradictory { .. })
    });
    is("", "{}", |error| matches!(error, ManifestError::Unknown));
    is("", "[]", |error| matches!(error, ManifestError::Malformed(_)));
    is("", "", |error| matches!(error, ManifestError::Malformed(_)));
    is("", r#"{"layers":[{"digest":"sha256:x","size":1}]}"#, |error| matches!(error, ManifestError::Malformed(_)));
}

#[test]
fn schema_1_has_an_error_of_its_own() {
    let text = r#"{"schemaVersion":1,"name":"a","fsLayers":[],"history":[]}"#;
    assert!(parse("", text).unwrap_err().is_unsupported());
    assert!(parse("application/vnd.docker.distribution.manifest.v1+prettyjws", text).unwrap_err().is_unsupported());
    assert!(RawManifest::new(None, text).check_supported().is_err());
    for other in [r#"{"schemaVersion":2,"layers":[]}"#, r#"{"layers":[],"manifests":[]}"#, "no JSON"] {
        assert!(RawManifest::new(None, other).check_supported().is_ok(), "{other}");
    }
}

#[test]
fn unknown_fields_are_kept() {
    let image = image("", r#"{"layers":[],"x-new":[1]}"#);
    assert_eq!(image.other["x-new"], serde_json::json!([1]));
}

#[test]
fn the_type_of_an_artifact_falls_back_to_its_configuration() {
    let config = r#""config":{"mediaType":"c/d","digest":"sha256:HEX","size":2}"#;
    for (text, expected) in [
        (format!(r#"{{"artifactType":"a/b",{config}}}"#), Some("a/b")),
        (format!(r"{{{config}}}"), Some("c/d")),
        (format!(r#"{{"artifactType":"",{config}}}"#), Some("c/d")),
        (r#"{"layers":[]}"#.to_owned(), None),
    ] {
        let manifest = parse("", &text).unwrap();
        assert_eq!(manifest.effective_artifact_type().map(MediaType::as_str), expected, "{text}");
    }
}

#[test]
fn deep_nesting_is_an_error() {
    let text = format!(r#"{{"layers":[],"x":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse("", &text).is_err());
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _unused = Manifest::parse(&RawManifest::new(None, bytes));
    }

    #[test]
    fn never_panics_on_json(text in r#"\{("(layers|manifests|config|mediaType|x)":(null|1|"a"|\[\]|\{\}),?){0,4}\}"#) {
        let _unused = Manifest::parse(&RawManifest::new(None, text));
    }
}
